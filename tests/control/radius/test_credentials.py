"""Live sessions end with what opened them: a certificate, a device, a network password, and what policies say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from control.policies.judge import Judge
from control.radius import credentials as radius_credentials
from control.radius.watch import LATELY, RadiusWatch
from control.records import Application, Binding, Certificate, Device, IssuedCertificate, Policy, Provider, Token
from control.verbs.authorities import serial_text
from protocols.radius.class_attribute import class_of, told_in
from tests.control.proofs.pki import Authority
from tests.control.radius.test_orders import House
from tests.stores import ImmediateStore, run


class Wired(House):
    """What alice's session stands on is up to each test; the provider believes one authority."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.tell("stop", "alice")
        self.authority = Authority("Authority", self.clock())
        self.trusted = self.write(lambda tx: tx.insert(Certificate("Authority", self.authority.pem)).pk)
        self.configure(client_authorities=[self.trusted], client_revocations="")
        self.watch = RadiusWatch(ImmediateStore(self.store), Judge())

    def configure(self, **settings: Any) -> None:
        def verb(tx: Any) -> None:
            provider = tx.get(Provider, self.provider)
            tx.update(replace(provider, settings={**provider.settings, **settings}))

        self.write(verb)

    def stands_on(self, credential: str) -> None:
        """A session that began with it, as the Class that its NAS sends back says."""
        told = told_in(class_of(self.alice, credential))
        assert told == (self.alice, credential)
        self.tell("start", "new", user=self.alice, credential=credential)
        run(self.watch.look())
        assert self.orders == []
        self.clock.advance(LATELY + 1)

    def why(self) -> str:
        """Of the one order that there is now."""
        run(self.watch.look())
        [order] = self.orders
        assert order.session == self.session("new").pk
        return order.why

    def show(self, leaf: x509.Certificate, *between: x509.Certificate) -> None:
        self.stands_on(radius_credentials.of_certificate([leaf, *between, self.authority.certificate]))

    def issued(self, leaf: x509.Certificate, **whose: Any) -> IssuedCertificate:
        record = IssuedCertificate(self.trusted, serial_text(leaf.serial_number), "laptop", **whose)
        found: IssuedCertificate = self.write(lambda tx: tx.insert(record))
        return found


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Wired]:
    opened = Wired(tmp_path)
    yield opened
    opened.store.close()


def test_a_certificate_of_ours_that_is_revoked_ends_its_session(house: Wired) -> None:
    leaf, other = house.authority.issue(ends=1e6), house.authority.issue(ends=1e6)
    mine, another = house.issued(leaf, user=house.alice), house.issued(other, user=house.alice)
    house.show(leaf)
    house.write(lambda tx: tx.update(replace(another, revoked=tx.now)))
    run(house.watch.look())
    assert house.orders == []
    house.write(lambda tx: tx.update(replace(mine, revoked=tx.now)))
    assert house.why() == "certificate_revoked"


def test_a_certificate_on_the_operators_list_ends_its_session(house: Wired) -> None:
    between = Authority("Between", house.clock(), above=house.authority)
    leaf = between.issue(ends=1e6)
    house.show(leaf, between.certificate)
    forged = Authority("Other", house.clock()).revoking(leaf)
    house.configure(client_revocations=forged)
    run(house.watch.look())
    assert house.orders == [], "the list of another authority"
    house.configure(client_revocations=between.revoking(leaf))
    assert house.why() == "certificate_revoked"


def test_a_certificate_that_expires_ends_its_session_without_a_change(house: Wired) -> None:
    house.show(house.authority.issue(ends=1000))
    run(house.watch.look())
    assert house.orders == []
    house.clock.advance(1000)
    assert house.why() == "certificate_not_current"


