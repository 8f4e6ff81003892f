"""RadSec with radsecproxy: in front of us it turns a NAS's datagrams into TLS, and TLS into datagrams."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.certificates import AUTHORITY, CLIENT, SERVER, issue
from tests.peers import require
from tests.ports import free_port
from tests.wire import processes
from tests.wire.clients import Answer, run
from tests.wire.directory import PASSWORDS, SHARED_SECRET, Directory
from tests.wire.program import SOON, Program, until

pytestmark = pytest.mark.peer

PROXY = issue("proxy.example.com", AUTHORITY, usage=[CLIENT])
INNER_SECRET = "between-radclient-and-its-proxy"


@contextmanager
def proxy(folder: Path, configuration: str) -> Iterator[None]:
    """radsecproxy with this configuration behind its certificates."""
    for name, text in (("ca", AUTHORITY.pem), ("own", PROXY.pem), ("server", SERVER.pem)):
        (folder / f"{name}.pem").write_text(text)
    (folder / "own.key").write_text(PROXY.key_pem)
    (folder / "server.key").write_text(SERVER.key_pem)
    path = folder / "radsecproxy.conf"
    path.write_text(f"{_tls('default', folder, 'own')}{_tls('server', folder, 'server')}{configuration}")
    with (folder / "log.txt").open("wb") as log:
        process = processes.start([require("radsecproxy"), "-f", "-c", str(path)], stdout=log, stderr=log)
    try:
        yield
    finally:
        processes.stop(process)


def _tls(name: str, folder: Path, own: str) -> str:
    return f"""
tls {name} {{
  CACertificateFile {folder}/ca.pem
  CertificateFile {folder}/{own}.pem
  CertificateKeyFile {folder}/{own}.key
}}
"""


def said(port: int, *attributes: str, kind: str = "auth") -> Answer:
    request = "\n".join(['User-Name = "bob"', *attributes]) + "\n"
    return run("radclient", "-x", "-t", "3", "-r", "10", f"127.0.0.1:{port}", kind, INNER_SECRET, stdin=request)


@pytest.fixture(scope="module")
def towards_us(program: Program, people: Directory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The UDP port of a proxy that speaks TLS to us."""
    provider = people.providers["radius"]
    place = f"providers/radius/{provider}/"
    pairs = "crypto/certificatekeypairs/"
    ours = {"name": "radsec", "certificate_data": SERVER.pem, "key_data": SERVER.key_pem}
    shown = program.api("POST", pairs, ours)["pk"]
    trusted = program.api("POST", pairs, {"name": "radsec authority", "certificate_data": AUTHORITY.pem})["pk"]
    program.api("PATCH", place, {"certificate": shown, "client_authorities": [trusted]})
    named = {"name": "proxy", "provider": provider, "network": "192.0.2.1", "radsec_name": "proxy.example.com"}
    nas = program.api("POST", "radius/nas/", named)["pk"]
    port, server = free_port(), program.place("radsec")[1]
    configuration = f"""
ListenUDP 127.0.0.1:{port}
client 127.0.0.1 {{
  type udp
  secret {INNER_SECRET}
}}
server 127.0.0.1 {{
  type TLS
  port {server}
  secret radsec
  CertificateNameCheck off
  StatusServer on
}}
realm * {{
  server 127.0.0.1
  accountingServer 127.0.0.1
}}
"""
    with proxy(tmp_path_factory.mktemp("towards-us"), configuration):
        yield port
    program.api("DELETE", f"radius/nas/{nas}/")
    program.api("PATCH", place, {"certificate": None, "client_authorities": []})
    for pk in (shown, trusted):
        program.api("DELETE", f"{pairs}{pk}/")


def test_a_login_and_accounting_through_a_proxy_over_tls(program: Program, towards_us: int) -> None:
    password = f'User-Password = "{PASSWORDS["bob"]}"'
    login = until(lambda: _ok(said(towards_us, password, "Message-Authenticator = 0x00")), SOON, "a login")
    assert "Received Access-Accept" in login.text
    refused = said(towards_us, 'User-Password = "a guess"', "Message-Authenticator = 0x00")
    assert "Received Access-Reject" in refused.text, refused.text
    name = f"radsec-{program.outpost_name[:4]}"
    started = said(
        towards_us,
        f'Acct-Session-Id = "{name}"',
        "Acct-Status-Type = Start",
        'NAS-Identifier = "behind the proxy"',
        kind="acct",
    )
    assert "Received Accounting-Response" in started.text, started.text

    def listed() -> bool:
        found = program.api("GET", "radius/sessions/", query={"session": name})["results"]
        return [one["nas_name"] for one in found] == ["behind the proxy"]

    until(listed, SOON, "the session being listed")


def test_a_login_from_tls_through_a_proxy_to_us(
    program: Program, people: Directory, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """One proxy speaks TLS to another, and that plain RADIUS to us."""
    entry, inner = free_port(), free_port()
    us = program.place("radius")[1]
    from_tls = f"""
ListenTLS 127.0.0.1:{inner}
client 127.0.0.1 {{
  type TLS
  tls server
  secret radsec
  CertificateNameCheck off
}}
server 127.0.0.1 {{
  type udp
  port {us}
  secret {SHARED_SECRET}
}}
realm * {{
  server 127.0.0.1
}}
"""
    to_tls = f"""
ListenUDP 127.0.0.1:{entry}
client 127.0.0.1 {{
  type udp
  secret {INNER_SECRET}
}}
server 127.0.0.1 {{
  type TLS
  port {inner}
  secret radsec
  CertificateNameCheck off
}}
realm * {{
  server 127.0.0.1
}}
"""
    password = f'User-Password = "{PASSWORDS["bob"]}"'
    folders = (tmp_path_factory.mktemp("from-tls"), tmp_path_factory.mktemp("to-tls"))
    with proxy(folders[0], from_tls), proxy(folders[1], to_tls):
        login = until(lambda: _ok(said(entry, password, "Message-Authenticator = 0x00")), SOON, "a login")
    assert "Received Access-Accept" in login.text


def _ok(answer: Answer) -> Answer | None:
    return answer if answer.code == 0 else None
