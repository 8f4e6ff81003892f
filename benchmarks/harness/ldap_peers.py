"""slapd and ldaptor, with the same people as ours, each in a folder of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.harness.peers import Peer, ssha
from benchmarks.harness.people import (
    ADMINISTRATOR,
    BASE_DN,
    FIRST_NUMBER,
    PASSWORD,
    TEAM_SIZE,
    Person,
    people,
    team_name,
    user_dn,
)
from benchmarks.harness.processes import ENVIRON, Server, accepts, free_port

LDAPTOR = Path(__file__).parent.parent / "peers" / "ldaptor_directory.py"

SLAPD = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
attributetype ( 1.3.6.1.4.1.99999.1 NAME 'memberOf'
  EQUALITY distinguishedNameMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.12 )
attributetype ( 1.3.6.1.4.1.99999.2 NAME 'sAMAccountName'
  EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.99999.3 NAME 'ak-active' EQUALITY booleanMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.7 )
attributetype ( 1.3.6.1.4.1.99999.4 NAME 'ak-superuser' EQUALITY booleanMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.7 )
objectclass ( 1.3.6.1.4.1.99999.5 NAME 'user' SUP top AUXILIARY
  MAY ( memberOf $ sAMAccountName $ ak-active $ ak-superuser $ name ) )
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
TLSCertificateFile {certificate}
TLSCertificateKeyFile {certificate}
sizelimit unlimited
loglevel 0
database mdb
suffix "{base}"
directory {folder}/db
maxsize 2147483648
index objectClass,member,memberOf eq
index departmentNumber eq,pres
index uid,cn,mail eq,sub
access to attrs=userPassword by anonymous auth by * none
access to * by users read by * none
"""
"""All attributes that our entries have, so that answers are of one size; the indices that a directory like this has."""


@contextmanager
def slapd(folder: Path, count: int) -> Iterator[Peer]:
    (folder / "db").mkdir(parents=True)
    configuration = folder / "slapd.conf"
    configuration.write_text(SLAPD.format(folder=folder, base=BASE_DN, certificate=certificate(folder)))
    subprocess.run(
        ["slapadd", "-q", "-f", str(configuration), "-l", str(_written(folder, count))],
        check=True,
        capture_output=True,
        timeout=600,
        env=ENVIRON,
    )
    ports = {"ldap": free_port(), "ldaps": free_port()}
    places = " ".join(f"{scheme}://127.0.0.1:{port}" for scheme, port in ports.items())
    command = ["slapd", "-d", "0", "-h", places, "-f", str(configuration)]
    with Server("slapd", command, folder, lambda: accepts(ports["ldaps"])) as server:
        yield Peer(server, ports)


@contextmanager
def ldaptor(folder: Path, count: int) -> Iterator[Peer]:
    """Its in-memory tree behind its own server, on the same reactor as ours."""
    folder.mkdir()
    ports = {"ldap": free_port(), "ldaps": free_port()}
    places = [str(port) for port in ports.values()]
    command = [sys.executable, str(LDAPTOR), str(_written(folder, count)), *places, str(certificate(folder))]
    with Server("ldaptor", command, folder, lambda: accepts(ports["ldaps"])) as server:
        yield Peer(server, ports)


def certificate(folder: Path) -> Path:
    """Certificate and key, in one file."""
    file = folder / "certificate.pem"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
            ),
            *("-subj", "/CN=localhost", "-keyout", str(file), "-out", str(folder / "shown.pem")),
        ],
        check=True,
        capture_output=True,
        env=ENVIRON,
    )
    with file.open("a") as both:
        both.write((folder / "shown.pem").read_text())
    return file


def _written(folder: Path, count: int) -> Path:
    ldif = folder / "people.ldif"
    with ldif.open("w") as file:
        file.writelines(f"{entry}\n\n" for entry in _ldif(count))
    return ldif


def _ldif(count: int) -> Iterator[str]:
    password = ssha(PASSWORD)
    yield f"dn: {BASE_DN}\nobjectClass: domain\ndc: example"
    for container in ("users", "groups"):
        yield f"dn: ou={container},{BASE_DN}\nobjectClass: organizationalUnit\nou: {container}"
    yield (
        f"dn: {user_dn(ADMINISTRATOR)}\nobjectClass: inetOrgPerson\ncn: {ADMINISTRATOR}\nuid: {ADMINISTRATOR}\n"
        f"sn: {ADMINISTRATOR}\nuserPassword: {password}"
    )
    for person in people(count):
        yield _person(person, password)
    for team in range((count + TEAM_SIZE - 1) // TEAM_SIZE):
        members = people(min(TEAM_SIZE, count - team * TEAM_SIZE), team * TEAM_SIZE)
        yield "\n".join(
            [
                f"dn: cn={team_name(team)},ou=groups,{BASE_DN}",
                "objectClass: groupOfNames",
                f"cn: {team_name(team)}",
                *(f"member: {user_dn(member.username)}" for member in members),
            ]
        )


def _person(person: Person, password: str) -> str:
    number = FIRST_NUMBER + 1 + person.ordinal
    lines = [
        f"dn: {user_dn(person.username)}",
        *(f"objectClass: {name}" for name in ("top", "person", "organizationalPerson", "inetOrgPerson")),
        "objectClass: user",
        "objectClass: posixAccount",
        f"cn: {person.username}",
        f"uid: {person.username}",
        f"sAMAccountName: {person.username}",
        f"name: {person.name}",
        f"displayName: {person.name}",
        f"givenName: {person.given_name}",
        f"sn: {person.surname}",
        f"mail: {person.email}",
        f"uidNumber: {number}",
        f"gidNumber: {number}",
        f"homeDirectory: /home/{person.username}",
        f"memberOf: cn=staff,ou=groups,{BASE_DN}",
        f"memberOf: cn={team_name(person.team)},ou=groups,{BASE_DN}",
        "ak-active: TRUE",
        "ak-superuser: FALSE",
        *(f"{name}: {value}" for name, value in person.attributes.items()),
        f"userPassword: {password}",
    ]
    return "\n".join(lines)
