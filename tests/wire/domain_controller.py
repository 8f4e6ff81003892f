"""Samba as the domain controller of an Active Directory, on an address of loopback: LDAP and nothing else of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509

from tests.certificates import SERVER_AUTH, issue
from tests.peers import SAMBA, require, require_root, require_unpacked
from tests.wire.clients import Answer
from tests.wire.namespaces import Namespace
from tests.wire.program import until

REALM, BASE = "CORP.EXAMPLE", "DC=corp,DC=example"
PEOPLE = f"OU=House,{BASE}"
READER, READER_PASSWORD = "reader@corp.example", "Reader-password-1"
START_SECONDS = 90.0
"""A domain is made first, which takes eight seconds where nothing else runs."""
START = """\
set -eu
samba-tool domain provision --realm={realm} --domain=CORP --server-role=dc --dns-backend=NONE --host-name=dc \\
    --host-ip={address} --adminpass=Admin-password-1 --targetdir={folder} \\
    --option="interfaces={address}/8" --option="bind interfaces only=yes" --option="pid directory={folder}" \\
    --option="tls cafile={folder}/authority.pem" --option="tls certfile={folder}/server.pem" \\
    --option="tls keyfile={folder}/server.key"
sed -i 's/server services = .*/server services = ldap/' {configuration}
exec samba -F --no-process-group --debug-stdout -s {configuration}
"""


@dataclass
class DomainController:
    address: str
    authority: str
    """PEM."""
    configuration: Path
    running: Namespace

    @property
    def uri(self) -> str:
        return f"ldap://{self.address}"

    def tool(self, *command: str) -> Answer:
        """``samba-tool``, as the administrator there."""
        answer = self.running.run("samba-tool", *command, "-s", str(self.configuration))
        assert answer.code == 0, answer.text
        return answer


def password(name: str) -> str:
    return f"{name.title()}-password-1"


@contextmanager
def domain_controller(folder: Path) -> Iterator[DomainController]:
    """alice and bob, who are in the group crew, and a reader."""
    require_root()
    require("unshare")
    layers = [package / "usr" for package in require_unpacked(SAMBA)]
    place = _place()
    authority = issue("Domain authority", authority=True)
    issued = issue("dc", authority, usage=[SERVER_AUTH], names=[x509.IPAddress(ip_address(place))])
    for name, text in (("authority.pem", authority.pem), ("server.pem", issued.pem), ("server.key", issued.key_pem)):
        (folder / name).write_text(text)
    (folder / "server.key").chmod(0o600)
    configuration = folder / "etc" / "smb.conf"
    script = folder / "domain.sh"
    script.write_text(START.format(realm=REALM, folder=folder, address=place, configuration=configuration))
    running = Namespace(folder, ["sh", str(script)], empty=["/run"], over={"/usr": layers})
    made = DomainController(place, authority.pem, configuration, running)
    try:
        until(lambda: running.answers(place, 389), START_SECONDS, "the domain", 0.2)
        made.tool("ou", "create", PEOPLE)
        made.tool("user", "create", "reader", READER_PASSWORD)
        for name in ("alice", "bob"):
            address = f"--mail-address={name}@corp.example"
            made.tool("user", "create", name, password(name), "--userou=OU=House", address)
        made.tool("group", "add", "crew", "--groupou=OU=House")
        made.tool("group", "addmembers", "crew", "alice,bob")
        yield made
    finally:
        running.stop()


def _place() -> str:
    """Of loopback, another one in every process that runs tests: the ports of a domain cannot be chosen."""
    number = os.getpid()
    return f"127.{100 + number // 62_500 % 100}.{1 + number // 250 % 250}.{1 + number % 250}"
