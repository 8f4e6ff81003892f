"""Binds by a client's certificate (SASL EXTERNAL): as whom, through which provider, and when not."""

from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from outpost.listeners.certificates.clients import NAMELESS, called
from tests.certificates import Issued, issue
from tests.outpost.directory.people import BOB, RECORDS, USERS, People, a_provider
from tests.outpost.listeners.ldap_door import ALICE_DN, BOB_DN, Client, Door
from tests.protocols.ldap import peer

AUTHORITY = issue("authority")
BOBS = issue("bob", AUTHORITY)
WHO_AM_I = peer.extended(2, "1.3.6.1.4.1.4203.1.11.3")


def a_client(*shown: Issued, secure: bool = True, **settings: Any) -> Client:
    """Over TLS, in which these certificates were shown; the provider takes them unless told otherwise."""
    records = (*RECORDS[:-1], a_provider(**{"client_certificates": True, **settings}))
    client = Door(People(records), tls=object()).connect()
    client.connection._session.secure = secure
    certificates: list[Any] = [one.certificate for one in shown] or [None]
    leaf, *others = certificates
    handle = SimpleNamespace(
        get_peer_certificate=lambda as_cryptography: leaf, get_peer_cert_chain=lambda as_cryptography: others
    )
    client.wire.getHandle = lambda: handle
    client.door.link.verdicts = {"bob": "accepted"}
    return client


def external(client: Client, name: str = "") -> int | None:
    return client.code(peer.sasl_bind(1, "", "EXTERNAL", name))


@pytest.mark.parametrize("name", ["", f"dn:{BOB_DN}", f"dn:uid=BOB,{USERS}", "u:bob"])
def test_as_itself_or_as_whom_it_is_for(name: str) -> None:
    client = a_client(BOBS, AUTHORITY)
    assert external(client, name) == 0
    assert client.ask(WHO_AM_I)[0].value == f"dn:{BOB_DN}".encode()
    (question,) = client.door.link.questions
    assert (question.username, question.provider, question.protocol) == ("bob", 5, "ldap")
    assert question.proof["kind"] == "certificate"
    assert [x509.load_der_x509_certificate(base64.b64decode(one)) for one in question.proof["chain"]] == [
        BOBS.certificate,
        AUTHORITY.certificate,
    ]


def test_nobody_acts_for_somebody_else() -> None:
    client = a_client(BOBS)
    client.door.link.verdicts = {"alice": "accepted"}
    client.door.link.identities["alice"] = client.door.link.identities["bob"]
    assert external(client, f"dn:{ALICE_DN}") == 49
    assert client.ask(WHO_AM_I)[0].value == b""


@pytest.mark.parametrize("reason", ["untrusted_certificate", "certificate_names_nobody", "certificate_revoked"])
def test_what_control_refuses_is_refused(reason: str) -> None:
    client = a_client(BOBS)
    client.door.link.verdicts = {"bob": reason}
    assert external(client) == 49
    assert client.ask(WHO_AM_I)[0].value == b""


@pytest.mark.parametrize(
    ("client", "name", "code"),
    [
        (a_client(), "", 48),
        (a_client(BOBS, secure=False), "", 48),
        (a_client(BOBS, client_certificates=False), "", 7),
        (a_client(BOBS, client_certificates=False), f"dn:{BOB_DN}", 7),
        (a_client(BOBS), "dn:cn=bob,dc=elsewhere", 7),
        (a_client(BOBS), "dn:nonsense", 34),
    ],
)
def test_without_a_certificate_or_somebody_who_takes_it_nobody_is_asked(client: Client, name: str, code: int) -> None:
    assert external(client, name) == code
    assert client.door.link.questions == []
    assert client.ask(WHO_AM_I)[0].value == b""
    assert client.door.telemetry.decisions["ldap", "certificate_missing"] == (
        code == 48 and client.connection._session.secure
    )


def test_an_exception_denies() -> None:
    client = a_client(BOBS)
    client.door.link.fails = RuntimeError("broken")
    assert external(client) == 52
    assert client.ask(WHO_AM_I)[0].value == b""


def test_a_fault_over_the_certificate_ends_the_connection() -> None:
    client = a_client(BOBS)
    client.wire.getHandle = None
    client.send(peer.sasl_bind(1, "", "EXTERNAL", ""))
    assert client.wire.aborted
    assert client.door.telemetry.faults


@pytest.mark.parametrize(("takes", "mechanisms"), [(True, [b"PLAIN", b"EXTERNAL"]), (False, [b"PLAIN"])])
def test_the_root_dse_says_whether(takes: bool, mechanisms: list[bytes]) -> None:
    client = a_client(client_certificates=takes)
    entry, _ = client.ask(peer.search(2, "", peer.BASE, attributes=["supportedSASLMechanisms"]))
    assert entry.attributes == {"supportedSASLMechanisms": mechanisms}


def test_a_certificate_changes_no_password() -> None:
    client = a_client(BOBS)
    assert external(client) == 0
    assert client.code(peer.modify(2, BOB_DN, (2, "userPassword", ["another one"]))) == 49
    assert client.door.link.changes[-1].user == BOB
    assert client.door.link.changes[-1].old == ""


def test_what_a_certificate_calls_itself() -> None:
    assert called(BOBS.certificate.public_bytes(Encoding.DER)) == "bob"
    assert called(b"no certificate") == NAMELESS
