"""Explain says what the door says, and why: over random directories, bindings and accounts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control import tries
from control.authentication import Authentication, Proved
from control.explaining.explain import Asked, Unknown, explain
from control.explaining.explained import Explanation, as_json, as_text
from control.policies.judge import Judge
from control.records import (
    Application,
    Binding,
    Event,
    Group,
    Outpost,
    Policy,
    PropertyMapping,
    Provider,
    RadiusSession,
    User,
)
from control.store.interface import Transaction
from control.store.sql import SqlStore
from control.verbs import system
from protocols.link.messages import AskAccess, Authenticate, VisitorRequest
from protocols.proxy.shown_lines import typed_lines
from rules.places import place
from rules.reasons import REASONS, Outcome
from tests.extent import UNHURRIED
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
                whose = self._whose(tx, user, groups, who)
                tx.insert(Binding(application.pk, order=order, enabled=enabled, negate=negate, **whose))
            for _ in range(plan["wrong"]):
                tries.wrong(tx, "alice", place(PEER))

        self.store.write_now(verb)

    @staticmethod
    def _whose(tx: Transaction, user: User, groups: list[Group], who: int) -> dict[str, Any]:
        """0 to 2: a group; 3: alice; above: a policy."""
        if who < 3:
            return {"group": groups[who].pk}
        if who == 3:
            return {"user": user.pk}
        kind, settings = POLICIES[who - 4]
        known = tx.find(Policy, name=f"p{who}")
        return {"policy": (known or tx.insert(Policy(f"p{who}", kind, settings=settings))).pk}

    def ask_the_door(
        self, protocol: str = "ldap", attributes: dict[str, str] | None = None, visitor: VisitorRequest | None = None
    ) -> str:
        provider = self.store.read_now(lambda tx: tx.select(Provider)[0].pk)
        shown = {"kind": "password", "password": "x"}
        question = Authenticate("q", provider, "alice", shown, protocol, PEER, attributes or {}, visitor=visitor)
        return run(self.door.answer("o", question)).reason

    def ask_for_a_session(self, attributes: dict[str, str], visitor: VisitorRequest | None = None) -> str:
        """What control tells an outpost about alice, who has signed in at a proxy."""
        provider, user = self.store.read_now(lambda tx: (tx.select(Provider)[0].pk, tx.select(User)[0].pk))
        return run(self.door.access("o", AskAccess("q", provider, user, PEER, attributes, visitor))).reason

    def explain(self, **asked: Any) -> Explanation:
        given: dict[str, Any] = {"user": "alice", "application": "app", "protocol": "ldap", "peer": PEER, **asked}
        return self.store.read_now(lambda tx: explain(tx, Asked(**given), Judge()))


POLICIES: list[tuple[str, dict[str, Any]]] = [
    ("expression", {"expression": "return ak_is_group_member(request.user, name='g1')"}),
    ("expression", {"expression": "return 1 / 0"}),
    ("expression", {"expression": "return str(ak_client_ip) == '192.0.2.9' and context['protocol'] == 'ldap'"}),
    ("network", {"networks": ["192.0.2.0/24"]}),
    ("network", {"networks": ["198.51.100.0/24"]}),
    ("time", {"weekdays": [1], "begins": 0, "ends": 1440, "timezone": "UTC"}),
    ("reputation", {"check_ip": True, "check_username": True, "threshold": 0}),
    ("event_matcher", {"action": "login", "app": None, "model": None, "client_ip": None}),
    ("expression", {"expression": "return context.get('path') != '/admin'"}),
    ("expression", {"expression": "return http_request.headers.get('User-Agent') == 'Browser/7'"}),
    ("expression", {"expression": "return http_request.is_secure() and 'HTTP_COOKIE' not in http_request.META"}),
]
"""The clock of these tests stands on a Tuesday."""

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
        "bindings": st.lists(st.tuples(st.integers(0, 3 + len(POLICIES)), st.booleans(), st.booleans()), max_size=5),
        "wrong": st.sampled_from([0, 0, 0, tries.FREE + 1]),
    }
)


@given(plan=plans)
@settings(max_examples=60, deadline=None, suppress_health_check=[*UNHURRIED, HealthCheck.function_scoped_fixture])
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


visitors = st.builds(
    VisitorRequest,
    st.sampled_from(["http", "https"]),
    st.lists(
        st.sampled_from([("user-agent", "Browser/7"), ("User-Agent", "curl/8"), ("X-Authentik-Username", "root")]),
        max_size=2,
    ).map(typed_lines),
)
MAPPINGS = [None, ("return {'a': 1}", "omit"), ("return user.nothing", "omit"), ("return user.nothing", "refuse")]


@given(plan=plans, path=st.sampled_from(["/", "/admin"]), visitor=visitors, mapping=st.sampled_from(MAPPINGS))
@settings(max_examples=40, deadline=None, suppress_health_check=[*UNHURRIED, HealthCheck.function_scoped_fixture])
def test_explain_and_a_password_at_a_proxy_never_disagree(
    tmp_path_factory: pytest.TempPathFactory,
    plan: dict[str, Any],
    path: str,
    visitor: VisitorRequest,
    mapping: tuple[str, str] | None,
) -> None:
    house = House(tmp_path_factory.mktemp("house"))
    try:
        house.furnish(plan)
        give_mapping(house, "proxy", *(mapping or ("return None", "omit")))
        attributes = {"host": "app.example", "path": path, "method": "GET"}
        found = house.explain(protocol="proxy", attributes=attributes, visitor=visitor)
        assert found.reason == house.ask_the_door("proxy", attributes, visitor)
    finally:
        house.store.close()


@given(plan=plans, path=st.sampled_from(["/", "/admin"]), visitor=visitors)
@settings(max_examples=40, deadline=None, suppress_health_check=[*UNHURRIED, HealthCheck.function_scoped_fixture])
def test_explain_and_what_a_proxy_hears_of_who_has_signed_in_never_disagree(
    tmp_path_factory: pytest.TempPathFactory, plan: dict[str, Any], path: str, visitor: VisitorRequest
) -> None:
    house = House(tmp_path_factory.mktemp("house"))
    try:
        house.furnish({**plan, "wrong": 0})  # somebody who has signed in tries nothing
        house.store.write_now(lambda tx: tx.update(replace(tx.select(Provider)[0], kind="proxy")))
        attributes = {"host": "app.example", "path": path, "method": "GET"}
        found = house.explain(protocol="proxy", attributes=attributes, visitor=visitor)
        said = house.ask_for_a_session(attributes, visitor)
        if REASONS[found.reason].outcome is Outcome.BAD_CREDENTIALS or found.reason == "unknown_provider":
            assert said == "no_binding"  # whose session nobody has, or at an outpost that serves it no more
        else:
            assert said == found.reason
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


def test_a_policy_is_shown_with_what_it_said_and_what_would_help(house: House) -> None:
    house.furnish({**PLAIN, "mode": "all", "bindings": [(8, True, False), (7, True, False), (5, False, False)]})
    found = house.explain()
    assert found.reason == house.ask_the_door() == "policy_denied"
    assert [line.passing for line in found.lines] == [False, True, False]
    (change,) = found.changes
    assert change.startswith("Let the policy 'p8' pass, or take it off the application.")
    told = as_json(found)["bindings"]
    assert told[0]["policy"]["messages"] == ["This is not open to the network that you come from."]
    assert told[2]["policy"]["fault"] == "Line 1, column 8: ZeroDivisionError: division by zero"
    assert "192.0.2.9 lies in 192.0.2.0/24." in "\n".join(as_text(found))


def test_what_the_request_would_say_reaches_policies(house: House) -> None:
    house.furnish({**PLAIN, "bindings": [(6, True, False)]})
    assert house.explain().reason == "accepted"
    assert house.explain(peer="192.0.2.8").reason == "policy_denied"


def test_where_more_than_one_binding_stands_in_the_way_all_are_named(house: House) -> None:
    house.furnish({**PLAIN, "mode": "all", "bindings": [(0, True, False), (8, True, False)]})
    assert house.explain().changes == (
        "All bindings have to let them in, and more than one does not: group 'g0', policy 'p8'.",
    )


def test_where_no_group_would_do_the_user_is_to_be_bound(house: House) -> None:
    house.furnish({**PLAIN, "bindings": [(3, True, True)]})
    assert house.explain().changes == ("Bind 'alice' to the application 'App'.",)


def test_every_binding_is_shown_with_what_it_says(house: House) -> None:
    house.furnish(
        {**PLAIN, "mode": "all", "member": [1], "bindings": [(0, True, False), (3, True, True), (2, False, False)]}
    )
    found = house.explain()
    assert [(line.name, line.binding.enabled, line.binding.negate, line.passing) for line in found.lines] == [
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


@pytest.mark.parametrize(
    ("account", "reason"),
    [
        ({"password": "hash", "must_change_password": True}, "must_change_password"),
        ({"password": "hash", "password_change_date": 1.0}, "password_expired"),
        ({"password": "hash", "must_change_password": True, "is_active": False}, "inactive"),
        ({"must_change_password": True}, "accepted"),
    ],
)
def test_a_password_that_must_be_changed_is_told(house: House, account: dict[str, Any], reason: str) -> None:
    house.furnish({**PLAIN, "account": account})
    house.store.write_now(lambda tx: system.change(tx, {"password_max_age": "days=30"}))
    found = house.explain()
    assert found.reason == reason
    assert bool(found.changes) is (reason != "accepted")


def test_a_browser_is_asked_for_a_new_password_and_let_in(house: House) -> None:
    house.furnish({**PLAIN, "account": {"password": "hash", "must_change_password": True}})
    house.store.write_now(lambda tx: tx.update(replace(tx.select(Provider)[0], kind="proxy")))
    found = house.explain(protocol="proxy")
    assert found.reason == "accepted"
    (step,) = [step for step in found.steps if step.name == "password"]
    assert "new password first" in step.said


def give_mapping(house: House, kind: str, expression: str, on_failure: str = "omit") -> None:
    """The provider becomes one of this kind, with one mapping."""

    def verb(tx: Transaction) -> None:
        its = {"radius": "radius", "proxy": "scope", "ldap": "ldap"}[kind]
        made = tx.insert(PropertyMapping("m", its, expression, settings={"scope_name": "x"}, on_failure=on_failure))
        provider = tx.select(Provider)[0]
        tx.update(replace(provider, kind=kind, property_mappings=(made.pk,)))

    house.store.write_now(verb)


@pytest.mark.parametrize(
    ("kind", "expression", "value"),
    [
        ("radius", "packet[11] = user.name + context['ssid']", [{"name": "Filter-Id", "value": "x", "tag": 0}]),
        ("proxy", "return {'a': user.ak_groups.first().name, 'b': str(ak_client_ip)}", {"a": "g0", "b": PEER}),
        ("ldap", "return {'provider': request.obj.name}", {"provider": "p"}),
    ],
)
def test_what_mappings_would_say_is_shown(house: House, kind: str, expression: str, value: Any) -> None:
    house.furnish({**PLAIN, "member": [0]})
    give_mapping(house, kind, expression)
    found = house.explain(protocol=kind, attributes={"ssid": "x"})
    assert found.reason == "accepted"
    (shown,) = as_json(found)["mappings"]
    assert (shown["name"], shown["value"], shown["fault"]) == ("m", value, None)
    assert any("m (" in line and "steps)" in line for line in as_text(found))


@pytest.mark.parametrize("kind", ["radius", "proxy"])
@pytest.mark.parametrize(("on_failure", "reason"), [("omit", "accepted"), ("refuse", "mapping_failed")])
def test_a_broken_mapping_does_here_what_it_does_at_the_door(
    house: House, kind: str, on_failure: str, reason: str
) -> None:
    house.furnish(PLAIN)
    give_mapping(house, kind, "return user.nothing", on_failure)
    found = house.explain(protocol=kind)
    assert found.reason == house.ask_the_door(kind) == reason
    assert found.steps[-1].name == "mappings"
    assert "User has no attribute nothing" in str(as_json(found)["mappings"])
    assert any("NO   m (" in line for line in as_text(found))


@pytest.mark.parametrize(("nested", "groups"), [(True, ["g0", "g1"]), (False, ["g1"])])
def test_mappings_are_shown_the_groups_that_the_door_shows_them(house: House, nested: bool, groups: list[str]) -> None:
    house.furnish({**PLAIN, "member": [1]})
    give_mapping(house, "proxy", "return {'x': sorted(group.name for group in user.ak_groups.all())}")
    settings = {"nested_groups": nested}
    house.store.write_now(lambda tx: tx.update(replace(tx.select(Provider)[0], settings=settings)))
    (shown,) = as_json(house.explain(protocol="proxy"))["mappings"]
    assert shown["value"] == {"x": groups}


@pytest.mark.parametrize(("station", "reason"), [("02-01", "accepted"), ("02-02", "too_many_sessions")])
def test_a_device_too_many_is_told_as_at_the_door(house: House, station: str, reason: str) -> None:
    house.furnish(PLAIN)

    def connected(tx: Transaction) -> None:
        provider, user = tx.select(Provider)[0], tx.select(User)[0]
        tx.update(replace(provider, kind="radius", settings={"session_limit": 1}))
        session = RadiusSession("192.0.2.1", "ap", "s1", provider=provider.pk, user=user.pk, calling_station="02-01")
        tx.insert(replace(session, started=tx.now, last_told=tx.now))

    house.store.write_now(connected)
    found = house.explain(protocol="radius", station=station)
    assert found.reason == house.ask_the_door("radius", {"calling_station": station}) == reason
    assert [step.passed for step in found.steps if step.name == "sessions"] == [reason == "accepted"]
