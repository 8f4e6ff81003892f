"""Security keys and passkeys in flows: set up, as a second factor, and alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control.flows import executor
from control.flows.state import Challenge, Context, Denied, Done, State, Step
from control.records import Authenticator, AuthenticatorUse, Flow, Stage, User
from control.store.interface import Query
from control.verbs import authenticators, users
from tests.control.flows.house import House
from tests.keys import ORIGIN, SoftwareKey
from tests.stores import run

SETUP = "default-authenticator-webauthn-setup"


class Keys(House):
    """alice and bob each have a key."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.services = replace(self.services, public_url=ORIGIN)
        self.alice, self.bob = self.user("alice"), self.user("bob")
        self.of_alice, self.of_bob = SoftwareKey(1), SoftwareKey(2)
        for user, key in ((self.alice, self.of_alice), (self.bob, self.of_bob)):
            assert isinstance(self.set_up(user, key), Done)

    def set_up(self, user: int, key: SoftwareKey, origin: str = ORIGIN, **fields: str) -> Step:
        step = self.enter(SETUP, user)
        return self.reply(step, response=key.create(component(step)["registration"], origin), **fields)

    def password(self, username: str = "alice") -> Step:
        step = self.reply(self.enter("default-authentication-flow"), uid_field=username)
        return self.reply(step, password="right")

    def keys(self, user: int) -> list[Authenticator]:
        return self.sql.read_now(lambda tx: authenticators.of(tx, user))

    def write(self, verb: Any) -> Any:
        return self.sql.write_now(verb)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Keys]:
    opened = Keys(tmp_path)
    yield opened
    opened.close()


def component(step: Step) -> dict[str, Any]:
    assert isinstance(step, Challenge), step
    return step.component


def options(step: Step) -> dict[str, Any]:
    """What the key is to sign after the password."""
    (device,) = [one for one in component(step)["device_challenges"] if one["device_class"] == "webauthn"]
    return dict(device["challenge"])


def passkey(step: Step) -> dict[str, Any]:
    """What a passkey is to sign, before anybody is named."""
    return dict(component(step)["passkey_challenge"])


def context(step: Step) -> Context:
    assert isinstance(step, Done), step
    return step.context


def refused(step: Step) -> str:
    assert isinstance(step, Challenge), step
    assert "response_errors" in step.component
    return step.reason


# --- setting up ----------------------------------------------------------------------------------------------------


def test_several_keys_have_names(house: Keys) -> None:
    house.set_up(house.alice, SoftwareKey(3), name="  The blue one ")
    assert [key.name for key in house.keys(house.alice)] == ["Passkey", "The blue one"]


def test_a_browser_is_asked_for_what_the_stage_says(house: Keys) -> None:
    asked = component(house.enter(SETUP, house.alice))["registration"]
    assert asked["rp"] == {"id": "auth.example.com", "name": "authentik"}
    assert asked["attestation"] == "none"
    assert [key["id"] for key in asked["excludeCredentials"]] == [house.of_alice.id], "no key is set up twice"
    assert asked["authenticatorSelection"] == {
        "residentKey": "preferred",
        "requireResidentKey": False,
        "userVerification": "preferred",
    }


@pytest.mark.parametrize("origin", ["https://auth.example.com.evil.example", "http://auth.example.com"])
def test_a_key_that_was_made_elsewhere_is_not_taken(house: Keys, origin: str) -> None:
    assert refused(house.set_up(house.alice, SoftwareKey(3), origin)) == "wrong_key"
    assert len(house.keys(house.alice)) == 1


def test_a_key_that_was_made_for_an_earlier_question_is_not_taken(house: Keys) -> None:
    earlier = component(house.enter(SETUP, house.alice))["registration"]
    step = house.enter(SETUP, house.alice)
    assert refused(house.reply(step, response=SoftwareKey(3).create(earlier))) == "wrong_key"


def test_a_stage_that_wants_the_person_verified_takes_no_other_key(house: Keys) -> None:
    def strict(tx: Any) -> None:
        (stage,) = [one for one in tx.select(Stage) if one.kind == "authenticator_webauthn"]
        tx.update(replace(stage, settings={**stage.settings, "user_verification": "required"}))

    house.write(strict)
    assert refused(house.set_up(house.alice, SoftwareKey(3, verifies=False))) == "wrong_key"
    assert isinstance(house.set_up(house.alice, SoftwareKey(4)), Done)


@pytest.mark.parametrize("url", ["", "http://auth.example.com", "https://192.0.2.1"])
def test_without_a_public_url_that_browsers_accept_nothing_is_set_up(house: Keys, url: str) -> None:
    house.services = replace(house.services, public_url=url)
    step = house.enter(SETUP, house.alice)
    assert isinstance(step, Denied)
    assert step.reason == "webauthn_not_possible"


