"""Certificates of clients: every check alone keeps somebody out, and the names lead to the right user."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from control.authentication import Proved
from control.proofs import proofs
from control.records import Certificate, Provider, User
from protocols.link.messages import Authenticate
from tests.control.flows.house import House
from tests.control.proofs.pki import CLIENT, SERVER, Authority, principal
from tests.stores import run


class Network(House):
    """alice, and an authority that the provider trusts."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.alice = self.user("alice", email="alice@example.com")
        self.authority = Authority("Authority", self.clock())
        trusted = self.sql.write_now(lambda tx: tx.insert(Certificate("Authority", self.authority.pem)))
        self.settings: dict[str, Any] = {"client_authorities": [trusted.pk]}
        self.prove_certificate = proofs(self.services)["certificate"]

    def show(self, *chain: x509.Certificate, name: str = "anonymous") -> Proved:
        return self.ask([b64encode(one.public_bytes(Encoding.DER)).decode() for one in chain], name)

    def ask(self, chain: object, name: str = "anonymous") -> Proved:
        provider = Provider("wifi", "radius", 7, settings=self.settings)
        proof = {"kind": "certificate", "chain": chain}
        question = Authenticate("q", 7, name, proof, "radius", "192.0.2.1")
        return run(self.prove_certificate(provider, question))  # type: ignore[arg-type]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Network]:
    opened = Network(tmp_path)
    yield opened
    opened.close()


def test_a_certificate_of_the_authority_names_its_user(house: Network) -> None:
    leaf = house.authority.issue()
    proved = house.show(leaf)
    assert (proved.reason, proved.user, proved.version) == ("accepted", house.alice, 2)
    assert proved.reuse is not None
    assert proved.reuse.not_after == proved.ends == leaf.not_valid_after_utc.timestamp()


@pytest.mark.parametrize("name", ["alice", "alice@example.com", "anonymous", "@example.com", "", "laptop", "host/pc7"])
def test_96_a_name_that_is_nobody_elses_is_the_devices_own_affair(house: Network, name: str) -> None:
    house.user("bob")
    assert house.show(house.authority.issue("alice"), name=name).user == house.alice


@pytest.mark.parametrize("name", ["bob", "BOB", "bob@example.com", "bob@office.example"])
def test_96_nobody_calls_themselves_somebody_else(house: Network, name: str) -> None:
    house.user("bob", email="bob@example.com")
    house.settings["stripped_realms"] = "office.example"
    assert house.show(house.authority.issue("alice"), name=name) == Proved("certificate_of_another", house.alice)


def test_96_a_name_in_the_certificate_may_be_anybodys(house: Network) -> None:
    house.user("bob")
    assert house.show(house.authority.issue("bob", [principal("alice")]), name="bob").user == house.alice


@pytest.mark.parametrize(
    "alternatives",
    [
        [principal("alice@example.com")],
        [principal("alice")],
        [x509.RFC822Name("alice@example.com")],
        [x509.DNSName("alice")],
        [x509.UniformResourceIdentifier("urn:x"), x509.RFC822Name("alice@example.com")],
    ],
)
def test_alternative_names_lead_to_the_user(house: Network, alternatives: Sequence[x509.GeneralName]) -> None:
    assert house.show(house.authority.issue("", alternatives)).user == house.alice


def test_an_address_that_somebody_only_says_is_theirs_is_nobodys(house: Network) -> None:
    alice = house.sql.read_now(lambda tx: tx.get(User, house.alice))
    house.sql.write_now(lambda tx: tx.update(replace(alice, email_verified=False)))
    leaf = house.authority.issue("", [x509.RFC822Name("alice@example.com")])
    assert house.show(leaf) == Proved("certificate_names_nobody")
    bob = house.user("bob")
    assert house.show(house.authority.issue("bob"), name="alice@example.com").user == bob, "it keeps nobody else out"


def test_the_most_telling_name_counts(house: Network) -> None:
    house.user("bob", email="bob@example.com")
    both = house.authority.issue("bob", [x509.RFC822Name("bob@example.com"), principal("alice")])
    assert house.show(both).user == house.alice


@pytest.mark.parametrize("name", ["nobody", "", "*", "alice\0", "x" * 60])
def test_a_name_of_nobody_is_nobody(house: Network, name: str) -> None:
    alternatives = [] if name else [x509.DNSName("nobody.example.com")]
    assert house.show(house.authority.issue(name, alternatives)) == Proved("certificate_names_nobody")


@pytest.mark.parametrize(("begins", "ends"), [(1, 10), (-10, -1)])
def test_only_while_it_is_valid(house: Network, begins: float, ends: float) -> None:
    assert house.show(house.authority.issue(begins=begins, ends=ends)) == Proved("certificate_not_current")


def test_one_for_servers_is_not_for_clients(house: Network) -> None:
    assert house.show(house.authority.issue(uses=[SERVER])) == Proved("certificate_not_for_clients")
    assert house.show(house.authority.issue(uses=[SERVER, CLIENT])).user == house.alice
    assert house.show(house.authority.issue(uses=None)).user == house.alice


def test_another_authority_is_not_believed_whatever_it_is_called(house: Network) -> None:
    forged = Authority("Authority", house.clock())
    assert house.show(forged.issue()) == Proved("untrusted_certificate")
    assert house.show(forged.issue(), forged.certificate) == Proved("untrusted_certificate")


def test_without_an_authority_nobody_gets_in(house: Network) -> None:
    settings: dict[str, Any]
    for settings in ({}, {"client_authorities": []}, {"client_authorities": ["gone"]}):
        house.settings = settings
        assert house.show(house.authority.issue()) == Proved("untrusted_certificate")


def test_an_authority_in_between_comes_along(house: Network) -> None:
    between = Authority("Between", house.clock(), above=house.authority)
    leaf = between.issue()
    assert house.show(leaf) == Proved("untrusted_certificate")
    assert house.show(leaf, between.certificate).user == house.alice


def test_a_client_cannot_issue_certificates(house: Network) -> None:
    client = Authority("alice", house.clock(), above=house.authority, may_issue=False)
    assert house.show(client.issue(), client.certificate) == Proved("untrusted_certificate")


def test_an_authority_alone_is_no_client(house: Network) -> None:
    assert house.show(house.authority.certificate) == Proved("certificate_names_nobody")


def test_a_revoked_certificate_is_refused(house: Network) -> None:
    lost, kept = house.authority.issue(), house.authority.issue()
    house.settings["client_revocations"] = house.authority.revoking(lost)
    assert house.show(lost) == Proved("certificate_revoked")
    assert house.show(kept).user == house.alice


def test_a_revoked_authority_in_between_takes_everything_along(house: Network) -> None:
    between = Authority("Between", house.clock(), above=house.authority)
    house.settings["client_revocations"] = between.revoking() + house.authority.revoking(between.certificate)
    assert house.show(between.issue(), between.certificate) == Proved("certificate_revoked")


def test_a_list_that_somebody_else_has_signed_revokes_nothing(house: Network) -> None:
    leaf = house.authority.issue()
    other = Authority("Other", house.clock())
    house.settings["client_revocations"] = house.authority.revoking(leaf, signed_by=other)
    assert house.show(leaf).user == house.alice


@pytest.mark.parametrize(
    "chain", [None, [], "x", [7], ["!"], ["AAAA"], ["A" * 40_000], ["AAAA"] * 11, [""], {"0": "x"}]
)
def test_what_is_no_chain_is_malformed(house: Network, chain: object) -> None:
    assert house.ask(chain) == Proved("malformed_proof")
