"""The reverse proxy on an in-memory listener, in front of an application whose ends of connections the test holds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from ipaddress import ip_network
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from outpost.authentication import Authentication
from outpost.browsers.control_address import ControlAddress
from outpost.browsers.policies import SessionPolicies
from outpost.browsers.renewals import SessionRenewals
from outpost.browsers.sessions import SESSION, BrowserSessions
from outpost.browsers.signing_in import SigningIn
from outpost.directory.draft import changed, whole
from outpost.directory.snapshot import Directory, Touched
from outpost.listeners.forward_auth import PREFIX, ForwardAuth
from outpost.listeners.health import PREFIX as HEALTH_PREFIX
from outpost.listeners.health import Health
from outpost.listeners.once import Once
from outpost.listeners.repeated import Repeated
from outpost.listeners.reverse_proxy import NobodyHere, ReverseProxy
from outpost.listeners.upstreams import Place, Upstreams
from outpost.listeners.watch import Watch
from protocols.link.messages import Change, OutpostRecord, Record
from protocols.proxy.login_state import BrowserSession
from protocols.proxy.trust import TrustedPeers
from tests.fakes import FakeClock, FakeLink, an_identity
from tests.outpost.listeners.forward_auth_door import TRUSTED, provider, random_octets
from tests.outpost.listeners.http_connections import NOW, Answer, Listener, RecordingTelemetry, Visitor, Wire, get
from tests.outpost.listeners.test_sign_in import ALICE, CONTROL, FOR_STAFF, STAFF, a_user

HOST = "proxied.example.com"
STRANGER = "198.51.100.7"
SID = "ab" * 32


def records(**settings: Any) -> list[Record]:
    proxied = provider(9, f"https://{HOST}", mode="proxy", internal_host="http://backend:8080/ignored", **settings)
    return [
        OutpostRecord("o", "embedded", "any", public_url=CONTROL),
        ALICE,
        a_user(2, "carol"),
        STAFF,
        provider(7, "https://app.example.com"),
        replace(proxied, bindings=FOR_STAFF),
    ]


@dataclass
class Application:
    """The application's end of one connection."""

    place: Place
    protocol: Any = None
    wire: Wire = field(default_factory=lambda: Wire("192.0.2.80"))

    @property
    def received(self) -> bytes:
        return b"".join(self.wire.writes)

    @property
    def head(self) -> str:
        """Of the last request."""
        return self.received.rpartition(b"\r\n\r\n")[0].decode("latin-1")

    @property
    def fields(self) -> list[tuple[str, str]]:
        lines = self.received.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        return [(name.lower(), value) for name, _, value in (line.partition(": ") for line in lines)]

    @property
    def headers(self) -> dict[str, str]:
        found = dict(self.fields)
        assert len(found) == len(self.fields), self.fields
        return found

    def say(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.protocol.dataReceived(piece)

    def answer(self, body: bytes = b"hello", status: str = "200 OK", *lines: str) -> None:
        head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *lines))
        self.say(head.encode("latin-1") + b"\r\n" + body)

    def close(self, reason: Exception | None = None) -> None:
        self.protocol.connectionLost(Failure(reason or ConnectionDone()))

    @property
    def left(self) -> bool:
        """Has the outpost ended the connection?"""
        return bool(self.wire.disconnecting or self.wire.disconnected)

    def hears(self) -> bool:
        """Is what it says read?"""
        return bool(self.wire.producerState == "producing")


