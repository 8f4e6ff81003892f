"""The one adapter between our HTTP connections and an ASGI 3 application: control's, in the all-in-one program.

The application runs as asyncio tasks on the reactor's loop; this file and `up` are the only ones that know asyncio.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from ssl import DER_cert_to_PEM_cert
from typing import Any
from urllib.parse import unquote

from twisted.internet.defer import Deferred

from outpost.listeners.exchange import Exchange
from outpost.telemetry import Telemetry
from protocols.proxy.http1 import DEFAULT_BODY_LIMIT, field_lines

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Application = Callable[[Scope, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]

VERSIONS = {"version": "3.0", "spec_version": "2.4"}
MAX_BUFFERED_BODY = 64 * 1024
"""Bytes of a request's body that wait for the application before reading pauses."""
STOP_PATIENCE = 1.0
"""Seconds for answers in hand to finish when the program stops; streams without end are then cut."""


class AsgiRoute:
    """Serves every request that it is given by ``application``."""

    def __init__(self, application: Application, telemetry: Telemetry, body_limit: int = DEFAULT_BODY_LIMIT) -> None:
        self.body_limit = body_limit
        self._application = application
        self._telemetry = telemetry
        self._state: dict[str, Any] = {}
        self._lifespan: _Lifespan | None = None
        self._cycles: set[asyncio.Future[None]] = set()

    def start(self) -> Deferred[None]:
        """Runs the application's start-up; fires when it is done, or fails when it says that it failed."""
        self._lifespan = _Lifespan(self._application, self._state)
        return Deferred.fromFuture(asyncio.ensure_future(self._lifespan.start_up()))

    def stop(self) -> Deferred[None]:
        """Lets answers finish for a moment, cancels what still runs, then runs the application's shut-down."""
        return Deferred.fromFuture(asyncio.ensure_future(self._stop()))

    async def _stop(self) -> None:
        if self._cycles:
            await asyncio.wait(self._cycles, timeout=STOP_PATIENCE)
        for cycle in tuple(self._cycles):
            cycle.cancel()
        await asyncio.gather(*self._cycles, return_exceptions=True)
        if self._lifespan is not None:
            await self._lifespan.shut_down()

    def open(self, exchange: Exchange) -> _Cycle:
        cycle = _Cycle(exchange)
        task = asyncio.ensure_future(self._run(cycle))
        self._cycles.add(task)
        task.add_done_callback(self._cycles.discard)
        return cycle

    async def _run(self, cycle: _Cycle) -> None:
        try:
            await self._application(_scope(cycle.exchange, self._state), cycle.receive, cycle.send)
            if not cycle.exchange.gone:
                raise RuntimeError("the application ended without a whole answer")
        except ClientGone:
            pass
        except BaseException as error:
            cycle.exchange.fail()
            if not isinstance(error, Exception):
                raise
            self._telemetry.fault("asgi application")


class ClientGone(OSError):
    """What `send` raises once nobody listens (ASGI 2.4)."""


def _scope(exchange: Exchange, state: dict[str, Any]) -> Scope:
    request = exchange.request
    raw_path, _, query = request.target.partition(b"?")
    return {
        "type": "http",
        "asgi": VERSIONS,
        "http_version": request.version,
        "server": exchange.server,
        "client": (exchange.peer, exchange.port),
        "scheme": "https" if exchange.secure else "http",
        "method": request.method.decode("ascii"),
        "root_path": "",
        "path": unquote(raw_path.decode("ascii")),
        "raw_path": raw_path,
        "query_string": query,
        "headers": request.headers,
        "state": state.copy(),
        "extensions": {"tls": _tls(exchange)} if exchange.secure else {},
    }


def _tls(exchange: Exchange) -> dict[str, Any]:
    """ASGI's extension: what the client has shown, PEM, the leaf first."""
    return {"client_cert_chain": [DER_cert_to_PEM_cert(one) for one in exchange.client_certificates()]}


class _Cycle:
    """One request on its way through the application."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._body = bytearray()
        self._ended = False
        self._delivered = False
        self._start: Message | None = None
        self._changed = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    # --- what the connection tells ---

    def body_received(self, content: bytes) -> None:
        self._body += content
        if len(self._body) > MAX_BUFFERED_BODY:
            self.exchange.pause_body()
        self._changed.set()

    def body_ended(self) -> None:
        self._ended = True
        self._changed.set()

    def connection_lost(self) -> None:
        self._changed.set()
        self._writable.set()

    def writing_paused(self) -> None:
        self._writable.clear()

    def writing_resumed(self) -> None:
        self._writable.set()

    # --- what the application calls ---

    async def receive(self) -> Message:
        self.exchange.inform_continue()
        while not self.exchange.gone:
            if self._body or (self._ended and not self._delivered):
                content = bytes(self._body)
                self._body.clear()
                self.exchange.resume_body()
                self._delivered = self._ended and not self._body
                return {"type": "http.request", "body": content, "more_body": not self._delivered}
            self._changed.clear()
            await self._changed.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if self.exchange.gone:
            raise ClientGone("the client is gone, or the answer complete")
        if kind == "http.response.start" and self._start is None:
            self._start = message
        elif kind == "http.response.body" and self._start is not None:
            last = not message.get("more_body", False)
            self._send_body(self._start, message.get("body", b""), last)
            if last:
                self._changed.set()
            await self._writable.wait()
        else:
            raise RuntimeError(f"{kind} is not expected now")

    def _send_body(self, start: Message, content: bytes, last: bool) -> None:
        if self.exchange.begun:
            self.exchange.send(content, last)
            return
        length: int | None = None
        fields: list[tuple[bytes, bytes]] = []
        for name, value in start.get("headers", ()):
            if name.lower() == b"content-length":
                length = int(value)
            elif name.lower() not in (b"connection", b"transfer-encoding"):
                fields.append((name, value))
        self.exchange.begin(start["status"], field_lines(fields), length, content, last)


class _Lifespan:
    """ASGI's start-up and shut-down. An application that does not know them is simply started."""

    def __init__(self, application: Application, state: dict[str, Any]) -> None:
        self._application = application
        self._state = state
        self._asked: asyncio.Queue[Message] = asyncio.Queue()
        self._answers: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Future[None] | None = None

    async def start_up(self) -> None:
        self._task = asyncio.ensure_future(self._run())
        answer = await self._ask("lifespan.startup")
        if answer["type"] == "lifespan.startup.failed":
            raise RuntimeError(answer.get("message") or "the application did not start")

    async def shut_down(self) -> None:
        if self._task is not None and not self._task.done():
            await self._ask("lifespan.shutdown")
            await self._task

    async def _ask(self, kind: str) -> Message:
        await self._asked.put({"type": kind})
        return await self._answers.get()

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": VERSIONS, "state": self._state}
        try:
            await self._application(scope, self._asked.get, self._answers.put)
        except Exception:
            # raising here is how an application says that it has no lifespan
            await self._answers.put({"type": "lifespan.unsupported"})
