"""What proxies asked about requests that ``outpost doctor`` sent through them, for it to look at afterwards.

The doctor marks its requests by their User-Agent, with a number that nobody can guess, and asks for them at the metrics
port, which no proxy leads to. A stranger who marks requests sees nothing, and fills a short list at most.
"""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import asdict, dataclass

from outpost.listeners.exchange import PLAIN, Exchange
from protocols.proxy.forwarded import ForwardedRequest
from protocols.proxy.http1 import field_lines
from protocols.proxy.trust import NONE, Headers

PATH = b"/-/probes/"
AGENT = b"outpost-doctor/"
MOST_SEEN = 200
"""Questions that are kept: several doctors at once, each with some twenty."""
MAX_COOKIES = 50
"""Names that are kept of one question."""
_MARK = re.compile(rb"[0-9a-f]{32}")
JSON = field_lines([(b"Content-Type", b"application/json"), (b"Cache-Control", b"no-store")])


@dataclass(frozen=True, slots=True)
class Seen:
    """One question."""

    address: str
    """Path that the proxy asked at; empty for callers that have none."""
    peer: str
    trusted: bool
    problem: str = ""
    """Why it could not be understood."""
    scheme: str = ""
    host: str = ""
    target: str = ""
    method: str = ""
    client: str = ""
    served: bool = False
    """Does somebody decide about this host?"""
    cookies: tuple[str, ...] = ()
    """Their names."""


class Probes:
    """Also the route that shows them."""

    body_limit = 0

    def __init__(self) -> None:
        self._seen: deque[tuple[str, Seen]] = deque(maxlen=MOST_SEEN)

    def note(
        self,
        exchange: Exchange,
        address: str,
        problem: str = "",
        forwarded: ForwardedRequest | None = None,
        client: str = "",
        served: bool = False,
        trusted: bool = True,
    ) -> None:
        """Of every question; what no doctor sent is not kept."""
        mark = _mark(exchange.request.named)
        if not mark:
            return
        about = {} if forwarded is None else {name: getattr(forwarded, name) for name in _TOLD}
        cookies = tuple(_cookie_names(exchange.request.named))
        peer = exchange.peer
        seen = Seen(address, peer, trusted, problem, client=client, served=served, cookies=cookies, **about)
        self._seen.append((mark, seen))

    def open(self, exchange: Exchange) -> None:
        wanted = exchange.path[len(PATH) :].decode("latin-1")
        found = [asdict(seen) for mark, seen in self._seen if mark == wanted]
        if exchange.request.method != b"GET":
            exchange.respond(405, PLAIN, b"Method Not Allowed\n")
        else:
            exchange.respond(200, JSON, json.dumps(found).encode() + b"\n")


_TOLD = ("scheme", "host", "target", "method")


def _cookie_names(headers: Headers) -> list[str]:
    pairs = [pair for value in headers.get(b"cookie", NONE) for pair in value.split(b";", MAX_COOKIES)]
    return [pair.partition(b"=")[0].strip().decode("latin-1") for pair in pairs[:MAX_COOKIES]]


def _mark(headers: Headers) -> str:
    """Of a request that a doctor sent, else empty."""
    said = headers.get(b"user-agent", NONE)
    if len(said) != 1 or not said[0].startswith(AGENT):
        return ""
    mark = said[0][len(AGENT) :]
    return mark.decode("ascii") if _MARK.fullmatch(mark) else ""
