"""A password proved without a browser, on a real store with the default flows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from control.authentication import Proved
from control.bootstrap import FirstStart, bootstrap
from control.flows import headless
from control.flows.headless import MOST_ANSWERS, password_proof, prove_password
from control.flows.planning import flow_for, headless_flow
from control.flows.state import MOST_STAGES
from control.passwords import Verified
from control.records import Binding, Flow, Provider, Session, Stage, StageBinding
from control.store.interface import NotFound, Query, Transaction
from control.verbs import users
from control.web.services import Services
from protocols.link.messages import Authenticate
from tests.control.web.api import counted_random
from tests.fakes import FakeClock
from tests.stores import ImmediatePasswords, ImmediateStore, open_store, run


class CountingPasswords(ImmediatePasswords):
    def __init__(self) -> None:
        super().__init__()
        self.verified = 0

    async def verify(self, stored: str | None, password: str, owner: str = "") -> Verified:
        self.verified += 1
        return await super().verify(stored, password)


class House:
    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.sql = open_store(folder, self.clock)
        random = counted_random()
        self.sql.write_now(lambda tx: bootstrap(tx, FirstStart(), None, None, random))
        self.passwords = CountingPasswords()
        self.services = Services(ImmediateStore(self.sql), self.passwords, self.clock, random, (), "0.1.0")

    def user(self, username: str, password: str | None = "right", **fields: Any) -> int:
        def verb(tx: Transaction) -> int:
            pk = users.create(tx, {"username": username, "name": username, **fields}).pk
            if password is not None:
                users.set_password(tx, pk, self.passwords.hash_now(password))
            return pk

        return self.sql.write_now(verb)

    def flow(self, *kinds: str, slug: str = "own", designation: str = "authentication", **fields: Any) -> Flow:
        def verb(tx: Transaction) -> Flow:
            flow = tx.insert(Flow(slug, slug, slug, designation, **fields))
            for order, kind in enumerate(kinds):
                stage = tx.insert(Stage(f"{slug}-{order}", kind))
                tx.insert(StageBinding(flow.pk, stage.pk, order))
            return flow

        return self.sql.write_now(verb)

    def provider(self, **fields: Any) -> Provider:
        return self.sql.write_now(lambda tx: tx.insert(Provider("p", "ldap", **fields)))

    def default(self) -> Flow:
        return self.sql.read_now(lambda tx: flow_for(tx, "authentication"))

    def prove(self, username: str, password: str, flow: Flow | None = None) -> Proved:
        return run(prove_password(flow or self.default(), username, password, self.services))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    opened = House(tmp_path)
    yield opened
    opened.passwords.close()
    opened.sql.close()


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