# --- after the password --------------------------------------------------------------------------------------------


def test_a_key_is_a_second_factor(house: Keys) -> None:
    step = house.password()
    asked = options(step)
    assert [key["id"] for key in asked["allowCredentials"]] == [house.of_alice.id]
    done = context(house.reply(step, webauthn=house.of_alice.get(asked)))
    assert (done.login, done.method, done.factor_shown) == (house.alice, "password", True)
    last = house.sql.read_now(lambda tx: authenticators.last_used(tx, authenticators.of(tx, house.alice)))
    assert list(last.values()) == [house.clock()]


def test_the_password_alone_is_not_enough(house: Keys) -> None:
    step = house.password()
    assert refused(house.reply(step, code="")) == ""
    assert refused(house.reply(step, code="123456")) == "wrong_code"
    assert refused(house.reply(step, webauthn="{}")) == "wrong_key"


def test_another_persons_key_is_refused(house: Keys) -> None:
    step = house.password()
    assert refused(house.reply(step, webauthn=house.of_bob.get(options(step)))) == "wrong_key"


@pytest.mark.parametrize("origin", ["https://evil.example", "http://auth.example.com", "https://auth.example.com:8443"])
def test_a_wrong_origin_is_refused(house: Keys, origin: str) -> None:
    step = house.password()
    assert refused(house.reply(step, webauthn=house.of_alice.get(options(step), origin))) == "wrong_key"


def test_another_relying_party_is_refused(house: Keys) -> None:
    step = house.password()
    elsewhere = {**options(step), "rpId": "evil.example"}
    assert refused(house.reply(step, webauthn=house.of_alice.get(elsewhere))) == "wrong_key"


def test_a_replayed_challenge_is_refused(house: Keys) -> None:
    step = house.password()
    shown = house.of_alice.get(options(step))
    assert isinstance(house.reply(step, webauthn=shown), Done)
    assert refused(house.reply(house.password(), webauthn=shown)) == "wrong_key", "in another sign-in"


@pytest.mark.parametrize("counts", [True, False])
def test_the_same_signature_counts_once(house: Keys, counts: bool) -> None:
    """Also of a key that does not count, and if somebody has kept the flow's state."""
    key = SoftwareKey(3, counts=counts)
    house.set_up(house.alice, key)
    step = house.password()
    shown = key.get(options(step))
    assert isinstance(house.reply(step, webauthn=shown), Done)
    assert refused(house.reply(step, webauthn=shown)) in ("wrong_key", "key_cloned")


def test_every_question_is_another_one(house: Keys) -> None:
    step = house.password()
    again = house.reply(step, webauthn="{}")
    assert options(again)["challenge"] != options(step)["challenge"]
    assert refused(house.reply(again, webauthn=house.of_alice.get(options(step)))) == "wrong_key"
    state = State.from_json(again.state.to_json()) if isinstance(again, Challenge) else None
    assert state is not None
    drawn = run(executor.challenge(state, house.services))
    assert drawn is not None
    assert options(drawn) == options(again), "reloading the page asks the same"


def test_a_cloned_key_is_refused(house: Keys) -> None:
    copy = replace(house.of_alice)
    copy.handle = house.of_alice.handle
    for _ in range(2):
        step = house.password()
        house.reply(step, webauthn=house.of_alice.get(options(step)))
    step = house.password()
    assert refused(house.reply(step, webauthn=copy.get(options(step)))) == "key_cloned"
    step = house.password()
    assert isinstance(house.reply(step, webauthn=house.of_alice.get(options(step))), Done)


def test_a_key_that_stopped_counting_is_refused(house: Keys) -> None:
    step = house.password()
    house.reply(step, webauthn=house.of_alice.get(options(step)))
    house.of_alice.counts, house.of_alice.count = False, 0
    step = house.password()
    assert refused(house.reply(step, webauthn=house.of_alice.get(options(step)))) == "key_cloned"


def test_a_deleted_key_opens_nothing(house: Keys) -> None:
    house.set_up(house.alice, SoftwareKey(3))
    step = house.password()
    shown = house.of_alice.get(options(step))
    house.write(lambda tx: authenticators.delete(tx, house.keys(house.alice)[0].pk))
    assert refused(house.reply(step, webauthn=shown)) == "wrong_key"


def test_a_door_without_a_browser_does_not_let_in_whoever_has_only_a_key(house: Keys) -> None:
    assert house.prove("alice", "right").reason == "second_factor_needs_browser"
    assert house.prove("alice", "right;123456").reason in ("wrong_password", "second_factor_needs_browser")


def test_without_a_public_url_a_key_is_not_skipped(house: Keys) -> None:
    house.services = replace(house.services, public_url="")
    step = house.password()
    assert isinstance(step, Denied)
    assert step.reason == "second_factor_needs_browser"


