"""The executor with its stages, as a pure state machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from control.flows import executor
from control.flows.stages import STAGES
from control.flows.stages.asking import Silent
from control.flows.state import Challenge, Context, Continue, Denied, Done, FlowServices, PlannedStage, State, Step
from control.records import User
from tests.control.flows.people import LOGIN, TOGETHER, World, a_state
from tests.fakes import run


@pytest.fixture
def world() -> World:
    world = World()
    world.user(1, "alice", "right", email="alice@example.com")
    world.user(2, "bob", "other", email="shared@example.com")
    world.user(3, "carol", "third", email="shared@example.com")
    world.user(4, "disabled", "right", is_active=False)
    world.user(5, "early", "right", valid_from=world.clock.now() + 60)
    world.user(6, "late", "right", valid_until=world.clock.now())
    world.user(7, "nothing")
    return world


def start(world: World, state: State) -> Step:
    return run(executor.start(state, world))


def answer(world: World, step: Step, **fields: str) -> Step:
    assert isinstance(step, Challenge), step
    stored = State.from_json(json.loads(json.dumps(step.state.to_json())))
    assert stored == step.state
    return run(executor.answer(stored, fields, world))


def component(step: Step) -> str:
    assert isinstance(step, Challenge), step
    return str(step.component["component"])


def errors(step: Step) -> Any:
    assert isinstance(step, Challenge), step
    return step.component.get("response_errors")


def test_a_login(world: World) -> None:
    step = start(world, a_state(*LOGIN, next="/if/user/"))
    assert component(step) == "ak-stage-identification"
    step = answer(world, step, uid_field="alice")
    assert component(step) == "ak-stage-password"
    step = answer(world, step, password="right")
    assert isinstance(step, Done)
    assert (step.to, step.context.login, step.context.method) == ("/if/user/", 1, "password")


def test_challenges_have_the_fields_of_the_recorded_ones(world: World) -> None:
    first = start(world, a_state(*LOGIN))
    assert isinstance(first, Challenge)
    assert first.component == {
        "flow_info": {
            "title": "A flow",
            "background": "",
            "background_themed_urls": None,
            "cancel_url": "/flows/-/cancel/",
            "layout": "stacked",
        },
        "component": "ak-stage-identification",
        "user_fields": ["email", "username"],
        "pending_user_identifier": None,
        "password_fields": False,
        "allow_show_password": False,
        "flow_designation": "authentication",
        "captcha_stage": None,
        "primary_action": "Log in",
        "sources": [],
        "show_source_labels": False,
        "enable_remember_me": False,
        "passkey_challenge": None,
    }
    wrong = answer(world, answer(world, first, uid_field="nosuch"), password="x")
    assert isinstance(wrong, Challenge)
    assert set(wrong.component) == {
        "flow_info",
        "component",
        "response_errors",
        "pending_user",
        "pending_user_avatar",
        "allow_show_password",
    }
    assert wrong.component["pending_user"] == "nosuch"
    assert wrong.component["response_errors"]["password"][0]["code"] == "invalid"
    assert wrong.component["pending_user_avatar"].startswith("data:image/svg+xml;base64,")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("alice", 1),
        ("  alice ", 1),
        ("ALICE", 1),
        ("alice@example.com", 1),
        ("Alice@Example.com", 1),
        ("shared@example.com", None),
        ("nosuch", None),
        ("alice\x00", None),
        ("alice\u200b", None),
        ("a" * 255, None),
    ],
)
def test_who_a_name_means(world: World, typed: str, expected: int | None) -> None:
    step = answer(world, start(world, a_state(*LOGIN)), uid_field=typed)
    assert isinstance(step, Challenge)
    assert step.state.context.pending_user == expected


def test_a_user_name_beats_an_email_address(world: World) -> None:
    world.user(8, "alice@example.com", "mine")
    step = answer(world, start(world, a_state(*LOGIN)), uid_field="alice@example.com")
    assert isinstance(step, Challenge)
    assert step.state.context.pending_user == 8


def test_fields_and_case_as_the_stage_says(world: World) -> None:
    only_names = PlannedStage("i", "identification", {"user_fields": ["username"], "case_insensitive_matching": False})
    for typed in ("alice@example.com", "Alice"):
        step = answer(world, start(world, a_state(only_names, "password")), uid_field=typed)
        assert isinstance(step, Challenge)
        assert step.state.context.pending_user is None


UPNS: dict[str, Any] = {"user_fields": ["upn", "email", "username"]}


@pytest.mark.parametrize(
    ("typed", "case_counts", "expected"),
    [
        ("erin@corp.example.com", False, 21),
        ("erin@corp.example.com", True, 21),
        ("ERIN@corp.example.com", False, 21),
        ("ERIN@corp.example.com", True, None),
        ("shared@corp.example.com", False, None),
        ("cased@corp.example.com", True, None),
        ("alice", False, 1),
        ("alice@example.com", False, 1),
        ("", False, None),
        ("nobody@corp.example.com", False, None),
    ],
)
def test_a_upn_names_whose_it_is_alone(world: World, typed: str, case_counts: bool, expected: int | None) -> None:
    """What two share, and what is somebody's name or address, names nobody by a UPN."""
    owned = ("erin@corp.example.com", *["shared@corp.example.com"] * 2, "cased@corp.example.com")
    for pk, upn in enumerate((*owned, "Cased@corp.example.com", "alice", "alice@example.com", ""), start=21):
        world.user(pk, f"u{pk}", "right", attributes={"upn": upn})
    settings = UPNS | {"case_insensitive_matching": not case_counts}
    stage = PlannedStage("i", "identification", settings)
    step = answer(world, start(world, a_state(stage, "password")), uid_field=typed)
    assert isinstance(step, Challenge)
    assert step.state.context.pending_user == expected
    only_names = answer(world, start(world, a_state(*LOGIN)), uid_field="erin@corp.example.com")
    assert isinstance(only_names, Challenge)
    assert only_names.state.context.pending_user is None


