"""Administrative commands open the store beside a running program; what they change is in force there soon after."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import ldap
import pytest
from ldap.ldapobject import SimpleLDAPObject

from control.records import User
from control.store.interface import Transaction
from tests.pace import within
from tests.wire.apart import store
from tests.wire.clients import user_dn
from tests.wire.directory import BASE_DN, PASSWORDS, Directory
from tests.wire.program import SOON, Program

pytestmark = pytest.mark.peer

CHANGES = 20
WITHIN = 0.3
BUSY_MACHINE = 3
"""The slowest of them may take this many times as long among other tests."""


@pytest.fixture
def directory(program: Program, people: Directory) -> Iterator[SimpleLDAPObject]:
    bound = ldap.initialize(program.ldap)
    bound.simple_bind_s(user_dn("alice"), PASSWORDS["alice"])
    yield bound
    bound.unbind_s()


def _seconds_until(directory: SimpleLDAPObject, pattern: str) -> float:
    """Until a search finds somebody, or nobody any more after ``!``."""
    began = time.monotonic()
    wanted = not pattern.startswith("(!")
    question = pattern if wanted else pattern[2:-1]
    while bool(directory.search_s(BASE_DN, ldap.SCOPE_SUBTREE, question, ["cn"])) is not wanted:
        assert time.monotonic() - began < SOON, f"{pattern} is not in force"
    return time.monotonic() - began


def test_what_another_process_wrote_is_in_force_within_300_ms(
    program: Program, people: Directory, directory: SimpleLDAPObject
) -> None:
    def rename(name: str, tx: Transaction) -> None:
        tx.update(replace(tx.get(User, people.users["carol"]), name=name))

    numbers = count()
    with store(program) as beside:

        def measure() -> list[float]:
            seconds = []
            for _ in range(CHANGES):
                name = f"Carol beside {next(numbers)}"
                beside.write_now(partial(rename, name))
                seconds.append(_seconds_until(directory, f"(displayName={name})"))
                time.sleep(0.037)  # out of step with whoever looks at intervals
            return seconds

        within(measure, lambda seconds: statistics.median(seconds) < WITHIN and max(seconds) < WITHIN * BUSY_MACHINE)


def test_what_apply_did_is_in_force_when_it_has_ended(
    program: Program, directory: SimpleLDAPObject, tmp_path: Path
) -> None:
    file = tmp_path / "more.yml"
    file.write_text("users:\n  beside:\n    name: Beside\n")

    def measure() -> list[float]:
        done = program.control.command("apply", str(file))
        assert (done.returncode, done.stdout) == (0, "created user beside\n"), done.stderr
        made_after = _seconds_until(directory, "(uid=beside)")
        (made,) = program.api("GET", "core/users/", query={"username": "beside"})["results"]
        program.api("DELETE", f"core/users/{made['pk']}/")
        return [made_after, _seconds_until(directory, "(!(uid=beside))")]

    within(measure, lambda seconds: max(seconds) < WITHIN * BUSY_MACHINE)