# --- alone ---------------------------------------------------------------------------------------------------------


def test_a_passkey_signs_in_without_a_name_and_a_password(house: Keys) -> None:
    step = house.enter("default-authentication-flow")
    asked = passkey(step)
    assert (asked["allowCredentials"], asked["userVerification"]) == ([], "required")
    done = context(house.reply(step, passkey=house.of_alice.get(asked)))
    assert (done.login, done.uid, done.method) == (house.alice, "alice", "auth_webauthn_pwl")
    assert len(done.factors) == 1
    assert house.passwords.verified == 0


def attacks(house: Keys, step: Step) -> dict[str, str]:
    asked, unknown = passkey(step), SoftwareKey(9)
    unknown.handle = house.of_alice.handle
    nobody, lazy = SoftwareKey(1), replace(house.of_alice, verifies=False)
    lazy.handle = house.of_alice.handle
    of_bob = house.of_bob.get(asked, userHandle=house.of_alice.handle)
    return {
        "not verified": lazy.get(asked),
        "bob's key in alice's name": of_bob,
        "a key that nobody has": unknown.get(asked),
        "an account that nobody has": nobody.get(asked, userHandle="bm9ib2R5"),
        "no account": nobody.get(asked, userHandle=""),
        "another origin": house.of_alice.get(asked, "https://evil.example"),
        "another signature": house.of_alice.get(asked, signature="MAYCAQECAQE"),
        "not JSON": "what?",
        "deep": "[" * 10_000,
        "long": "x" * 20_000,
    }


def test_nothing_else_signs_in(house: Keys) -> None:
    step = house.enter("default-authentication-flow")
    for what, shown in attacks(house, step).items():
        assert refused(house.reply(step, passkey=shown)) in ("wrong_key", "unknown_user"), what


def test_a_disabled_persons_passkey_looks_like_an_unknown_one(house: Keys) -> None:
    step = house.enter("default-authentication-flow")
    nobodys = house.reply(step, passkey=SoftwareKey(9).get(passkey(step), userHandle="bm9ib2R5"))
    house.write(lambda tx: users.update(tx, house.alice, {"is_active": False}))
    disabled = house.reply(step, passkey=house.of_alice.get(passkey(step)))
    assert refused(disabled) == "inactive"
    assert component(disabled)["response_errors"] == component(nobodys)["response_errors"]


def test_where_a_password_is_to_be_asked_for_a_passkey_says_nothing(house: Keys) -> None:
    step = house.enter("default-password-change")
    assert component(step)["passkey_challenge"] is None
    shown = house.of_alice.get({"challenge": step.state.context.nonce, "rpId": "auth.example.com"})  # type: ignore[union-attr]
    assert "uid_field" in component(house.reply(step, passkey=shown))["response_errors"]


def passwordless(house: Keys, designation: str = "authentication") -> Flow:
    flow = house.flow("authenticator_validate", "user_login", slug="passwordless", designation=designation)

    def configure(tx: Any) -> None:
        (stage,) = tx.select(Stage, Query(equal={"name": "passwordless-0"}))
        tx.update(replace(stage, settings={"device_classes": ["webauthn"]}))
        (first,) = tx.select(Stage, Query(equal={"name": "default-authentication-identification"}))
        tx.update(replace(first, settings={**first.settings, "passwordless_flow": flow.pk, "webauthn_stage": None}))

    house.write(configure)
    return flow


def test_a_passwordless_flow(house: Keys) -> None:
    passwordless(house)
    first = component(house.enter("default-authentication-flow"))
    assert first["passwordless_url"] == "/if/flow/passwordless/"
    assert first["passkey_challenge"] is None
    step = house.enter("passwordless")
    done = context(house.reply(step, webauthn=house.of_bob.get(options(step))))
    assert (done.login, done.method) == (house.bob, "auth_webauthn_pwl")
    step = house.enter("passwordless")
    house.of_bob.verifies = False
    assert refused(house.reply(step, webauthn=house.of_bob.get(options(step)))) == "wrong_key"


def test_only_signing_in_goes_without_a_name(house: Keys) -> None:
    passwordless(house, "recovery")
    step = house.enter("passwordless")
    assert isinstance(step, Denied)
    assert step.reason == "flow_proved_nothing"


def test_nothing_of_a_key_is_secret_and_its_use_is_known(house: Keys) -> None:
    (key,) = house.keys(house.alice)
    assert key.secrets == {}
    use = house.sql.read_now(lambda tx: tx.find(AuthenticatorUse, pk=key.pk))
    assert use is not None
    assert house.sql.read_now(lambda tx: tx.get(User, house.alice)).credential_version > 1
