"""Explain says what the door says, and why: over random directories, bindings and accounts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control import tries
from control.authentication import Authentication, Proved
from control.explain import Asked, Explanation, Unknown, as_json, as_text, explain
from control.records import Application, Binding, Event, Group, Outpost, Provider, User
from control.store.interface import Transaction
from control.store.sql import SqlStore
from protocols.link.messages import Authenticate
from rules.places import place
from rules.reasons import Outcome
from tests.fakes import FakeClock
from tests.stores import ImmediateStore, open_store, run

PEER = "192.0.2.9"


class House:
    """An application behind an LDAP provider, three groups in a row, and alice."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.store: SqlStore = open_store(folder, self.clock)
        self.door = Authentication(ImmediateStore(self.store), {"password": self._prove}, self.clock)

    async def _prove(self, provider: Provider, question: Authenticate) -> Proved:
        user = self.store.read_now(lambda tx: tx.find(User, username=question.username))
        return Proved("unknown_user") if user is None else Proved("accepted", user.pk, user.credential_version)

    def furnish(self, plan: dict[str, Any]) -> None:
        def verb(tx: Transaction) -> None:
            user = tx.insert(User("alice", **plan["account"]))
            groups: list[Group] = []
            for number in range(3):
                groups.append(tx.insert(Group(f"g{number}", parents=tuple(one.pk for one in groups[-1:]))))
            for number in plan["member"]:
                tx.add_members(groups[number].pk, [user.pk])
            provider = tx.insert(Provider("p", "ldap"))
            application = tx.insert(Application("App", "app", provider=provider.pk, policy_engine_mode=plan["mode"]))
            tx.insert(Outpost("o", "any", pk="o", providers=(provider.pk,) if plan["served"] else ()))
            for order, (who, enabled, negate) in enumerate(plan["bindings"]):
                whose = {"user": user.pk} if who == 3 else {"group": groups[who].pk}
                tx.insert(Binding(application.pk, order=order, enabled=enabled, negate=negate, **whose))
            for _ in range(plan["wrong"]):
                tries.wrong(tx, "alice", place(PEER))

        self.store.write_now(verb)

    def ask_the_door(self) -> str:
        provider = self.store.read_now(lambda tx: tx.select(Provider)[0].pk)
        question = Authenticate("q", provider, "alice", {"kind": "password", "password": "x"}, "ldap", PEER)
        return run(self.door.answer("o", question)).reason

    def explain(self, **asked: str) -> Explanation:
        given = {"user": "alice", "application": "app", "protocol": "ldap", "peer": PEER, **asked}
        return self.store.read_now(lambda tx: explain(tx, Asked(**given)))


PLAIN: dict[str, Any] = {
    "account": {},
    "member": [],
    "mode": "any",
    "served": True,
    "bindings": [],
    "wrong": 0,
}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.store.close()


plans = st.fixed_dictionaries(
    {
        "account": st.sampled_from(
            [{}, {}, {}, {"is_active": False}, {"valid_from": 9e9}, {"valid_until": 1.0}, {"valid_until": 9e9}]
        ),
        "member": st.sets(st.integers(0, 2)).map(sorted),
        "mode": st.sampled_from(["any", "all"]),
        "served": st.sampled_from([True, True, True, False]),
        "bindings": st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.booleans()), max_size=4),
        "wrong": st.sampled_from([0, 0, 0, tries.FREE + 1]),
    }
)


@given(plan=plans)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_explain_and_the_door_never_disagree(tmp_path_factory: pytest.TempPathFactory, plan: dict[str, Any]) -> None:
    house = House(tmp_path_factory.mktemp("house"))
    try:
        house.furnish(plan)
        before = house.store.read_now(lambda tx: (tx.revision(), tx.count(Event)))
        found = house.explain()
        assert house.store.read_now(lambda tx: (tx.revision(), tx.count(Event))) == before  # without side effects
        assert found.reason == house.ask_the_door()
        assert all(step.passed for step in found.steps) is (found.outcome is Outcome.ACCEPTED)
        assert bool(found.changes) is (found.outcome is not Outcome.ACCEPTED)
    finally:
        house.store.close()


@pytest.mark.parametrize("negate", [False, True])
def test_the_change_that_it_names_alters_the_answer(house: House, negate: bool) -> None:
    """A group, through its child: what is said to help is done, and then the door opens."""
    house.furnish({**PLAIN, "bindings": [(0, True, negate)], "member": [0] if negate else []})
    found = house.explain()
    assert found.reason == house.ask_the_door() == "no_binding"
    verb = "Take 'alice' out of" if negate else "Add 'alice' to"
    assert found.changes == (f"{verb} the group 'g0'.",)

    def follow(tx: Transaction) -> None:
        group = next(one for one in tx.select(Group) if one.name == "g0")
        user = tx.select(User)[0].pk
        (tx.remove_members if negate else tx.add_members)(group.pk, [user])

    house.store.write_now(follow)
    assert house.explain().reason == house.ask_the_door() == "accepted"


def test_where_no_group_would_do_the_user_is_to_be_bound(house: House) -> None:
    house.furnish({**PLAIN, "bindings": [(3, True, True)]})
    assert house.explain().changes == ("Bind 'alice' to the application 'App'.",)


def test_every_binding_is_shown_with_what_it_says(house: House) -> None:
    house.furnish(
        {**PLAIN, "mode": "all", "member": [1], "bindings": [(0, True, False), (3, True, True), (2, False, False)]}
    )
    found = house.explain()
    assert [(line.name, line.enabled, line.negate, line.passing) for line in found.lines] == [
        ("g0", True, False, True),
        ("alice", True, True, False),
        ("g2", False, False, False),
    ]
    told = as_json(found)
    assert (told["passing"], told["reason"], told["policy_engine_mode"]) == (False, "no_binding", "all")
    assert "all must pass" in "\n".join(as_text(found))


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"user": "nobody"}, "unknown_user"),
        ({"protocol": "radius"}, "unknown_provider"),
        ({"protocol": "smoke"}, "unknown_provider"),
        ({"protocol": ""}, "accepted"),
        ({"application": "App"}, "accepted"),
        ({"peer": ""}, "accepted"),
    ],
)
def test_questions(house: House, asked: dict[str, str], reason: str) -> None:
    house.furnish(PLAIN)
    assert house.explain(**asked).reason == reason


def test_an_application_that_does_not_exist(house: House) -> None:
    house.furnish(PLAIN)
    with pytest.raises(Unknown, match="no application 'x'"):
        house.explain(application="x")


def test_who_was_throttled_is_told_so_and_not_from_elsewhere(house: House) -> None:
    house.furnish({**PLAIN, "wrong": tries.FREE + 1})
    assert house.explain().reason == "too_many_tries"
    assert house.explain(peer="198.51.100.1").reason == "accepted"
