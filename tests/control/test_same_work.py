"""Doors tell strangers of nobody: unknown, disabled, expired and wrong get one answer, and cost the same work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control.authentication import Authentication
from control.proofs import proofs
from control.records import Application, Binding, Group, Outpost, Provider
from control.store.interface import Transaction
from protocols.link.messages import Authenticate
from rules.reasons import Outcome
from tests.control.flows.house import House
from tests.counted import CountedPasswords, CountedStore, Work
from tests.stores import run

NAMES = ("alice", "nosuch", "disabled", "late", "early", "empty")


class Doors(House):
    """alice is there; disabled, late and early cannot sign in; empty has no password; nobody is called nosuch."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        now = self.clock.now()
        self.user("alice")
        self.user("disabled", is_active=False)
        self.user("late", valid_until=now)
        self.user("early", valid_from=now + 1)
        self.user("empty", password=None)
        self.work = Work()
        counted: Any = CountedStore(self.services.store, self.work)
        self.counting = CountedPasswords(self.work)
        services = replace(self.services, store=counted, passwords=self.counting)
        self.authentication = Authentication(counted, proofs(services), self.clock)
        self.at = self.sql.write_now(_served)
        self.remote = False

    def asked(self, username: str, password: str, protocol: str) -> tuple[Any, ...]:
        """What the door hears, but for the reason, which it keeps to itself; and the work for it."""
        self.work.done.clear()
        provider, outpost = self.at
        proof = {"kind": "password", "password": password}
        question = Authenticate("q", provider, username, proof, protocol, "192.0.2.1")
        answer = run(self.authentication.answer(outpost, question, self.remote))
        return replace(answer, reason=""), Counter(self.work.done)

    def close(self) -> None:
        self.counting.close()
        super().close()


def _served(tx: Transaction) -> tuple[int, str]:
    provider = tx.insert(Provider("p", "ldap"))
    tx.insert(Application("a", "a", provider=provider.pk))
    return provider.pk, tx.insert(Outpost("o", "any", providers=(provider.pk,))).pk


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Doors]:
    opened = Doors(tmp_path)
    yield opened
    opened.close()


@pytest.mark.parametrize("protocol", ["ldap", "radius"])
@pytest.mark.parametrize("code", ["", ";123456"])
def test_whoever_is_not_let_in_costs_the_same(doors: Doors, protocol: str, code: str) -> None:
    for turn in range(3):
        answer, work = doors.asked("alice", f"wrong{code}", protocol)
        assert (answer.outcome, work["hash"]) == (Outcome.BAD_CREDENTIALS, 1)
        for name in NAMES[1:]:
            typed = "wrong" if name == "nosuch" else "right"
            assert doors.asked(name, f"{typed}{code}", protocol) == (answer, work), (turn, name)


def test_nor_does_it_cost_more_to_be_somebody_whom_the_outpost_does_not_know(doors: Doors) -> None:
    def bind(tx: Transaction) -> None:
        provider, _ = doors.at
        tx.update(replace(tx.get(Provider, provider), settings={"show_only_admitted": True}))
        application = tx.find(Application, provider=provider)
        assert application is not None
        tx.insert(Binding(application.pk, group=tx.insert(Group("nobody's")).pk))

    doors.sql.write_now(bind)
    doors.remote = True
    for _ in range(3):
        first, *others = (doors.asked(name, "wrong", "ldap") for name in NAMES)
        assert all(other == first for other in others)