REFUSED = [
    ("nosuch", "right", "unknown_user"),
    ("alice", "wrong", "wrong_password"),
    ("nothing", "right", "no_password"),
    ("disabled", "wrong", "wrong_password"),
    ("disabled", "right", "inactive"),
    ("early", "right", "not_yet_valid"),
    ("late", "right", "expired"),
]


@pytest.mark.parametrize(("name", "password", "reason"), REFUSED)
def test_every_refusal_looks_and_costs_the_same(world: World, name: str, password: str, reason: str) -> None:
    second = answer(world, start(world, a_state(*LOGIN)), uid_field=name)
    reads = world.store.reads
    step = answer(world, second, password=password)
    assert isinstance(step, Challenge)
    assert step.reason == reason
    assert errors(step) == {"password": [{"string": "The name or the password is wrong.", "code": "invalid"}]}
    assert (world.store.reads - reads, world.passwords.verified) == (1, 1)


@pytest.mark.parametrize(("name", "password", "reason"), REFUSED)
def test_name_and_password_at_once_are_refused_alike(world: World, name: str, password: str, reason: str) -> None:
    """And keep nobody: the next answer may name somebody else."""
    first = start(world, a_state(TOGETHER, "user_login"))
    reads = world.store.reads
    step = answer(world, first, uid_field=name, password=password)
    assert isinstance(step, Challenge)
    assert (step.reason, component(step)) == (reason, "ak-stage-identification")
    assert errors(step) == {"password": [{"string": "The name or the password is wrong.", "code": "invalid"}]}
    assert (step.state.context.uid, step.state.context.pending_user, step.about.uid) == (None, None, name)
    assert (world.store.reads - reads, world.passwords.verified) == (5, 1)
    done = answer(world, step, uid_field="alice", password="right")
    assert isinstance(done, Done)
    assert (done.context.login, done.context.proved, done.context.method) == (1, 1, "password")


def test_name_and_password_at_once_are_both_asked_for(world: World) -> None:
    first = start(world, a_state(TOGETHER, "user_login"))
    assert isinstance(first, Challenge)
    assert first.component["password_fields"] is True
    for fields, missing in (({}, ["uid_field", "password"]), ({"uid_field": "alice"}, ["password"])):
        step = answer(world, first, **fields)
        assert list(errors(step)) == missing
    for _ in range(5):
        step = answer(world, step, uid_field="alice", password="guess")
    assert isinstance(step, Denied)
    assert (step.reason, step.context.uid, step.context.pending_user) == ("wrong_password", "alice", 1)


def test_without_the_stage_that_checks_the_password_nobody_comes_further(world: World) -> None:
    gone = PlannedStage("together", "identification", {"password_stage": "gone"})
    step = answer(world, start(world, a_state(gone, "user_login")), uid_field="alice", password="right")
    assert isinstance(step, Denied)
    assert step.reason == "flow_denied"


def test_too_many_wrong_passwords_end_the_flow(world: World) -> None:
    step = answer(world, start(world, a_state(*LOGIN)), uid_field="alice")
    for _ in range(executor.MOST_FAILURES - 1):
        step = answer(world, step, password="wrong")
        assert isinstance(step, Challenge)
    step = answer(world, step, password="wrong")
    assert isinstance(step, Denied)
    assert step.reason == "wrong_password"


def test_an_empty_answer_is_no_failure(world: World) -> None:
    step = start(world, a_state(*LOGIN))
    for _ in range(executor.MOST_FAILURES + 1):
        step = answer(world, step, uid_field="  ")
    assert errors(step)["uid_field"][0]["code"] == "required"


def test_a_hash_made_at_another_cost_is_made_again(world: World) -> None:
    world.change(1, password="old:right")
    answer(world, answer(world, start(world, a_state(*LOGIN)), uid_field="alice"), password="right")
    assert run(world.store.read(lambda tx: tx.get(User, 1))).password == "hash:right"


