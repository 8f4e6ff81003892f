"""The store as the rest of control sees it: functions over a `Transaction`, run by a `Store`.

A *verb* is a plain function ``def verb(tx: Transaction, ...)``; it composes the few methods below and holds no await.
``await store.read(verb)`` and ``await store.write(verb, actor)`` run it in a bounded thread pool, inside one
transaction that commits when the verb returns and rolls back when it raises (DESIGN D4).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from control.records import Record

R = TypeVar("R", bound=Record)
T = TypeVar("T")


class NotFound(Exception):
    """No such record."""


class AlreadyExists(Exception):
    """A unique field has this value already; ``fields`` names it."""

    def __init__(self, fields: tuple[str, ...]) -> None:
        super().__init__(", ".join(fields))
        self.fields = fields


class WrongSecretKey(Exception):
    """The canary does not open: this is not the key that the store was written with."""


class StoreTrouble(Exception):
    """The store itself is why there is no answer. Whoever takes exceptions in the middle of a transaction for somebody
    else's fault (a policy's, a rule's) lets this one by."""


class Overloaded(StoreTrouble):
    """Too many writes are waiting already."""


class Unavailable(StoreTrouble):
    """The database cannot be used now; the text says why. What was to be written is not acknowledged."""


class AccessDenied(StoreTrouble):
    """The database is there and does not let us in, or not do what we must; waiting would not help."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something, for the audit event."""

    user: Mapping[str, Any] = field(default_factory=dict)
    """``pk``, ``username``, ``email``; empty for the system itself."""
    client_ip: str = ""


SYSTEM = Actor()


@dataclass(frozen=True, slots=True)
class Query:
    """``equal`` compares fields; ``search`` looks for text, ignoring case, in the record's SEARCHED fields.

    ``ordering`` names fields, ``-`` in front for descending; the pk always decides last.
    """

    equal: Mapping[str, Any] = field(default_factory=dict)
    within: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """field: any of these values."""
    without: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """field: none of these values, and not None."""
    alike: Mapping[str, str] = field(default_factory=dict)
    """field: equal to this text ignoring case; for the record's FOLDED fields and its ALIASES."""
    search: str = ""
    ordering: tuple[str, ...] = ()
    offset: int = 0
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    number: int
    chain: str
    """Hash over this revision's changes and the chain before it."""


@dataclass(frozen=True, slots=True)
class LoggedChange:
    """One line of the change log. ``kind`` is the record's TABLE; a membership change has kind ``members``, the
    group's pk, and the users who joined and left."""

    revision: int
    kind: str
    pk: int | str
    removed: bool = False
    joined: tuple[int, ...] = ()
    left: tuple[int, ...] = ()


class Transaction(Protocol):
    """One transaction. Raises NotFound, AlreadyExists; PermissionError when a reading one is asked to write.

    Every method raises StoreTrouble when the database went away under it, and whoever runs one hears Unavailable then.
    """

    @property
    def now(self) -> float: ...

    @property
    def actor(self) -> Actor:
        """Who changes something; `SYSTEM` where nobody is named."""
        ...

    @property
    def incarnation(self) -> str:
        """Identifies this store; a new store has a new one."""
        ...

    @property
    def install_id(self) -> str:
        """Made at the first start and kept by backups: authentik's ``uid`` of a user is derived from it."""
        ...

    def revision(self) -> Revision:
        """The newest one; a transaction's own changes become a revision when it commits."""
        ...

    def changes_since(self, revision: int) -> Sequence[LoggedChange]:
        """Everything after ``revision``, in order, each (kind, pk) as often as it was written."""
        ...

    def chain_at(self, revision: int) -> str | None:
        """The chain as it was at that revision, None if the log does not reach back so far."""
        ...

    def get(self, kind: type[R], pk: int | str) -> R: ...

    def find(self, kind: type[R], **equal: Any) -> R | None:
        """The one record with these values; None if there is none. Text compares exactly."""
        ...

    def select(self, kind: type[R], query: Query = ...) -> list[R]: ...

    def each(self, kind: type[R]) -> Iterator[R]:
        """All of them, by pk, without holding more than a few at a time."""
        ...

    def count(self, kind: type[R], query: Query = ...) -> int: ...

    def provider_settings(self, kind: str, setting: str) -> Sequence[str]:
        """Texts that providers of this kind have under this name in their settings, each once, and none that is empty.
        There may be ten thousand providers, and this is asked with every answer."""
        ...

    def insert(self, record: R) -> R:
        """The record as stored: pk, uuid, ordinal and times given."""
        ...

    def update(self, record: R) -> R:
        """Replaces the stored record with the same pk; writing what is there already changes nothing."""
        ...

    def delete(self, record: Record) -> None: ...

    def add_members(self, group: str, users: Iterable[int]) -> None: ...

    def remove_members(self, group: str, users: Iterable[int]) -> None: ...

    def members_of(self, groups: Sequence[str]) -> Mapping[str, list[int]]: ...

    def groups_of(self, users: Sequence[int]) -> Mapping[int, list[str]]:
        """pks of the groups whose direct member each user is."""
        ...


class Store(Protocol):
    def read(self, verb: Callable[[Transaction], T]) -> Awaitable[T]: ...

    def write(self, verb: Callable[[Transaction], T], actor: Actor = ...) -> Awaitable[T]:
        """Directory changes inside take effect together, as one revision."""
        ...

    def follow(self, changed: Callable[[int], None]) -> None:
        """``changed`` is called in the event loop with the newest revision, whoever made it; also with one that is
        not newer, when the store may have gone back: whoever follows looks at the chain."""
        ...

    def close(self) -> None: ...
