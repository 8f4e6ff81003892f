"""A slapd on loopback that is somebody else's directory: over TCP, with TLS of its own authority."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509

from tests.certificates import SERVER_AUTH, issue
from tests.peers import require
from tests.ports import free_port
from tests.wire import processes
from tests.wire.nginx import is_listening
from tests.wire.program import until
from tests.wire.slapd import SCHEMAS, START_SECONDS

SUFFIX = "dc=house,dc=example"
READER, READER_PASSWORD = f"cn=reader,{SUFFIX}", "reader-password"
MANY = 1200
"""People: more than slapd gives without pages, and more than one page."""
CONFIGURATION = """\
{schema}
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
loglevel 0
sizelimit 500
sizelimit size.prtotal=unlimited
TLSCACertificateFile {folder}/authority.pem
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
security simple_bind=128
database mdb
suffix "{suffix}"
rootdn "{reader}"
rootpw {password}
directory {folder}/db
maxsize 104857600
index objectClass,uid,entryUUID eq
"""


@dataclass
class ForeignDirectory:
    folder: Path
    port: int
    ldaps: int
    authority: str
    """PEM."""
    _process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"ldap://localhost:{self.port}"

    def start(self) -> None:
        """Also once more."""
        where = f"ldap://127.0.0.1:{self.port}/ ldaps://127.0.0.1:{self.ldaps}/"
        with (self.folder / "log").open("ab") as log:
            self._process = processes.start(
                [require("slapd"), "-d", "0", "-h", where, "-f", str(self.folder / "slapd.conf")],
                stdout=log,
                stderr=log,
            )
        until(lambda: is_listening(self.port) and is_listening(self.ldaps), START_SECONDS, "slapd listening")

    def stop(self) -> None:
        if self._process is not None:
            processes.stop(self._process)
        self._process = None

    def change(self, ldif: str) -> None:
        """As the administrator there."""
        command = [require("ldapmodify"), "-x", "-ZZ", "-H", f"ldap://localhost:{self.port}"]
        done = subprocess.run(
            [*command, "-D", READER, "-w", READER_PASSWORD],
            input=ldif,
            env={"LDAPTLS_REQCERT": "never"},  # whom it trusts is not what is looked at here
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr


@contextmanager
def foreign_directory(folder: Path) -> Iterator[ForeignDirectory]:
    """alice, bob and many others, and two groups."""
    (folder / "db").mkdir(parents=True)
    authority = issue("Directory authority", authority=True)
    named = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    issued = issue("localhost", authority, usage=[SERVER_AUTH], names=named)
    for name, text in (("authority.pem", authority.pem), ("server.pem", issued.pem), ("server.key", issued.key_pem)):
        (folder / name).write_text(text)
    schema = "\n".join(f"include {file}" for file in SCHEMAS)
    said = CONFIGURATION.format(schema=schema, folder=folder, suffix=SUFFIX, reader=READER, password=READER_PASSWORD)
    (folder / "slapd.conf").write_text(said)
    (folder / "people.ldif").write_text("\n".join(_entries()))
    added = subprocess.run(
        [require("slapd"), "-T", "add", "-q", "-f", str(folder / "slapd.conf"), "-l", str(folder / "people.ldif")],
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    assert added.returncode == 0, added.stderr
    made = ForeignDirectory(folder, free_port(), free_port(), authority.pem)
    made.start()
    try:
        yield made
    finally:
        made.stop()


def person(name: str) -> str:
    return f"uid={name},ou=people,{SUFFIX}"


def password(name: str) -> str:
    return f"{name}-there"


def trusting(directory: ForeignDirectory) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=directory.authority)


def _entries() -> Iterator[str]:
    yield f"dn: {SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\ndc: house\no: House\n"
    for unit in ("people", "groups"):
        yield f"dn: ou={unit},{SUFFIX}\nobjectClass: organizationalUnit\nou: {unit}\n"
    for name in ("alice", "bob", *(f"person{number}" for number in range(MANY))):
        yield (
            f"dn: {person(name)}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name.title()}\nsn: {name}\n"
            f"mail: {name}@house.example\nuserPassword: {password(name)}\n"
        )
    yield f"dn: cn=elsewhere,ou=people,{SUFFIX}\nobjectClass: referral\nobjectClass: extensibleObject\n" + (
        "cn: elsewhere\nref: ldap://127.0.0.1:1/ou=people,dc=elsewhere\n"
    )
    for group, members in (("crew", ("alice", "bob")), ("board", ("alice",))):
        listed = "\n".join(f"member: {person(name)}" for name in members)
        yield f"dn: cn={group},ou=groups,{SUFFIX}\nobjectClass: groupOfNames\ncn: {group}\n{listed}\n"