def test_an_authority_that_is_believed_no_more_takes_its_sessions_along(house: Wired) -> None:
    house.show(house.authority.issue(ends=1e6))
    house.configure(client_authorities=[])
    assert house.why() == "untrusted_certificate"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda house, one: house.write(lambda tx: tx.update(replace(one, enabled=False))), "device_disabled"),
        (lambda house, one: house.write(lambda tx: tx.delete(one)), "unknown_device"),
    ],
    ids=["disabled", "deleted"],
)
@pytest.mark.parametrize("shows", ["address", "certificate"])
def test_a_device_takes_its_session_along(
    house: Wired, change: Callable[[Wired, Device], None], why: str, shows: str
) -> None:
    device = house.write(lambda tx: tx.insert(Device("02:00:00:00:00:01", user=house.alice)))
    if shows == "address":
        house.stands_on(radius_credentials.of_device(device.pk))
    else:
        leaf = house.authority.issue(ends=1e6)
        house.issued(leaf, device=device.pk)
        house.show(leaf)
    change(house, device)
    if shows == "certificate" and why == "unknown_device":
        why = "certificate_names_nobody"
    assert house.why() == why


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda house, one: house.write(lambda tx: tx.delete(one)), "credential_changed"),
        (lambda house, one: house.write(lambda tx: tx.update(replace(one, expires=tx.now))), "device_password_expired"),
    ],
    ids=["deleted", "expired"],
)
def test_a_network_password_that_is_taken_back_ends_its_session(
    house: Wired, change: Callable[[Wired, Token], None], why: str
) -> None:
    token = house.write(lambda tx: tx.insert(Token("phone", house.alice, "network_password", key_digest="d")))
    house.stands_on(radius_credentials.of_password(token.pk))
    change(house, token)
    assert house.why() == why


@pytest.mark.parametrize("credential", ["", "x.7", "c", "c.zz", "c.1.zz.2", "d.", "p"])
def test_words_that_are_not_ours_say_nothing_or_no(house: Wired, credential: str) -> None:
    provider = house.store.read_now(lambda tx: tx.get(Provider, house.provider))
    said = house.store.read_now(lambda tx: radius_credentials.refusal(tx, provider, credential))
    assert said in (None, "unknown_device", "credential_changed")
    assert radius_credentials.ends(credential) is None


# --- policies ------------------------------------------------------------------------------------------------------


def guarded(house: Wired, kind: str, **settings: Any) -> Policy:
    """The application lets in by this policy, too: all of its bindings have to agree."""

    def verb(tx: Any) -> Policy:
        policy: Policy = tx.insert(Policy("guard", kind, settings=settings))
        tx.insert(Binding(house.application, policy=policy.pk, order=1))
        tx.update(replace(tx.get(Application, house.application), policy_engine_mode="all"))
        return policy

    made: Policy = house.write(verb)
    return made


def test_a_policy_that_is_changed_ends_the_sessions_that_it_would_not_open(house: Wired) -> None:
    policy = guarded(house, "expression", expression="return request.context['ssid'] == 'Staff'")
    house.tell("start", "guest", user=house.bob, ssid="Guests")
    house.tell("stop", "bob")
    house.tell("start", "new", user=house.alice, ssid="Staff")
    run(house.watch.look())
    assert [(order.session, order.why) for order in house.orders] == [(house.session("guest").pk, "policy_denied")]
    house.conclude("acknowledged")
    house.write(lambda tx: tx.update(replace(policy, settings={"expression": "return False"})))
    assert house.why() == "policy_denied"


def test_a_nas_without_a_name_is_asked_about_as_at_the_login(house: Wired) -> None:
    """By the address that it asked from; the one that it has behind a gateway is what accounting calls it."""
    guarded(house, "expression", expression="return request.context['nas'] in ('192.0.2.7', 'switch')")
    house.tell("stop", "bob")
    house.tell("start", "nameless", user=house.bob, nas_name="10.0.0.5")
    house.tell("start", "older", user=house.bob, nas_name="2001:db8::5")
    house.tell("start", "named", user=house.bob, nas_name="switch")
    house.tell("start", "other", user=house.bob, nas_name="ap")
    run(house.watch.look())
    assert [order.session for order in house.orders] == [house.session("other").pk]


def test_a_policy_that_breaks_ends_nothing(house: Wired) -> None:
    guarded(house, "expression", expression="return 1 / 0")
    house.stands_on("")


def test_guessing_somebodys_password_does_not_throw_them_out(house: Wired) -> None:
    guarded(house, "reputation", check_ip=True, check_username=True, threshold=-1000)
    house.stands_on("")


def test_hours_end_sessions_without_a_change(house: Wired) -> None:
    noon = datetime.fromtimestamp(house.clock(), UTC).replace(hour=12, minute=0, second=0)
    house.clock.advance(noon.timestamp() - house.clock())
    every = {"weekdays": [], "timezone": "UTC"}
    guarded(house, "time", begins=11 * 60, ends=13 * 60, **every)
    house.tell("stop", "bob")
    house.stands_on("")
    house.clock.advance(3600)
    assert house.why() == "policy_denied"
