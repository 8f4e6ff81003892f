"""In front of the LDAP door: a provider's own certificate, renewed while connections come and go; and HAProxy."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import ldap
import pytest
from cryptography import x509

from tests.certificates import CLIENT, Issued, issue
from tests.peers import require
from tests.ports import free_port
from tests.protocols.ldap import peer
from tests.protocols.ldap.peer import Answer, answers
from tests.wire import processes
from tests.wire.clients import user_dn
from tests.wire.directory import BASE_DN, PASSWORDS, Directory
from tests.wire.nginx import is_listening
from tests.wire.program import ANSWER_SECONDS, SOON, Program, until

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
    until(lambda: is_shown(program, first.pem), SOON, "the provider's certificate")
    yield pk
    program.api("PATCH", provider, {"certificate": None, "tls_server_name": ""})
    program.api("DELETE", f"crypto/certificatekeypairs/{pk}/")


def is_shown(program: Program, trusted: str, name: str = NAME, door: str = "ldaps") -> bool:
    """Does TLS under this name convince a client that trusts this certificate alone?"""
    context = ssl.create_default_context(cadata=trusted)
    with socket.create_connection(program.place(door), timeout=ANSWER_SECONDS) as plain:
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
    until(lambda: is_shown(program, other.pem), SOON, "the renewed certificate")


IN_A_FILE = "files.example.com"


@pytest.fixture
def in_files(program: Program) -> Iterator[Path]:
    """A folder of a certificate, in the one that the doors watch."""
    folder = program.folder / "certs" / IN_A_FILE
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(folder)


def test_certificates_in_files_are_shown_and_renewed_without_a_restart(program: Program, in_files: Path) -> None:
    """As certbot lays them down."""
    for _ in range(2):
        issued = issue(IN_A_FILE, names=[x509.DNSName(IN_A_FILE)])
        assert not is_shown(program, issued.pem, IN_A_FILE)
        (in_files / "fullchain.pem").write_text(issued.pem)
        (in_files / "privkey.pem").write_text(issued.key_pem)
        for door in ("ldaps", "https"):
            shown = partial(is_shown, program, issued.pem, IN_A_FILE, door)
            until(shown, SOON, f"the file's certificate at {door}")


# --- client certificates -------------------------------------------------------------------------------------------

AUTHORITY = issue("The operator's authority", authority=True)


@pytest.fixture(scope="module")
def believed(program: Program, people: Directory) -> Iterator[None]:
    """The LDAP provider takes what ``AUTHORITY`` has issued."""
    body = {"name": "clients", "certificate_data": AUTHORITY.pem}
    pk = program.api("POST", "crypto/certificatekeypairs/", body)["pk"]
    provider = f"providers/ldap/{people.providers['ldap']}/"
    program.api("PATCH", provider, {"client_authorities": [pk]})
    until(lambda: b"EXTERNAL" in over_tls(program, None).read_rootdse_s()["supportedSASLMechanisms"], SOON, "EXTERNAL")
    yield
    program.api("PATCH", provider, {"client_authorities": []})
    program.api("DELETE", f"crypto/certificatekeypairs/{pk}/")


def test_a_certificate_opens_the_directory(program: Program, believed: None, tmp_path: Path) -> None:
    client = over_tls(program, issue("bob", AUTHORITY, usage=[CLIENT]), tmp_path)
    client.sasl_external_bind_s()
    assert client.whoami_s() == f"dn:{user_dn('bob')}"
    ((name, shown),) = client.search_s(BASE_DN, ldap.SCOPE_SUBTREE, "(uid=bob)", ["uid"])
    assert (name, shown) == (user_dn("bob"), {"uid": [b"bob"]})
    client.sasl_external_bind_s(authz_id=f"dn:{user_dn('bob')}")
    with pytest.raises(ldap.INVALID_CREDENTIALS):
        client.sasl_external_bind_s(authz_id=f"dn:{user_dn('alice')}")
    assert client.whoami_s() == ""


def test_no_other_certificate_does(program: Program, believed: None, tmp_path: Path) -> None:
    other = issue("The operator's authority", authority=True)
    with pytest.raises(ldap.INVALID_CREDENTIALS):
        over_tls(program, issue("bob", other, usage=[CLIENT]), tmp_path).sasl_external_bind_s()
    with pytest.raises(ldap.INVALID_CREDENTIALS):
        over_tls(program, issue("nobody", AUTHORITY, usage=[CLIENT]), tmp_path).sasl_external_bind_s()
    with pytest.raises(ldap.INSUFFICIENT_ACCESS):
        over_tls(program, issue("carol", AUTHORITY, usage=[CLIENT]), tmp_path).sasl_external_bind_s()


def over_tls(program: Program, shown: Issued | None, folder: Path | None = None) -> Any:
    """A client that has started TLS, with this certificate."""
    client = ldap.initialize(program.ldap)
    client.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_NEVER)
    if shown is not None and folder is not None:
        (folder / "client.pem").write_text(shown.pem)
        (folder / "client.key").write_text(shown.key_pem)
        client.set_option(ldap.OPT_X_TLS_CERTFILE, str(folder / "client.pem"))
        client.set_option(ldap.OPT_X_TLS_KEYFILE, str(folder / "client.key"))
    client.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    client.start_tls_s()
    return client


# --- records of all kinds ------------------------------------------------------------------------------------------


@pytest.fixture(params=[["-maxfraglen", "512"], ["-tls1_2", "-maxfraglen", "512"], ["-tls1_3"]], ids=" ".join)
def s_client(program: Program, people: Directory, request: Any) -> Iterator[Any]:
    """OpenSSL's client at the LDAPS door: it hands on its input, and what comes back to its output."""
    options = ["-brief", "-connect", program.ports["ldaps"][0], *request.param]
    pipe, both = subprocess.PIPE, subprocess.STDOUT
    process: Any = processes.start([require("openssl"), "s_client", *options], stdin=pipe, stdout=pipe, stderr=both)
    yield process
    process.stdin.close()
    processes.stop(process)
    process.stdout.close()


