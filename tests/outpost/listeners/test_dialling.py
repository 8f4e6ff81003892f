"""TLS towards an application, without a socket: whose certificates count, and what is shown."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from OpenSSL import SSL, crypto

from outpost.listeners.dialling import tls_towards
from outpost.listeners.tls import server_context
from outpost.listeners.upstreams import Place
from tests.certificates import DAY, Issued, issue

NAME = "inner.example.com"
PLACE = Place("https", NAME, 443, verified=True)


@pytest.fixture(scope="module")
def authority() -> Issued:
    return issue("Inner CA", authority=True)


@pytest.fixture(scope="module")
def application(authority: Issued) -> Issued:
    return issue(NAME, authority, names=[x509.DNSName(NAME)])


class Refused(Exception):
    pass


def shake_hands(place: Place, shown: Issued, asks: Issued | None = None) -> SSL.Connection:
    """The application's side. ``asks``: it wants a certificate of this authority. Raises Refused, by whomever."""
    context: Any = server_context(shown.record)
    if asks is not None:
        context.get_cert_store().add_cert(crypto.X509.from_cryptography(asks.certificate))
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
    failures: list[Any] = []
    tls: Any = SimpleNamespace(failVerification=failures.append, factory=SimpleNamespace(wrappedFactory=None))
    client, server = tls_towards(place).clientConnectionForTLS(tls), SSL.Connection(context, None)
    client.set_connect_state()
    server.set_accept_state()
    for _ in range(6):
        for side, other in ((client, server), (server, client)):
            try:
                side.do_handshake()
            except SSL.WantReadError:
                pass
            except SSL.Error as error:
                raise Refused(str(error)) from None
            _move(side, other)
    if failures:
        raise Refused(str(failures[0].value))
    assert server.get_servername() == place.host.encode()
    return server


def _move(side: SSL.Connection, other: SSL.Connection) -> None:
    try:
        while True:
            other.bio_write(side.bio_read(65536))
    except SSL.WantReadError:
        pass


def test_a_certificate_of_the_chosen_authority_for_this_name(authority: Issued, application: Issued) -> None:
    shake_hands(replace(PLACE, authorities=authority.pem), application)


def test_its_own_certificate_may_be_chosen() -> None:
    itself = issue(NAME, names=[x509.DNSName(NAME)], authority=True)
    shake_hands(replace(PLACE, authorities=itself.pem), itself)
    with pytest.raises(Refused):
        shake_hands(replace(PLACE, authorities=itself.pem), issue(NAME, names=[x509.DNSName(NAME)], authority=True))


def test_every_other_certificate_is_refused(authority: Issued, application: Issued) -> None:
    believing = replace(PLACE, authorities=authority.pem)
    other_name = issue("other", authority, names=[x509.DNSName("other.example.com")])
    expired = issue(NAME, authority, names=[x509.DNSName(NAME)], valid=(-2 * DAY, -DAY))
    stranger = issue(NAME, issue("Inner CA", authority=True), names=[x509.DNSName(NAME)])
    for shown in (other_name, expired, stranger):
        with pytest.raises(Refused):
            shake_hands(believing, shown)


def test_the_systems_authorities_know_nothing_of_ours(application: Issued) -> None:
    with pytest.raises(Refused):
        shake_hands(PLACE, application)


def test_whoever_has_chosen_nobody_that_is_left_believes_nobody(application: Issued) -> None:
    with pytest.raises(Refused):
        shake_hands(replace(PLACE, authorities="# nobody\n"), application)


def test_without_validation_any_certificate_will_do() -> None:
    shake_hands(replace(PLACE, verified=False), issue("anybody"))


@pytest.mark.parametrize("verified", [True, False])
def test_who_is_asked_shows_a_certificate(authority: Issued, application: Issued, verified: bool) -> None:
    own = issue("outpost", authority)
    place = replace(PLACE, verified=verified, authorities=authority.pem, certificate=own.pem, key=own.key_pem)
    server: Any = shake_hands(place, application, asks=authority)  # its stubs are older
    assert server.get_peer_certificate(as_cryptography=True) == own.certificate


def test_what_cannot_be_read_connects_nobody() -> None:
    with pytest.raises((crypto.Error, SSL.Error, ValueError)):
        tls_towards(replace(PLACE, certificate="nonsense", key="nonsense"))
