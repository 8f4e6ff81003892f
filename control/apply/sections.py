"""What a row of `control.apply.table` says: a `Section` of the file, and a `Part`, a list inside an entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from control.records import Record
from control.store.interface import Query, Transaction
from control.verbs.fields import Fields
from control.verbs.tokens import Random

Given = dict[str, Any]
"""Fields by the API's names."""
References = Mapping[str, str]
"""Place of a field that holds pks, with dots where it is nested, to the section whose names a file writes there."""

MARK = "apply:"
IMPORTED = "import:"
"""``managed`` of what was taken over from another program begins so: files may adopt it, as what belongs to nobody."""
BUILT_IN = "goauthentik.io/"
"""``managed`` of what every store has begins so: it stays what it is, also when a file changes it."""


@dataclass(frozen=True, slots=True)
class Part:
    """Records that belong to one entry: its list ``name`` becomes exactly what the file says, foreign ones stay."""

    name: str
    record: type[Record]
    owner: str
    """The field that holds the entry's pk."""
    fields: type[Fields]
    create: Callable[[Transaction, Given], Any]
    update: Callable[[Transaction, Any, Given], Any]
    delete: Callable[[Transaction, Any], None]
    same: tuple[str, ...]
    """By which an item is known again."""
    example: str
    """Of the list, for complaints."""
    one_of: tuple[str, ...] = ()
    """Of these an item names exactly one."""
    references: References = field(default_factory=dict)
    held: str = ""
    """The record's name for ``owner``, where it is another one."""
    of_kind: str = ""
    """Of the entries that have it; empty: all."""
    unwritten: frozenset[str] = frozenset()
    """Fields that a file doesn't have."""
    parts: tuple[Part, ...] = ()

    @property
    def written(self) -> frozenset[str]:
        return frozenset(self.fields.model_fields) - {self.owner} - self.unwritten

    def current(self, record: Any) -> Given:
        return {name: getattr(record, name) for name in self.fields.model_fields if name in self.written}


def no_more(key: str) -> Given:
    return {}


@dataclass(frozen=True, slots=True)
class Section:
    """Entries by name; each is one record. A record that another one names comes in an earlier section, or its name is
    filled in when all are there."""

    name: str
    one: str
    """For people."""
    record: type[Record]
    create: Callable[[Transaction, str, Given, Random], Any]
    """From the kind and the fields."""
    update: Callable[[Transaction, Any, Given], Any]
    delete: Callable[[Transaction, Any], None]
    current: Callable[[Transaction, Any], Given]
    """The fields as they are; what a file doesn't write may be among them."""
    key: str = "name"
    """The field that the entry's name is."""
    fields: type[Fields] | None = None
    kinds: Mapping[str, type[Fields]] = field(default_factory=dict)
    """Instead: by what the entry says under ``kind``."""
    references: References = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    """Never shown; an export names a variable in their place."""
    unwritten: frozenset[str] = frozenset()
    """Fields that a file doesn't have."""
    unexported: frozenset[str] = frozenset()
    """Fields that another installation makes for itself, or ``kind.field``."""
    stated: frozenset[str] = frozenset()
    """Fields that an export always writes: what a new record gets there is not the type's default."""
    extra: frozenset[str] = frozenset()
    """What an entry may say beside fields."""
    parts: tuple[Part, ...] = ()
    at_first: Callable[[str], Given] = no_more
    """What a new record gets, by its name, unless the entry says otherwise."""
    is_declared: Callable[[Any], bool] = lambda record: True
    """False: nobody writes this record down."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Name in the file to ``managed``, of what is there from the start under a name of its own."""
    normal: Callable[[str], str] = str
    """An entry's name as the store writes it."""
    settled: Callable[[Transaction, Any, Given, str], Given] = lambda tx, record, given, mark: given
    """What a change means for a record that others change, too; with the file's mark."""
    shared: str = ""
    """The field whose names are each somebody's, in records that have an alias."""
    own_mark: bool = False
    """``managed`` is unique here: the record's name stands behind the file's mark."""
    last: bool = False
    """Others lean on it: what is no longer in the file is deleted after everything has changed, not before."""

    def fields_of(self, kind: str) -> type[Fields]:
        return self.kinds[kind] if self.kinds else self.fields or Fields

    def written(self, kind: str) -> frozenset[str]:
        """The fields that an entry may have."""
        return frozenset(self.fields_of(kind).model_fields) - self.unwritten - {self.key}

    def parts_of(self, kind: str) -> tuple[Part, ...]:
        return tuple(part for part in self.parts if part.of_kind in ("", kind))

    def kind_of(self, record: Any) -> str:
        return str(record.kind) if self.kinds else ""

    def find(self, tx: Transaction, name: str) -> Any:
        if name in self.aliases:
            return tx.find(self.record, managed=self.aliases[name])
        return tx.find(self.record, **{self.key: name})

    def name_of(self, record: Any) -> str:
        named = {managed: name for name, managed in self.aliases.items()}
        return named.get(record.managed) or str(getattr(record, self.key))

    def marked(self, mark: str, name: str) -> str:
        return f"{mark}/{name}" if self.own_mark else mark

    def owned(self, tx: Transaction, mark: str) -> list[Any]:
        """All records that this mark is on."""
        if not self.own_mark:
            return tx.select(self.record, Query(equal={"managed": mark}))
        return [record for record in tx.select(self.record) if owner_of(record) == mark]


def owner_of(record: Any) -> str | None:
    """The mark of the file whose record it is, or whoever else manages it."""
    managed: str | None = record.managed
    return managed.partition("/")[0] if managed is not None and managed.startswith(MARK) else managed


def is_ownerless(record: Any) -> bool:
    """May a file that adopts it have it?"""
    return record.managed is None or str(record.managed).startswith(IMPORTED)


def is_built_in(record: Any) -> bool:
    return str(record.managed or "").startswith(BUILT_IN)


@cache
def moments(fields: type[Fields]) -> frozenset[str]:
    """Those that hold a point in time."""
    properties = fields.model_json_schema()["properties"]
    return frozenset(
        name
        for name, part in properties.items()
        if any(option.get("format") == "date-time" for option in part.get("anyOf", [part]))
    )


@cache
def nested(fields: type[BaseModel], name: str) -> type[BaseModel] | None:
    """The type of the items of a list of objects."""
    annotation = fields.model_fields[name].annotation
    for argument in get_args(annotation) if get_origin(annotation) is list else ():
        if isinstance(argument, type) and issubclass(argument, BaseModel):
            return argument
    return None


@cache
def is_list(fields: type[BaseModel], name: str) -> bool:
    return get_origin(fields.model_fields[name].annotation) is list


def default(fields: type[BaseModel], name: str) -> Any:
    """What the type fills in; `NO_DEFAULT` for a field that must be given."""
    described = fields.model_fields[name]
    return NO_DEFAULT if described.is_required() else described.get_default(call_default_factory=True)


NO_DEFAULT = object()
