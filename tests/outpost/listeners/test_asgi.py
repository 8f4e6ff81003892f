from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from outpost.listeners.asgi import MAX_BUFFERED_BODY, AsgiRoute
from tests.certificates import issue
from tests.outpost.listeners.http_connections import Listener, RecordingTelemetry, Visitor, get

POST = "POST / HTTP/1.1\r\nHost: own.example\r\nContent-Length: {}\r\n\r\n"


class Stage:
    """An application on an in-memory listener; its calls are recorded, and it waits where the test wants."""

    def __init__(self, application: Callable[..., Awaitable[None]], body_limit: int = 1_000_000) -> None:
        self.telemetry = RecordingTelemetry()
        self.route = AsgiRoute(application, self.telemetry, body_limit)
        self.listener = Listener(fallback=self.route, telemetry=self.telemetry)

    def visit(self) -> Visitor:
        return self.listener.connect("192.0.2.1")


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_one_write_for_a_whole_answer() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"Content-Length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async def test() -> None:
        visitor = Stage(application).visit()
        visitor.send(get("/"))
        await settle()
        assert len(visitor.wire.writes) == 1
        assert [answer.body for answer in visitor.answers()] == [b"ok"]

    asyncio.run(test())


def test_the_peer_as_the_connection_has_it() -> None:
    seen: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["client"], scope["server"], scope["scheme"]))

    async def test() -> None:
        Stage(application).visit().send(get("/", ("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-Proto", "https")))
        await settle()

    asyncio.run(test())
    assert seen == [(("192.0.2.1", 4321), ("127.0.0.1", 9000), "http")]


@pytest.mark.parametrize("secure", [True, False])
def test_what_a_client_has_shown_over_tls_as_the_extension_for_it_says(
    secure: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    alice = issue("alice")
    monkeypatch.setattr(
        "outpost.listeners.http.shown_over", lambda transport: (alice.certificate.public_bytes(Encoding.DER),)
    )

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["extensions"])

    async def test() -> None:
        visitor = Stage(application).visit()
        visitor.connection.secure = secure
        visitor.send(get("/"))
        await settle()

    asyncio.run(test())
    assert seen == [{"tls": {"client_cert_chain": [alice.pem]}} if secure else {}]


def test_a_large_body_waits_for_the_application() -> None:
    wanted = asyncio.Event()
    taken: list[int] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await wanted.wait()
        while True:
            message = await receive()
            taken.append(len(message["body"]))
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    async def test() -> None:
        visitor = Stage(application).visit()
        size = 3 * MAX_BUFFERED_BODY
        visitor.send(POST.format(size).encode(), b"x" * (MAX_BUFFERED_BODY + 1))
        await settle()
        assert not visitor.reads()
        wanted.set()
        await settle()
        assert visitor.reads()
        visitor.send(b"x" * (size - MAX_BUFFERED_BODY - 1))
        await settle()
        assert sum(taken) == size
        assert max(taken) < size
        assert visitor.answers()[0].status == 204

    asyncio.run(test())


def test_a_slow_client_holds_the_application_back() -> None:
    sent: list[int] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(5):
            await send({"type": "http.response.body", "body": b"x", "more_body": number < 4})
            sent.append(number)

    async def test() -> None:
        stage = Stage(application)
        visitor = stage.visit()
        visitor.send(get("/"))
        visitor.connection.pauseProducing()
        await settle()
        assert sent == []
        visitor.connection.resumeProducing()
        await settle()
        assert sent == [0, 1, 2, 3, 4]

    asyncio.run(test())


def test_who_waits_for_leave_gets_it_when_the_application_reads() -> None:
    wanted = asyncio.Event()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await wanted.wait()
        message = await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": message["body"]})

    async def test() -> None:
        visitor = Stage(application).visit()
        visitor.send(POST.format(2).replace("Host", "Expect: 100-continue\r\nHost").encode())
        await settle()
        assert visitor.received == b""
        wanted.set()
        await settle()
        assert visitor.received == b"HTTP/1.1 100 Continue\r\n\r\n"
        visitor.send(b"ok")
        await settle()
        assert visitor.received.endswith(b"\r\n\r\n2\r\nok\r\n0\r\n\r\n")

    asyncio.run(test())


