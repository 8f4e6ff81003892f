"""Whoever comes back from a source waits for the policies of their flow beside the one thread that writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.applications import Starlette

from control.store.interface import Transaction
from control.verbs import bindings, policies, sources, users
from control.web import pages
from control.web.sources import routes
from tests.control.policies.asking import WRITING, Slow
from tests.control.sources.abroad import Abroad

FLOW = "default-authentication-flow"


class Meanwhile:
    """alice, whom a policy of the source's flow lets in; and what happens while it is asked."""

    def __init__(self, house: Abroad) -> None:
        self.house = house
        self.changes: list[Callable[[Transaction], object]] = []
        self.judge = Slow(meanwhile=lambda: house.here.sql.write_now(self.changes.pop()) if self.changes else None)
        house.abroad.user("alice", email="alice@example.com", email_verified=True)
        house.changed = {"sub": "alice-abroad"}
        self.alice = house.here.user("alice-here", None)
        house.connect(self.alice, "alice-abroad")
        house.set(authentication_flow=house.flow(FLOW))
        self.policy = house.here.sql.write_now(self._bound)
        services = replace(house.here.services, judge=self.judge)
        house.here.app = Starlette(routes=[*routes(services, house.tokens), *pages.routes(services)])

    def _bound(self, tx: Transaction) -> str:
        made = policies.create(tx, "expression", {"name": "asked", "expression": "return True"})
        bindings.create(tx, {"target": self.house.flow(FLOW), "policy": made.pk})
        return made.pk

    def arrives(self) -> int:
        return self.house.arrive(self.house.here.browser(), "alice").status_code


@pytest.fixture
def meanwhile(tmp_path: Path) -> Iterator[Meanwhile]:
    house = Abroad(tmp_path)
    yield Meanwhile(house)
    house.close()


def test_the_thread_that_writes_does_not_wait_for_policies(meanwhile: Meanwhile) -> None:
    assert meanwhile.arrives() == 303
    assert meanwhile.judge.threads
    assert WRITING not in meanwhile.judge.threads


def _policy_says_no(tx: Transaction, meanwhile: Meanwhile) -> None:
    policies.update(tx, meanwhile.policy, {"expression": "return False"})


def _connected_with_nobody(tx: Transaction, meanwhile: Meanwhile) -> None:
    for connection in meanwhile.house.connections():
        sources.disconnect(tx, connection.pk)


def _gone(tx: Transaction, meanwhile: Meanwhile) -> None:
    users.delete(tx, meanwhile.alice.pk)


@pytest.mark.parametrize("change", [_policy_says_no, _connected_with_nobody, _gone])
def test_what_has_changed_meanwhile_counts(
    meanwhile: Meanwhile, change: Callable[[Transaction, Meanwhile], None]
) -> None:
    meanwhile.changes.append(lambda tx: change(tx, meanwhile))
    assert meanwhile.arrives() == 403
    assert meanwhile.changes == []
    assert meanwhile.house.here.events("login") == []
