"""Over a socket: where TLS begins."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from control.sources.ldap.connection import Connection, Writer, dial
from control.sources.ldap.described import Server
from protocols.ldap import messages
from protocols.ldap.result import Result
from tests.certificates import SERVER_AUTH, Issued, issue

BIND, EXTENDED = 0x61, 0x78
HOST = "localhost"


def answer(message_id: int, tag: int, code: int) -> bytes:
    return messages.encode_message(message_id, messages.encode_result(tag, Result(code, "", "")))


class Foreign:
    """Takes StartTLS, then refuses every password. ``behind``: what somebody on the way puts behind its yes."""

    def __init__(self, folder: Path, behind: bytes) -> None:
        self.authority = issue("authority", authority=True)
        self._trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._trust.load_cert_chain(self._file(folder))
        self._behind = behind

    def _file(self, folder: Path) -> Path:
        issued: Issued = issue(HOST, self.authority, usage=(SERVER_AUTH,), names=(x509.DNSName(HOST),))
        file = folder / "server.pem"
        file.write_text(issued.key_pem + issued.pem)
        return file

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(answer(1, EXTENDED, 0) + self._behind)
        await writer.start_tls(self._trust)
        await reader.read(1024)
        writer.write(answer(2, BIND, 49))
        await writer.drain()
        writer.close()


@pytest.mark.parametrize("behind", [b"", answer(2, BIND, 0)], ids=["honest", "with a forged answer"])
def test_what_was_said_before_tls_answers_nothing_behind_it(tmp_path: Path, behind: bytes) -> None:
    foreign = Foreign(tmp_path, behind)

    async def ask() -> int:
        server = await asyncio.start_server(foreign.serve, "127.0.0.1", 0)
        async with server:
            trust = ssl.create_default_context(cadata=foreign.authority.pem)
            port = server.sockets[0].getsockname()[1]
            reader, writer = await dial(Server("127.0.0.1", port, tls=False), trust)
            connection = Connection(reader, writer)
            await connection.start_tls(trust, HOST)
            code = await connection.bind("uid=alice,dc=example,dc=org", "wrong")
            connection.close()
            return code

    assert asyncio.run(asyncio.wait_for(ask(), 60)) == 49


def test_a_connection_that_was_closed_leaves_nothing_open(tmp_path: Path) -> None:
    """However soon its loop ends, and whether or not the server says farewell."""
    foreign = Foreign(tmp_path, b"")

    async def ask() -> asyncio.BaseTransport:
        server = await asyncio.start_server(foreign.serve, "127.0.0.1", 0)
        async with server:
            clear = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
            connection = Connection(clear[0], Writer(clear[1]))
            await connection.start_tls(ssl.create_default_context(cadata=foreign.authority.pem), HOST)
            connection.close()
            return clear[1].transport

    assert asyncio.run(asyncio.wait_for(ask(), 60)).is_closing()
