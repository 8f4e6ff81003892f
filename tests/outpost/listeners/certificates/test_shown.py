"""Which certificate is shown to whom, as providers choose and as they are renewed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography import x509

from outpost.directory.draft import whole
from outpost.directory.snapshot import Directory, Touched
from outpost.listeners.certificates.shown import ShownCertificates
from protocols.link.messages import CertificateRecord, LdapSettings, ProviderRecord, ProxySettings, Record
from tests.certificates import issue

GENERATED = replace(issue("generated").record, pk="z")


def certificate(pk: str, *names: str) -> CertificateRecord:
    made = issue(pk, names=[x509.DNSName(name) for name in names])
    return replace(made.record, pk=pk)


def ldap(pk: int, chosen: str | None, name: str = "") -> ProviderRecord:
    settings = LdapSettings(f"dc=p{pk}", certificate=chosen, tls_server_name=name)
    return ProviderRecord(pk, f"p{pk}", "ldap", "app", "App", "a1", "any", settings, ())


def proxy(pk: int, chosen: str | None, url: str) -> ProviderRecord:
    settings = ProxySettings("forward_single", url, certificate=chosen)
    return ProviderRecord(pk, f"p{pk}", "proxy", "app", "App", "a1", "any", settings, ())


def shown(*records: Record, **files: CertificateRecord) -> ShownCertificates:
    directory = Directory()
    certificates = ShownCertificates(directory, lambda: files)
    directory.publish(whole(1, records), Touched(everything=True))
    return certificates


def test_a_provider_has_its_own_by_its_name() -> None:
    one, two = certificate("one"), certificate("two")
    found = shown(GENERATED, one, two, ldap(1, "one", "LDAP.one.example"), ldap(2, "two", "ldap.two.example"))
    assert found.at_ldap("ldap.one.example") is one
    assert found.at_ldap("LDAP.TWO.example.") is two
    assert found.at_ldap("ldap.three.example") is GENERATED
    assert found.at_ldap("") is GENERATED  # nobody says which of the two


@pytest.mark.parametrize("name", ["", "192.0.2.1", "anything"])
def test_without_a_name_the_ldap_door_shows_the_only_one(name: str) -> None:
    one = certificate("one")
    found = shown(GENERATED, one, ldap(1, "one"), ldap(2, None))
    assert found.at_ldap(name) is one
    assert found.at(name) is GENERATED


def test_the_names_in_a_certificate_are_its_providers_too() -> None:
    one = certificate("one", "ldap.example.com", "*.people.example.com")
    found = shown(GENERATED, one, ldap(1, "one", "other.example"))
    for name in ("other.example", "ldap.example.com", "a.people.example.com"):
        assert found.at(name) is one
    for name in ("people.example.com", "a.b.people.example.com", "example.com"):
        assert found.at(name) is GENERATED


def test_a_site_has_its_own() -> None:
    one = certificate("one")
    found = shown(GENERATED, one, proxy(1, "one", "https://App.example.com:8443/x"))
    assert found.at("app.example.com") is one
    assert found.at_ldap("") is GENERATED


def test_a_renewed_one_and_a_removed_one() -> None:
    directory = Directory()
    certificates = ShownCertificates(directory)
    one, renewed = certificate("one"), certificate("one")
    for record in (one, renewed):
        directory.publish(whole(1, (GENERATED, record, ldap(1, "one", "n.example"))), Touched(everything=True))
        assert certificates.at("n.example") is record
    directory.publish(whole(2, (GENERATED, ldap(1, "one", "n.example"))), Touched(configuration=True))
    assert certificates.at("n.example") is GENERATED
    directory.publish(whole(3, ()), Touched(everything=True))
    assert certificates.at("n.example") is None


def test_one_that_cannot_be_read_has_no_names() -> None:
    broken = CertificateRecord("one", "broken", "no PEM", "")
    assert shown(GENERATED, broken, ldap(1, "one", "n.example")).at("n.example") is broken


def test_clients_are_asked_for_theirs_where_a_provider_takes_them() -> None:
    assert shown(GENERATED, ldap(1, None)).asked_of_clients() is None
    takes = replace(ldap(2, None), settings=LdapSettings("dc=p2", client_certificates=True))
    assert shown(GENERATED, ldap(1, None), takes).asked_of_clients() == ()


# --- from files ----------------------------------------------------------------------------------------------------


def test_a_file_stands_for_the_certificate_of_its_name() -> None:
    chosen, newer = replace(certificate("one"), name="ours"), certificate("file:ours")
    found = shown(GENERATED, chosen, ldap(1, "one", "ldap.one.example"), ours=newer)
    assert found.own("one") is newer
    assert found.at_ldap("ldap.one.example") is newer
    assert found.at_ldap("") is newer


def test_a_file_is_shown_for_the_names_in_it() -> None:
    file, other = certificate("file:a", "ldap.one.example"), certificate("file:b", "*.apps.example")
    found = shown(GENERATED, ldap(1, None, "ldap.one.example"), ldap(2, None), a=file, b=other)
    assert found.at("ldap.one.example") is found.at_ldap("") is file  # the only one that a provider is found under
    assert found.at("x.apps.example") is other
    assert found.at("") is found.at("elsewhere.example") is GENERATED


def test_two_providers_with_files_of_their_own() -> None:
    one, two = certificate("file:a", "ldap.one.example"), certificate("file:b", "ldap.two.example")
    found = shown(GENERATED, ldap(1, None, "ldap.one.example"), ldap(2, None, "ldap.two.example"), a=one, b=two)
    assert (found.at_ldap("ldap.one.example"), found.at_ldap("ldap.two.example")) == (one, two)
    assert found.at_ldap("") is GENERATED


def test_the_default_stands_where_the_generated_one_did() -> None:
    mine, one = certificate("file:default"), certificate("one")
    found = shown(GENERATED, one, ldap(1, "one"), default=mine)
    assert found.at("") is found.generated is mine
    assert found.at_ldap("") is one
