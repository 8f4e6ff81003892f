"""Second factors in a flow: in a browser, and behind the password at a door without one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyotp
import pytest

from control.authentication import Proved
from control.flows import executor, pending
from control.flows.planning import plan
from control.flows.state import Challenge, Denied, Done, State, Step
from control.proofs import proofs
from control.records import Authenticator, PendingChallenge, Stage
from control.store.interface import Query, Transaction
from control.verbs import authenticators, users
from protocols.link.messages import Authenticate, Reuse
from tests.control.flows.house import House
from tests.stores import run

VALIDATE = "default-authentication-mfa-validation"


class Guarded(House):
    """alice has a program (and a list, where a test gives her one); bob has no second factor."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.alice, self.bob = self.user("alice"), self.user("bob")
        self.totp = self.with_totp(self.alice)
        self.clock.advance(600)
        self.table = proofs(self.services)
        self.door = self.provider(settings={})

    def with_totp(self, user: int) -> Authenticator:
        def verb(tx: Transaction) -> Authenticator:
            begun = authenticators.begin_totp(tx, user, self.services.random)
            code = pyotp.TOTP(begun.secrets["key"]).at(int(tx.now))
            confirmed = authenticators.confirm_totp(tx, user, code)
            assert confirmed is not None
            return confirmed

        return self.sql.write_now(verb)

    def with_list(self, user: int, length: int = 8) -> list[str]:
        def verb(tx: Transaction) -> list[str]:
            authenticators.begin_static(tx, user, self.services.random, 3, length)
            confirmed = authenticators.confirm_static(tx, user)
            assert confirmed is not None
            return list(confirmed.secrets["codes"])

        return self.sql.write_now(verb)

    @property
    def code(self) -> str:
        return pyotp.TOTP(self.totp.secrets["key"]).at(int(self.clock()))

    def configure(self, **settings: Any) -> None:
        def verb(tx: Transaction) -> None:
            stage = tx.find(Stage, name=VALIDATE)
            assert stage is not None
            tx.update(replace(stage, settings=stage.settings | settings))

        self.sql.write_now(verb)

    def stage_pk(self, name: str) -> str:
        return self.sql.read_now(lambda tx: tx.select(Stage, Query(equal={"name": name}))[0]).pk

    # --- in a browser ---

    def begin(self, username: str, password: str = "right") -> Step:
        flow = self.default()
        state = self.sql.read_now(lambda tx: plan(tx, flow, None))
        step = run(executor.start(state, self.browser))
        return self.answer(self.answer(step, uid_field=username), password=password)

    def answer(self, step: Step, **fields: str) -> Step:
        assert isinstance(step, Challenge), step
        state = State.from_json(step.state.to_json())
        assert state is not None
        return run(executor.answer(state, fields, self.browser))

    @property
    def browser(self) -> Any:
        return replace(self.services, origin="http 192.0.2.1")

    # --- at a door ---

    def ask(self, username: str, proof: Mapping[str, Any], can_ask: bool = False, **fields: Any) -> Proved:
        given: dict[str, Any] = {"protocol": "radius", "peer": "192.0.2.9", **fields}
        question = Authenticate("q", self.door.pk, username, dict(proof), can_ask=can_ask, **given)
        return run(self.table[proof["kind"]](self.door, question))  # type: ignore[arg-type]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Guarded]:
    opened = Guarded(tmp_path)
    yield opened
    opened.close()


def asks(step: Step) -> str:
    assert isinstance(step, Challenge), step
    return str(step.component["component"])


# --- in a browser --------------------------------------------------------------------------------------------------


def test_a_code_is_asked_after_the_password_and_only_of_those_who_have_a_factor(house: Guarded) -> None:
    step = house.begin("alice")
    assert isinstance(step, Challenge)
    assert {
        name: value for name, value in step.component.items() if name not in ("flow_info", "pending_user_avatar")
    } == {
        "component": "ak-stage-authenticator-validate",
        "pending_user": "alice",
        "device_challenges": [
            {
                "device_class": "totp",
                "device_uid": str(house.totp.pk),
                "challenge": {},
                "last_used": "2023-11-14T22:13:20.000000Z",
            }
        ],
        "configuration_stages": [],
    }
    done = house.answer(step, code=house.code)
    assert isinstance(done, Done)
    assert (done.context.login, done.context.factors) == (house.alice, (house.totp.pk,))
    without = house.begin("bob")
    assert isinstance(without, Done)
    assert without.context.login == house.bob


def test_a_wrong_password_asks_for_no_code(house: Guarded) -> None:
    assert asks(house.begin("alice", "wrong")) == "ak-stage-password"
    assert asks(house.begin("nobody")) == "ak-stage-password"


