"""Whoever is refused for being unknown is on the list of knocks until they are known, at each door."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.wire.clients import ldapsearch, radclient, run
from tests.wire.directory import PASSWORDS
from tests.wire.program import SOON, Program, until

pytestmark = [pytest.mark.peer, pytest.mark.usefixtures("people")]

SIGNED = ("Message-Authenticator = 0x00",)
NAS = "127.0.0.77"
STRANGE_HOST = "newcomer.example.com"


@pytest.fixture(autouse=True)
def _cleared(program: Program) -> Iterator[None]:
    program.api("DELETE", "knocks/")
    yield
    program.api("DELETE", "knocks/")


def knock(program: Program, kind: str, what: str, answered: bool = False) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        query = {"kind": kind, "what": what, "answered": str(answered).lower()}
        results = program.api("GET", "knocks/", query=query)["results"]
        return dict(results[0]) if results else None

    return until(found, SOON, f"{kind} {what} on the list, answered: {answered}")


def forward_auth(program: Program, host: str) -> str:
    """The status that curl hears."""
    asked = ("-H", f"X-Original-URL: http://{host}/", f"{program.http}/outpost.goauthentik.io/auth/nginx")
    return run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", *asked).text


def test_a_nas_with_a_wrong_secret_knocks_until_it_has_the_right_one(program: Program) -> None:
    source = (*SIGNED, f"Packet-Src-IP-Address = {NAS}")
    radclient(program, "bob", PASSWORDS["bob"], secret="wrong", attributes=source, options=("-t", "0.5", "-r", "1"))
    shown = knock(program, "nas_secret", NAS)
    assert shown["outpost_name"] == program.outpost_name
    assert radclient(program, "bob", PASSWORDS["bob"], attributes=source).code == 0
    assert knock(program, "nas_secret", NAS, answered=True)["answered"] is not None


def test_a_host_is_added_by_what_its_knock_says(program: Program) -> None:
    assert forward_auth(program, STRANGE_HOST) == "403"
    how = knock(program, "host", STRANGE_HOST)["add"]
    made = program.api(how["method"], how["path"].removeprefix("/api/v3/"), how["body"])
    try:
        until(lambda: forward_auth(program, STRANGE_HOST) == "401", SOON, "the new host being served")
        assert knock(program, "host", STRANGE_HOST, answered=True)["add"] is None
    finally:
        program.api("DELETE", f"core/applications/{made['application']}/")
        program.api("DELETE", f"providers/proxy/{made['provider']}/")


def test_a_wrong_base_dn_knocks(program: Program) -> None:
    answer = ldapsearch(program, "bob", "(uid=bob)", base="dc=wrong,dc=org")
    assert answer.code == 32, answer.text
    assert knock(program, "base_dn", "dc=wrong,dc=org")["add"]["body"]["slug"] == "ldap-for-dc-wrong-dc-org"


def test_a_client_that_does_not_trust_our_certificate_knocks_until_it_does(program: Program) -> None:
    place = program.ports["https"][0]
    assert run("curl", "-s", f"https://{place}/-/health/live/").code == 60  # the certificate is not trusted
    assert "certificate" in knock(program, "tls", "127.0.0.1")["detail"]["why"]
    assert run("curl", "-sk", f"https://{place}/-/health/live/").code == 0
    knock(program, "tls", "127.0.0.1", answered=True)
