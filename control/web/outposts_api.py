"""The link over HTTP: one long GET of frames, and POSTs with questions and reports (DESIGN D7).

An outpost shows its token. A token that is revoked, or whose account is deactivated, ends the stream at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from urllib.parse import unquote_to_bytes

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from control.outposts.callers import Unbelieved, speaks_for
from control.outposts.link import Link, TooManyStreams
from control.store.interface import Transaction, Unavailable
from control.verbs import tokens
from control.web import browser
from control.web.browser import shown_over_tls
from control.web.outpost_requests import tell_unbelieved
from control.web.services import Services
from protocols.errors import RemoteProtocolError
from protocols.link.codec import MAX_FRAME
from protocols.link.http import HELLO_HEADER, PATH, REVOKED_HEADER

FRAMES = "application/x-ndjson"


class Refused(Exception):
    """Whoever asks is no outpost of ours."""


def routes(services: Services, link: Link) -> list[BaseRoute]:
    return [Route(PATH, _Channel(services, link).respond, methods=["GET", "POST"])]


class _Channel:
    def __init__(self, services: Services, link: Link) -> None:
        self._services = services
        self._store = services.store
        self._link = link

    async def respond(self, request: Request) -> Response:
        try:
            outpost, address = await self._outpost(request), browser.address(request, self._services).client
            if request.method == "POST":
                answer = await self._link.ask(outpost, await _body(request), address)
                return Response(answer, media_type=FRAMES)
            if (audit := self._services.audit) is not None:
                await audit.asked(outpost, address, "Follow")
            hello = unquote_to_bytes(request.headers.get(HELLO_HEADER, ""))
            frames = self._link.follow(outpost, hello)
            first = await anext(frames)
            return _Stream(self._while_trusted(request, outpost, first, frames), media_type=FRAMES)
        except Refused:
            sentence = "This token belongs to no outpost, or was revoked.\n"
            return Response(sentence, 403, {REVOKED_HEADER: "1"}, media_type="text/plain")
        except Unbelieved as error:
            await tell_unbelieved(request, self._services, error)
            return Response(f"{error}\n", 403, media_type="text/plain")
        except RemoteProtocolError as error:
            return Response(f"{error}\n", 400, media_type="text/plain")
        except TooManyStreams as error:
            return Response(f"{error}\n", 429, media_type="text/plain")
        except Unavailable as error:
            return Response(f"{error}\n", 503, media_type="text/plain")

    async def _while_trusted(
        self, request: Request, outpost: str, first: bytes, frames: AsyncIterator[bytes]
    ) -> AsyncIterator[bytes]:
        yield first
        try:
            async for frame in frames:
                if await self._outpost(request) != outpost:
                    return
                yield frame
        except (Refused, Unbelieved, Unavailable):  # the outpost comes back, and is told then
            return

    async def _outpost(self, request: Request) -> str:
        """The pk of the outpost whose token this is. Raises Refused, Unbelieved."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Refused
        outpost = await self._store.read(lambda tx: _outpost_of(tx, key.strip(), shown_over_tls(request)))
        if outpost is None:
            raise Refused
        return outpost


class _Stream(StreamingResponse):
    """An outpost that leaves is no fault of ours."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except ClientDisconnect:
            return


def _outpost_of(tx: Transaction, key: str, shown: Sequence[str]) -> str | None:
    """Raises Unbelieved."""
    user = tokens.owner(tx, key)
    outpost = speaks_for(tx, user, shown) if user is not None else None
    return outpost.pk if outpost is not None else None


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_FRAME:
            raise RemoteProtocolError("the question is longer than a frame may be", "oversize")
    return bytes(body)
