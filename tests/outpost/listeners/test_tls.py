"""TLS handshakes, without a socket: what fails is a knock, with why, and the next success closes it."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from control.certificates.making import self_signed
from outpost.listeners.certificates.clients import shown_over
from outpost.listeners.tls import NoCertificate, ServerTls
from outpost.telemetry import Telemetry
from protocols.link.messages import CertificateRecord
from rules.knocks import KNOCK, KNOCK_ANSWERED
from tests.certificates import Issued, issue


class Door:
    """``named``: certificates for clients that ask for a name; everybody else is shown the first."""

    def __init__(self, certificate: CertificateRecord, **named: CertificateRecord) -> None:
        self.telemetry = Telemetry()
        self.reports: list[tuple[str, dict[str, Any]]] = []
        self.telemetry.report = lambda kind, body: self.reports.append((kind, body))
        self.tls = ServerTls(lambda name: named.get(name, certificate), self.telemetry)

    def shake_hands(self, client: SSL.Connection) -> SSL.Connection:
        """As far as it goes; our side of it."""
        peer: Any = SimpleNamespace(getPeer=lambda: SimpleNamespace(host="192.0.2.9"))
        server = self.tls.serverConnectionForTLS(peer)
        server.set_accept_state()
        client.set_connect_state()
        for _ in range(6):
            for side, other in ((client, server), (server, client)):
                with suppress(SSL.Error):
                    side.do_handshake()
                with suppress(SSL.Error):
                    while True:
                        other.bio_write(side.bio_read(65536))
        return server


@pytest.fixture(scope="module")
def certificate() -> CertificateRecord:
    made = self_signed("outpost", ["localhost"], 1_700_000_000.0, os.urandom, algorithm="ecdsa")
    return CertificateRecord("c", "self-signed", made.certificate, made.key)


@pytest.fixture
def door(certificate: CertificateRecord) -> Door:
    return Door(certificate)


def a_client(verify: bool = False, newest: int | None = None) -> SSL.Connection:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    if verify:
        context.set_verify(SSL.VERIFY_PEER, lambda *_: False)
    if newest is not None:
        context.set_max_proto_version(newest)
        context.set_cipher_list(b"ALL:@SECLEVEL=0")
    return SSL.Connection(context, None)


def test_a_client_that_does_not_trust_the_certificate_is_a_knock_until_it_does(door: Door) -> None:
    door.shake_hands(a_client(verify=True))
    ((kind, body),) = door.reports
    assert (kind, body["kind"], body["what"]) == (KNOCK, "tls", "192.0.2.9")
    assert "certificate" in body["why"]
    door.shake_hands(a_client())
    assert door.reports[1:] == [(KNOCK_ANSWERED, {"kind": "tls", "what": "192.0.2.9"})]


def test_a_client_that_knows_only_old_versions_is_a_knock(door: Door) -> None:
    door.shake_hands(a_client(newest=SSL.TLS1_1_VERSION))
    assert [body["why"] for _, body in door.reports] == ["the client's version of TLS is too old"]


def test_whoever_is_let_in_is_none(door: Door) -> None:
    door.shake_hands(a_client())
    assert door.reports == []


def test_whoever_goes_without_a_word_is_none(door: Door) -> None:
    """A load balancer that looks whether the port is open."""
    peer: Any = SimpleNamespace(getPeer=lambda: SimpleNamespace(host="192.0.2.9"))
    server = door.tls.serverConnectionForTLS(peer)
    server.set_accept_state()
    server.bio_shutdown()
    with pytest.raises(SSL.Error):
        server.do_handshake()
    assert door.reports == []


def test_without_a_certificate_there_is_no_handshake() -> None:
    with pytest.raises(NoCertificate):
        ServerTls(lambda name: None).serverConnectionForTLS(None)  # type: ignore[arg-type]


def shown(client: Any) -> str:  # pyOpenSSL's stubs are older than it
    found = client.get_peer_certificate(as_cryptography=True)
    assert found is not None
    return str(found.subject.rfc4514_string()).removeprefix("CN=")


def asking(name: bytes | None) -> SSL.Connection:
    client = a_client()
    if name is not None:
        client.set_tlsext_host_name(name)
    return client


@pytest.mark.parametrize(("name", "common_name"), [(None, "first"), (b"second", "second"), (b"third", "first")])
def test_the_name_that_a_client_asks_for_chooses(name: bytes | None, common_name: str) -> None:
    door = Door(issue("first").record, second=replace(issue("second").record, pk="d" * 32))
    client = asking(name)
    door.shake_hands(client)
    assert shown(client) == common_name
    assert door.reports == []


def test_a_certificate_that_cannot_be_used_is_not_shown() -> None:
    door = Door(issue("first").record, second=CertificateRecord("d", "broken", "no PEM", "no key"))
    client = asking(b"second")
    door.shake_hands(client)
    assert shown(client) == "first"


def test_a_renewed_certificate_is_shown_from_the_next_handshake_on() -> None:
    first = issue("first").record
    door = Door(first, second=replace(issue("second").record, pk="d" * 32))
    door.tls._certificate = lambda name: current
    for name in ("first", "renewed"):
        current = replace(issue(name).record, pk=first.pk)
        client = asking(b"ldap.example.com")
        door.shake_hands(client)
        assert shown(client) == name


@pytest.mark.parametrize("version", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
def test_clients_may_show_certificates_where_they_are_asked_for(version: int) -> None:
    authority = issue("authority", authority=True)
    alice = issue("alice", authority)
    for asks in (True, False):
        door = Door(issue("door").record)
        door.tls._asks = lambda: () if asks else None  # noqa: B023  # used at once
        client = showing(version, alice, authority)
        server = door.shake_hands(client)
        shown = shown_over(SimpleNamespace(getHandle=lambda: server))  # noqa: B023
        wanted = (alice, authority) if asks else ()
        assert shown == tuple(one.certificate.public_bytes(Encoding.DER) for one in wanted)
        door.shake_hands(a_client())  # without one, too
        assert door.reports == []


def test_clients_are_told_whose_certificates_are_asked_for() -> None:
    """So that a browser with others does not ask its user for one."""
    ours, door = issue("Outposts", authority=True), Door(issue("door").record)
    door.tls._asks = lambda: (ours.pem,)
    client: Any = a_client()
    door.shake_hands(client)
    assert [name.CN for name in client.get_client_ca_list()] == ["Outposts"]


def showing(version: int, leaf: Issued, *others: Issued) -> SSL.Connection:
    context: Any = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(version)
    context.set_max_proto_version(version)
    context.use_certificate(leaf.certificate)
    context.use_privatekey(leaf.key)
    for one in others:
        context.add_extra_chain_cert(one.certificate)
    return SSL.Connection(context, None)
