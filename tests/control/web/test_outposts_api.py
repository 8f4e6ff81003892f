"""The link's channel: an outpost that leaves its stream ends it without a fault."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from control.link import TooManyStreams
from control.web.outposts_api import _Stream, routes
from protocols.link.http import PATH

SCOPE = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "method": "GET", "headers": []}


async def frames() -> AsyncIterator[bytes]:
    while True:
        yield b"frame\n"


async def receive() -> MutableMapping[str, Any]:
    return {"type": "http.disconnect"}


def test_an_outpost_that_leaves_is_no_fault() -> None:
    sent: list[str] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message["type"])
        if len(sent) == 3:
            raise OSError("the client is gone")

    asyncio.run(_Stream(frames())(SCOPE, receive, send))
    assert sent == ["http.response.start", "http.response.body", "http.response.body"]


def test_a_fault_of_ours_stays_one() -> None:
    async def send(message: MutableMapping[str, Any]) -> None:
        raise ValueError("a fault")

    with pytest.raises(ValueError, match="a fault"):
        asyncio.run(_Stream(frames())(SCOPE, receive, send))


class CrowdedStore:
    async def read(self, verb: object) -> str:
        return "outpost"


class CrowdedLink:
    async def follow(self, outpost: str, hello: bytes) -> AsyncIterator[bytes]:
        if outpost:
            raise TooManyStreams("256 processes of this outpost follow already")
        yield b""


def test_an_outpost_that_follows_too_often_is_told_so() -> None:
    store: Any = CrowdedStore()
    link: Any = CrowdedLink()

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(Starlette(routes=routes(store, link)))
        async with httpx.AsyncClient(transport=transport, base_url="http://control") as client:
            return await client.get(PATH, headers={"Authorization": "Bearer key"})

    answer = asyncio.run(ask())
    assert (answer.status_code, answer.text) == (429, "256 processes of this outpost follow already\n")
