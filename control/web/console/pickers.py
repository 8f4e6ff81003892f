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
        if sum(tx.count(source.kind, source.query) for source in self.sources) > MOST_OPTIONS:
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

    def pk(self, tx: Transaction, field: str, typed: str) -> Any:
        """Of the record with this pk or name. Raises Invalid."""
        for source in self.sources:
            key: Any = typed
            if _is_numbered(source.kind):
                key = int(typed) if typed.isascii() and typed.isdigit() and len(typed) <= 10 else None
            if key is not None and not (isinstance(key, int) and key > MAX_INTEGER):
                found = tx.find(source.kind, pk=key)
                if found is not None:
                    return key
        for source in self.sources:
            found = self._named(tx, source, typed)
            if found is not None:
                return pk_of(found)
        raise Invalid({field: [f"There is no {self.sources[0].one} called “{typed}”."]})

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