class Proxied:
    """An outpost whose control is a `FakeLink`. ``applications``: connections made to applications, in order."""

    def __init__(self, *more: Record, **settings: Any) -> None:
        self.clock = FakeClock(NOW)
        self.link = FakeLink({"alice": "secret"}, {"alice": an_identity("alice", groups=("staff",))})
        self.telemetry = RecordingTelemetry()
        self.directory = Directory()
        self.directory.publish(whole(1, [*records(**settings), *more]), Touched(everything=True))
        self.applications: list[Application] = []
        self.unreachable: Exception | None = None
        self.waiting: list[tuple[Deferred[Any], Any]] | None = None
        """A list: connections wait until the test makes them."""
        self.reactor = Clock()
        self.session: dict[str, float] = {}
        """What the cookie says besides."""
        authentication = Authentication(self.link, lambda: "q1", self.telemetry.fault)
        self.sessions = BrowserSessions(self.directory, self.clock)
        address = ControlAddress(self.directory, "", "", lambda: "http://localhost:9000", self.telemetry.noted)
        signing_in = SigningIn(self.link, self.sessions, address, self.clock, random_octets(), lambda: "q1")
        trusted = TrustedPeers([ip_network(TRUSTED)])
        policies = SessionPolicies(self.link, self.clock, lambda: "q1", Once())
        self.door = ForwardAuth(
            authentication,
            self.directory,
            self.telemetry,
            trusted,
            "1.2.3",
            self.sessions,
            signing_in,
            address,
            self.clock,
            policies,
            SessionRenewals(self.link, self.sessions, address, self.clock, lambda: "q1", Once()),
            Repeated(bytes(32), self.directory, self.telemetry),
        )
        self.watch = Watch(self.door.going_on.stands, self.reactor, self.telemetry.fault)
        self.upstreams = Upstreams(
            self.directory, lambda place: partial(self._connect, place), self.reactor, self.telemetry
        )
        self.proxy = ReverseProxy(self.door, self.upstreams, self.watch, trusted, self.telemetry)
        self.listener = Listener(
            [(PREFIX, self.door), (HEALTH_PREFIX, Health(lambda: True))],
            telemetry=self.telemetry,
            fallback=NobodyHere(self.door, trusted, self.telemetry),
            hosted=self.proxy.hosted,
            repeated=self.door.repeated.answer,
        )

    def _connect(self, place: Place, factory: Factory) -> Deferred[Any]:
        made: Deferred[Any] = Deferred()
        if self.unreachable is not None:
            made.errback(Failure(self.unreachable))
        elif self.waiting is not None:
            self.waiting.append((made, lambda: made.callback(self._made(place, factory))))
        else:
            made.callback(self._made(place, factory))
        return made

    def _made(self, place: Place, factory: Factory) -> Any:
        application = Application(place)
        application.protocol = factory.buildProtocol(IPv4Address("TCP", "192.0.2.80", place.port))
        application.protocol.makeConnection(application.wire)
        self.applications.append(application)
        return application.protocol

    @property
    def application(self) -> Application:
        (one,) = self.applications
        return one

    def pass_time(self, seconds: float) -> None:
        self.reactor.pump([0.1] * round(seconds * 10))

    def change(self, *changes: Change) -> None:
        current = self.directory.current
        self.directory.publish(*changed(current, current.revision + 1, changes))

    def cookie(self, user: int = 1, host: str = HOST) -> str:
        """Of somebody who has signed in: name and value."""
        site = self.door.table.find(host)
        realm = self.door.table.realm(site) if site is not None else None
        assert realm is not None
        said = {"signed_in": self.clock.now() - 60, "expires": self.clock.now() + 3600, **self.session}
        session = BrowserSession(bytes.fromhex(SID), user, **said)
        sealed = realm.sealer.seal(SESSION, session.packed(), bytes(12))
        return f"{realm.jar.session.decode()}={sealed.decode()}"

    def visit(self, peer: str = STRANGER) -> Visitor:
        return self.listener.connect(peer)

    def ask(
        self, target: str = "/", *headers: tuple[str, str], peer: str = STRANGER, host: str = HOST, method: str = "GET"
    ) -> Visitor:
        """Of somebody who has signed in."""
        visitor = self.visit(peer)
        visitor.send(get(target, ("Cookie", self.cookie()), *headers, host=host, method=method))
        return visitor

    def anonymous(self, target: str = "/", *headers: tuple[str, str], host: str = HOST, method: str = "GET") -> Answer:
        return self.visit().ask(get(target, *headers, host=host, method=method))