def said(process: Any, until: bytes) -> bytes:
    """What it prints, up to the first that holds this."""
    found = b""
    while until not in found:
        octets = os.read(process.stdout.fileno(), 65_536)
        assert octets, found
        found += octets
    return found


def test_records_may_be_short_and_keys_may_change(s_client: Any) -> None:
    """K: the client updates its keys and wants ours to be (TLS 1.3 alone)."""
    done = b"\x0a\x01\x00\x04\x00\x04\x00"
    tls = said(s_client, b"Verif")
    s_client.stdin.write(peer.bind(1, user_dn("alice"), PASSWORDS["alice"]))
    s_client.stdin.flush()
    assert b"\x02\x01\x01\x61" in said(s_client, done)
    for message_id in range(2, 6):
        if b"TLSv1.3" in tls:
            s_client.stdin.write(b"K\n")
            s_client.stdin.flush()
            said(s_client, b"KEYUPDATE")
        s_client.stdin.write(peer.search(message_id, BASE_DN))
        s_client.stdin.flush()
        found = said(s_client, bytes((2, 1, message_id, 0x65)))
        assert user_dn("alice").encode() in found
        assert len(found) > 512


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
BEHIND = "127.0.0.9"
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
        until(lambda: all(map(is_listening, ports.values())), SOON, "haproxy listening")
        yield ports
    finally:
        processes.stop(process)


@pytest.mark.parametrize("name", ["first", "second", "third"])
def test_the_client_behind_haproxy_is_known(program: Program, haproxy: dict[str, int], name: str) -> None:
    """By its line in the log: a refusal names whoever was refused."""
    who = f"cn=stranger-{name},ou=users,{BASE_DN}"
    place = ("127.0.0.1", haproxy[name])
    with socket.create_connection(place, timeout=ANSWER_SECONDS, source_address=(BEHIND, 0)) as plain:
        if name == "third":
            context = ssl._create_unverified_context()  # this is about addresses
            with context.wrap_socket(plain) as secured:
                answer = asked(secured, peer.bind(1, who, "wrong"))
        else:
            answer = asked(plain, peer.bind(1, who, "wrong"))
    assert answer.code == 49
    until(lambda: f"'stranger-{name}' from {BEHIND}" in program.output(), SOON, "the line about the stranger")


def asked(connection: socket.socket, message: bytes) -> Answer:
    connection.sendall(message)
    (answer,) = answers(connection.recv(4096))
    return answer
