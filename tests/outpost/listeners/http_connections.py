"""In-memory HTTP connections for the tests of the doors behind the HTTP port."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from outpost.listeners.exchange import Exchange, Route
from outpost.listeners.http import HttpConnection, HttpFactory
from outpost.listeners.limits import MAX_CONNECTIONS, MAX_CONNECTIONS_OF_HOST, nobody
from outpost.telemetry import Telemetry

NOW = 1_700_000_000.0
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"


class Wire(StringTransport):
    """A transport that remembers each write, and how it was closed."""

    def __init__(self, peer: str) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            hostAddress=IPv4Address("TCP", "127.0.0.1", 9000), peerAddress=IPv4Address("TCP", peer, 4321)
        )
        self.writes: list[bytes] = []
        self.half_closed = False

    def write(self, data: bytes) -> None:
        self.writes.append(data)
        super().write(data)  # type: ignore[no-untyped-call]

    def loseWriteConnection(self) -> None:
        self.half_closed = True


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class RecordingTelemetry(Telemetry):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.notes: list[str] = []

    def fault(self, where: str) -> None:
        self.faults.append(where)

    def noted(self, sentence: str) -> None:
        self.notes.append(sentence)


class Listener:
    """A listener without sockets: `connect` gives a `Visitor`."""

    def __init__(
        self,
        routes: Sequence[tuple[bytes, Route]] = (),
        fallback: Route | None = None,
        telemetry: Telemetry | None = None,
        most_connections: int = MAX_CONNECTIONS,
        most_of_host: int = MAX_CONNECTIONS_OF_HOST,
        hosted: Callable[[Exchange], Route | None] | None = None,
        repeated: Callable[[str, bytes, bytes], bytes | None] | None = None,
        brings_others: Callable[[str], bool] = nobody,
    ) -> None:
        self.clock = Clock()
        self.telemetry = telemetry or RecordingTelemetry()
        self.factory = HttpFactory(
            routes,
            fallback,
            self.clock,
            lambda: NOW,
            self.telemetry,
            most_connections,
            most_of_host,
            hosted,
            repeated,
            brings_others,
        )

    def connect(self, peer: str = "127.0.0.1") -> Visitor:
        connection = self.factory.buildProtocol(IPv4Address("TCP", peer, 4321))
        return Visitor(connection, peer)

    def pass_time(self, seconds: float) -> None:
        self.clock.pump([1.0] * int(seconds))


class Visitor:
    """A client's end of one connection."""

    def __init__(self, connection: HttpConnection, peer: str) -> None:
        self.connection = connection
        self.wire = Wire(peer)
        connection.makeConnection(self.wire)  # type: ignore[no-untyped-call]

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.connection.dataReceived(piece)

    def leave(self) -> None:
        self.connection.connectionLost(Failure(ConnectionDone()))

    @property
    def received(self) -> bytes:
        """Every byte that was written to this client."""
        return b"".join(self.wire.writes)

    @property
    def closed(self) -> bool:
        return bool(self.wire.disconnecting or self.wire.half_closed or self.wire.disconnected)

    def reads(self) -> bool:
        """Does the listener take more bytes?"""
        return bool(self.wire.producerState == "producing")

    def watches(self) -> bool:
        """Does the listener ask to be told when the client is slow?"""
        return self.wire.producer is not None

    def answers(self) -> list[Answer]:
        """The answers so far, which must have a Content-Length or no body."""
        rest, answers = self.received, []
        while rest:
            head, found, rest = rest.partition(b"\r\n\r\n")
            assert found, head
            line, *fields = head.decode("latin-1").split("\r\n")
            headers = dict(field.split(": ", 1) for field in fields)
            assert len(headers) == len(fields), "a header is there twice"
            length = int(headers.get("Content-Length", 0))
            answers.append(Answer(int(line.split()[1]), headers, rest[:length]))
            rest = rest[length:]
        return answers

    def ask(self, request: bytes) -> Answer:
        """Sends a request and gives the one answer to it."""
        before = len(self.answers())
        self.send(request)
        (answer,) = self.answers()[before:]
        return answer


def get(target: str, *headers: tuple[str, str], host: str = "own.example", method: str = "GET") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers)]
    return "".join(line + "\r\n" for line in lines).encode("latin-1") + b"\r\n"
