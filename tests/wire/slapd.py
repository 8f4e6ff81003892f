"""A real slapd that holds the entries of a directory of ours, and speaks our schema where it has none of its own."""

from __future__ import annotations

import base64
import re
import socket
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from protocols.ldap import ber
from protocols.ldap.search import PlainEntry
from protocols.ldap.session import MAX_MESSAGE
from tests.peers import require
from tests.protocols.ldap import peer
from tests.protocols.ldap.peer import Answer, answers
from tests.wire import processes
from tests.wire.program import until

SCHEMAS = tuple(Path(f"/etc/ldap/schema/{name}.schema") for name in ("core", "cosine", "inetorgperson", "nis"))
BUILT_IN = frozenset(
    [
        *("objectclass", "structuralobjectclass", "createtimestamp", "modifytimestamp", "entryuuid", "entrydn"),
        *("hassubordinates", "subschemasubentry", "distinguishedname", "name", "cn", "uid", "uidnumber"),
        *("gidnumber", "userpassword", "labeleduri", "description", "seealso", "namingcontexts"),
        *("supportedldapversion", "supportedcontrol", "supportedextension", "supportedfeatures"),
        *("supportedsaslmechanisms", "vendorname", "vendorversion", "objectclasses", "attributetypes"),
        *("matchingrules", "matchingruleuse", "ldapsyntaxes", "top", "subentry", "subschema"),
    ]
)
"""What slapd knows without a file."""
COMPUTED = frozenset(("entryDN", "hasSubordinates", "subschemaSubentry"))
"""slapd makes these itself."""
AUTHENTIK_CLASS = "goauthentik.io/ldap/", "goauthentik-io-ldap-"
OCTETS_OF_CLASS = AUTHENTIK_CLASS[0].encode(), AUTHENTIK_CLASS[1].encode()

CONFIGURATION = """\
{schema}
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
sizelimit unlimited
loglevel 0
database mdb
suffix "{suffix}"
rootdn "{administrator},{suffix}"
rootpw {password}
directory {folder}/db
maxsize 104857600
index objectClass,uid,cn eq
"""
ADMINISTRATOR, PASSWORD = "cn=administrator", "slapd-password"
START_SECONDS = 60.0
ANSWER_SECONDS = 30.0


class Slapd:
    """One connection, over which requests go as they are."""

    def __init__(self, place: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(ANSWER_SECONDS)
        self._socket.connect(str(place))

    def ask(self, message: bytes) -> list[Answer]:
        """The answers to one request, the result last. Raises TimeoutError."""
        self._socket.sendall(message)
        received = self._socket.recv(1 << 16)
        found: list[Answer] = []
        while not found or found[-1].code is None:
            size = ber.frame(received, MAX_MESSAGE) if received else None
            if size is None:
                octets = self._socket.recv(1 << 16)
                assert octets, "slapd closed the connection"
                received += octets
            else:
                found += answers(received[:size])
                received = received[size:]
        return found

    def close(self) -> None:
        self._socket.close()


@contextmanager
def slapd(folder: Path, suffix: str, entries: Iterable[Answer], described: PlainEntry) -> Iterator[Slapd]:
    """Holds ``entries``, parents first. ``described``: our subschema."""
    (folder / "db").mkdir(parents=True)
    configuration = folder / "slapd.conf"
    configuration.write_text(
        CONFIGURATION.format(
            schema="\n".join(_schema(described)),
            folder=folder,
            suffix=suffix,
            administrator=ADMINISTRATOR,
            password=PASSWORD,
        )
    )
    ldif = folder / "entries.ldif"
    ldif.write_text("\n".join(map(_ldif, entries)))
    program = require("slapd")
    # Without a check: what entries of ours have of several structural classes, slapd would not let anybody add.
    added = subprocess.run(
        [program, "-T", "add", "-q", "-s", "-f", str(configuration), "-l", str(ldif)],
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    assert added.returncode == 0, added.stderr
    place = folder / "ldapi"
    with (folder / "log").open("wb") as log:
        process = processes.start(
            [program, "-d", "0", "-h", f"ldapi://{quote(str(place), safe='')}", "-f", str(configuration)],
            stdout=log,
            stderr=log,
        )
    try:
        until(lambda: _accepts(place) or process.poll() is not None, START_SECONDS, "slapd's socket")
        assert process.poll() is None, (folder / "log").read_text()
        connection = Slapd(place)
        try:
            (answer,) = connection.ask(peer.bind(1, f"{ADMINISTRATOR},{suffix}", PASSWORD))
            assert answer.code == 0
            yield connection
        finally:
            connection.close()
    finally:
        processes.stop(process)


def _accepts(place: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as trial:
        return trial.connect_ex(str(place)) == 0


def _schema(described: PlainEntry) -> Iterator[str]:
    """What slapd's files lack, in the words of our own subschema."""
    known = set(BUILT_IN)
    for file in SCHEMAS:
        yield f"include {file}"
        known |= _names(file.read_text())
    for directive, key in (("attributetype", "attributetypes"), ("objectclass", "objectclasses")):
        for text in map(str, described.values(key)):
            if _names(text).isdisjoint(known):
                known |= _names(text)
                yield f"{directive} {_takeable(text)}"


def _takeable(text: str) -> str:
    """No file may describe operational attributes, and authentik's class names are none to RFC 4512."""
    return text.replace(" NO-USER-MODIFICATION USAGE directoryOperation", "").replace(*AUTHENTIK_CLASS)


def _names(text: str) -> set[str]:
    lists = re.findall(r"NAME\s+(?:'[^']+'|\([^)]+\))", text)
    return {name.lower() for names in lists for name in re.findall(r"'([^']+)'", names)}


def _ldif(entry: Answer) -> str:
    lines = [f"dn:: {_base64(entry.text.encode())}"]
    for name, values in entry.attributes.items():
        if name not in COMPUTED:
            lines += [f"{name}:: {_base64(value.replace(*OCTETS_OF_CLASS))}" for value in values]
    return "\n".join(lines) + "\n"


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()
