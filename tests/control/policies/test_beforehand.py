"""Policies are asked beside the thread that writes, and what they said holds where it is written, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from control.policies.asking import Asking
from control.policies.beforehand import TRIES, write
from control.policies.judge import Decided, Judge
from control.records import Binding, Event, User
from control.store.interface import Transaction
from tests.control.policies.asking import NOON, WRITING, House, Slow
from tests.stores import ImmediateStore, open_store, run

MEMBERS_ONLY = "return ak_is_group_member(request.user, name='staff')"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    store = open_store(tmp_path)
    yield House(store)
    store.close()


def come_in(house: House, judge: Judge) -> tuple[Decided, int]:
    """What is decided about alice, and how many events her coming in has left."""

    def decide(tx: Transaction, judge: Judge) -> Decided:
        asking = Asking(tx.get(User, house.alice.pk), NOON, "192.0.2.9")
        return judge.decide(tx, replace(house.application, policy_engine_mode="all"), asking)

    def enter(tx: Transaction, judge: Judge) -> Decided:
        decided = decide(tx, judge)
        if decided.passing:
            tx.insert(Event("login"))
        return decided

    store = ImmediateStore(house.store)
    decided = run(write(store, judge, decide, lambda decided: enter if decided.passing else None))
    return decided, house.store.read_now(lambda tx: tx.count(Event))


def test_no_policy_is_asked_where_it_is_written(house: House) -> None:
    house.bind(policy=house.expression(MEMBERS_ONLY))
    judge, before = Slow(), house.store.read_now(lambda tx: tx.count(Event))
    decided, events = come_in(house, judge)
    assert (decided.passing, len(decided.answers), events) == (True, 1, before + 1)
    assert judge.threads == ["MainThread"]


def test_a_no_writes_nothing(house: House) -> None:
    house.bind(policy=house.expression("return False"))
    before = house.store.read_now(lambda tx: tx.count(Event))
    decided, events = come_in(house, Slow())
    assert (decided.reason, events) == ("policy_denied", before)


def test_what_the_policy_looked_at_has_changed_meanwhile(house: House) -> None:
    house.bind(policy=house.expression(MEMBERS_ONLY))
    judge = Slow(meanwhile=lambda: house.store.write_now(leave))

    def leave(tx: Transaction) -> None:
        tx.remove_members(house.staff.pk, [house.alice.pk])

    assert come_in(house, judge)[0].reason == "policy_denied"
    assert judge.threads == ["MainThread"] * 2


def test_a_policy_that_was_bound_meanwhile_is_asked(house: House) -> None:
    first = house.bind(policy=house.expression("return True"))
    second = house.expression("return False")

    def bound(tx: Transaction) -> None:
        if tx.count(Binding) == 1:
            tx.insert(replace(first, pk="", policy=second, order=first.order + 1))

    judge = Slow(meanwhile=lambda: house.store.write_now(bound))
    assert come_in(house, judge)[0].reason == "policy_denied"


def test_a_store_that_never_rests_is_waited_for_where_it_is_written(house: House) -> None:
    """Else nobody would come in as long as it is busy."""
    house.bind(policy=house.expression("return True"))
    names = (f"u{number}" for number in range(100))
    judge = Slow(meanwhile=lambda: house.store.write_now(lambda tx: tx.insert(User(next(names)))))
    assert come_in(house, judge)[0].passing
    assert judge.threads == ["MainThread"] * (TRIES + 1) + [WRITING]


@pytest.mark.parametrize("other", ["person", "peer"])
def test_another_question_is_asked_anew(house: House, other: str) -> None:
    """What decides may find something else the second time, whatever the revision."""
    house.bind(policy=house.expression(f"{MEMBERS_ONLY} and str(ak_client_ip) == '192.0.2.9'"))
    bob = house.store.write_now(lambda tx: tx.insert(User("bob")))
    judge, first = Slow(), [True]

    def decide(tx: Transaction, judge: Judge) -> Decided:
        changed = first == []
        first.clear()
        whose = bob if changed and other == "person" else house.alice
        peer = "192.0.2.1" if changed and other == "peer" else "192.0.2.9"
        return judge.decide(tx, house.application, Asking(whose, NOON, peer))

    assert run(write(ImmediateStore(house.store), judge, decide, lambda found: decide)).passing is False
    assert judge.threads == ["MainThread"] * 2
