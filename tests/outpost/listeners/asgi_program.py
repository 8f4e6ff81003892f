"""A small ASGI application, served on a free loopback port: ``python -m tests.outpost.listeners.asgi_program HOW``.

HOW is ``ours`` or ``uvicorn``. Prints the port when it is ready.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from typing import Any, cast

Fields = list[tuple[bytes, bytes]]
PLAIN: Fields = [(b"content-type", b"text/plain")]
SHOWN = ("type", "http_version", "scheme", "method", "root_path", "path", "raw_path", "query_string", "headers")


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        scope["state"]["started"] = True
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    name = scope["path"].split("/")[1]
    await ANSWERS.get(name, missing)(scope, receive, send)


async def whole(send: Any, status: int, fields: Fields, body: bytes) -> None:
    length = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": fields + length})
    await send({"type": "http.response.body", "body": body})


async def missing(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await whole(send, 404, PLAIN, b"nothing here")


async def plain(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await whole(send, 200, PLAIN, b"hello")


async def cookies(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await whole(
        send, 302, [(b"location", b"/x"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"x-empty", b"")], b""
    )


async def stream(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": PLAIN})
    for piece in (b"one ", b"", b"two ", b"x" * 300_000):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body"})


async def announced(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [*PLAIN, (b"content-length", b"6")]})
    await send({"type": "http.response.body", "body": b"abc", "more_body": True})
    await send({"type": "http.response.body", "body": b"def", "more_body": False})


async def bodiless(scope: dict[str, Any], receive: Any, send: Any) -> None:
    status = int(scope["path"].rpartition("/")[2])
    await send({"type": "http.response.start", "status": status, "headers": [(b"etag", b'"1"')]})
    await send({"type": "http.response.body", "body": b""})


async def echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    await whole(send, 201, PLAIN, body)


async def shown(scope: dict[str, Any], receive: Any, send: Any) -> None:
    seen = {name: scope[name] for name in SHOWN} | {"client": scope["client"][0], "server": scope["server"][0]}
    seen["state"] = scope["state"]
    body = json.dumps(seen, default=lambda value: value.decode("latin-1")).encode()
    await whole(send, 200, [(b"content-type", b"application/json")], body)


async def broken(scope: dict[str, Any], receive: Any, send: Any) -> None:
    raise RuntimeError("broken")


async def silent(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Ends without an answer."""


ANSWERS = {
    "plain": plain,
    "cookies": cookies,
    "stream": stream,
    "announced": announced,
    "bodiless": bodiless,
    "echo": echo,
    "shown": shown,
    "broken": broken,
    "silent": silent,
}


def serve_with_uvicorn(listening: socket.socket) -> None:
    import uvicorn

    config = uvicorn.Config(application, http="httptools", log_level="critical", proxy_headers=False)
    uvicorn.Server(config).run(sockets=[listening])


def serve_ourselves(listening: socket.socket) -> None:
    from twisted.internet import asyncioreactor

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    asyncioreactor.install(loop)
    from twisted.internet import reactor

    from outpost.listeners.asgi import AsgiRoute
    from outpost.listeners.http import HttpFactory
    from outpost.telemetry import Telemetry

    twisted: Any = reactor
    telemetry = Telemetry()
    route = AsgiRoute(cast(Any, application), telemetry)
    listening.setblocking(False)

    async def start() -> None:
        await route.start().asFuture(loop)
        factory = HttpFactory([], route, twisted, lambda: 0.0, telemetry)
        twisted.adoptStreamPort(listening.fileno(), socket.AF_INET, factory)

    twisted.callWhenRunning(lambda: loop.create_task(start()))
    twisted.run()


def main() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(listening.getsockname()[1], flush=True)
        {"ours": serve_ourselves, "uvicorn": serve_with_uvicorn}[sys.argv[1]](listening)


if __name__ == "__main__":
    main()
