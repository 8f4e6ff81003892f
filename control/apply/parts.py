"""Lists inside an entry: of the records that belong to it, those that carry the mark become exactly what is written.

Where the entry adopts, an item that belongs to nobody is taken over instead of made a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from control.apply.declared import exchanged, part_records
from control.apply.sections import NO_DEFAULT, Given, Part, default, owner_of
from control.store.interface import Transaction
from control.verbs.fields import NON_FIELD, Invalid
from settings.yaml_lines import Place

FindPk = Callable[[str, Any], Any]
"""Of what has this name in that section. Raises Invalid."""


def settle_parts(
    tx: Transaction,
    part: Part,
    owner: Any,
    wanted: Sequence[Mapping[str, Any]],
    mark: str,
    adopts: bool,
    pk: FindPk,
) -> Iterator[tuple[Place, Invalid]]:
    """What was refused, and where below the entry. An item that does not name its order has its place in the list."""
    present = part_records(tx, part, owner)
    own = [record for record in present if owner_of(record) == mark]
    free = [record for record in present if adopts and record.managed is None]
    for index, item in enumerate(wanted):
        place: Place = (part.name, index)
        try:
            record = _settled(tx, part, owner, _given(part, index, item, pk), (own, free), mark)
        except Invalid as error:
            yield place, error
            continue
        for below in part.parts:
            if below.name in item:
                for at, refused in settle_parts(tx, below, record.pk, item[below.name], mark, adopts, pk):
                    yield (*place, *at), refused
    for old in own:
        part.delete(tx, old.pk)


def _given(part: Part, index: int, item: Mapping[str, Any], pk: FindPk) -> Given:
    """Every field of the item, those that it does not name as they usually are. Raises Invalid."""
    usual = {name: default(part.fields, name) for name in part.written}
    given: Given = {name: value for name, value in usual.items() if value is not NO_DEFAULT}
    if "order" in part.written:
        given["order"] = index
    for name, value in item.items():
        if name in part.written:
            try:
                given |= exchanged({name: value}, part.references, pk)
            except Invalid as error:
                raise Invalid({name: error.fields[NON_FIELD]}) from None
    return given


def _settled(tx: Transaction, part: Part, owner: Any, given: Given, present: tuple[list[Any], ...], mark: str) -> Any:
    """The record of this item; it is taken out of those that are ``present``. Raises Invalid."""
    for records in present:
        for old in records:
            if all(getattr(old, name) == given.get(name) for name in part.same):
                records.remove(old)
                return tx.update(replace(part.update(tx, old.pk, given), managed=mark))
    made = part.create(tx, {**given, part.owner: owner})
    return tx.update(replace(made, managed=mark))
