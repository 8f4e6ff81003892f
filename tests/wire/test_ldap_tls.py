"""In front of the LDAP door: a provider's own certificate, renewed while connections come and go; and HAProxy."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import pytest
from cryptography import x509

from tests.certificates import issue
from tests.peers import require
from tests.protocols.ldap import peer
from tests.protocols.ldap.peer import Answer, answers
from tests.wire import processes
from tests.wire.directory import BASE_DN, Directory
from tests.wire.nginx import free_port, is_listening
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


# --- behind HAProxy ------------------------------------------------------------------------------------------------

HAPROXY = """\
defaults
    mode tcp
    timeout connect 10s
    timeout client 60s
    timeout server 60s
listen first
    bind 127.0.0.1:{first}
    server door {ldap} send-proxy
listen second
    bind 127.0.0.1:{second}
    server door {ldap} send-proxy-v2
listen third
    bind 127.0.0.1:{third}
    server door {ldaps} send-proxy-v2
"""
CLIENT = "127.0.0.9"
"""Of this machine, too, and nobody else's."""


@pytest.fixture(scope="module")
def haproxy(program: Program, people: Directory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """Ports in front of LDAP, by the version that is spoken behind, and one in front of LDAPS."""
    folder = tmp_path_factory.mktemp("haproxy")
    ports = {name: free_port() for name in ("first", "second", "third")}
    doors = {name: program.ports[name][0] for name in ("ldap", "ldaps")}
    (folder / "haproxy.cfg").write_text(HAPROXY.format(**ports, **doors))
    with (folder / "log").open("wb") as log:
        process = processes.start([require("haproxy"), "-f", "haproxy.cfg"], cwd=folder, stdout=log, stderr=log)
    try:
        until(lambda: all(map(is_listening, ports.values())), 20, "haproxy listening")
        yield ports
    finally:
        processes.stop(process)


@pytest.mark.parametrize("name", ["first", "second", "third"])
def test_the_client_behind_haproxy_is_known(program: Program, haproxy: dict[str, int], name: str) -> None:
    """By its line in the log: a refusal names whoever was refused."""
    who = f"cn=stranger-{name},ou=users,{BASE_DN}"
    place = ("127.0.0.1", haproxy[name])
    with socket.create_connection(place, timeout=10, source_address=(CLIENT, 0)) as plain:
        if name == "third":
            context = ssl._create_unverified_context()  # this is about addresses
            with context.wrap_socket(plain) as secured:
                answer = asked(secured, peer.bind(1, who, "wrong"))
        else:
            answer = asked(plain, peer.bind(1, who, "wrong"))
    assert answer.code == 49
    until(lambda: f"'stranger-{name}' from {CLIENT}" in program.output(), 10, "the line about the stranger")


def asked(connection: socket.socket, message: bytes) -> Answer:
    connection.sendall(message)
    (answer,) = answers(connection.recv(4096))
    return answer
