from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from control.web import request_ids
from control.web.admin_api.refusals import refusal
from control.web.request_ids import RequestIds
from tests.fakes import counted_random


async def fine(request: Request) -> Response:
    return PlainTextResponse(request_ids.current.get())


async def refused(request: Request) -> Response:
    return refusal(LookupError("nobody expected this"))


async def broken(request: Request) -> Response:
    raise LookupError("nor this")


async def left(request: Request) -> Response:
    raise ConnectionResetError("the client is gone")


class Site:
    def __init__(self) -> None:
        self.seconds = 0.0
        routes = [Route(f"/{act.__name__}", act) for act in (fine, refused, broken, left)]
        self.around = RequestIds(Starlette(routes=routes), counted_random(), clock=lambda: self.seconds)

    def get(self, path: str, *headers: tuple[bytes, bytes]) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": b"code=secret-code",
            "headers": list(headers),
        }
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            self.seconds += 0.03
            sent.append(message)

        async def exchange() -> None:
            with suppress(LookupError, OSError):
                await self.around(scope, receive, send)
            assert request_ids.current.get() == ""

        asyncio.run(exchange())
        body = b"".join(message.get("body", b"") for message in sent)
        return (sent[0]["status"], sent[0]["headers"], body) if sent else (0, [], b"")


def id_in(headers: list[tuple[bytes, bytes]]) -> str:
    (found,) = (value for name, value in headers if name.lower() == b"x-authentik-id")
    return found.decode()


@pytest.fixture
def site() -> Site:
    return Site()


def test_every_answer_has_an_id_of_its_own_that_the_application_knows(site: Site) -> None:
    _, headers, body = site.get("/fine")
    assert body.decode() == id_in(headers)
    assert len(bytes.fromhex(id_in(headers))) == 16
    others = [id_in(site.get(path)[1]) for path in ("/fine", "/nowhere", "/refused", "/broken")]
    assert len({id_in(headers), *others}) == 5


def test_a_client_does_not_choose_the_id(site: Site) -> None:
    _, headers, _ = site.get("/fine", (b"x-authentik-id", b"chosen"))
    assert id_in(headers) != "chosen"


@pytest.mark.parametrize("path", ["/refused", "/broken"])
def test_what_goes_wrong_is_logged_with_the_id(site: Site, path: str, caplog: pytest.LogCaptureFixture) -> None:
    status, headers, body = site.get(path)
    assert status == 500
    assert b"expected" not in body
    assert b"nor this" not in body
    (record,) = (record for record in caplog.records if record.name.startswith("control"))
    assert record.levelno == logging.ERROR
    assert id_in(headers) in record.getMessage()
    assert vars(record)["fields"]["id"] == id_in(headers)
    assert "secret-code" not in caplog.text


def test_a_client_that_leaves_is_no_fault(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.get("/left")
    assert [record for record in caplog.records if record.name.startswith("control")] == []


def test_requests_are_counted_and_timed(site: Site) -> None:
    for path in ("/fine", "/fine", "/nowhere", "/broken"):
        site.get(path)
    assert site.around.statuses == {2: 2, 4: 1, 5: 1}
    assert dict(site.around.durations.buckets())["+Inf"] == 4


def test_what_is_no_request_passes(site: Site) -> None:
    async def start() -> list[Any]:
        sent: list[Any] = []
        asked = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

        async def receive() -> Any:
            return asked.pop(0)

        async def send(message: Any) -> None:
            sent.append(message["type"])

        await site.around({"type": "lifespan"}, receive, send)
        return sent

    assert asyncio.run(start()) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
