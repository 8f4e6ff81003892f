"""A password that has to be changed: what it is good for, at doors and in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control.authentication import Proved
from control.flows import executor
from control.flows.planning import plan
from control.flows.state import Challenge, Denied, Done, PlannedStage, Step
from control.records import Flow, Setting, User
from control.verbs import system, tokens, users
from control.verbs.composing import MOST_STAGES
from control.verbs.tokens import APP_PASSWORD, NETWORK_PASSWORD
from tests.control.flows.house import House
from tests.control.flows.people import a_state
from tests.stores import run

DAY = 86_400.0
OWN = "a password of one's own"


class Changing(House):
    def ages(self, longest: str = "days=30") -> None:
        self.sql.write_now(lambda tx: system.change(tx, {"password_max_age": longest}))

    def must_change(self, pk: int) -> None:
        self.sql.write_now(lambda tx: users.update(tx, pk, {"must_change_password": True}))

    def stored(self, pk: int) -> User:
        return self.sql.read_now(lambda tx: tx.get(User, pk))

    def browse(self, *answers: dict[str, str], slug: str = "default-authentication-flow") -> Step:
        """The step after these answers to a flow."""
        state = self.sql.read_now(lambda tx: plan(tx, _flow(tx, slug), None))
        step = run(executor.start(state, self.services))
        for fields in answers:
            assert isinstance(step, Challenge), step
            step = run(executor.answer(step.state, fields, self.services))
        return step


def _flow(tx: Any, slug: str) -> Flow:
    found: Flow = tx.find(Flow, slug=slug)
    return found


def chosen(password: str, again: str | None = None) -> dict[str, str]:
    return {"password": password, "password_repeat": password if again is None else again}


def errors(step: Step) -> dict[str, str]:
    assert isinstance(step, Challenge), step
    return {name: found[0]["string"] for name, found in step.component.get("response_errors", {}).items()}


ALICE = {"uid_field": "alice"}
RIGHT = {"password": "right"}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Changing]:
    opened = Changing(tmp_path)
    yield opened
    opened.close()


# --- at doors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", ["ldap", "radius", "proxy"])
def test_no_door_takes_it(house: Changing, door: str) -> None:
    alice = house.user("alice")
    assert house.prove("alice", "right", door=door).reason == "accepted"
    house.must_change(alice)
    assert house.prove("alice", "right", door=door) == Proved("must_change_password", alice)
    assert house.prove("alice", "wrong", door=door).reason == "wrong_password"


def test_it_grows_old(house: Changing) -> None:
    alice = house.user("alice")
    house.ages("days=30")
    house.clock.advance(30 * DAY - 1)
    assert house.prove("alice", "right").reason == "accepted"
    house.clock.advance(1)
    assert house.prove("alice", "right") == Proved("password_expired", alice)
    house.ages("days=0")
    assert house.prove("alice", "right").reason == "accepted"


def test_one_that_came_with_the_account_is_as_old_as_the_account(house: Changing) -> None:
    alice = house.user("alice")
    house.sql.write_now(lambda tx: tx.update(replace(tx.get(User, alice), password_change_date=None)))
    house.ages("days=1")
    house.clock.advance(DAY)
    assert house.prove("alice", "right").reason == "password_expired"


def test_nobody_remembers_it_for_longer_than_it_is_good(house: Changing) -> None:
    house.user("alice")
    house.ages("days=30")
    proved = house.prove("alice", "right")
    assert proved.reuse is not None
    assert proved.reuse.not_after == proved.ends == house.clock.now() + 30 * DAY
    house.ages("days=0")
    assert house.prove("alice", "right").ends is None


def test_outposts_forget_it_when_it_must_be_changed(house: Changing) -> None:
    alice = house.user("alice")
    before = house.stored(alice)
    house.must_change(alice)
    assert house.stored(alice).credential_version == before.credential_version + 1
    house.must_change(alice)
    assert house.stored(alice).credential_version == before.credential_version + 1


def test_the_password_of_a_device_is_good_meanwhile(house: Changing) -> None:
    alice = house.user("alice")
    device = house.token(alice, APP_PASSWORD)
    house.must_change(alice)
    assert house.prove("alice", device.key).reason == "accepted"


@pytest.mark.parametrize(("intent", "door"), [(APP_PASSWORD, "ldap"), (NETWORK_PASSWORD, "radius")])
def test_the_password_of_a_device_ends_and_says_so(house: Changing, intent: str, door: str) -> None:
    alice = house.user("alice")
    device = house.token(alice, intent, expires=house.clock.now() + 10)
    house.user("bob")
    house.clock.advance(10)
    assert house.prove("alice", device.key, door=door) == Proved("device_password_expired", alice)
    assert house.prove("bob", device.key, door=door).reason == "wrong_password"
    house.sql.write_now(lambda tx: tokens.delete(tx, device.pk))
    assert house.prove("alice", device.key, door=door).reason == "wrong_password"


# --- in a browser --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("why", ["must_change_password", "password_expired"])
def test_a_browser_asks_for_another_one_and_goes_on(house: Changing, why: str) -> None:
    alice = house.user("alice")
    if why == "password_expired":
        house.ages("days=30")
        house.clock.advance(31 * DAY)
    else:
        house.must_change(alice)
    asked = house.browse(ALICE, RIGHT)
    assert isinstance(asked, Challenge)
    assert asked.component["component"] == "ak-stage-prompt"
    assert [field["field_key"] for field in asked.component["fields"]] == ["username", "password", "password_repeat"]
    assert ("too old" in asked.component["fields"][0]["sub_text"]) is (why == "password_expired")
    done = house.browse(ALICE, RIGHT, chosen(OWN))
    assert isinstance(done, Done)
    assert (done.context.login, done.context.proved_version) == (alice, house.stored(alice).credential_version)
    assert not house.stored(alice).must_change_password
    assert house.prove("alice", OWN).reason == "accepted"
    assert isinstance(house.browse(ALICE, {"password": OWN}), Done)


def test_what_is_chosen_badly_is_asked_for_again(house: Changing) -> None:
    alice = house.user("alice", "right enough")
    house.must_change(alice)
    right = {"password": "right enough"}
    before = house.stored(alice)
    assert "before" in errors(house.browse(ALICE, right, chosen("right enough")))["password"]
    assert "8 characters" in errors(house.browse(ALICE, right, chosen("short")))["password"]
    assert "blank" in errors(house.browse(ALICE, right, chosen("")))["password"]
    assert "differ" in errors(house.browse(ALICE, right, chosen(OWN, "another")))["password_repeat"]
    assert house.stored(alice) == before
    assert isinstance(house.browse(ALICE, right, chosen("short"), chosen(OWN)), Done)


def test_the_second_factor_comes_first(house: Changing) -> None:
    """Whoever only knows the old password cannot set a new one."""
    alice = house.user("alice")
    house.must_change(alice)
    flow = house.flow("identification", "password", "authenticator_validate", "user_login")
    validate = PlannedStage("mfa", "authenticator_validate", {"not_configured_action": "deny"})
    state = house.sql.read_now(lambda tx: plan(tx, flow, None))
    state = replace(state, plan=(*state.plan[:2], validate, state.plan[3]))
    step = run(executor.start(state, house.services))
    for fields in (ALICE, RIGHT):
        assert isinstance(step, Challenge)
        step = run(executor.answer(step.state, fields, house.services))
    assert isinstance(step, Denied)
    assert step.reason == "no_second_factor"


def test_a_password_that_was_changed_meanwhile_changes_nothing(house: Changing) -> None:
    alice = house.user("alice")
    house.must_change(alice)
    asked = house.browse(ALICE, RIGHT)
    assert isinstance(asked, Challenge)
    elsewhere = house.passwords.hash_now("the administrator's")
    house.sql.write_now(lambda tx: users.set_password(tx, alice, elsewhere))
    denied = run(executor.answer(asked.state, chosen(OWN), house.services))
    assert isinstance(denied, Denied)
    assert denied.reason == "credential_changed"
    assert house.prove("alice", "the administrator's").reason == "accepted"


def test_an_account_that_was_disabled_meanwhile_gets_no_password(house: Changing) -> None:
    alice = house.user("alice")
    house.must_change(alice)
    asked = house.browse(ALICE, RIGHT)
    assert isinstance(asked, Challenge)
    house.sql.write_now(lambda tx: tx.update(replace(tx.get(User, alice), is_active=False)))
    assert isinstance(run(executor.answer(asked.state, chosen(OWN), house.services)), Denied)
    assert house.stored(alice).must_change_password


# --- of one's own accord -------------------------------------------------------------------------------------------

FLOW = "default-password-change"


def test_people_change_their_password(house: Changing) -> None:
    alice = house.user("alice")
    done = house.browse(ALICE, RIGHT, chosen(OWN), slug=FLOW)
    assert isinstance(done, Done)
    assert done.context.login == alice
    assert house.prove("alice", "right").reason == "wrong_password"
    assert house.prove("alice", OWN).reason == "accepted"


def test_a_lost_device_does_not_take_the_account_along(house: Changing) -> None:
    alice = house.user("alice")
    device = house.token(alice, APP_PASSWORD)
    refused = house.browse(ALICE, {"password": device.key}, slug=FLOW)
    assert isinstance(refused, Challenge)
    assert refused.reason == "device_password_in_browser"
    state = a_state("password_change", "user_login", uid="alice", pending_user=alice, proved=alice, method=APP_PASSWORD)
    answered = run(executor.answer(state, chosen(OWN), house.services))
    assert isinstance(answered, Denied)


def test_nothing_is_changed_for_whoever_proved_nothing(house: Changing) -> None:
    alice = house.user("alice")
    state = a_state("password_change", uid="alice", pending_user=alice)
    assert isinstance(run(executor.start(state, house.services)), Denied)
    assert isinstance(run(executor.answer(state, chosen(OWN), house.services)), Denied)


def test_a_flow_does_not_grow_for_ever(house: Changing) -> None:
    alice = house.user("alice")
    house.must_change(alice)
    proved = {"uid": "alice", "pending_user": alice, "proved": alice, "method": "password"}
    state = replace(a_state(*["user_login"] * MOST_STAGES, **proved), position=0)
    assert isinstance(run(executor.start(state, house.services)), Denied)


def test_a_door_runs_no_flow_that_changes_passwords(house: Changing) -> None:
    house.user("alice")
    flow = house.flow("identification", "password", "password_change", "user_login")
    assert house.prove("alice", "right", flow).reason == "flow_needs_browser"


def test_the_longest_age_is_a_duration(house: Changing) -> None:
    house.ages("days=90")
    assert house.sql.read_now(lambda tx: tx.get(Setting, "password_max_age")).value == "days=90"
