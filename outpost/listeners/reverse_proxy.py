"""The reverse proxy: requests for a host of ours are decided about as for any proxy, and taken to the application.

`ForwardAuth` decides. What it lets in goes on with the identity headers that it would have told a proxy; every other
answer is the visitor's.
"""

from __future__ import annotations

from collections.abc import Callable

from outpost.browsers.signing_in import Page
from outpost.listeners.asking import Asking
from outpost.listeners.exchange import Exchange
from outpost.listeners.forward_auth import NOT_HERE, PREFIX, ForwardAuth
from outpost.listeners.identity_lines import ALLOWED
from outpost.listeners.passage import Passage
from outpost.listeners.refusing import PLAIN, Refusing
from outpost.listeners.sign_in import HTML, document
from outpost.listeners.upstream import FAILURES, Upstream
from outpost.listeners.upstreams import Upstreams
from outpost.listeners.watch import Watch
from outpost.outcome import NO_MORE, Circumstances, Decision, Identity
from outpost.telemetry import Telemetry
from protocols.proxy.conventions import OWN
from protocols.proxy.decision import Site
from protocols.proxy.elsewhere import Misdirected, elsewhere
from protocols.proxy.forwarded import visited
from protocols.proxy.onward import Visit, onward_fields, through
from protocols.proxy.trust import ForwardingError, Origin, TrustedPeers, origin

BODY_LIMIT = 2**63
"""Nothing of a body is kept: it goes on as fast as the application takes it."""

