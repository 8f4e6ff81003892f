"""The link's channel: an outpost that leaves its stream ends it without a fault."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

import pytest

from control.web.outposts_api import _Stream

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
