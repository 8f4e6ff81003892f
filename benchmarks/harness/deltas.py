"""One change at a time, in force while others search."""

from __future__ import annotations

import statistics
import time
from dataclasses import asdict
from typing import Any, Protocol

from benchmarks.harness import ours, wire
from benchmarks.harness.bench import Bench, Table
from benchmarks.harness.load import Load, LoadFailed, Outcome, Running
from benchmarks.harness.people import ADMINISTRATOR, BASE_DN, PASSWORD, people, user_dn

PACE = 200.0
"""Searches a second beside the changes: often enough that a pause of 5 ms falls on one."""
PATIENCE = 60.0
"""Seconds in which a change has to be in force: an outpost that lost control waits up to 30 before it comes back."""
POLL = 0.001
"""Seconds between looks."""
INTERVAL = 0.05
"""Seconds between changes, so that each is a delta of its own."""
LARGE, LARGEST = "large", 50_000
"""A group of half of the people, but of no more than this."""


def others(bench: Bench, program: ours.Installation, count: int) -> Load:
    """Paced searches: a request is due every 5 ms, and its latency counts from then."""
    found = {person.username: person.email for person in bench.known(count)}
    load = bench.searches("uid", (), found)
    return load.but(port=program.ports["ldap"], pid=program.outpost.pid, connections=4, rate=PACE)


class Change(Protocol):
    """Of one person, done again and again, each time in another way."""

    name: str

    def ask_for(self, number: int) -> None:
        """Raises LoadFailed."""

    def shown(self, answer: bytes, number: int) -> bool:
        """Does a search for the person find it?"""


class Renaming:
    name = "a name"

    def __init__(self, program: ours.Installation, pk: int) -> None:
        self._program, self._pk = program, pk

    def ask_for(self, number: int) -> None:
        _api(self._program, "PATCH", f"/api/v3/core/users/{self._pk}/", {"name": f"Changed <{number}>"})

    def shown(self, answer: bytes, number: int) -> bool:
        return f"Changed <{number}>".encode() in answer


class Joining:
    """In and out of the large group, which is made for this."""

    name = "a member of the large group"

    def __init__(self, program: ours.Installation, pk: int, count: int) -> None:
        first = pk - count // 2
        members = list(range(first, first + min(count // 2, LARGEST)))
        made = _api(program, "POST", "/api/v3/core/groups/", {"name": LARGE, "users": members})
        self._program, self._pk, self._group = program, pk, made["pk"]

    def ask_for(self, number: int) -> None:
        verb = "remove_user" if number % 2 else "add_user"
        _api(self._program, "POST", f"/api/v3/core/groups/{self._group}/{verb}/", {"pk": self._pk})

    def shown(self, answer: bytes, number: int) -> bool:
        return (f"cn={LARGE},".encode() in answer) == (number % 2 == 0)


def _api(program: ours.Installation, method: str, path: str, body: object = None) -> Any:
    """Raises LoadFailed."""
    status, said = ours.request(program.control_port, method, path, body)
    if status >= 300:
        raise LoadFailed(f"the API answered {status} to {path}")
    return said


def pk_of(program: ours.Installation, username: str) -> int:
    pk: int = _api(program, "GET", f"/api/v3/core/users/?username={username}")["results"][0]["pk"]
    return pk


def changed_one_by_one(bench: Bench, table: Table, program: ours.Installation, count: int) -> None:
    beside_it, times = others(bench, program, count), bench.budget.changes
    quiet = right(bench.run(beside_it.but(seconds=3)))
    person = people(1, count // 2)[0]
    pk = pk_of(program, person.username)
    changes: tuple[Change, ...] = (Renaming(program, pk), Joining(program, pk, count))
    for change in changes:
        with Changer(program, person.username, change) as changer:
            beside = Running(bench.folder, beside_it.but(seconds=times * INTERVAL))
            timed = [changer.change(number) for number in range(times)]
            noisy = right(beside.finish())
            cpu = program.outpost.cpu_seconds()
            for number in range(times, 2 * times):
                change.ask_for(number)
                time.sleep(INTERVAL)
            changer.wait_for(2 * times - 1)
            each = (program.outpost.cpu_seconds() - cpu) / times
        api, in_force = [one for one, _ in timed], [one for _, one in timed]
        table.add(
            program.name,
            count,
            change.name,
            statistics.median(in_force) * 1000,
            _percentile(in_force, 0.99) * 1000,
            statistics.median(api) * 1000,
            each * 1000,
            noisy.longest_ms,
            quiet.longest_ms,
            in_force=in_force,
            api=api,
            beside=asdict(noisy),
            quiet=asdict(quiet),
        )


class Changer:
    """Makes a change through the API, and looks for it over LDAP. Use as a context."""

    def __init__(self, program: ours.Installation, username: str, change: Change) -> None:
        self._change = change
        self._question = wire.search(BASE_DN, "uid", username, ("displayName", "memberOf"))
        self._client = wire.LdapClient(program.ports["ldap"])

    def __enter__(self) -> Changer:
        self._client.ask(wire.bind(user_dn(ADMINISTRATOR), PASSWORD))
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def change(self, number: int) -> tuple[float, float]:
        """Seconds that the API took, and from its answer until the change was in force."""
        began = time.monotonic()
        self._change.ask_for(number)
        answered = time.monotonic()
        self.wait_for(number)
        in_force = time.monotonic()
        time.sleep(max(0.0, INTERVAL - (in_force - began)))
        return answered - began, in_force - answered

    def wait_for(self, number: int) -> None:
        until = time.monotonic() + PATIENCE
        while not self._change.shown(self._client.ask(self._question)[1], number):
            if time.monotonic() > until:
                raise LoadFailed(f"a change was not in force after {PATIENCE:.0f} s")
            time.sleep(POLL)


class Original:
    """What the older store says."""

    name = "as before"

    def __init__(self, shown: str) -> None:
        self._shown = shown.encode()

    def ask_for(self, number: int) -> None:
        raise LoadFailed("nobody asks for what has been")

    def shown(self, answer: bytes, number: int) -> bool:
        return self._shown in answer


def right(outcome: Outcome) -> Outcome:
    """Raises LoadFailed unless every answer was right."""
    if outcome.failed:
        raise LoadFailed(f"{outcome.failed} of {outcome.asked} answers wrong or missing")
    return outcome


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]
