"""Writing past Twisted's buffer: nothing is lost, doubled or overtaken, however slowly the peer reads."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from OpenSSL import SSL
from twisted.internet import tcp
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import FakeDatagramTransport, MemoryReactorClock, StringTransport

from outpost.listeners.direct import direct_end, direct_send, direct_write
from outpost.listeners.lean_tls import OverTls
from outpost.listeners.tls import ServerTls
from protocols.link.messages import CertificateRecord
from tests.certificates import issue


class Pair:
    """A Twisted TCP connection without a reactor: what it cannot send waits until `flush`."""

    def __init__(self) -> None:
        self.peer, self.own = socket.socketpair()
        self.own.setblocking(False)
        self.peer.settimeout(60)
        self.lost: list[Any] = []
        pair = self

        class Conversation:
            def connectionLost(self, reason: object) -> None:
                pair.lost.append(reason)

        self.connection: Any = tcp.Connection(self.own, Conversation(), MemoryReactorClock())  # type: ignore[arg-type]
        self.connection.connected = True

    def flush(self) -> None:
        while self.connection.dataBuffer or self.connection._tempDataLen:
            self.connection.doWrite()

    def close(self) -> None:
        self.peer.close()
        self.own.close()


@pytest.fixture
def pair() -> Any:
    made = Pair()
    yield made
    made.close()


def test_a_short_answer_leaves_at_once(pair: Pair) -> None:
    direct_write(pair.connection)(b"answer")
    assert pair.peer.recv(100) == b"answer"
    assert not pair.connection._tempDataLen


def test_what_the_peer_does_not_take_follows_in_order(pair: Pair) -> None:
    write = direct_write(pair.connection)
    large = bytes(range(256)) * 20_000
    write(large)
    assert pair.connection._tempDataLen or pair.connection.dataBuffer, "the socket took it all: make it larger"
    write(b"behind")
    got = bytearray()
    while len(got) < len(large) + 6:
        got += pair.peer.recv(65536)
        pair.connection.doWrite()
    assert bytes(got) == large + b"behind"


def test_over_tls_too(pair: Pair) -> None:
    issued = issue("door")
    clock: Any = MemoryReactorClock()
    tls = ServerTls(lambda name: CertificateRecord("c", "door", issued.pem, issued.key_pem))
    wrapped: Any = OverTls(tls, False, Factory.forProtocol(Protocol), clock)
    server: Any = wrapped.buildProtocol(None)
    pair.connection.protocol = server
    server.makeConnection(pair.connection)
    client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)
    client.set_connect_state()

    def deliver(step: Callable[[], bytes]) -> bytes:
        """What the client takes from the server, which hears what the client has to say."""
        while True:
            try:
                taken = step()
            except SSL.WantReadError:
                taken = None
            with suppress(SSL.WantReadError):
                server.dataReceived(client.bio_read(65536))
            pair.connection.doWrite()
            if taken is not None:
                return taken
            client.bio_write(pair.peer.recv(65536))

    def hands_shaken() -> bytes:
        client.do_handshake()
        return b""

    deliver(hands_shaken)
    write = direct_write(server)
    large = bytes(range(256)) * 20_000
    write(large)
    assert pair.connection._tempDataLen or pair.connection.dataBuffer, "the socket took it all: make it larger"
    write(b"behind")
    got = bytearray()
    while len(got) < len(large) + 6:
        got += deliver(lambda: client.recv(65536))
    assert bytes(got) == large + b"behind"
    assert not clock.getDelayedCalls()


def test_nothing_overtakes_what_twisted_holds(pair: Pair) -> None:
    write = direct_write(pair.connection)
    pair.connection.write(b"first ")
    write(b"second")
    pair.flush()
    assert pair.peer.recv(100) == b"first second"


def test_after_closing_nothing_more_is_sent(pair: Pair) -> None:
    write = direct_write(pair.connection)
    pair.connection.connected = False
    write(b"too late")
    pair.peer.setblocking(False)
    with pytest.raises(BlockingIOError):
        pair.peer.recv(100)


def test_a_broken_connection_is_left_to_twisted(pair: Pair) -> None:
    pair.peer.close()
    write = direct_write(pair.connection)
    write(b"nobody")
    assert pair.connection._tempDataLen == len(b"nobody")


def test_an_end_with_nothing_waiting_comes_at_once_and_once(pair: Pair) -> None:
    direct_write(pair.connection)(b"goodbye")
    direct_end(pair.connection)
    direct_end(pair.connection)
    assert [reason.type for reason in pair.lost] == [ConnectionDone]
    assert (pair.peer.recv(100), pair.peer.recv(100)) == (b"goodbye", b"")


def test_what_waits_is_delivered_before_the_end(pair: Pair) -> None:
    large = bytes(range(256)) * 20_000
    direct_write(pair.connection)(large)
    assert pair.connection._tempDataLen or pair.connection.dataBuffer, "the socket took it all: make it larger"
    direct_end(pair.connection)
    got = bytearray()
    over = None
    while len(got) < len(large):
        assert not pair.lost
        got += pair.peer.recv(65536)
        over = over or pair.connection.doWrite()
    assert bytes(got) == large
    assert isinstance(over, ConnectionDone)


def test_an_end_that_twisted_has_begun_stays_its_own(pair: Pair) -> None:
    pair.connection.loseConnection()
    direct_end(pair.connection)
    assert not pair.lost
    assert isinstance(pair.connection.doWrite(), ConnectionDone)


def test_other_transports_end_as_they_do() -> None:
    transport = StringTransport()
    direct_end(transport)
    assert transport.disconnecting


def test_other_transports_write_as_they_do() -> None:
    transport = StringTransport()
    direct_write(transport)(b"answer")
    assert transport.value() == b"answer"


def test_a_datagram_transport_in_memory_writes_as_it_does() -> None:
    transport = FakeDatagramTransport()
    direct_send(transport)(b"reply", ("192.0.2.1", 1))
    assert transport.written == [(b"reply", ("192.0.2.1", 1))]