FORWARDED = frozenset((b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto"))
"""What a proxy in front of us says."""
UNANSWERED = "The application does not answer"


class ReverseProxy:
    """`hosted` gives the route of a request for a host in proxy mode."""

    def __init__(
        self, door: ForwardAuth, upstreams: Upstreams, watch: Watch, trusted: TrustedPeers, telemetry: Telemetry
    ) -> None:
        self.door = door
        self.upstreams = upstreams
        self.watch = watch
        self.trusted = trusted
        self.telemetry = telemetry
        self.refusing = Refusing(telemetry)

    def hosted(self, exchange: Exchange) -> Visiting | None:
        """None: the host is nobody's here, or the path is that of signing in."""
        if not self.upstreams or exchange.path.startswith(PREFIX):
            return None
        try:
            came = _origin(exchange, self.trusted)
        except ForwardingError:
            return None
        site = self.door.table.find(came.host)
        return Visiting(self, site, came) if site is not None and site.mode == "proxy" else None


class Visiting:
    """The route of one request for a host of ours."""

    body_limit = BODY_LIMIT

    def __init__(self, proxy: ReverseProxy, site: Site, came: Origin) -> None:
        self._proxy = proxy
        self._site = site
        self._came = came

    def open(self, exchange: Exchange) -> Passage | None:
        request, proxy, came = exchange.request, self._proxy, self._came
        target, method = request.target.decode("latin-1"), request.method.decode("ascii")
        try:
            asked = visited(came.scheme, came.host, target, method)
        except ForwardingError as error:
            proxy.telemetry.discarded("proxy", exchange.peer, "ambiguous_target")
            exchange.respond(400, PLAIN, str(error).encode("ascii") + b"\n")
            return None
        if proxy.telemetry.knocks.open:
            proxy.telemetry.answered("host", came.host)
        passage = Passage(exchange, self._finished, self._broken)
        question = Question(exchange, lambda fields: self._go(passage, asking, fields))
        asking = Asking(question, self._site, asked, request.named, came.client, OWN)
        proxy.door.ask(asking)
        return passage

    def _go(self, passage: Passage, asking: Asking, fields: bytes) -> None:
        proxy, came, exchange, question = self._proxy, self._came, passage.exchange, asking.exchange
        if exchange.gone:  # whoever asked, while it was being decided
            return
        try:
            upstream, sent_host = self._whereto(question.identity)
        except Misdirected as error:
            self._misdirected(asking, str(error))
            return
        if upstream is None:
            self._unanswered(exchange, "not_configured")
            return
        headers = exchange.request.named
        visit = Visit(
            exchange.request,
            came.scheme,
            came.host,
            came.client,
            exchange.peer,
            through(headers) if proxy.trusted.is_trusted(exchange.peer) else "",
            authorization=question.known is not None or question.identity is None,
            sent_host=sent_host,
        )
        proxy.watch.add(passage, proxy.door.going_on.standing(asking))
        passage.go(upstream, onward_fields(visit, fields))

    def _whereto(self, identity: Identity | None) -> tuple[Upstream | None, bytes]:
        """And what it hears as Host, if not the browser's. Raises Misdirected."""
        upstreams, provider = self._proxy.upstreams, self._site.provider
        if identity is None or not (identity.host_header or identity.backend_override):
            return upstreams.of(provider), b""
        host, backend = elsewhere(identity.host_header, identity.backend_override)
        return upstreams.of(provider) if backend is None else upstreams.override(provider, backend), host

    def _misdirected(self, asking: Asking, sentence: str) -> None:
        """The provider's own application would be another one than is meant for them."""
        self._proxy.door.note(
            f"A scope mapping of provider {self._site.provider_name!r} leads nowhere, and whoever it is about is "
            f"refused: {sentence}."
        )
        identity = asking.exchange.identity
        username = identity.username if identity is not None else ""
        self._proxy.refusing.refuse(asking.exchange, username, asking.seen_from, Decision("misdirected"))

    def _finished(self, passage: Passage, failure: str | None) -> None:
        proxy = self._proxy
        proxy.watch.remove(passage)
        upstream = passage.upstream
        if failure is None:
            return
        if upstream is not None:
            proxy.upstreams.told(upstream, failure)
        if failure:
            self._unanswered(passage.exchange, failure)

    def _unanswered(self, exchange: Exchange, failure: str) -> None:
        if exchange.begun:
            exchange.fail()
            return
        status, phrase = FAILURES[failure]
        sentence = f"{self._site.application_name}: {phrase}. You may be let in; whoever runs it has to look after it."
        exchange.respond(status, HTML, document(Page(status, UNANSWERED, sentence)))

    def _broken(self, reason: object) -> None:
        self._proxy.telemetry.failed("reverse proxy", reason)  # type: ignore[arg-type]


class NobodyHere:
    """The route of what no application and no page is for, at an outpost alone: closed, and a knock."""

    body_limit = BODY_LIMIT

    def __init__(self, door: ForwardAuth, trusted: TrustedPeers, telemetry: Telemetry) -> None:
        self._door = door
        self._trusted = trusted
        self._telemetry = telemetry

    def open(self, exchange: Exchange) -> None:
        try:
            came = _origin(exchange, self._trusted)
        except ForwardingError as error:
            exchange.respond(400, PLAIN, str(error).encode("ascii") + b"\n")
            return
        if self._door.table.find(came.host) is None:
            circumstances = Circumstances("proxy", came.client, {"host": came.host})
            self._telemetry.decided("", circumstances, Decision("unknown_host"))
        exchange.respond(404, PLAIN, NOT_HERE + b"\n")


class Question(Exchange):
    """What `ForwardAuth` is asked with: the answer that lets in goes to ``admit``, every other to the visitor."""

    __slots__ = ("_admit", "_visitor")

    def __init__(self, visitor: Exchange, admit: Callable[[bytes], None]) -> None:
        self._connection = None
        self._visitor = visitor
        self._admit = admit
        self.request = visitor.request
        self.peer, self.port, self.server = visitor.peer, visitor.port, visitor.server
        self.secure, self.path = visitor.secure, visitor.path
        self.begun = False
        self.identity = None
        self.known = None
        self.grounds = NO_MORE

    @property
    def octets(self) -> bytes:
        """What lets in is no answer to the visitor's own request."""
        return b""

    @property
    def gone(self) -> bool:
        return self._visitor.gone

    def respond(self, status: int, fields: bytes = b"", body: bytes = b"") -> None:
        if status == OWN.allowed:
            self._admit(fields.removeprefix(ALLOWED))
        else:
            self._visitor.respond(status, fields, body)

    def fail(self) -> None:
        self._visitor.fail()


def _origin(exchange: Exchange, trusted: TrustedPeers) -> Origin:
    """Raises ForwardingError."""
    request = exchange.request
    fields = () if FORWARDED.isdisjoint(request.named) else request.headers
    scheme = "https" if exchange.secure else "http"
    return origin(exchange.peer, scheme, request.host.decode("latin-1"), fields, trusted)
