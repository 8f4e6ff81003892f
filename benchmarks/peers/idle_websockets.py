"""An application that takes every WebSocket and says nothing over it, and answers everything else with 200."""

from __future__ import annotations

import asyncio
import sys

SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Idle(asyncio.Protocol):
    def __init__(self) -> None:
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._head += data
        if b"\r\n\r\n" in self._head and isinstance(self._transport, asyncio.Transport):
            asks = b"upgrade: websocket" in self._head.lower()
            self._head = b""
            self._transport.write(SWITCHED if asks else ANSWER)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Idle, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()


asyncio.run(main())
