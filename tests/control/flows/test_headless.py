"""A password proved without a browser, on a real store with the default flows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from control.authentication import Proved
from control.flows import headless
from control.flows.headless import MOST_ANSWERS, password_proof
from control.flows.stages.checking import APP_PASSWORDS, BUILT_IN
from control.purposes import headless_flow
from control.records import Binding, Flow, Provider, Session, Stage, TokenUse
from control.store.interface import NotFound, Query, Transaction
from control.verbs import authenticators
from control.verbs.composing import MOST_STAGES
from protocols.link.messages import Authenticate, Reuse
from tests.control.flows.house import House
from tests.stores import run


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    opened = House(tmp_path)
    yield opened
    opened.close()


def test_right(house: House) -> None:
    alice = house.user("alice", email="alice@example.com")
    assert house.prove("alice", "right") == Proved("accepted", alice, 2)
    assert house.prove("ALICE", "right") == Proved("accepted", alice, 2)
    assert house.prove("alice@example.com", "right") == Proved("accepted", alice, 2)


def test_refused_and_why_at_the_same_cost(house: House) -> None:
    now = house.clock.now()
    pks = {
        "alice": house.user("alice"),
        "disabled": house.user("disabled", is_active=False),
        "early": house.user("early", valid_from=now + 1),
        "late": house.user("late", valid_until=now),
        "empty": house.user("empty", password=None),
    }
    for name, password, reason in (
        ("alice", "wrong", "wrong_password"),
        ("nosuch", "right", "unknown_user"),
        ("disabled", "right", "inactive"),
        ("disabled", "wrong", "wrong_password"),
        ("early", "right", "not_yet_valid"),
        ("late", "right", "expired"),
        ("empty", "right", "no_password"),
    ):
        house.passwords.verified = 0
        assert house.prove(name, password) == Proved(reason, pks.get(name))
        assert house.passwords.verified == 1, name


def together(house: House, **settings: str) -> Flow:
    """A flow that asks for name and password at once, and then for a second factor."""

    def verb(tx: Transaction) -> None:
        (asks,) = tx.select(Stage, Query(equal={"name": "own-0"}))
        (checks,) = tx.select(Stage, Query(equal={"name": "default-authentication-password"}))
        tx.update(replace(asks, settings={"password_stage": checks.pk, **settings}))

    flow = house.flow("identification", "authenticator_validate", "user_login")
    house.sql.write_now(verb)
    return flow


def test_name_and_password_at_once(house: House) -> None:
    alice = house.user("alice", email="alice@example.com")
    house.user("disabled", is_active=False)
    flow = together(house)
    assert house.prove("alice@example.com", "right", flow) == Proved("accepted", alice, 2)
    for name, password, reason in (
        ("alice", "wrong", "wrong_password"),
        ("nosuch", "right", "unknown_user"),
        ("disabled", "right", "inactive"),
        ("alice", "", "wrong_password"),
        ("", "right", "unknown_user"),
    ):
        house.passwords.verified = 0
        assert house.prove(name, password, flow).reason == reason
        assert house.passwords.verified == (1 if name and password else 0), name
    assert house.prove("alice", "wrong", flow).user == alice


def test_name_and_password_at_once_with_a_code_behind_it(house: House) -> None:
    alice = house.user("alice", "a;b")
    flow = together(house)

    def codes(tx: Transaction) -> str:
        authenticators.begin_static(tx, alice, house.services.random, 1, 12)
        factor = authenticators.confirm_static(tx, alice)
        assert factor is not None
        return str(factor.secrets["codes"][0])

    code = house.sql.write_now(codes)
    assert house.prove("alice", "a;b", flow) == Proved("code_needed", alice)
    assert house.prove("alice", f"a;b;{code}", flow).reason == "accepted"


def test_nothing_typed(house: House) -> None:
    house.user("alice")
    assert house.prove("", "right").reason == "unknown_user"
    assert house.prove("alice", "").reason == "wrong_password"
    assert house.prove("alice\x00", "right").reason == "unknown_user"


def test_no_session_is_made(house: House) -> None:
    house.user("alice")
    house.prove("alice", "right")
    assert house.sql.read_now(lambda tx: tx.count(Session)) == 0


@pytest.mark.parametrize(
    ("kinds", "reason"),
    [
        ((), "flow_proved_nothing"),
        (("identification",), "flow_proved_nothing"),
        (("identification", "user_login"), "flow_proved_nothing"),
        (("user_login",), "flow_proved_nothing"),
        (("deny",), "flow_denied"),
        (("identification", "password", "deny"), "flow_denied"),
        (("password", "user_login"), "flow_denied"),
        (("identification", "password", "consent", "user_login"), "flow_needs_browser"),
        (("redirect",), "flow_needs_browser"),
        (("initial_setup", "user_login"), "flow_needs_browser"),
        (("user_logout",), "flow_needs_browser"),
        (("identification", "password", "no_such_kind"), "flow_needs_browser"),
        (("identification",) * (MOST_ANSWERS + 1), "flow_denied"),
        (("identification",) * (MOST_STAGES + 1), "flow_denied"),
    ],
)
def test_flows_that_prove_nothing_are_refused(house: House, kinds: tuple[str, ...], reason: str) -> None:
    house.user("alice")
    assert house.prove("alice", "right", house.flow(*kinds)).reason == reason


def test_a_flow_without_a_login_stage_proves_too(house: House) -> None:
    alice = house.user("alice")
    assert house.prove("alice", "right", house.flow("identification", "password")) == Proved("accepted", alice, 2)


@pytest.mark.parametrize("requirement", ["require_authenticated", "require_superuser", "require_token", "nonsense"])
def test_requirements_that_nobody_headless_meets(house: House, requirement: str) -> None:
    house.user("alice")
    flow = house.flow("identification", "password", authentication=requirement)
    assert house.prove("alice", "right", flow).reason == "flow_denied"


def test_a_bound_flow_is_not_for_strangers(house: House) -> None:
    alice = house.user("alice")
    flow = house.flow("identification", "password")
    house.sql.write_now(lambda tx: tx.insert(Binding(flow.pk, user=alice)))
    assert house.prove("alice", "right", flow).reason == "no_binding"


# --- which flow (D10) ----------------------------------------------------------------------------------------------


def test_which_flow_a_provider_runs(house: House) -> None:
    own = house.flow("identification", "password", slug="own")
    other = house.flow("identification", "password", slug="other")
    implicit = house.flow(slug="implicit", designation="authorization")
    for provider, expected in (
        (Provider("p", "ldap"), "default-authentication-flow"),
        (Provider("p", "ldap", authentication_flow=own.pk, authorization_flow=other.pk), "own"),
        (Provider("p", "ldap", authorization_flow=other.pk), "other"),
        (Provider("p", "ldap", authorization_flow=implicit.pk), "default-authentication-flow"),
    ):
        assert house.sql.read_now(partial(headless_flow, provider=provider)).slug == expected


def test_an_implicit_consent_flow_lets_nobody_in(house: House) -> None:
    """The trap of D10: it has no stages, so whoever ran it would be let in with any password."""
    alice = house.user("alice")
    implicit = house.sql.read_now(lambda tx: tx.find(Flow, slug="default-provider-authorization-implicit-consent"))
    assert implicit is not None
    provider = house.provider(authorization_flow=implicit.pk)
    prove = password_proof(house.services)
    asked = {"id": "1", "provider": provider.pk, "username": "alice", "protocol": "ldap", "peer": "192.0.2.1"}

    def proved(password: object) -> Proved:
        return run(prove(provider, Authenticate(proof={"kind": "password", "password": password}, **asked)))  # type: ignore[arg-type]

    assert proved("wrong") == Proved("wrong_password", alice)
    assert proved("right") == Proved("accepted", alice, 2)
    assert proved(None) == Proved("unsupported_proof")
    assert proved({"$ne": ""}) == Proved("unsupported_proof")


def test_without_a_default_flow_the_first_serves_and_without_any_nothing(house: House) -> None:
    def without_default(tx: Transaction) -> None:
        tx.delete(house_flow(tx))

    def house_flow(tx: Transaction) -> Flow:
        return tx.select(Flow, Query(equal={"designation": "authentication"}))[0]

    house.sql.write_now(without_default)
    with pytest.raises(NotFound):
        house.default()
    house.flow("identification", slug="b")
    house.flow("identification", slug="a")
    assert house.default().slug == "a"


def test_answers_are_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.user("alice")
    monkeypatch.setattr(headless, "MOST_ANSWERS", 2)
    assert house.prove("alice", "right").reason == "flow_denied"


# --- passwords of devices ------------------------------------------------------------------------------------------


def test_an_app_password_stands_for_the_password_and_ends_when_it_ends(house: House) -> None:
    alice = house.user("alice")
    ends = house.clock.now() + 60
    key = house.token(alice, "app_password", expires=ends).key
    proved = house.prove("alice", key)
    assert (proved.reason, proved.user, proved.version) == ("accepted", alice, 2)
    assert (proved.reuse, house.passwords.verified) == (Reuse(600.0, not_after=ends), 0)
    assert house.sql.read_now(lambda tx: tx.select(TokenUse))[0].last_used == house.clock.now()
    assert house.prove("alice", "right").reuse == Reuse(600.0)
    house.clock.advance(60)
    assert house.prove("alice", key).reason == "device_password_expired"


def test_an_app_password_of_a_bad_account_is_refused_and_costs_the_same(house: House) -> None:
    alice = house.user("alice", is_active=False)
    key = house.token(alice, "app_password").key
    assert house.prove("alice", key) == Proved("inactive", alice)
    assert house.passwords.verified == 1


def test_an_app_password_is_good_for_its_owner_alone(house: House) -> None:
    alice, bob = house.user("alice"), house.user("bob")
    key = house.token(alice, "app_password").key
    assert house.prove("bob", key) == Proved("wrong_password", bob)


def test_one_without_a_password_of_their_own_may_have_an_app_password(house: House) -> None:
    machine = house.user("machine", password=None)
    key = house.token(machine, "app_password").key
    assert house.prove("machine", key).user == machine
    assert house.prove("machine", "x") == Proved("no_password", machine)


def test_the_password_stage_says_what_stands_for_a_password(house: House) -> None:
    alice = house.user("alice")
    key = house.token(alice, "app_password").key
    flow = house.flow("identification", "password")

    def backends(*names: str) -> None:
        def verb(tx: Transaction) -> None:
            stage = tx.find(Stage, name="own-1")
            assert stage is not None
            tx.update(replace(stage, settings={"backends": list(names)}))

        house.sql.write_now(verb)

    backends(BUILT_IN)
    assert (house.prove("alice", key, flow).reason, house.prove("alice", "right", flow).reason) == (
        "wrong_password",
        "accepted",
    )
    backends(APP_PASSWORDS)
    assert (house.prove("alice", key, flow).reason, house.prove("alice", "right", flow).reason) == (
        "accepted",
        "no_password",
    )
    backends("authentik.sources.ldap.auth.LDAPBackend")
    assert {house.prove("alice", typed, flow).reason for typed in (key, "right")} == {"no_password"}


def test_a_network_password_that_is_sent_openly_counts_over_radius_alone(house: House) -> None:
    alice = house.user("alice")
    key = house.token(alice, "network_password").key
    assert house.prove("alice", key, door="radius").user == alice
    assert house.prove("alice", key, door="ldap") == Proved("wrong_password", alice)
