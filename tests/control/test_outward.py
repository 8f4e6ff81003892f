"""Requests of our own: what an answer may cost us, whoever gives it."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from control.outward import Answer, ask

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
SECONDS = 0.2


@asynccontextmanager
async def server(handle: Handle) -> AsyncIterator[str]:
    taken: list[asyncio.Task[object]] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        taken.append(task)
        try:
            await handle(reader, writer)
        finally:
            writer.close()

    listening = await asyncio.start_server(take, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/there?q=1"
    finally:
        listening.close()
        if taken:
            await asyncio.wait(taken)


def saying(octets: bytes, heard: list[bytes] | None = None) -> Handle:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if heard is not None:
            heard.append(head)
        writer.write(octets)
        with suppress(ConnectionError):
            await writer.drain()

    return handle


def asked(handle: Handle, most_bytes: int = 0, body: bytes | None = None) -> Answer:
    async def ask_it() -> Answer:
        async with server(handle) as url:
            return await ask(url, 10.0, {"X-Ours": "1"}, body, most_bytes)

    return asyncio.run(ask_it())


def test_what_is_sent_and_what_comes_back() -> None:
    heard: list[bytes] = []
    answer = asked(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", heard), most_bytes=100)
    assert answer == Answer(200, b"hello")
    assert heard[0].startswith(b"GET /there?q=1 HTTP/1.1\r\n")
    assert b"x-ours: 1\r\n" in heard[0].lower()
    assert asked(saying(b"HTTP/1.1 204 Fine\r\n\r\n", heard), body=b"a=b") == Answer(204, b"")
    assert heard[1].startswith(b"POST /there?q=1 HTTP/1.1\r\n")


def test_no_more_is_read_than_is_wanted() -> None:
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000
    assert asked(saying(long), most_bytes=10) == Answer(200, b"x" * 10)
    packed = gzip.compress(b"y" * 1_000_000)
    bomb = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    assert asked(saying(bomb + packed), most_bytes=2_000_000) == Answer(200, packed)


def test_no_redirect_is_followed() -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    assert asked(saying(moved)) == Answer(302, b"")


BEGINNINGS = [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b""]


def dripping(beginning: bytes) -> Handle:
    """An octet now and then, as long as somebody listens."""

    async def handle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        with suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(SECONDS / 10)

    return handle


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_who_never_comes_to_an_end_is_given_up(beginning: bytes) -> None:
    async def ask_it() -> None:
        async with server(dripping(beginning)) as url:
            with pytest.raises(TimeoutError, match="no answer within"):
                await ask(url, SECONDS, {}, b"x", most_bytes=10_000)

    asyncio.run(ask_it())


def test_many_who_are_slow_keep_nobody_else_waiting() -> None:
    async def ask_it() -> Answer:
        quick = saying(b"HTTP/1.1 204 Fine\r\n\r\n")
        async with server(dripping(b"")) as slow, server(quick) as url:
            waiting = [asyncio.create_task(ask(slow, 60.0, {})) for _ in range(40)]
            answer = await ask(url, 60.0, {})
            assert not any(task.done() for task in waiting)
            for task in waiting:
                task.cancel()
            await asyncio.wait(waiting)
            return answer

    assert asyncio.run(ask_it()).status == 204


@pytest.mark.parametrize("said", [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\nA" + b"a" * 300_000])
def test_what_is_no_http_is_told_as_such(said: bytes) -> None:
    with pytest.raises(ValueError, match="no HTTP is spoken there"):
        asked(saying(said))


@pytest.mark.parametrize("url", ["http://[::bad/", "nonsense", "ftp://127.0.0.1/", "http://127.0.0.1:65536/"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ValueError, match=r"no HTTP is spoken there|no address of HTTP"):
        asyncio.run(ask(url, 10.0, {}))


def test_nobody_there() -> None:
    with pytest.raises(ConnectionError):
        asyncio.run(ask("http://127.0.0.1:1/", 10.0, {}))
