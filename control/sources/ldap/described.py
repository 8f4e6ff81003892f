"""An LDAP source as whoever asks it needs it: its servers, where to look, and by which attributes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from control.records import Certificate, Source, SourceConnection
from control.store.interface import Query, Transaction
from protocols.ldap.filter import And, Equality, Filter
from protocols.ldap.filter_text import parse

KIND = "ldap"
"""``provider_type`` of these sources."""
BACKEND = "authentik.sources.ldap.auth.LDAPBackend"
"""What a stage that asks for passwords has among its backends, if they are tried there."""
PORTS = {"ldap": 389, "ldaps": 636}
MOST_SOURCES = 20
"""That a password may be tried at."""
BY_NAME = "distinguishedName"
"""As membership attribute: the DN itself."""


@dataclass(frozen=True, slots=True)
class Server:
    host: str
    port: int
    tls: bool
    """From the first octet on (LDAPS)."""


@dataclass(frozen=True, slots=True)
class Directory:
    """What stands in the record, made ready for asking."""

    pk: str
    slug: str
    servers: tuple[Server, ...]
    """Asked in this order until one answers."""
    start_tls: bool
    authorities: str | None
    """PEM of who has to have issued the server's certificate; empty: whom this machine trusts; None: it is gone."""
    bind_name: str
    bind_password: str = field(repr=False)
    base: str
    people_base: str
    groups_base: str
    people: Filter
    groups: Filter
    identifier: str
    """The attribute that never changes and is never given to somebody else."""
    keeps_hashes: bool
    """Right passwords are kept as hashes, for while no server answers."""

    def person(self, identifier: str) -> Filter:
        """Whom this identifier names, if they are still among the people."""
        return And((self.people, Equality(self.identifier, octets(identifier))))


def directory(tx: Transaction, source: Source) -> Directory:
    told, base = source.settings, str(source.settings["base_dn"])
    return Directory(
        pk=source.pk,
        slug=source.slug,
        servers=servers(str(told["server_uri"])),
        start_tls=bool(told["start_tls"]),
        authorities=_authorities(tx, told["peer_certificate"]),
        bind_name=str(told["bind_cn"]),
        bind_password=source.secrets["bind_password"],
        base=base,
        people_base=_below(str(told["additional_user_dn"]), base),
        groups_base=_below(str(told["additional_group_dn"]), base),
        people=parse(str(told["user_object_filter"])),
        groups=parse(str(told["group_object_filter"])),
        identifier=str(told["object_uniqueness_field"]),
        keeps_hashes=bool(told["password_login_update_internal_password"]),
    )


def _authorities(tx: Transaction, named: str | None) -> str | None:
    if not named:
        return ""
    trusted = tx.find(Certificate, pk=named)
    return None if trusted is None else trusted.certificate_data


def enabled(tx: Transaction) -> list[Source]:
    query = Query(equal={"provider_type": KIND, "enabled": True}, ordering=("name",), limit=MOST_SOURCES)
    return tx.select(Source, query)


def whose(tx: Transaction, user: int, sources: Sequence[Source]) -> tuple[Source, str] | None:
    """At which of these a person's password is tried, and what they are called there; None: at none."""
    query = Query(equal={"user": user}, within={"source": [source.pk for source in sources]})
    found = {one.source: one.identifier for one in tx.select(SourceConnection, query)}
    return next(((source, found[source.pk]) for source in sources if source.pk in found), None)


def servers(uri: str) -> tuple[Server, ...]:
    """Of authentik's ``server_uri``: one or more, with commas between. Raises ValueError."""
    return tuple(_server(one.strip()) for one in uri.split(","))


def _server(uri: str) -> Server:
    parts = urlsplit(uri)
    if parts.scheme not in PORTS or not parts.hostname or parts.path.strip("/") or parts.query or parts.username:
        raise ValueError(f"“{uri}” is no address of a directory: write ldap://host:port or ldaps://host:port.")
    return Server(parts.hostname, parts.port or PORTS[parts.scheme], parts.scheme == "ldaps")


def _below(addition: str, base: str) -> str:
    return f"{addition},{base}" if addition else base


# --- identifiers as text -------------------------------------------------------------------------------------------


def identifier(value: bytes) -> str:
    """Any octets as text, as filters escape them (RFC 4515): an objectGUID is none."""
    try:
        said = value.decode()
    except UnicodeDecodeError:
        said = ""
    if said.isprintable() and said:
        return said.replace("\\", r"\5c")
    return "".join(f"\\{octet:02x}" for octet in value)


def octets(identifier: str) -> bytes:
    """The way back."""
    return re.sub(rb"\\([0-9a-f]{2})", lambda found: bytes.fromhex(found[1].decode()), identifier.encode())
