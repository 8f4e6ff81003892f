"""TLS at the LDAP door: a provider's own certificate, by name, renewed while connections come and go."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import pytest
from cryptography import x509

from tests.certificates import issue
from tests.wire.directory import Directory
from tests.wire.program import Program, until

pytestmark = pytest.mark.peer

NAME = "ldap.example.com"


@pytest.fixture
def certificate(program: Program, people: Directory) -> Iterator[str]:
    """pk of one that the LDAP provider shows; which one, `renewed` says."""
    first = issue(NAME, names=[x509.DNSName(NAME)])
    body = {"name": "ldap", "certificate_data": first.pem, "key_data": first.key_pem}
    pk = program.api("POST", "crypto/certificatekeypairs/", body)["pk"]
    provider = f"providers/ldap/{people.providers['ldap']}/"
    program.api("PATCH", provider, {"certificate": pk, "tls_server_name": NAME})
    until(lambda: is_shown(program, first.pem), 10, "the provider's certificate")
    yield pk
    program.api("PATCH", provider, {"certificate": None, "tls_server_name": ""})
    program.api("DELETE", f"crypto/certificatekeypairs/{pk}/")


def is_shown(program: Program, trusted: str, name: str = NAME) -> bool:
    """Does LDAPS under this name convince a client that trusts this certificate alone?"""
    context = ssl.create_default_context(cadata=trusted)
    with socket.create_connection(program.place("ldaps"), timeout=10) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=name):
                return True
        except ssl.SSLError:
            return False


def test_a_provider_has_a_certificate_of_its_own_that_is_renewed_without_a_restart(
    program: Program, certificate: str
) -> None:
    other = issue(NAME, names=[x509.DNSName(NAME)])
    assert not is_shown(program, other.pem)
    body = {"certificate_data": other.pem, "key_data": other.key_pem}
    program.api("PATCH", f"crypto/certificatekeypairs/{certificate}/", body)
    until(lambda: is_shown(program, other.pem), 10, "the renewed certificate")
