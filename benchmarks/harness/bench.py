"""One run of the harness: how much is measured, where its files lie, and tables to fill."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from benchmarks.harness import ours, wire
from benchmarks.harness.load import Load, Outcome, Running
from benchmarks.harness.people import ADMINISTRATOR, BASE_DN, PASSWORD, SHARED_SECRET, Person, people, user_dn
from benchmarks.harness.processes import Server


@dataclass(frozen=True, slots=True)
class Budget:
    rounds: int
    """Of each row; the one with the middle CPU per request is shown."""
    seconds: float
    """Of one round."""
    known: int
    """People whose credentials are known in the rows that say so."""
    logins: int
    """First logins at each door."""
    sizes: tuple[int, ...]
    """People, in the rows about growth."""
    changes: int
    starts: int
    sign_ins: int
    """Of each program's repetitions in a browser."""
    eap: int
    """Further logins of each device."""
    steady: float
    """Seconds at a steady rate."""
    authenticators: int
    """Requests that memory is watched over, no two alike."""
    sessions: int
    """That accounting begins."""


QUICK = Budget(
    rounds=3,
    seconds=1.0,
    known=32,
    logins=24,
    sizes=(1_000, 10_000),
    changes=20,
    starts=1,
    sign_ins=100,
    eap=10,
    steady=3.0,
    authenticators=100_000,
    sessions=1_000,
)
FULL = Budget(
    rounds=5,
    seconds=2.0,
    known=200,
    logins=100,
    sizes=(1_000, 10_000, 100_000),
    changes=200,
    starts=3,
    sign_ins=500,
    eap=50,
    steady=30.0,
    authenticators=1_000_000,
    sessions=20_000,
)
PEOPLE = 10_000
"""In the rows beside peers."""


@dataclass(slots=True)
class Table:
    """``rows`` hold a value for each column; ``details`` is what the JSON holds beside them."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    details: list[dict[str, Any]] = field(default_factory=list)
    note: str = ""

    def add(self, *row: Any, **details: Any) -> None:
        self.rows.append(row)
        self.details.append(details)
        say("  " + "  ".join(shown(value) for value in row))


class Bench:
    def __init__(self, folder: Path, budget: Budget) -> None:
        self.folder = folder
        self.budget = budget
        self._stores: dict[int, tuple[Path, str]] = {}
        self._files = 0

    # --- our programs ---

    def store(self, count: int) -> tuple[Path, str]:
        """A store with that many people, made once, and the token of the outpost apart."""
        if count not in self._stores:
            began = time.monotonic()
            folder = self.folder / f"store-{count}"
            self._stores[count] = folder, ours.populate(folder, count)
            say(f"  ({count} people stored in {time.monotonic() - began:.1f} s)")
        return self._stores[count]

    @contextmanager
    def together(self, count: int) -> Iterator[ours.Installation]:
        with ours.together(self.file("up"), self.store(count)[0]) as installation:
            yield installation

    @contextmanager
    def apart(self, count: int, profile: Path | None = None) -> Iterator[ours.Installation]:
        with ours.apart(self.file("apart"), *self.store(count), profile=profile) as installation:
            yield installation

    @contextmanager
    def control(self, environ: Mapping[str, str] = MappingProxyType({})) -> Iterator[tuple[Server, Path]]:
        """`outpost control` alone, with nobody but the administrator, and its folder."""
        folder = self.file("control")
        ours.populate(folder, 0, environ)
        with ours.program("control", folder, environ) as server:
            yield server, folder

    @contextmanager
    def up(self, environ: Mapping[str, str] = MappingProxyType({})) -> Iterator[tuple[Server, Path]]:
        """`outpost up` with so few people that they do not matter, and its folder."""
        folder = self.file("up")
        ours.populate(folder, self.budget.known, environ)
        with ours.program("up", folder, environ) as server:
            yield server, folder

    def installations(self) -> list[Any]:
        """What there is of us to measure: the outpost alone first, for it is the one that targets are about."""
        return [self.apart, self.together] if ours.exists("run") and ours.exists("control") else [self.together]

    def file(self, name: str) -> Path:
        """The name of one that nobody has yet."""
        self._files += 1
        return self.folder / f"{name}-{self._files}"

    # --- loads ---

    def questions(self, questions: Iterable[wire.Question]) -> Path:
        return wire.write_questions(self.file("questions"), questions)

    def run(self, load: Load) -> Outcome:
        return Running(self.folder, load).finish()

    def logins(self, door: str, who: list[Person]) -> Load:
        """``door`` ldap, radius or http: these people's credentials in turn."""
        if door == "radius":
            file = self.file("people")
            file.write_text("".join(f"{person.username}\t{PASSWORD}\n" for person in who))
            return Load("radius", {"file": file, "secret": SHARED_SECRET, "sockets": 8, "outstanding": 16})
        if door == "ldap":
            binds = [(wire.bind(user_dn(person.username), PASSWORD), b"") for person in who]
            return Load("stream", {"protocol": "ldap", "file": self.questions(binds), "connections": 16})
        asks = [(wire.forward_auth(person.username, PASSWORD), b"") for person in who]
        return Load("stream", {"protocol": "http", "file": self.questions(asks), "connections": 64})

    def searches(self, attribute: str, wanted: tuple[str, ...], values: dict[str, str]) -> Load:
        """The administrator's searches for one entry each; ``values``: what is searched for, and what is found."""
        return self.filtered([(wire.equal(attribute, value), found) for value, found in values.items()], wanted)

    def filtered(self, filters: Sequence[tuple[bytes, str]], wanted: tuple[str, ...]) -> Load:
        """The same by any filter, each with what is found."""
        asks = [(wire.filtered(BASE_DN, one, wanted), found.encode()) for one, found in filters]
        file = self.questions([(wire.bind(user_dn(ADMINISTRATOR), PASSWORD), b""), *asks])
        return Load("stream", {"protocol": "ldap", "file": file, "setup": 1, "connections": 16})

    def known(self, count: int) -> list[Person]:
        """People spread over the whole directory."""
        chosen = min(self.budget.known, count)
        return [people(1, ordinal * (count // chosen))[0] for ordinal in range(chosen)]


def gentle(load: Load) -> Load:
    """The same at a pace that a server which hashes each password can follow, each question once."""
    slow = {"sockets": 1, "outstanding": 4} if load.program == "radius" else {"connections": 4}
    return load.but(**slow)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def shown(value: Any) -> str:
    """Three or four digits that matter."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
