"""The checks of a store, each on one that is well and one that is not."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from control.certificates.making import self_signed
from control.checkup import CHECKS, DAY, LONG_WAIT, STALE, Told, checkup
from control.records import (
    Application,
    Certificate,
    Event,
    Instance,
    IssuedCertificate,
    Knock,
    Letter,
    Outpost,
    Provider,
    RadiusNas,
    Stage,
    User,
)
from control.sources.ldap.described import BACKEND
from control.store.interface import Transaction
from control.verbs import system
from rules.weak_secrets import weakness
from tests.control.sources.ldap.abroad import make
from tests.fakes import FakeClock
from tests.stores import open_store

GOOD_SECRET = "bW9yZS10aGFuLXNpeHRlZW4tY2hhcmFjdGVycw"
TOLD = Told("https://auth.example.com", has_mail=True)


def radius(secret: str = GOOD_SECRET) -> Provider:
    settings = {"client_networks": "10.0.0.0/8"}
    return Provider("Wi-Fi", "radius", settings=settings, secrets={"shared_secret": secret})


def well(tx: Transaction) -> None:
    tx.insert(User("akadmin", name="Admin", password="hashed"))
    provider = tx.insert(radius())
    tx.insert(Application("Wi-Fi", "wi-fi", provider=provider.pk))
    outpost = tx.insert(Outpost("edge", "any", providers=(provider.pk,)))
    tx.insert(Instance("i1", outpost.pk, last_seen=tx.now - 10))
    pair = self_signed("long", ("localhost",), tx.now, os.urandom)
    tx.insert(Certificate("long", pair.certificate, key_data=pair.key))


def ended(tx: Transaction) -> None:
    pair = self_signed("old", ("localhost",), tx.now - 360 * DAY, os.urandom)
    tx.insert(Certificate("old", pair.certificate, key_data=pair.key))


def shown_until(tx: Transaction, lasts: float) -> None:
    """An outpost that has to show a certificate, which is good for so long."""
    pair = self_signed("Outposts", ("localhost",), tx.now, os.urandom)
    authority = tx.insert(Certificate("Outposts", pair.certificate, key_data=pair.key))
    user = tx.insert(User("ak-outpost-vault", type="internal_service_account"))
    tx.insert(Outpost("vault", "any", user=user.pk, config={"client_authority": "Outposts"}))
    for serial, ends in enumerate((lasts, lasts - DAY)):
        tx.insert(IssuedCertificate(authority.pk, str(serial), "vault", user=user.pk, not_after=tx.now + ends))


def signs_and_is_shown(tx: Transaction) -> None:
    pair = tx.insert(Certificate("both", "PEM", key_data="KEY"))
    tx.insert(Provider("Grafana", "oauth2", settings={"signing_key": pair.pk}))
    (wifi,) = (one for one in tx.select(Provider) if one.name == "Wi-Fi")
    tx.update(replace(wifi, settings={**wifi.settings, "certificate": pair.pk}))


BROKEN: dict[str, tuple[Callable[[Transaction], object], str]] = {
    "clock": (lambda tx: tx.insert(Event("login", created=tx.now + 3600)), "3600 s in the future"),
    "public URL": (lambda tx: system.change(tx, {"base_url": "http://auth.example.com"}), "not https"),
    "certificates": (ended, "“old” ends"),
    "outposts": (
        lambda tx: tx.insert(Instance("i2", tx.insert(Outpost("gone", "ldap")).pk, last_seen=tx.now - STALE - 1)),
        "“gone” was last heard of",
    ),
    "providers": (
        lambda tx: tx.insert(Provider("lonely", "ldap", settings={"base_dn": "dc=example"})),
        "No outpost serves the provider “lonely”",
    ),
    "shared secrets": (
        lambda tx: tx.insert(Provider("weak", "radius", secrets={"shared_secret": "testing123"})),
        "“weak” has fewer than 16",
    ),
    "signing keys": (signs_and_is_shown, "“Wi-Fi” shows the certificate whose key signs the tokens of Grafana"),
    "certificates of outposts": (
        lambda tx: shown_until(tx, 20 * DAY),
        "that the outpost “vault” has to show is good until",
    ),
    "directories": (lambda tx: make(tx), "No stage asks the LDAP source “House” for passwords"),
    "mail": (
        lambda tx: tx.insert(Letter("a@b.example", "x", "x", created=tx.now - LONG_WAIT - 1, trouble="It says no.")),
        "is not sent: It says no.",
    ),
    "nobody unknown has knocked": (lambda tx: tx.insert(Knock("nas", "192.0.2.1")), "192.0.2.1"),
}


def found(folder: Path, change: Callable[[Transaction], object], told: Told = TOLD) -> dict[str, list[str]]:
    store = open_store(folder, FakeClock())
    store.write_now(well)
    store.write_now(change)
    return store.read_now(lambda tx: checkup(tx, told))


def test_nothing_is_wrong_where_all_is_well(tmp_path: Path) -> None:
    assert {name for name, sentences in found(tmp_path, lambda tx: None).items() if sentences} == set()


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_found_and_nothing_else(tmp_path: Path, name: str) -> None:
    change, said = BROKEN[name]
    findings = found(tmp_path, change)
    assert any(said in sentence for sentence in findings[name]), findings[name]
    others = {other for other, sentences in findings.items() if sentences} - {name}
    assert others <= {"providers"}, findings


def test_a_directory_that_is_asked_is_well_until_its_authority_is_gone(tmp_path: Path) -> None:
    def asked(tx: Transaction) -> None:
        tx.insert(Stage("my password", "password", settings={"backends": [BACKEND]}))
        pair = self_signed("theirs", ("localhost",), tx.now, os.urandom)
        trusted = tx.insert(Certificate("theirs", pair.certificate))
        make(tx, peer_certificate=trusted.pk)

    def gone(tx: Transaction) -> None:
        trusted = tx.find(Certificate, name="theirs")
        assert trusted is not None
        tx.delete(trusted)

    store = open_store(tmp_path, FakeClock())
    store.write_now(asked)
    assert store.read_now(lambda tx: checkup(tx, TOLD))["directories"] == []
    store.write_now(gone)
    [sentence] = store.read_now(lambda tx: checkup(tx, TOLD))["directories"]
    assert "the LDAP source “House” trusts is gone" in sentence


def test_a_directory_that_is_off_is_nobodys_worry(tmp_path: Path) -> None:
    assert found(tmp_path, lambda tx: make(tx, enabled=False))["directories"] == []


def test_what_is_not_set_at_all(tmp_path: Path) -> None:
    findings = found(tmp_path, lambda tx: None, Told())
    assert "No public URL is set" in findings["public URL"][0]
    assert "No mail server is set" in findings["mail"][0]
    assert "under System, Configuration" in findings["public URL"][0]
    assert "System, Configuration, SMTP server" in findings["mail"][0]
    assert set(findings) == set(CHECKS)


def test_mail_that_waits_for_its_turn_is_nobodys_worry(tmp_path: Path) -> None:
    def waiting(tx: Transaction) -> None:
        tx.insert(Letter("a@b.example", "x", "x", created=tx.now - LONG_WAIT + 9, trouble="It says no."))
        tx.insert(Letter("a@b.example", "x", "x", created=tx.now - DAY, trouble="It said no.", state="failed"))

    assert found(tmp_path, waiting)["mail"] == []


def test_a_certificate_of_an_outpost_that_is_good_for_long_is_nobodys_worry(tmp_path: Path) -> None:
    assert found(tmp_path, lambda tx: shown_until(tx, 200 * DAY))["certificates of outposts"] == []


@pytest.mark.parametrize(("secret", "said"), [("testing123", "the NAS “switch” has fewer than 16"), ("", "")])
def test_a_nas_with_a_weak_secret_of_its_own(tmp_path: Path, secret: str, said: str) -> None:
    def nas(tx: Transaction) -> None:
        provider = tx.select(Provider)[0].pk
        tx.insert(RadiusNas("switch", provider, "192.0.2.0/24", shared_secret=secret))

    assert [said in sentence for sentence in found(tmp_path, nas)["shared secrets"]] == ([True] if said else [])


def test_a_provider_that_no_application_uses(tmp_path: Path) -> None:
    def lonely(tx: Transaction) -> None:
        provider = tx.insert(Provider("lonely", "ldap", settings={"base_dn": "dc=example"}))
        tx.insert(Outpost("its own", "ldap", providers=(provider.pk,)))

    [sentence] = found(tmp_path, lonely)["providers"]
    assert "No application uses the provider “lonely”" in sentence


def test_nobody_has_signed_in(tmp_path: Path) -> None:
    store = open_store(tmp_path, FakeClock())
    [sentence] = store.read_now(lambda tx: checkup(tx, TOLD))["somebody can sign in"]
    assert "the link" in sentence


@pytest.mark.parametrize("secret", ["", "testing123", "a" * 40, "my-radius-secret-is-long-enough"])
def test_weak_shared_secrets(secret: str) -> None:
    assert weakness(secret)
    assert not weakness(GOOD_SECRET)
