"""A directory in memory that speaks LDAP, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from control.records import Source
from control.sources.ldap.described import Directory, Server, directory
from control.store.interface import Transaction
from control.verbs import ldap_sources
from protocols.ldap import encoded, messages
from protocols.ldap.asking import START_TLS
from protocols.ldap.filter import And, Equality, Filter, Present
from protocols.ldap.messages import BindRequest, ExtendedRequest, UnbindRequest
from protocols.ldap.result import Result
from protocols.ldap.search_request import Scope, SearchRequest

BASE = "dc=example,dc=org"
SERVICE, SERVICE_PASSWORD = f"cn=reader,{BASE}", "reader-password"
REFERENCE = b"\x73\x08\x04\x06ldap:/"
GIVEN: dict[str, Any] = {
    "name": "House",
    "slug": "house",
    "server_uri": "ldap://directory.example.org",
    "bind_cn": SERVICE,
    "bind_password": SERVICE_PASSWORD,
    "base_dn": BASE,
    "object_uniqueness_field": "entryUUID",
    "group_object_filter": "(objectClass=groupOfNames)",
}


@dataclass
class Abroad:
    """``entries``: DN to attributes, ``userPassword`` among them."""

    entries: dict[str, dict[str, list[bytes]]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    """What it was asked, without names; the same list for everybody means the same work."""
    bound: list[tuple[str, bytes]] = field(default_factory=list)
    filters: list[Filter] = field(default_factory=list)
    is_away: bool = False
    takes_tls: bool = True
    part: int = 0
    """So many members it tells at once, as Active Directory does where they are many; 0: all."""
    references: int = 0
    """That come with every search."""
    bind_result: int | None = None
    """Of every bind but the service account's."""
    answers: Callable[[bytes], bytes] | None = None
    """Instead of all else."""
    closed: int = 0

    def person(self, name: str, password: str, **more: str) -> str:
        dn = f"uid={name},{BASE}"
        said = {"uid": name, "cn": name.title(), "mail": f"{name}@example.org", "entryUUID": f"id-of-{name}", **more}
        self.entries[dn] = {
            "objectClass": [b"person"],
            "userPassword": [password.encode()],
            **{key: [value.encode()] for key, value in said.items()},
        }
        return dn

    def group(self, name: str, *members: str) -> str:
        dn = f"cn={name},{BASE}"
        self.entries[dn] = {
            "objectClass": [b"groupOfNames"],
            "cn": [name.encode()],
            "entryUUID": [f"id-of-{name}".encode()],
            "member": [member.encode() for member in members],
        }
        return dn

    async def dial(self, server: Server, trust: ssl.SSLContext) -> tuple[asyncio.StreamReader, _Writer]:
        if self.is_away:
            raise ConnectionRefusedError("nobody listens")
        reader = asyncio.StreamReader()
        return reader, _Writer(self, reader)

    def hear(self, octets: bytes) -> bytes:
        if self.answers is not None:
            return self.answers(octets)
        heard = messages.envelope(octets)
        match heard.request():
            case BindRequest(_, name, password):
                self.said.append("bind")
                self.bound.append((name, password or b""))
                return messages.encode_message(heard.message_id, _result(0x61, self._bind(name, password or b"")))
            case SearchRequest() as asked:
                self.said.append("search")
                self.filters.append(asked.filter)
                return self._search(heard.message_id, asked)
            case ExtendedRequest(oid, _):
                assert oid == START_TLS
                self.said.append("starttls")
                return messages.encode_message(heard.message_id, _result(0x78, 0 if self.takes_tls else 53))
            case UnbindRequest():
                return b""
        raise AssertionError("no source asks that")

    def _bind(self, name: str, password: bytes) -> int:
        if (name, password) == (SERVICE, SERVICE_PASSWORD.encode()):
            return 0
        if self.bind_result is not None:
            return self.bind_result
        if not password:
            return 0  # as servers do
        return 0 if password in self.entries.get(name, {}).get("userPassword", ()) else 49

    def _search(self, message_id: int, asked: SearchRequest) -> bytes:
        found = b""
        for dn, attributes in self.entries.items():
            if _matches(asked.filter, attributes) and (asked.scope is not Scope.BASE or asked.base == dn):
                shown = [
                    encoded.encode_attribute(name, encoded.encode_values(values))
                    for name, values in self._shown(attributes, [one.decode() for one in asked.attributes])
                ]
                found += messages.encode_message(message_id, encoded.encode_entry(dn, shown))
        found += self.references * messages.encode_message(message_id, REFERENCE)
        return found + messages.encode_message(message_id, _result(0x65, 0))

    def _shown(self, attributes: dict[str, list[bytes]], asked: list[str]) -> Iterator[tuple[str, list[bytes]]]:
        for name, values in attributes.items():
            wanted = [one for one in asked if one == "*" or one.partition(";range=")[0] == name]
            if wanted and name == "member" and 0 < self.part < len(values):
                start = int(wanted[0].partition("=")[2].partition("-")[0] or 0)
                end = start + self.part
                yield name, []
                yield f"member;range={start}-{end - 1 if end < len(values) else '*'}", values[start:end]
            elif wanted:
                yield name, values


def _result(tag: int, code: int) -> bytes:
    return messages.encode_result(tag, Result(code, "", "as the server sees it"))


def _matches(filter: Filter, attributes: dict[str, list[bytes]]) -> bool:
    match filter:
        case And(parts):
            return all(_matches(part, attributes) for part in parts)
        case Equality(attribute, value):
            return value in attributes.get(attribute, ())
        case Present(attribute):
            return attribute in attributes
    raise AssertionError("no source asks that")


class _Writer:
    def __init__(self, abroad: Abroad, reader: asyncio.StreamReader) -> None:
        self._abroad, self._reader = abroad, reader

    def write(self, data: bytes) -> None:
        self._reader.feed_data(self._abroad.hear(data))

    async def drain(self) -> None:
        pass

    async def start_tls(self, trust: ssl.SSLContext, host: str) -> asyncio.StreamReader:
        assert trust.verify_mode is ssl.CERT_REQUIRED
        assert trust.check_hostname
        assert host == "directory.example.org"
        return self._reader

    def close(self) -> None:
        self._abroad.closed += 1
        self._reader.feed_eof()


def make(tx: Transaction, **changed: Any) -> Source:
    return ldap_sources.create(tx, {**GIVEN, **changed})


def made(tx: Transaction, **changed: Any) -> Directory:
    return directory(tx, make(tx, **changed))
