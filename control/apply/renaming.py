"""``formerly: NAME`` at the top of a file: what the file of that name owned is this one's from now on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from control.apply import settings
from control.apply.changes import Action, Change
from control.apply.sections import MARK, Part
from control.apply.table import SECTIONS
from control.records import Record
from control.store.interface import Query, Transaction

HERE = "."
"""What a folder that was applied as ``.`` was called once: nothing."""


def take_over(tx: Transaction, former: Sequence[str], mark: str) -> list[Change]:
    """One for each file of which there was something left; records, items of lists and settings are counted alike."""
    changes = []
    for name in former:
        theirs = f"{MARK}{'' if name == HERE else name}"
        if theirs == mark:
            continue
        count = _records(tx, theirs, mark) + settings.rename(tx, theirs, mark)
        if count:
            notes = (f"{count} that {theirs} owned {'is' if count == 1 else 'are'} owned by {mark} now",)
            changes.append(Change(Action.CHANGED, "file", name, notes=notes))
    return changes


def _records(tx: Transaction, former: str, mark: str) -> int:
    count = 0
    for section in SECTIONS.values():
        for record in section.owned(tx, former):
            tx.update(replace(record, managed=section.marked(mark, section.name_of(record))))
            count += 1
    for kind in {kind for section in SECTIONS.values() for kind in _kinds(section.parts)}:
        found: Sequence[Any] = tx.select(kind, Query(equal={"managed": former}))
        for record in found:
            tx.update(replace(record, managed=mark))
            count += 1
    return count


def _kinds(parts: Sequence[Part]) -> Iterator[type[Record]]:
    for part in parts:
        yield part.record
        yield from _kinds(part.parts)
