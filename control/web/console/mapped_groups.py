"""Which of our groups a source's stand for, in a text area: one to a line, theirs, an equals sign, ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from control.store.interface import Transaction
from control.verbs.fields import Invalid
from control.web.console.pickers import Picker

FIELD = "group_mapping"
STANDS_FOR = " = "


def read(tx: Transaction, ours: Picker, text: str) -> list[dict[str, Any]]:
    """``acme/engineers = Engineers``, the latter by name or pk. Raises Invalid."""
    found = []
    for line in filter(None, map(str.strip, text.split("\n"))):
        name, stands_for, group = line.partition(STANDS_FOR)
        if not stands_for:
            raise Invalid({FIELD: [f"“{line}” names no group of ours: write it as in “their name{STANDS_FOR}ours”."]})
        found.append({"name": name.strip(), "group": ours.pk(tx, FIELD, group.strip())})
    return found


def written(tx: Transaction, ours: Picker, mapping: Iterable[Mapping[str, Any]]) -> str:
    return "\n".join(f"{one['name']}{STANDS_FOR}{''.join(ours.names(tx, [one['group']]))}" for one in mapping)
