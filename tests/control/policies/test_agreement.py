"""Outposts decide from their snapshot what control decides from its store: any directory, bindings and policies."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control import logins
from control.outposts.view import snapshot as told
from control.policies.asking import Asking
from control.policies.judge import Judge
from control.policies.kinds import KINDS
from control.policies.places import Places, places
from control.records import Application, Binding, Group, Outpost, Policy, Provider, User
from control.store.interface import Transaction
from outpost.directory.draft import whole
from outpost.kept.credential_cache import verdict
from tests.control.policies.asking import NOON, PEER
from tests.extent import UNHURRIED
from tests.fakes import FakeClock
from tests.geography import write
from tests.stores import open_store

GROUPS = 4
POLICIES: list[tuple[str, dict[str, Any]]] = [
    ("expression", {"expression": "return ak_is_group_member(request.user, name='g2')"}),
    ("expression", {"expression": "return context['nothing']"}),
    ("network", {"networks": ["192.0.2.0/24"]}),
    ("network", {"networks": ["2001:db8::/32"]}),
    ("time", {"weekdays": [2], "begins": 0, "ends": 1440, "timezone": "UTC"}),
    ("password_expiry", {"days": 30, "deny_only": False}),
    ("reputation", {"check_ip": True, "check_username": True, "threshold": -1}),
    ("geoip", {"countries": ["DE"]}),
    ("geoip", {"asns": [64500]}),
    ("geoip", {"countries": ["DE", "FR"], "check_history_distance": True}),
    ("geoip", {"check_impossible_travel": True}),
]
CITIES = {
    "192.0.2.0/24": {"country": {"iso_code": "DE"}, "location": {"latitude": 52.5, "longitude": 13.4}},
    "203.0.113.0/24": {"country": {"iso_code": "FR"}, "location": {"latitude": 48.9, "longitude": 2.3}},
    "198.51.100.0/25": {"country": {"iso_code": "NZ"}, "location": {"latitude": -41.3, "longitude": 174.8}},
}
SYSTEMS = {"192.0.2.0/24": {"autonomous_system_number": 64500}}
PEERS = [PEER, "203.0.113.5", "198.51.100.1", "198.51.100.201", "2001:db8::1", "", "no address"]
"""At home, in the next country, on the other side of the world, and nowhere that anybody knows."""


def settings_of(kind: str, given: dict[str, Any]) -> dict[str, Any]:
    """As they are stored."""
    if kind != "geoip":
        return given
    return KINDS[kind].fields.model_validate({"name": "p", **given}).model_dump(exclude={"name", "execution_logging"})


@pytest.fixture(scope="session")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Places:
    folder = tmp_path_factory.mktemp("atlas")
    return places(write(folder / "city.mmdb", CITIES), write(folder / "asn.mmdb", SYSTEMS), lambda: 0.0)


@dataclass(frozen=True)
class Line:
    """``whom``: a group, alice, bob, or a policy."""

    whom: int
    enabled: bool = True
    negate: bool = False
    failure_result: bool = False

    def fields(self, made: dict[str, Any]) -> dict[str, Any]:
        kinds = ("group",) * GROUPS + ("user",) * 2 + ("policy",) * len(POLICIES)
        return {kinds[self.whom]: made[str(self.whom)]}


@dataclass(frozen=True)
class House:
    mode: str
    parents: tuple[tuple[int, ...], ...]
    member: frozenset[int]
    lines: tuple[Line, ...] = field(default=())
    days: int = 0
    """Ago alice changed her password."""
    peer: str = PEER
    """From where she comes; an hour ago, she came from home."""

    def furnish(self, tx: Transaction) -> tuple[Application, User]:
        changed = NOON - self.days * 86_400.0
        alice = tx.insert(User("alice", password="hash", password_change_date=changed))
        bob = tx.insert(User("bob"))
        groups: list[Group] = []
        for number in range(GROUPS):
            above = tuple(groups[other].pk for other in self.parents[number] if other < number)
            groups.append(tx.insert(Group(f"g{number}", parents=above)))
        for number in self.member:
            tx.add_members(groups[number].pk, [alice.pk])
        policies = [
            tx.insert(Policy(f"p{n}", kind, settings=settings_of(kind, given)))
            for n, (kind, given) in enumerate(POLICIES)
        ]
        logins.remember(tx, alice.pk, NOON - 3600.0, PEER)
        subjects: tuple[Group | User | Policy, ...] = (*groups, alice, bob, *policies)
        made = {str(number): one.pk for number, one in enumerate(subjects)}
        provider = tx.insert(Provider("p", "ldap"))
        application = tx.insert(Application("App", "app", provider=provider.pk, policy_engine_mode=self.mode))
        tx.insert(Outpost("o", "any", pk="o", providers=(provider.pk,)))
        for order, line in enumerate(self.lines):
            fields: dict[str, Any] = {"negate": line.negate, "failure_result": line.failure_result}
            fields.update(line.fields(made))
            tx.insert(Binding(application.pk, order=order, enabled=line.enabled, **fields))
        return application, alice


lines = st.builds(Line, st.integers(0, GROUPS + 1 + len(POLICIES)), st.booleans(), st.booleans(), st.booleans())
houses = st.builds(
    House,
    st.sampled_from(["any", "all"]),
    st.tuples(*(st.lists(st.integers(0, GROUPS - 1), max_size=2, unique=True).map(tuple) for _ in range(GROUPS))),
    st.frozensets(st.integers(0, GROUPS - 1)),
    st.lists(lines, max_size=5).map(tuple),
    st.sampled_from([29, 30]),
    st.sampled_from(PEERS),
)


@given(house=houses)
@settings(max_examples=60, deadline=None, suppress_health_check=[*UNHURRIED, HealthCheck.function_scoped_fixture])
def test_outposts_and_control_never_disagree(
    tmp_path_factory: pytest.TempPathFactory, atlas: Places, house: House
) -> None:
    store = open_store(tmp_path_factory.mktemp("store"), FakeClock(NOON))
    try:
        application, alice = store.write_now(house.furnish)
        asking = Asking(alice, NOON, house.peer, "alice")
        found = store.read_now(lambda tx: Judge(lambda: 0.0, atlas).decide(tx, application, asking))
        snapshot = whole(1, store.read_now(lambda tx: told(tx, "o")))
        (provider,) = snapshot.providers.values()
        alone = verdict(provider, alice.pk, snapshot)
        assert alone in (None, found.passing)  # users and groups alone: what both know
        assert (alone is None) is bool(found.answers)  # policies are asked where these leave it open
        assert verdict(provider, alice.pk, snapshot, found.words) is found.passing
    finally:
        store.close()


@pytest.mark.parametrize("number", [number for number, (kind, _) in enumerate(POLICIES) if kind == "geoip"])
def test_addresses_make_a_difference_where_geography_decides(tmp_path: Path, atlas: Places, number: int) -> None:
    """So that the property above is about something."""
    store = open_store(tmp_path, FakeClock(NOON))
    house = House("any", ((),) * GROUPS, frozenset(), (Line(GROUPS + 2 + number),))
    application, alice = store.write_now(house.furnish)

    def passing(tx: Transaction, peer: str) -> bool:
        return Judge(lambda: 0.0, atlas).decide(tx, application, Asking(alice, NOON, peer, "alice")).passing

    assert {store.read_now(partial(passing, peer=peer)) for peer in PEERS} == {True, False}
    store.close()