# --- flows put together wrongly deny -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stages", "reason"),
    [
        (("user_login",), "flow_proved_nothing"),
        (("deny",), "flow_denied"),
        (("no_such_kind",), "flow_denied"),
        ((PlannedStage("r", "redirect", {"target_static": "javascript:alert(1)"}),), "flow_denied"),
        ((PlannedStage("r", "redirect", {}),), "flow_denied"),
    ],
)
def test_denied_at_once(world: World, stages: tuple[str | PlannedStage, ...], reason: str) -> None:
    step = start(world, a_state(*stages))
    assert isinstance(step, Denied)
    assert step.reason == reason
    assert step.component["component"] == "ak-stage-access-denied"


def test_a_login_without_a_password_stage(world: World) -> None:
    step = answer(world, start(world, a_state("identification", "user_login")), uid_field="alice")
    assert isinstance(step, Denied)
    assert step.reason == "flow_proved_nothing"


def test_a_password_for_nobody(world: World) -> None:
    step = answer(world, start(world, a_state("password", "user_login")), password="right")
    assert isinstance(step, Denied)


def test_a_second_identification_cannot_change_the_person(world: World) -> None:
    flow = a_state("identification", "password", "identification", "user_login")
    step = answer(world, answer(world, start(world, flow), uid_field="alice"), password="right")
    assert isinstance(answer(world, step, uid_field="bob"), Denied)
    assert isinstance(answer(world, step, uid_field="nosuch"), Denied)
    same = answer(world, step, uid_field="alice")
    assert isinstance(same, Done)
    assert same.context.login == 1


def test_an_unknown_name_cannot_become_somebody(world: World) -> None:
    step = answer(world, start(world, a_state("identification", "identification")), uid_field="nosuch")
    assert isinstance(answer(world, step, uid_field="alice"), Denied)


def test_disabled_between_password_and_login(world: World) -> None:
    step = answer(
        world, start(world, a_state("identification", "password", "identification", "user_login")), uid_field="alice"
    )
    step = answer(world, step, password="right")
    world.change(1, is_active=False)
    step = answer(world, step, uid_field="alice")
    assert isinstance(step, Denied)
    assert step.reason == "inactive"


def test_a_deny_stage_after_the_login_stage_signs_nobody_in(world: World) -> None:
    step = answer(world, answer(world, start(world, a_state(*LOGIN, "deny")), uid_field="alice"), password="right")
    assert isinstance(step, Denied)


def test_redirects_leave(world: World) -> None:
    for target in ("https://example.com/there", "/here"):
        step = start(world, a_state(PlannedStage("r", "redirect", {"target_static": target})))
        assert isinstance(step, Done)
        assert step.to == target


def test_logout_only_says_so(world: World) -> None:
    step = start(world, a_state("user_logout"))
    assert isinstance(step, Done)
    assert step.context.logout


# --- the executor's own rules, against stages that break them ------------------------------------------------------


class Rogue(Silent):
    """A stage that changes what it is told to."""

    def __init__(self, changes: Mapping[str, Any], writes: frozenset[str]) -> None:
        self.changes = changes
        self.writes = writes

    async def arrive(self, context: Context, settings: Mapping[str, Any], services: FlowServices) -> Continue:
        return Continue(self.changes)


def test_a_stage_writes_what_it_declares_and_nothing_else(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STAGES, "rogue", Rogue({"login": 1}, frozenset({"uid"})))
    with pytest.raises(AssertionError, match="wrote"):
        start(world, a_state("rogue"))


@pytest.mark.parametrize(
    "changes",
    [{"login": 1}, {"pending_user": 1, "login": 1}, {"pending_user": 1, "proved": 2, "login": 2}, {"proved": 1}],
)
def test_nobody_is_signed_in_unproved(world: World, monkeypatch: pytest.MonkeyPatch, changes: dict[str, int]) -> None:
    monkeypatch.setitem(STAGES, "rogue", Rogue(changes, frozenset(changes)))
    step = start(world, a_state("rogue"))
    assert isinstance(step, Denied)
    assert step.reason == "flow_proved_nothing"


@pytest.mark.parametrize(
    "stored",
    [
        None,
        [],
        {},
        {"slug": "x"},
        {**a_state("deny").to_json(), "unknown": 1},
        {**a_state("deny").to_json(), "context": {"x": 1}},
        {**a_state("deny").to_json(), "plan": [{"x": 1}]},
    ],
)
def test_a_state_of_another_version_is_none(stored: object) -> None:
    assert State.from_json(stored) is None


def test_answers_after_the_end_are_denied(world: World) -> None:
    ended = replace(a_state("deny"), position=1)
    assert isinstance(run(executor.answer(ended, {}, world)), Denied)
    assert run(executor.challenge(ended, world)) is None


@pytest.mark.parametrize("typed", ["alice", "Alice", "ALICE"])
def test_names_ignore_case_unless_the_stage_says_otherwise(world: World, typed: str) -> None:
    step = answer(world, start(world, a_state(*LOGIN)), uid_field=typed)
    assert isinstance(answer(world, step, password="right"), Done)