@pytest.mark.parametrize("typed", ["", " ", "000000"])
def test_without_the_code_nobody_gets_further(house: Guarded, typed: str) -> None:
    step = house.answer(house.begin("alice"), code=typed)
    assert isinstance(step, Challenge)
    assert "code" in step.component["response_errors"]


def test_a_code_that_was_used_is_wrong_also_in_another_browser(house: Guarded) -> None:
    code = house.code
    first, second = house.begin("alice"), house.begin("alice")
    assert isinstance(house.answer(first, code=code), Done)
    step = house.answer(second, code=code)
    assert isinstance(step, Challenge)
    assert step.reason == "wrong_code"


def test_too_many_wrong_codes_are_not_looked_at_any_more(house: Guarded) -> None:
    step = house.begin("alice")
    for _ in range(authenticators.FREE_FAILURES):
        step = house.answer(step, code="000000")
    step = house.answer(step, code=house.code)
    assert isinstance(step, Challenge)
    assert step.reason == "device_throttled"


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_an_app_password_opens_nothing_in_a_browser(house: Guarded, who: str) -> None:
    """With a second factor or without one."""
    owner = {"alice": house.alice, "bob": house.bob}[who]
    key = house.token(owner, "app_password").key
    step, wrong = house.begin(who, key), house.begin(who, "wrong")
    assert isinstance(step, Challenge)
    assert isinstance(wrong, Challenge)
    assert step.reason == "device_password_in_browser"
    assert step.component == wrong.component
    assert step.state.context.proved is None
    assert house.prove(who, key).reason == "accepted"


def test_a_code_counts_for_a_while_at_the_same_address(house: Guarded) -> None:
    house.configure(last_auth_threshold="minutes=5")
    assert isinstance(house.answer(house.begin("alice"), code=house.code), Done)
    house.clock.advance(299)
    assert isinstance(house.begin("alice"), Done)
    house.clock.advance(1)
    assert asks(house.begin("alice")) == "ak-stage-authenticator-validate"


def test_who_has_no_factor_may_be_refused(house: Guarded) -> None:
    house.configure(not_configured_action="deny")
    step = house.begin("bob")
    assert isinstance(step, Denied)
    assert step.reason == "no_second_factor"


def test_a_class_that_the_stage_does_not_name_is_no_factor(house: Guarded) -> None:
    house.configure(device_classes=["static"], not_configured_action="deny")
    step = house.begin("alice")
    assert isinstance(step, Denied)


def test_who_has_no_factor_may_have_to_set_one_up_on_the_way(house: Guarded) -> None:
    house.configure(
        not_configured_action="configure", configuration_stages=[house.stage_pk("default-authenticator-totp-setup")]
    )
    step = house.begin("bob")
    assert isinstance(step, Challenge)
    assert asks(step) == "ak-stage-authenticator-totp"
    program = pyotp.parse_uri(step.component["config_url"])
    assert isinstance(program, pyotp.TOTP)
    assert (program.name, program.issuer) == ("bob", "authentik")
    assert "secret" not in str(step.state.to_json())
    assert asks(house.answer(step, code="000000")) == "ak-stage-authenticator-totp"
    done = house.answer(step, code=program.at(int(house.clock())))
    assert isinstance(done, Done)
    assert done.context.login == house.bob
    assert asks(house.begin("bob")) == "ak-stage-authenticator-validate"


def test_of_several_ways_to_set_one_up_the_person_chooses(house: Guarded) -> None:
    stages = [house.stage_pk(f"default-authenticator-{kind}-setup") for kind in ("totp", "static")]
    house.configure(not_configured_action="configure", configuration_stages=stages)
    step = house.begin("bob")
    assert isinstance(step, Challenge)
    assert [stage["pk"] for stage in step.component["configuration_stages"]] == stages
    assert asks(house.answer(step, code="000000")) == "ak-stage-authenticator-validate"
    assert asks(house.answer(step, selected_stage=house.stage_pk(VALIDATE))) == "ak-stage-authenticator-validate"
    shown = house.answer(step, selected_stage=stages[1])
    assert isinstance(shown, Challenge)
    assert len(shown.component["codes"]) == 6
    assert isinstance(house.answer(shown), Done)
    assert isinstance(house.answer(house.begin("bob"), code=shown.component["codes"][0]), Done)


def test_who_has_a_factor_cannot_set_up_another_instead_of_showing_it(house: Guarded) -> None:
    stage = house.stage_pk("default-authenticator-totp-setup")
    house.configure(not_configured_action="configure", configuration_stages=[stage])
    step = house.answer(house.begin("alice"), selected_stage=stage)
    assert asks(step) == "ak-stage-authenticator-validate"


def test_a_flow_that_asks_for_the_second_factor_first_denies(house: Guarded) -> None:
    flow = house.flow("identification", "authenticator_validate", "password", "user_login")
    assert house.prove("alice", f"right;{house.code}", flow).reason == "flow_proved_nothing"