def test_a_client_that_leaves_is_told_to_both_sides_of_the_application() -> None:
    told: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "http.request"
        told.append((await receive())["type"])
        with pytest.raises(OSError, match="gone"):
            await send({"type": "http.response.start", "status": 200, "headers": []})
        told.append("send raises")

    async def test() -> None:
        stage = Stage(application)
        visitor = stage.visit()
        visitor.send(get("/"))
        await settle()
        visitor.leave()
        await settle()
        assert stage.telemetry.faults == []

    asyncio.run(test())
    assert told == ["http.disconnect", "send raises"]


def test_after_the_answer_the_request_is_over() -> None:
    told: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})
        told.append((await receive())["type"])

    async def test() -> None:
        Stage(application).visit().send(get("/"))
        await settle()

    asyncio.run(test())
    assert told == ["http.disconnect"]


async def raises(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError("broken")


async def ends(scope: Any, receive: Any, send: Any) -> None:
    pass


async def starts_only(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def body_first(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.body", "body": b"x"})


async def starts_twice(scope: Any, receive: Any, send: Any) -> None:
    await starts_only(scope, receive, send)
    await starts_only(scope, receive, send)


async def splits_a_header(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x", b"a\r\nset-cookie: b")]})
    await send({"type": "http.response.body", "body": b"x"})


async def answers_only_for_now(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 103, "headers": []})
    await send({"type": "http.response.body", "body": b"x"})


async def measures_wrongly(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"five")]})
    await send({"type": "http.response.body", "body": b"x"})


@pytest.mark.parametrize(
    "application",
    [raises, ends, starts_only, body_first, starts_twice, splits_a_header, answers_only_for_now, measures_wrongly],
)
def test_a_broken_application_answers_500(application: Any) -> None:
    async def test() -> None:
        stage = Stage(application)
        visitor = stage.visit()
        visitor.send(get("/"))
        await settle()
        assert [answer.status for answer in visitor.answers()] == [500]
        assert stage.telemetry.faults == ["asgi application"]

    asyncio.run(test())


@pytest.mark.parametrize("fields", [[], [(b"content-length", b"10")]], ids=["chunked", "announced"])
def test_a_failure_behind_the_head_breaks_off(fields: list[tuple[bytes, bytes]]) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})

    async def test() -> None:
        visitor = Stage(application).visit()
        visitor.send(get("/"))
        await settle()
        assert visitor.closed
        assert not visitor.received.endswith(b"0\r\n\r\n")

    asyncio.run(test())


def test_stopping_lets_an_answer_in_hand_finish() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.01)
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    async def test() -> None:
        stage = Stage(application)
        visitor = stage.visit()
        visitor.send(get("/"))
        await settle()
        await stage.route.stop().asFuture(asyncio.get_running_loop())
        assert [answer.status for answer in visitor.answers()] == [204]

    asyncio.run(test())


def test_lifespan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outpost.listeners.asgi.STOP_PATIENCE", 0.01)
    seen: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for kind in ("startup", "shutdown"):
                seen.append((await receive())["type"])
                scope["state"]["began"] = True
                await send({"type": f"lifespan.{kind}.complete"})
        else:
            seen.append(f"began: {scope['state']['began']}")
            await asyncio.sleep(1000)

    async def test() -> None:
        stage = Stage(application)
        loop = asyncio.get_running_loop()
        await stage.route.start().asFuture(loop)
        visitor = stage.visit()
        visitor.send(get("/"))
        await settle()
        await stage.route.stop().asFuture(loop)
        assert [answer.status for answer in visitor.answers()] == [500], "cancelled, so it cannot be answered"

    asyncio.run(test())
    assert seen == ["lifespan.startup", "began: True", "lifespan.shutdown"]


