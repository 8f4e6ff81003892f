"""What is explained of a provider's access rules is what the forward-auth door does with a password."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control.explaining.explain import Asked, explain
from control.explaining.explained import Explanation, Step
from control.policies.judge import Judge
from control.records import Application, Binding, Group, Outpost, Policy, Provider, User
from control.store.interface import Transaction
from control.store.sql import SqlStore
from control.verbs.access_rules import AccessRuleFields, delivered
from tests.extent import UNHURRIED
from tests.fakes import FakeClock
from tests.outpost.listeners.forward_auth_door import provider
from tests.outpost.listeners.test_forward_auth import ALICE, Door
from tests.stores import open_store

APP = "https://app.example.com"
ADDRESS = "198.51.100.9"
GUESTS = "0b7f7d64-5c9e-4d0e-9f7e-111111111111"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlStore]:
    """A Tuesday evening: as the door's clock has it."""
    opened = open_store(tmp_path_factory.mktemp("rules"), FakeClock())
    opened.write_now(populate)
    yield opened
    opened.close()


def populate(tx: Transaction) -> None:
    """alice is a guest, by a group below."""
    guests = tx.insert(Group("guests", pk=GUESTS))
    tx.add_members(tx.insert(Group("visitors", parents=(guests.pk,))).pk, [tx.insert(User("alice")).pk])
    tx.insert(User("bob"))
    made = tx.insert(Provider("p", "proxy", settings={"mode": "forward_single", "external_host": APP}))
    tx.insert(Application("App", "app", provider=made.pk))
    tx.insert(Outpost("o", "proxy", pk="o", providers=(made.pk,)))


def rule(level: str, **more: Any) -> dict[str, Any]:
    return AccessRuleFields(level=level, **more).model_dump()  # type: ignore[arg-type]


def explained(store: SqlStore, rules: list[dict[str, Any]], user: str = "alice", **told: str) -> Explanation:
    def verb(tx: Transaction) -> Explanation:
        [made] = tx.select(Provider)
        skipped = told.pop("skip_path_regex", "")
        tx.update(replace(made, settings={**made.settings, "access_rules": rules, "skip_path_regex": skipped}))
        return explain(tx, Asked(user, "app", peer=ADDRESS, attributes=told), Judge())

    return store.write_now(verb)


def step(found: Explanation) -> Step:
    [one] = [step for step in found.steps if step.name == "rules"]
    return one


RULES = st.builds(
    rule,
    st.sampled_from(["bypass", "sign_in", "second_factor", "deny"]),
    paths=st.lists(
        st.sampled_from(
            [
                {"match": "exact", "path": "/admin"},
                {"match": "prefix", "path": "/public"},
                {"match": "pattern", "path": "/[a-z]+/x"},
            ]
        ),
        max_size=2,
    ),
    methods=st.sampled_from([[], [], ["GET"], ["POST"]]),
    networks=st.sampled_from([[], [], ["198.51.100.0/24"], ["192.0.2.0/24"]]),
    weekdays=st.sampled_from([[], [], [1], [2]]),
    begins=st.sampled_from([0, 22 * 60]),
    preflight=st.sampled_from([False, False, True]),
)
PATHS = ["/", "/admin", "/ADMIN", "/adm%69n", "/public/x", "/public/..%2fadmin", "/other?next=/admin"]


@given(rules=st.lists(RULES, max_size=3), path=st.sampled_from(PATHS), method=st.sampled_from(["GET", "POST"]))
@settings(max_examples=150, deadline=None, suppress_health_check=[*UNHURRIED, HealthCheck.function_scoped_fixture])
def test_explain_and_the_door_never_disagree(
    store: SqlStore, rules: list[dict[str, Any]], path: str, method: str
) -> None:
    door = Door(provider(7, APP, access_rules=delivered(rules)))
    forwarded = (("X-Original-Method", method), ("X-Forwarded-For", ADDRESS))
    status = door.ask(ALICE, *forwarded, url=f"{APP}{path}").status
    told = step(explained(store, rules, path=path, method=method))
    assert (status == 200) is (told.passed and "second_factor_needed" not in told.said)
    without = door.ask(*forwarded, url=f"{APP}{path}").status
    assert (without == 200) is ("open to everybody" in told.said)


@pytest.mark.parametrize(
    ("rules", "told", "said", "reason"),
    [
        ([], {}, "The provider has no access rules.", "accepted"),
        ([rule("deny", paths=[{"match": "prefix", "path": "/admin"}])], {}, "No access rule closes GET /.", "accepted"),
        ([rule("deny")], {}, "An access rule of the provider keeps this person out", "denied_by_rule"),
        (
            [rule("deny", paths=[{"match": "exact", "path": "/x"}])],
            {"path": "/a%2f..%2fx"},
            "The path can be read in two ways",
            "ambiguous_path",
        ),
        ([rule("second_factor", max_age=300)], {"path": "/x"}, "in the last 300 seconds", "accepted"),
        ([], {"skip_path_regex": "^/public/", "path": "/public/x"}, "GET /public/x is open to everybody", "accepted"),
    ],
)
def test_what_is_said(
    store: SqlStore, rules: list[dict[str, Any]], told: dict[str, str], said: str, reason: str
) -> None:
    found = explained(store, rules, **told)
    assert said in step(found).said
    assert found.reason == reason
    assert bool(found.changes) is (reason != "accepted")


@pytest.mark.parametrize(("user", "reason"), [("alice", "denied_by_rule"), ("bob", "accepted")])
def test_rules_for_groups_are_for_those_inside_others_too(store: SqlStore, user: str, reason: str) -> None:
    assert explained(store, [rule("deny", groups=[GUESTS])], user).reason == reason


def test_a_request_that_is_not_told_is_of_the_first_page(store: SqlStore) -> None:
    """Expressions find a request, as they do at the door."""
    asks = "r = http_request\nreturn (r.get_host(), r.path, r.method) == ('app.example.com', '/', 'GET')"

    def verb(tx: Transaction) -> Explanation:
        [app] = tx.select(Application)
        policy = tx.insert(Policy("p", "expression", settings={"expression": asks}))
        binding = tx.insert(Binding(app.pk, order=0, policy=policy.pk))
        found = explain(tx, Asked("alice", "app"), Judge())
        tx.delete(binding)
        return found

    [line] = store.write_now(verb).lines
    assert line.answer is not None
    assert line.answer.fault == ""
    assert line.passing


def test_other_doors_have_no_access_rules(store: SqlStore) -> None:
    found = store.read_now(lambda tx: explain(tx, Asked("alice", "app", protocol="ldap"), Judge()))
    assert "rules" not in [step.name for step in found.steps]
