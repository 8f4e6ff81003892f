"""A live directory: asked over LDAP (RFC 4511), at an address of RFC 4516, for what `ldif` would read of its file.

Its certificate is verified, and nothing is said without TLS, except on this machine. Referrals are not followed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from control.moving_in.access import Access
from control.moving_in.entries import ENDS, LOCKS, take_entries
from control.moving_in.found import CannotRead, Found
from control.sources.ldap.connection import Away, Connection, Dial, connected, dial
from control.sources.ldap.described import Server, servers
from control.verbs.provider_kinds.proxy import is_loopback
from protocols.errors import RemoteProtocolError
from protocols.ldap import dn, filter_text, ldif
from protocols.ldap.asking import Entry
from protocols.ldap.filter import Filter, Present
from protocols.ldap.result import ResultCode
from protocols.ldap.search_request import Scope

PASSWORD = "IMPORT_PASSWORD"  # noqa: S105  the name of a variable
EXAMPLE = "ldaps://directory.example.org/dc=example,dc=org"
EVERYTHING = Present("objectClass")
ATTRIBUTES = ["*", "pwdAccountLockedTime", "inetUserStatus", *LOCKS, *ENDS]
"""All, and what servers show of locked and ended accounts only to whom names it."""
SECONDS = 60.0
"""Without another entry."""
MOST_OCTETS = 256 * 1024 * 1024
"""Of all values: a hundred thousand people, a tenth of them with a photo."""
MOST_PARTS = 200
"""Of one attribute that comes in parts: Active Directory gives 1,500 values in each."""
TOLD_EVERY = 1000
"""Entries."""
DIRECTORY = 0
"""The number under which things are told that are about no single entry."""
_PART = re.compile(r"([A-Za-z][A-Za-z0-9-]*);range=(\d{1,7})-(\d{1,7}|\*)\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Asked:
    server: Server
    start_tls: bool
    base: str
    filter: Filter
    password: str = field(repr=False)
    authorities: str = field(repr=False)


async def fetch(address: str, access: Access, dial: Dial = dial) -> Found:
    """Raises CannotRead."""
    asked = _asked(address, access)
    found = Found(called={DIRECTORY: asked.base})
    connection: Connection | None = None
    try:
        async with asyncio.timeout(SECONDS) as limit:
            connection = await connected([asked.server], asked.start_tls, asked.authorities, dial)
            if access.name and (code := await connection.bind(access.name, asked.password)) != ResultCode.SUCCESS:
                raise Away(f"{access.name} was refused with result {code}{_meant(code)}")
            entries = await _read(found, connection, asked, access, limit)
    except (OSError, EOFError, RemoteProtocolError, UnicodeError, ValueError, Away) as error:
        silent = isinstance(error, TimeoutError)
        raise CannotRead(f"no answer for {SECONDS:.0f} seconds" if silent else str(error) or "it hung up") from None
    finally:
        if connection is not None:
            connection.close()
    take_entries(found, entries)
    if not found.lines and not found.left:
        raise CannotRead(
            f"shows no entries below {asked.base}" + ("" if access.name else "; name an account, --bind-dn")
        )
    if found.sections["users"] and not any(entry.values("userPassword") for entry in entries):
        found.leave(DIRECTORY, "showed no passwords, so nobody has one; docs/moving-in.md says what can be done")
    return found


def _asked(address: str, access: Access) -> _Asked:
    """What the address says: server, base and, if it names one, the filter. Raises CannotRead."""
    try:
        parts = urlsplit(address)
        attributes, scope, filter, extensions = [*parts.query.split("?"), "", "", "", ""][:4]
        base = unquote(parts.path.removeprefix("/"), errors="strict")
        (server,) = servers(f"{parts.scheme}://{parts.netloc}")
        if not base or not dn.parse(base).rdns:
            raise ValueError("say below which entry to look")
        if attributes or scope.lower() not in ("", "sub") or extensions or parts.query.count("?") > 3:
            raise ValueError("only a base and a filter are understood: ldaps://HOST/BASE??sub?FILTER")
        wanted = filter_text.parse(unquote(filter, errors="strict")) if filter else EVERYTHING
    except ValueError as error:
        raise CannotRead(f"is no address of a directory, such as {EXAMPLE}: {error}") from None
    if access.without_tls and (server.tls or not is_loopback(server.host)):
        raise CannotRead("--without-tls is for ldap:// on this machine alone: passwords travel over TLS")
    password = access.secret(PASSWORD, f"the password of {access.name}") if access.name else ""
    authorities = access.authorities()
    return _Asked(server, not (server.tls or access.without_tls), base, wanted, password, authorities)


def _meant(code: int) -> str:
    """The usual mistakes."""
    if code == ResultCode.INVALID_CREDENTIALS:
        return ": the name or the password is wrong"
    return ": it wants TLS" if code == ResultCode.CONFIDENTIALITY_REQUIRED else ""


async def _read(
    found: Found, connection: Connection, asked: _Asked, access: Access, limit: asyncio.Timeout
) -> list[ldif.Entry]:
    """All of them, numbered from 1. Raises Away, and what a connection raises."""
    read: list[Entry] = []
    octets = 0
    async for one in connection.read(asked.base, asked.filter, ATTRIBUTES):
        if not isinstance(one, Entry):
            found.leave(DIRECTORY, "it says that more is at another server (a referral), which was not asked")
            continue
        limit.reschedule(asyncio.get_running_loop().time() + SECONDS)
        read.append(one)
        octets += sum(len(value) for values in one.attributes.values() for value in values)
        if octets > MOST_OCTETS:
            raise Away(f"it has more than {MOST_OCTETS // 1024 // 1024} MiB; take it in parts, with a filter each")
        if len(read) % TOLD_EVERY == 0:
            access.tell(f"{len(read):,} entries read")
    entries: list[ldif.Entry] = []
    for number, one in enumerate(read, 1):
        found.called[number] = one.dn
        entries.append(ldif.Entry(number, one.dn, await _whole(connection, one, limit)))
    return entries


async def _whole(connection: Connection, entry: Entry, limit: asyncio.Timeout) -> dict[str, list[bytes]]:
    """Its attributes, those that came in parts put together (MS-ADTS 3.1.1.3.1.3.3)."""
    attributes: dict[str, list[bytes]] = {}
    for spelled, values in _spelled(entry).items():
        part = _PART.match(spelled)
        name = part[1] if part else re.sub(r";binary\Z", "", spelled, flags=re.IGNORECASE)
        if values:
            attributes.setdefault(name, []).extend(values)
        for _ in range(MOST_PARTS):
            if part is None or part[3] == "*":
                break
            limit.reschedule(asyncio.get_running_loop().time() + SECONDS)
            part, more = await _next_part(connection, entry.dn, name, int(part[3]) + 1)
            attributes[name] += more
        else:
            raise Away(f"{entry.dn} has more values of {name} than are read")
    return attributes


async def _next_part(
    connection: Connection, whose: str, name: str, start: int
) -> tuple[re.Match[str], tuple[bytes, ...]]:
    found: tuple[re.Match[str], tuple[bytes, ...]] | None = None
    async for one in connection.read(whose, EVERYTHING, [f"{name};range={start}-*"], scope=Scope.BASE):
        for spelled, values in _spelled(one).items() if isinstance(one, Entry) else ():
            part = _PART.match(spelled)
            if part is not None and part[1].lower() == name.lower() and int(part[2]) == start and values:
                found = part, values
    if found is None:
        raise Away(f"it keeps to itself the values of {name} of {whose} from number {start} on")
    return found


def _spelled(entry: Entry) -> Mapping[str, tuple[bytes, ...]]:
    return dict(zip(entry.spelled, entry.attributes.values(), strict=True))
