"""What differs, for people: a line a change when it is done, and what stands before and after when it is planned."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import ndiff
from enum import StrEnum
from typing import Any

from rules.names import printable

HIDDEN = "(secret)"
NOTHING = "nothing to change"
LONGEST = 120
"""Characters of one value in a plan."""


class Action(StrEnum):
    CREATED = "created"
    TAKEN = "took over"
    CHANGED = "changed"
    DELETED = "deleted"


SIGNS = {Action.CREATED: "+", Action.TAKEN: "~", Action.CHANGED: "~", Action.DELETED: "-"}
PLANNED = {
    Action.CREATED: "to create",
    Action.TAKEN: "to take over",
    Action.CHANGED: "to change",
    Action.DELETED: "to delete",
}
COLOURS = {"+": "32", "~": "33", "-": "31"}
"""Of SGR (ECMA-48, 8.3.117): green, yellow, red."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One field. Of a secret nothing is kept but that it differs."""

    name: str
    before: Any = field(default=None, repr=False)
    after: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Change:
    action: Action
    one: str
    """What it is: user, group."""
    name: str
    fields: tuple[Difference, ...] = ()
    new_password: bool = False
    notes: tuple[str, ...] = ()

    @property
    def matters(self) -> bool:
        return self.action != Action.CHANGED or bool(self.fields) or self.new_password or bool(self.notes)


def told(changes: Sequence[Change]) -> list[str]:
    """What was done, a line each."""
    lines: list[str] = []
    for change in changes:
        what = f"{change.one} {change.name}"
        if change.action != Action.CHANGED:
            lines.append(f"{change.action} {what}")
        if change.fields and change.action in (Action.CHANGED, Action.TAKEN):
            lines.append(f"{Action.CHANGED} {what}: {', '.join(one.name for one in change.fields)}")
        if change.new_password:
            lines.append(f"set the password of {what}")
        lines += change.notes
    return [printable(line) for line in lines] or [NOTHING]


def shown(changes: Sequence[Change], coloured: bool) -> list[str]:
    """What would be done: each record with what it is and what it would be, and a sum at the end."""
    lines = [printable(line) for change in changes for line in _one(change)]
    counts = [(PLANNED[action], sum(change.action == action for change in changes)) for action in Action]
    total = ", ".join(f"{count} {what}" for what, count in counts if count)
    return [_coloured(line) if coloured else line for line in lines] + [total or NOTHING]


def _coloured(line: str) -> str:
    colour = COLOURS.get(line.lstrip()[:1])
    return f"\x1b[{colour}m{line}\x1b[0m" if colour else line


def _one(change: Change) -> Iterator[str]:
    taken = " (taken over)" if change.action == Action.TAKEN else ""
    yield f"{SIGNS[change.action]} {change.one} {change.name}{taken}"
    for one in change.fields:
        yield from _field(one, change.action == Action.CREATED)
    if change.new_password:
        yield f"    password: {HIDDEN}"
    for note in change.notes:
        yield f"    ! {note}"


def _field(one: Difference, is_new: bool) -> Iterator[str]:
    before, after = one.before, one.after
    if is_new and not _is_block(after):
        yield f"    {one.name}: {_value(after)}"
    elif is_new or _is_block(before) or _is_block(after):
        yield f"    {one.name}:"
        yield from _lines(_as_lines(before), _as_lines(after))
    else:
        yield f"    {one.name}: {_value(before)} -> {_value(after)}"


def _is_block(value: Any) -> bool:
    return isinstance(value, list) or (isinstance(value, str) and "\n" in value)


def _as_lines(value: Any) -> list[str]:
    if value is None:
        return []
    return [_value(item) for item in value] if isinstance(value, list) else str(value).splitlines()


def _lines(before: Iterable[str], after: Iterable[str]) -> Iterator[str]:
    """Those that go and those that come, in their order."""
    for line in ndiff(list(before), list(after)):
        if line[0] in "+-":
            yield f"      {line}"


def _value(value: Any) -> str:
    if isinstance(value, dict) and value:
        text = ", ".join(f"{name}: {_value(part)}" for name, part in value.items())
    else:
        text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
