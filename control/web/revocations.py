"""The revocation lists of our own authorities, for whoever believes their certificates (RFC 5280 section 4.2.1.13).

Anybody may ask: that a list has been signed lately is remembered, so that asking costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.certificates.authority import CannotIssue, revocation_list_der
from control.store.interface import NotFound, Overloaded, Unavailable
from control.verbs import authorities
from control.web.services import Services

TYPE = "application/pkix-crl"
SECONDS = 60.0
"""For which a list is given out again."""
MOST_LISTS = 64
"""That are remembered; an installation has one or two authorities."""


@dataclass(frozen=True, slots=True)
class _Signed:
    at: float
    der: bytes


def routes(services: Services) -> list[BaseRoute]:
    lists = _Lists(services)
    return [Route(authorities.LISTS.format(pk="{pk}"), lists.answer, methods=["GET"])]


class _Lists:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._signed: dict[str, _Signed] = {}

    async def answer(self, request: Request) -> Response:
        pk = request.path_params["pk"]
        try:
            der = await self._list(pk)
        except (NotFound, CannotIssue):
            return Response("There is no authority of ours here.\n", 404, media_type="text/plain")
        except (Unavailable, Overloaded):
            return Response("The list cannot be read now. Try again shortly.\n", 503, media_type="text/plain")
        headers = {"Cache-Control": f"public, max-age={SECONDS:.0f}", "X-Content-Type-Options": "nosniff"}
        return Response(der, 200, headers, media_type=TYPE)

    async def _list(self, pk: str) -> bytes:
        """Raises NotFound, CannotIssue, Unavailable, Overloaded."""
        now = self._services.now()
        known = self._signed.get(pk)
        if known is None or not known.at <= now < known.at + SECONDS:
            pair, revoked = await self._services.store.read(lambda tx: authorities.revocations(tx, pk))
            known = _Signed(now, revocation_list_der(pair, revoked, now))
            if len(self._signed) >= MOST_LISTS:
                self._signed.clear()
            self._signed[pk] = known
        return known.der
