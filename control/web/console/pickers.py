"""Other records, chosen by name: from a list while it is short, and by typing the name once it is long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from control.records import Record
from control.store.interface import Query, Transaction
from control.verbs.fields import MAX_INTEGER, Invalid
from control.web.admin_api.resource import pk_of

MOST_OPTIONS = 200
"""Longer lists are nothing to choose from, and make the page slow."""
MOST_NAMES = 1000
"""Typed into one field."""


@dataclass(frozen=True, slots=True)
class Source:
    kind: type[Record]
    label: Callable[[Any], str]
    names: str = "name"
    """The field that a typed name is looked up in."""
    one: str = "record"
    query: Query = field(default_factory=Query)
    heading: str = ""
    described: Callable[[Transaction, Any], str] | None = None
    """In place of ``label``, for what other records say."""

    def shown(self, tx: Transaction, record: Any) -> str:
        return self.label(record) if self.described is None else self.described(tx, record)


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    label: str
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Picker:
    sources: tuple[Source, ...]

    def options(self, tx: Transaction) -> list[Option] | None:
        """None when there are too many to choose from."""
        if self._are_typed(tx):
            return None
        return [
            option
            for source in self.sources
            for option in sorted(
                (
                    Option(str(pk_of(record)), source.shown(tx, record), source.heading)
                    for record in tx.select(source.kind, source.query)
                ),
                key=lambda one: one.label.casefold(),
            )
        ]

    def names(self, tx: Transaction, pks: Sequence[Any]) -> list[str]:
        """The names of these records, to be typed over."""
        found = []
        for source in self.sources:
            wanted = [pk for pk in pks if isinstance(pk, int) == _is_numbered(source.kind)]
            records = tx.select(source.kind, Query(within={"pk": wanted})) if wanted else []
            found += [str(getattr(record, source.names)) for record in records]
        return sorted(found, key=str.casefold)

    def pk(self, tx: Transaction, field: str, said: str, is_name: bool | None = None) -> Any:
        """Of the record with this pk or name. ``is_name``: it was typed, and a name of digits is no number; None: where
        there are too many to choose from. Raises Invalid."""
        looks = (self._numbered, self._called)
        for look in reversed(looks) if (self._are_typed(tx) if is_name is None else is_name) else looks:
            found = look(tx, said)
            if found is not None:
                return pk_of(found)
        raise Invalid({field: [f"There is no {self.sources[0].one} called “{said}”."]})

    def _are_typed(self, tx: Transaction) -> bool:
        return sum(tx.count(source.kind, source.query) for source in self.sources) > MOST_OPTIONS

    def _numbered(self, tx: Transaction, said: str) -> Record | None:
        for source in self.sources:
            key: Any = said
            if _is_numbered(source.kind):
                key = int(said) if said.isascii() and said.isdigit() and len(said) <= 10 else None
            if key is not None and not (isinstance(key, int) and key > MAX_INTEGER):
                found: Record | None = tx.find(source.kind, pk=key)
                if found is not None:
                    return found
        return None

    def _called(self, tx: Transaction, said: str) -> Record | None:
        every = (self._named(tx, source, said) for source in self.sources)
        return next((found for found in every if found is not None), None)

    def pks(self, tx: Transaction, field: str, typed: Sequence[str]) -> list[Any]:
        """Raises Invalid."""
        if len(typed) > MOST_NAMES:
            raise Invalid({field: [f"No more than {MOST_NAMES} at once."]})
        return [self.pk(tx, field, text) for text in typed]

    def _named(self, tx: Transaction, source: Source, typed: str) -> Record | None:
        if source.names in source.kind.FOLDED:
            found = tx.select(source.kind, Query(alike={source.names: typed}, limit=1))
            return found[0] if found else None
        return tx.find(source.kind, **{source.names: typed})


def _is_numbered(kind: type[Record]) -> bool:
    return kind.__annotations__.get("pk") == "int"
