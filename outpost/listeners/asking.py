"""One request that may pass or not, as the forward-auth door has it before anybody is known."""

from __future__ import annotations

from dataclasses import dataclass

from outpost.listeners.exchange import Exchange
from outpost.outcome import Circumstances
from protocols.link.messages import VisitorRequest
from protocols.proxy.conventions import Convention
from protocols.proxy.decision import Site
from protocols.proxy.forwarded import ForwardedRequest
from protocols.proxy.shown_lines import shown_lines
from protocols.proxy.trust import Headers


@dataclass(slots=True)
class Asking:
    """Never changed; not frozen, because it is made for every request and freezing costs three times as much."""

    exchange: Exchange
    site: Site
    forwarded: ForwardedRequest
    headers: Headers
    client: str
    """The browser's address."""
    convention: Convention

    @property
    def seen_from(self) -> Circumstances:
        return Circumstances("proxy", self.client)

    @property
    def circumstances(self) -> Circumstances:
        """With the attributes, which only control wants to know."""
        forwarded = self.forwarded
        attributes = {"host": forwarded.host, "path": forwarded.path, "method": forwarded.method}
        visitor = VisitorRequest(forwarded.scheme, shown_lines(self.headers))
        return Circumstances("proxy", self.client, attributes, visitor=visitor)

    @property
    def query(self) -> str:
        """Of the address that the proxy asks at."""
        return self.exchange.request.target.partition(b"?")[2].decode("latin-1")