def test_an_application_without_lifespan_is_simply_started() -> None:
    async def test() -> None:
        stage = Stage(raises)
        loop = asyncio.get_running_loop()
        await stage.route.start().asFuture(loop)
        await stage.route.stop().asFuture(loop)

    asyncio.run(test())


def test_an_application_that_does_not_start_says_so() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    async def test() -> None:
        with pytest.raises(RuntimeError, match="no database"):
            await Stage(application).route.start().asFuture(asyncio.get_running_loop())

    asyncio.run(test())


# --- beside uvicorn ---


@contextmanager
def served(how: str) -> Iterator[str]:
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.outpost.listeners.asgi_program", how],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert program.stdout is not None
        url = f"http://127.0.0.1:{int(program.stdout.readline())}"
        wait_until_it_answers(url)
        yield url
    finally:
        program.terminate()
        program.wait(60)
        assert program.stdout is not None
        program.stdout.close()


def wait_until_it_answers(url: str) -> None:
    """The socket listens before the server takes from it, so the first connection only has to be patient."""
    httpx.get(f"{url}/plain", timeout=30, trust_env=False)


REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/plain", {}),
    ("HEAD", "/plain", {}),
    ("GET", "/missing", {}),
    ("GET", "/cookies", {}),
    ("GET", "/stream", {}),
    ("HEAD", "/stream", {}),
    ("GET", "/announced", {}),
    ("GET", "/bodiless/204", {}),
    ("GET", "/bodiless/304", {}),
    ("POST", "/echo", {"content": b"x" * 200_000}),
    ("POST", "/echo", {"chunks": [b"a", b"b" * 100_000, b"c"]}),
    ("POST", "/echo", {"content": b""}),
    ("PUT", "/echo", {"data": {"a": "b c", "d": "é"}}),
    ("POST", "/echo", {"content": b"patient", "headers": {"Expect": "100-continue"}}),
    ("GET", "/shown/a%20b/%C3%A9%2f..//c?d=%20e&f", {"headers": {"X-Double": "1", "X-Name": b"\xc3\xa9 \xff"}}),
    ("DELETE", "/shown?", {"headers": {"Connection": "close", "X-Forwarded-For": "198.51.100.1"}}),
    ("OPTIONS", "/shown", {"headers": {"Upgrade": "h2c", "Connection": "Upgrade"}}),
    ("GET", "/broken", {}),
    ("GET", "/silent", {}),
]
ASIDE = {"date", "server", "connection", "transfer-encoding"}
OF_A_SERVERS_OWN_500 = {"content-length", "x-content-type-options"}


def answers(url: str) -> list[tuple[str, int, list[tuple[str, str]], bytes]]:
    port = url.rpartition(":")[2]
    collected = []
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        for method, target, how in REQUESTS:
            chunks = {"content": iter(how["chunks"])} if "chunks" in how else how
            answer = client.request(method, target, **chunks)
            aside = ASIDE | (OF_A_SERVERS_OWN_500 if answer.status_code == 500 else set())
            fields = sorted((name, value) for name, value in answer.headers.multi_items() if name not in aside)
            body = answer.content.replace(port.encode(), b"PORT")
            if target.startswith("/shown"):
                fields = [field for field in fields if field[0] != "content-length"]
            collected.append((f"{method} {target}", answer.status_code, fields, body))
    return collected


def test_the_same_application_answers_the_same_under_uvicorn() -> None:
    with served("uvicorn") as url:
        theirs = answers(url)
    with served("ours") as url:
        ours = answers(url)
    for our, their in zip(ours, theirs, strict=True):
        assert our == their
    assert {status for _, status, _, _ in ours} == {200, 201, 204, 302, 304, 404, 500}