def test_setting_one_up_is_for_people_who_are_known(house: Guarded) -> None:
    for kind in ("authenticator_totp", "authenticator_static"):
        flow = house.flow(kind, slug=kind.replace("_", "-"))
        state = house.sql.read_now(lambda tx, flow=flow: plan(tx, flow, None))  # type: ignore[misc]
        assert isinstance(run(executor.start(state, house.services)), Denied)
    assert house.sql.read_now(lambda tx: tx.count(Authenticator)) == 1


# --- at a door without a browser -----------------------------------------------------------------------------------


def password(typed: str) -> dict[str, str]:
    return {"kind": "password", "password": typed}


def test_the_code_stands_behind_the_password(house: Guarded) -> None:
    proved = house.ask("alice", password(f"right;{house.code}"))
    assert (proved.reason, proved.user, proved.reuse) == ("accepted", house.alice, None)


def test_the_same_code_again_is_refused(house: Guarded) -> None:
    typed = password(f"right;{house.code}")
    assert house.ask("alice", typed).reason == "accepted"
    assert house.ask("alice", typed) == Proved("wrong_code", house.alice)


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("right", "code_needed"),
        ("right;000000", "wrong_code"),
        ("right;", "wrong_password"),
        ("right;12345", "wrong_password"),
        ("right;1234567", "wrong_password"),
        ("right;12345a", "wrong_password"),
        ("wrong;{code}", "wrong_password"),
        ("right; {code}", "wrong_password"),
        ("right;x;{code}", "wrong_password"),
        ("right{code}", "wrong_password"),
        ("right;{code};", "wrong_password"),
    ],
)
def test_what_is_typed_wrong_is_refused(house: Guarded, typed: str, reason: str) -> None:
    assert house.ask("alice", password(typed.format(code=house.code))) == Proved(reason, house.alice)
    assert house.ask("alice", password(f"right;{house.code}")).reason == "accepted", "no code was used up"


def test_the_last_separator_counts(house: Guarded) -> None:
    house.sql.write_now(lambda tx: users.set_password(tx, house.alice, house.passwords.hash_now("a;123456")))
    assert house.ask("alice", password(f"a;123456;{house.code}")).reason == "accepted"


def test_a_code_from_the_list_goes_too_and_once(house: Guarded) -> None:
    codes = house.with_list(house.alice)
    assert house.ask("alice", password(f"right;{codes[0]}")).reason == "accepted"
    assert house.ask("alice", password(f"right;{codes[0]}")).reason == "wrong_code"
    longer = house.with_list(house.bob, length=12)
    assert house.ask("bob", password(f"right;{longer[0]}")).reason == "accepted"


def test_to_those_without_a_factor_a_separator_is_a_character(house: Guarded) -> None:
    house.sql.write_now(lambda tx: users.set_password(tx, house.bob, house.passwords.hash_now("a;123456")))
    proved = house.ask("bob", password("a;123456"))
    assert (proved.reason, proved.reuse) == ("accepted", Reuse(600.0))
    assert house.ask("bob", password("a")).reason == "wrong_password"


def test_an_app_password_is_enough_at_a_door(house: Guarded) -> None:
    key = house.token(house.alice, "app_password").key
    assert house.ask("alice", password(key)).reason == "accepted"


def test_a_provider_without_mfa_support_takes_no_codes(house: Guarded) -> None:
    house.door = replace(house.door, settings={"mfa_support": False})
    assert house.ask("alice", password(f"right;{house.code}")) == Proved("wrong_password", house.alice)
    assert house.ask("alice", password("right"), can_ask=True) == Proved("code_not_possible", house.alice)
    assert house.ask("bob", password("right")).reason == "accepted"


@pytest.mark.parametrize("action", ["deny", "configure"])
def test_who_must_have_a_factor_and_has_none_is_refused(house: Guarded, action: str) -> None:
    house.configure(not_configured_action=action)
    assert house.ask("bob", password("right")) == Proved("no_second_factor", house.bob)


def test_a_lost_factor_that_was_deleted_is_asked_for_no_more(house: Guarded) -> None:
    before, half = house.ask("alice", password(f"right;{house.code}")), house.begin("alice")
    house.sql.write_now(lambda tx: authenticators.delete(tx, house.totp.pk))
    proved = house.ask("alice", password("right"))
    assert (before.reason, proved.reason, proved.user) == ("accepted", "accepted", house.alice)
    assert proved.version == before.version + 1, "what an outpost remembers is over"
    assert asks(house.answer(half, code=house.code)) == "ak-stage-authenticator-validate", "whoever found it"
    done = house.begin("alice")
    assert isinstance(done, Done)
    assert (done.context.login, done.context.factors) == (house.alice, ())


