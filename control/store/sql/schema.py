"""The tables, made from the record classes once, at import. Every migration must end in what stands here.

Beside one table a record there are: ``member`` (who is directly in which group), ``change_log`` and ``revision``
(DESIGN D5), ``head`` (one row: the newest revision; locked by whoever writes), ``counter`` (numbers that are never
given twice) and ``meta`` (incarnation, install id, canary, by name).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from types import NoneType, UnionType
from typing import Any, get_args, get_type_hints

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeEngine

from control.records import ACTIVITY_RECORDS, DIRECTORY_RECORDS, Record

SCHEMA_REVISION = "0021"
"""The newest file in control/store/migrations/versions."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

Whole = BigInteger().with_variant(Integer(), "sqlite")
"""Only INTEGER is the row id in SQLite; both hold 64 bits."""
FOLDED_COLUMN = "{}_folded"
"""Beside a FOLDED field stands its text without case, so that every database compares alike; and so do ALIASES."""
_PLAIN: dict[type, TypeEngine[Any]] = {int: Whole, str: Text(), float: Double(), bool: Boolean()}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record: ``python`` is int, str, float, bool, tuple, or object for any JSON value."""

    name: str
    python: type
    nullable: bool
    secret: bool

    @property
    def is_json(self) -> bool:
        return self.python not in _PLAIN


@dataclass(frozen=True, slots=True, eq=False)
class RecordTable:
    kind: type[Record]
    table: Table
    fields: dict[str, Field]

    @property
    def pk(self) -> Column[Any]:
        return self.table.c.pk

    @property
    def columns(self) -> list[Column[Any]]:
        """Those that make up the record."""
        return [self.table.c[name] for name in self.fields]

    def folded(self, name: str) -> Column[Any]:
        return self.table.c[FOLDED_COLUMN.format(name)]

    def unique_column(self, name: str) -> Column[Any]:
        """Where the uniqueness of a field is kept."""
        return self.folded(name) if name in self.kind.FOLDED else self.table.c[name]


def _fields_of(kind: type[Record]) -> dict[str, Field]:
    annotations = get_type_hints(kind)
    found = {}
    for declared in fields(kind):  # type: ignore[arg-type]
        annotation = annotations[declared.name]
        nullable = isinstance(annotation, UnionType) and NoneType in get_args(annotation)
        bare = next((arm for arm in get_args(annotation) if arm is not NoneType), Any) if nullable else annotation
        bare = getattr(bare, "__origin__", bare)
        python = bare if bare in _PLAIN or bare is tuple else object
        nullable = nullable or annotation is Any
        found[declared.name] = Field(declared.name, python, nullable, declared.name in kind.SECRETS)
    return found


def _column(field: Field) -> Column[Any]:
    stored: TypeEngine[Any] = Text() if field.secret else _PLAIN.get(field.python, JSON(none_as_null=True))
    if field.name == "pk":
        return Column("pk", stored, primary_key=True, autoincrement=False)
    return Column(field.name, stored, nullable=field.nullable)


def _record_table(kind: type[Record]) -> RecordTable:
    columns = _fields_of(kind)
    folded = [Column(FOLDED_COLUMN.format(name), Text(), nullable=False) for name in kind.FOLDED]
    folded += [Column(FOLDED_COLUMN.format(name), Text(), nullable=True) for name in kind.ALIASES]
    table = Table(kind.TABLE, metadata, *(_column(field) for field in columns.values()), *folded)
    kept = RecordTable(kind, table, columns)
    for names in kind.UNIQUE:
        table.append_constraint(UniqueConstraint(*(kept.unique_column(name) for name in names)))
    unique = {names[0] for names in kind.UNIQUE if len(names) == 1}
    for column in [table.c[name] for name in kind.INDEXED] + [
        kept.folded(name) for name in kind.FOLDED + kind.ALIASES if name not in unique
    ]:
        Index(None, column)
    return kept


RECORD_TABLES: dict[type[Record], RecordTable] = {
    kind: _record_table(kind) for kind in (*DIRECTORY_RECORDS, *ACTIVITY_RECORDS)
}

member = Table(
    "member",
    metadata,
    Column("group", Text(), ForeignKey("group.pk"), primary_key=True),
    Column("user", Whole, ForeignKey("user.pk"), primary_key=True, index=True, autoincrement=False),
)

change_log = Table(
    "change_log",
    metadata,
    Column("seq", Whole, primary_key=True, autoincrement=False),
    Column("revision", Whole, nullable=False, index=True),
    Column("kind", Text(), nullable=False),
    Column("pk", JSON(), nullable=False),
    Column("removed", Boolean(), nullable=False),
    Column("joined", JSON(), nullable=False),
    Column("left", JSON(), nullable=False),
)

revision = Table(
    "revision",
    metadata,
    Column("number", Whole, primary_key=True, autoincrement=False),
    Column("chain", Text(), nullable=False),
    Column("created", Double(), nullable=False),
)

head = Table(
    "head",
    metadata,
    Column("id", Integer(), CheckConstraint("id = 1", name="one_row"), primary_key=True, autoincrement=False),
    Column("number", Whole, nullable=False),
    Column("chain", Text(), nullable=False),
)

counter = Table(
    "counter",
    metadata,
    Column("name", Text(), primary_key=True),
    Column("last", Whole, nullable=False),
)

meta = Table(
    "meta",
    metadata,
    Column("name", Text(), primary_key=True),
    Column("value", Text(), nullable=False),
)

alembic_version = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", Text(), primary_key=True),
)
"""Alembic's own table, which it keeps apart."""
