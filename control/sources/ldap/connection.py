"""One connection to a directory, with a bound on everything that comes back."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol

from control.sources.ldap.described import Server
from protocols.errors import RemoteProtocolError
from protocols.ldap import asking, ber
from protocols.ldap.asking import Done, Entry, Reference, Response
from protocols.ldap.filter import Filter
from protocols.ldap.result import ResultCode
from protocols.ldap.search_request import Scope

MOST_OCTETS = 4 * 1024 * 1024
"""Of one message: a person with a picture, a group of thousands."""
MOST_REFERENCES = 1000
"""Of one page."""
PAGE = 500
"""Entries. Active Directory gives at most 1,000 at a time."""


class Away(Exception):
    """The directory gives no answer that counts. The text is for the operator, and holds nothing secret."""


class Reading(Protocol):
    async def readexactly(self, n: int) -> bytes: ...


class Writing(Protocol):
    def write(self, data: bytes) -> None: ...

    async def drain(self) -> None: ...

    async def start_tls(self, trust: ssl.SSLContext, host: str) -> Reading:
        """What is read from now on."""
        ...

    def close(self) -> None: ...


class Writer:
    """`asyncio.StreamWriter`, whose TLS leaves nothing unread of what was said in the clear: what somebody put behind
    the server's yes would else be taken for the answer to the first thing said in private."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._clear = self._writer = writer

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def drain(self) -> None:
        await self._writer.drain()

    async def start_tls(self, trust: ssl.SSLContext, host: str) -> Reading:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport = await loop.start_tls(self._clear.transport, protocol, trust, server_hostname=host)
        assert transport is not None
        protocol.connection_made(transport)
        self._writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        return reader

    def close(self) -> None:
        """What TLS says last is on its way by then; the server's own farewell is not waited for."""
        self._writer.close()
        self._clear.close()


Dial = Callable[[Server, ssl.SSLContext], Awaitable[tuple[Reading, Writing]]]


async def dial(server: Server, trust: ssl.SSLContext) -> tuple[Reading, Writing]:
    """Raises OSError."""
    reader, writer = await asyncio.open_connection(server.host, server.port, ssl=trust if server.tls else None)
    return reader, Writer(writer)


class Connection:
    """Requests one after another. Whatever goes wrong raises Away, and the connection is of no use any more."""

    def __init__(self, reader: Reading, writer: Writing) -> None:
        self._reader = reader
        self._writer = writer
        self._last = 0

    async def start_tls(self, trust: ssl.SSLContext, host: str) -> None:
        """Nothing secret is said before. A server that does not want to is asked no further (RFC 4511, 4.14)."""
        done = await self._done(asking.start_tls(self._next()), asking.EXTENDED_RESPONSE)
        if done.code != ResultCode.SUCCESS:
            raise Away(f"StartTLS was refused with result {done.code}")
        self._reader = await self._writer.start_tls(trust, host)

    async def bind(self, name: str, password: str) -> int:
        """The result code."""
        return (await self._done(asking.bind(self._next(), name, password.encode()), asking.BIND_RESPONSE)).code

    async def search(self, base: str, filter: Filter, attributes: list[str], most: int) -> list[Entry]:
        """At most so many; None is left out: more, or a result other than success, raises Away. References are not
        followed."""
        found: list[Entry] = []
        async for one in self.read(base, filter, attributes, min(PAGE, most + 1)):
            if isinstance(one, Entry):
                found.append(one)
            if len(found) > most:
                raise Away(f"a search below {base!r} found more than {most} entries")
        return found

    async def read(
        self, base: str, filter: Filter, attributes: list[str], page: int = PAGE, scope: Scope = Scope.SUB
    ) -> AsyncIterator[Entry | Reference]:
        """One after the other, whatever their number. A result other than success raises Away."""
        cookie, is_first = b"", True
        while is_first or cookie:
            is_first = False
            request = asking.search(self._next(), base, filter, attributes, scope=scope, page=page, cookie=cookie)
            async for response in self._responses(request, asking.SEARCH_DONE):
                if not isinstance(response, Done):
                    yield response
                elif response.code != ResultCode.SUCCESS:
                    raise Away(f"a search below {base!r} ended with result {response.code}")
                else:
                    cookie = response.cookie

    def close(self) -> None:
        self._writer.write(asking.unbind(self._next()))
        self._writer.close()

    def _next(self) -> int:
        self._last += 1
        return self._last

    async def _done(self, request: bytes, operation: int) -> Done:
        async for response in self._responses(request, operation):
            if isinstance(response, Done):
                return response
        raise Away("it hung up")

    async def _responses(self, request: bytes, operation: int) -> AsyncIterator[Response]:
        """To one request, the last is `Done`."""
        self._writer.write(request)
        await self._writer.drain()
        references = 0
        while True:
            message_id, response = asking.response(await self._message())
            if message_id != self._last or (isinstance(response, Done) and response.operation != operation):
                raise Away("it answered what it was not asked")
            yield response
            if isinstance(response, Done):
                return
            references += isinstance(response, Reference)
            if references > MOST_REFERENCES or (operation != asking.SEARCH_DONE):
                raise Away("it answered more than it was asked")

    async def _message(self) -> bytes:
        octets = await self._reader.readexactly(2)
        while (size := ber.frame(octets, MOST_OCTETS)) is None:
            octets += await self._reader.readexactly(_lacking(octets))
        if size != len(octets):
            raise Away("it speaks no LDAP")
        return octets


def _lacking(octets: bytes) -> int:
    """How many octets are certainly missing from a message whose beginning this is."""
    length = octets[1]
    if length < 0x80:
        return 2 + length - len(octets)
    header = 2 + length - 0x80
    if len(octets) < header:
        return header - len(octets)
    return header + int.from_bytes(octets[2:header], "big") - len(octets)


async def connected(servers: Sequence[Server], start_tls: bool, authorities: str, dial: Dial) -> Connection:
    """To the first server that answers. ``start_tls``: before anything is said to one that has no TLS from the first
    octet on; ``authorities``: PEM, empty for those that this machine trusts. Raises Away."""
    trust = ssl.create_default_context(cadata=authorities or None)
    troubles = []
    for server in servers:
        try:
            reader, writer = await dial(server, trust)
            connection = Connection(reader, writer)
            if start_tls and not server.tls:
                try:
                    await connection.start_tls(trust, server.host)
                except BaseException:
                    writer.close()
                    raise
            return connection
        except (OSError, EOFError, RemoteProtocolError, Away) as error:
            troubles.append(f"{server.host}:{server.port}: {error or type(error).__name__}")
    raise Away("; ".join(troubles))
