"""A small world for the executor: users in memory, passwords that are compared as they are, a clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from control.expression.http import HttpFacts
from control.flows.state import Context, PlannedStage, State
from control.mail.post import Post
from control.passwords.hashing import Candidate, Verified, Wanted
from control.policies.judge import Judge
from control.records import Record, Stage, User
from control.sources.ldap.directories import Directories
from control.store.interface import SYSTEM, Actor, Query, Transaction
from tests.fakes import FakeClock

T = TypeVar("T")


class FakeTransaction:
    """The few methods that the stages use, over records in a dict."""

    def __init__(self, records: dict[tuple[type[Record], int | str], Any], now: float) -> None:
        self.records = records
        self.now = now

    def find(self, kind: type[Record], **equal: Any) -> Any:
        found = self.select(kind, Query(equal=equal))
        return found[0] if found else None

    def get(self, kind: type[Record], pk: int | str) -> Any:
        return self.records[kind, pk]

    def select(self, kind: type[Record], query: Query) -> list[Any]:
        return [
            record
            for (stored, _), record in self.records.items()
            if stored is kind
            and all(getattr(record, name) == value for name, value in query.equal.items())
            and all(_text(record, name).casefold() == text.casefold() for name, text in query.alike.items())
        ][: query.limit]

    def update(self, record: Any) -> Any:
        self.records[type(record), record.pk] = record
        return record


def _text(record: Any, name: str) -> str:
    return str(record.attributes.get(name, "") if name in record.ALIASES else getattr(record, name))


class FakeStore:
    def __init__(self, clock: FakeClock) -> None:
        self.records: dict[tuple[type[Record], int | str], Any] = {}
        self.clock = clock
        self.reads = 0

    async def read(self, verb: Callable[[Transaction], T]) -> T:
        self.reads += 1
        return verb(cast(Transaction, FakeTransaction(self.records, self.clock.now())))

    async def write(self, verb: Callable[[Transaction], T], actor: Actor = SYSTEM) -> T:
        return verb(cast(Transaction, FakeTransaction(self.records, self.clock.now())))


class FakePasswords:
    """A hash is ``hash:`` and the password; ``old:`` is one that wants to be made again. Counts its work."""

    def __init__(self) -> None:
        self.verified = 0

    async def hash(self, password: str) -> str:
        return f"hash:{password}"

    async def measure(self, password: str, wanted: Wanted) -> Candidate:
        return Candidate(password)

    async def verify(self, stored: str | None, password: str) -> Verified:
        self.verified += 1
        return Verified(stored in (f"hash:{password}", f"old:{password}"), bool(stored and stored.startswith("old:")))


@dataclass
class World:
    """Satisfies `control.flows.state.FlowServices`."""

    clock: FakeClock = field(default_factory=FakeClock)
    passwords: FakePasswords = field(default_factory=FakePasswords)
    store: FakeStore = field(init=False)

    def __post_init__(self) -> None:
        self.store = FakeStore(self.clock)
        self.store.records[Stage, "own-password"] = Stage("own-password", "password", "own-password")

    @property
    def directories(self) -> Directories:
        raise AssertionError("nobody here is in a directory")

    @property
    def now(self) -> Callable[[], float]:
        return self.clock.now

    @property
    def random(self) -> Callable[[int], bytes]:
        return lambda size: b"\x5a" * size

    @property
    def judge(self) -> Judge:
        return Judge()

    @property
    def post(self) -> Post:
        return Post()

    @property
    def public_url(self) -> str:
        return ""

    @property
    def origin(self) -> str:
        return "http 192.0.2.1"

    @property
    def http(self) -> HttpFacts | None:
        return None

    def on_behalf(self, owner: str, http: HttpFacts | None = None) -> World:
        return self

    def user(self, pk: int, username: str, password: str | None = None, **fields: Any) -> User:
        user = User(username, pk, password=None if password is None else f"hash:{password}", **fields)
        self.store.records[User, pk] = user
        return user

    def change(self, pk: int, **fields: Any) -> None:
        self.store.records[User, pk] = replace(self.store.records[User, pk], **fields)


def a_state(*stages: str | PlannedStage, **context: Any) -> State:
    """A flow of these stages at its beginning; text names a kind with default settings."""
    plan = tuple(PlannedStage(stage, stage) if isinstance(stage, str) else stage for stage in stages)
    return State("a-flow", "A flow", "authentication", plan, context=Context(**context))


TOGETHER = PlannedStage("together", "identification", {"password_stage": "own-password"})
"""Asks for name and password at once; `World` has the stage that it names."""
LOGIN = ("identification", "password", "user_login")