def test_too_many_wrong_codes_are_throttled(house: Guarded) -> None:
    for _ in range(authenticators.FREE_FAILURES):
        assert house.ask("alice", password("right;000000")).reason == "wrong_code"
    assert house.ask("alice", password(f"right;{house.code}")) == Proved("device_throttled", house.alice)


def test_every_refusal_costs_one_hash_whatever_was_typed(house: Guarded) -> None:
    for name in ("alice", "bob", "nobody"):
        for typed in ("wrong", "wrong;123456"):
            house.passwords.verified = 0
            house.ask(name, password(typed))
            assert house.passwords.verified == 1, (name, typed)


# --- challenge and reply -------------------------------------------------------------------------------------------


def challenged(house: Guarded, **fields: Any) -> str:
    proved = house.ask("alice", password("right"), can_ask=True, **fields)
    assert (proved.reason, proved.user) == ("code_needed", house.alice)
    assert proved.challenge is not None
    assert proved.challenge.message == pending.MESSAGE
    assert len(proved.challenge.state) <= 64
    return proved.challenge.state


def reply(state: object, response: object) -> dict[str, object]:
    return {"kind": "reply", "state": state, "response": response}


def test_a_door_that_can_ask_gets_a_challenge_and_the_reply_lets_in(house: Guarded) -> None:
    state = challenged(house)
    proved = house.ask("alice", reply(state, house.code), can_ask=True)
    assert (proved.reason, proved.user, proved.version, proved.reuse) == ("accepted", house.alice, 3, None)


def test_a_state_is_good_once_right_or_wrong(house: Guarded) -> None:
    state = challenged(house)
    assert house.ask("alice", reply(state, "000000")) == Proved("wrong_code", house.alice)
    assert house.ask("alice", reply(state, house.code)) == Proved("challenge_over")
    state = challenged(house)
    assert house.ask("alice", reply(state, house.code)).reason == "accepted"
    assert house.ask("alice", reply(state, house.code)) == Proved("challenge_over")


@pytest.mark.parametrize(
    "other",
    [
        {"peer": "192.0.2.8"},
        {"protocol": "ldap"},
        {"attributes": {"calling_station": "x"}},
        {"attributes": {"nas": "another behind the same gateway"}},
        {"name": "bob"},
    ],
)
def test_a_state_is_good_for_whom_it_was_made_alone(house: Guarded, other: dict[str, Any]) -> None:
    state = challenged(house)
    name = other.pop("name", "alice")
    assert house.ask(name, reply(state, house.code), **other) == Proved("challenge_over")
    assert house.ask("alice", reply(state, house.code)).reason == "accepted", "and nobody else uses it up"


def test_a_state_of_another_provider_is_not_good(house: Guarded) -> None:
    state, first = challenged(house), house.door
    house.door = house.sql.write_now(lambda tx: tx.insert(replace(first, pk=0, name="other")))
    assert house.ask("alice", reply(state, house.code)) == Proved("challenge_over")


def test_a_state_ends(house: Guarded) -> None:
    state = challenged(house)
    house.clock.advance(pending.WAIT_SECONDS)
    assert house.ask("alice", reply(state, house.code)) == Proved("challenge_over")


@pytest.mark.parametrize("proof", [reply("", "1"), reply("x" * 1000, "1"), reply("made up", "1")])
def test_a_state_that_was_never_given_is_over(house: Guarded, proof: dict[str, object]) -> None:
    assert house.ask("alice", proof) == Proved("challenge_over")


@pytest.mark.parametrize("proof", [reply(None, "1"), reply("x", 1), {"kind": "reply"}])
def test_a_reply_with_wrong_parts_is_malformed(house: Guarded, proof: dict[str, object]) -> None:
    assert house.ask("alice", proof) == Proved("malformed_proof")


def test_waiting_logins_are_bounded_swept_and_tell_no_state(house: Guarded) -> None:
    states = [challenged(house) for _ in range(pending.MOST_OF_ONE + 3)]
    waiting = house.sql.read_now(lambda tx: tx.select(PendingChallenge))
    assert len(waiting) == pending.MOST_OF_ONE
    assert not any(state in str(waiting) for state in states)
    house.clock.advance(pending.WAIT_SECONDS)
    challenged(house)
    assert house.sql.read_now(lambda tx: tx.count(PendingChallenge)) == 1


def test_nobody_is_asked_before_the_password_was_right(house: Guarded) -> None:
    for name, typed in (("alice", "wrong"), ("nobody", "right")):
        assert house.ask(name, password(typed), can_ask=True).challenge is None
    assert house.sql.read_now(lambda tx: tx.count(PendingChallenge)) == 0


def test_a_door_that_cannot_ask_is_told_and_nothing_waits(house: Guarded) -> None:
    assert house.ask("alice", password("right")) == Proved("code_needed", house.alice)
    assert house.sql.read_now(lambda tx: tx.count(PendingChallenge)) == 0
