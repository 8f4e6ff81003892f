"""TLS in few steps: the same octets in the same order as in many, however they are cut, and an end like Twisted's."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from OpenSSL import SSL
from twisted.internet.interfaces import IHandshakeListener, IPushProducer
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from outpost.listeners import lean_tls
from outpost.listeners.lean_tls import LONGEST_RECORD, OverTls
from outpost.listeners.tls import ServerTls
from tests.certificates import issue
from tests.outpost.listeners.tls_client import TlsClient

VERSIONS = [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION]
DOOR = issue("door").record


@implementer(IPushProducer)
class Echo(Protocol):
    """Says what it hears, in the same pieces."""

    def __init__(self, begins_with: bytes = b"") -> None:
        self.heard: list[bytes] = []
        self.lost: list[Failure] = []
        self.paced: list[str] = []
        self.begins_with = begins_with

    def connectionMade(self) -> None:
        if self.begins_with:
            self.transport.write(self.begins_with)  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        self.heard.append(data)
        self.transport.write(data)  # type: ignore[union-attr]

    def connectionLost(self, reason: Any = None) -> None:
        self.lost.append(reason)

    def pauseProducing(self) -> None:
        self.paced.append("pause")

    def resumeProducing(self) -> None:
        self.paced.append("resume")

    def stopProducing(self) -> None:
        self.paced.append("stop")


class Talk:
    """A server that echoes, and a client of it."""

    def __init__(self, newest: int | None = None, echo: Echo | None = None) -> None:
        self.echo: Any = echo or Echo()
        wire: Any = StringTransport()
        wire.aborted = []
        wire.abortConnection = lambda: wire.aborted.append(True)
        self.wire = wire
        made: Any = OverTls(ServerTls(lambda name: DOOR), False, Factory.forProtocol(lambda: self.echo), Clock())
        self.server: Any = made.buildProtocol(None)
        self.client = TlsClient(self.server, self.wire, newest)
        self.server.makeConnection(self.wire)


@pytest.fixture(params=VERSIONS, ids=["1.2", "1.3"])
def talk(request: Any) -> Talk:
    made = Talk(request.param)
    made.client.shake_hands()
    return made


@pytest.fixture
def by_twisted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What has gone Twisted's way."""
    seen: list[str] = []
    for name in ("dataReceived", "_flushReceiveBIO", "write"):
        monkeypatch.setattr(TLSMemoryBIOProtocol, name, lambda *_, name=name: seen.append(name))
    return seen


def test_a_message_and_its_answer_need_nothing_of_twisted(talk: Talk, by_twisted: list[str]) -> None:
    assert talk.client.ask(b"question") == b"question"
    assert by_twisted == []


def test_octet_by_octet(talk: Talk) -> None:
    answers = b""
    for question in (b"one", b"two"):
        record = talk.client.encrypted(question)
        for at in range(len(record)):
            talk.client.deliver(record[at : at + 1])
        answers += talk.client.hear()
    assert talk.echo.heard == [b"one", b"two"]
    assert answers == b"onetwo"


def test_several_records_at_once_and_a_part_of_the_next(talk: Talk) -> None:
    octets = b"".join(talk.client.encrypted(question) for question in (b"one", b"two", b"three"))
    talk.client.deliver(octets[:-1])
    assert talk.echo.heard == [b"one", b"two"]
    talk.client.deliver(octets[-1:])
    assert talk.echo.heard == [b"one", b"two", b"three"]
    assert talk.client.hear() == b"onetwothree"


@pytest.mark.parametrize("size", [0, 1, LONGEST_RECORD - 1, LONGEST_RECORD, LONGEST_RECORD + 1, 10 * LONGEST_RECORD])
def test_messages_of_any_size(talk: Talk, size: int) -> None:
    said = bytes(range(256)) * (size // 256 + 1)
    assert talk.client.ask(said[:size]) == said[:size]
    assert talk.client.ask(b"behind it") == b"behind it"


def test_what_openssl_takes_only_a_part_of_is_said_whole(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a peer that wants short records (RFC 8449)."""
    real = lean_tls.SSL_write
    monkeypatch.setattr(lean_tls, "SSL_write", lambda ssl, octets, size: real(ssl, octets, size // 2))
    assert talk.client.ask(b"question") == b"question"


def test_what_has_to_wait_for_the_peer_is_said_when_it_has_spoken(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    """As while keys are agreed upon anew."""
    connection = talk.server._tlsConnection

    def waits(*_: Any) -> int:
        raise SSL.WantReadError

    with monkeypatch.context() as patched:
        patched.setattr(lean_tls, "SSL_write", lambda *_: -1)
        patched.setattr(connection, "send", waits)
        talk.server.write(b"first ")
        talk.server.write(b"second ")
    assert talk.client.ask(b"question") == b"first second question"
    assert talk.client.ask(b"another") == b"another"


def test_what_is_said_before_hands_are_shaken_comes_first() -> None:
    talk = Talk(echo=Echo(b"welcome "))
    assert talk.client.shake_hands() == b"welcome "
    assert talk.client.ask(b"thanks") == b"thanks"


def test_what_tls_itself_has_to_say_is_said() -> None:
    """A client that wants new keys, which nobody has to give it (RFC 5246 s7.2.2), hears so."""
    talk = Talk(SSL.TLS1_2_VERSION)
    talk.client.shake_hands()
    asked = talk.client.encrypted(b"question")
    talk.client.tls.renegotiate()
    with pytest.raises(SSL.WantReadError):
        talk.client.tls.do_handshake()
    talk.client.deliver(asked + talk.client.leaving())
    with pytest.raises(SSL.Error, match="no renegotiation"):
        talk.client.hear()
    assert talk.echo.heard == [b"question"]


def test_what_tls_has_to_say_does_not_wait_for_an_answer(talk: Talk) -> None:
    """As keys that were updated in front of a message that has none (RFC 8446 s4.6.3)."""

    def silent(octets: bytes) -> None:
        lean_tls.BIO_write(talk.server._tlsConnection._from_ssl, b"keys", 4)

    talk.echo.dataReceived = silent
    talk.client.deliver(talk.client.encrypted(b"no question"))
    assert talk.wire.value() == b"keys"


def test_a_farewell_is_answered_and_ends_the_connection(talk: Talk) -> None:
    asked = talk.client.encrypted(b"last")
    talk.client.tls.shutdown()
    talk.client.deliver(asked + talk.client.leaving())
    assert talk.wire.disconnecting
    assert talk.client.hear() == b"last"
    with pytest.raises(SSL.ZeroReturnError):
        talk.client.tls.recv(1)


def test_octets_that_are_no_records_end_the_connection(talk: Talk) -> None:
    asked = talk.client.encrypted(b"last")
    talk.client.deliver(asked + b"GET / HTTP/1.1\r\n\r\n")
    assert talk.echo.heard == [b"last"]
    assert talk.wire.disconnecting
    with pytest.raises(SSL.Error, match="alert"):
        talk.client.hear() and talk.client.hear()


def test_a_record_that_was_altered_ends_the_connection(talk: Talk) -> None:
    record = bytearray(talk.client.encrypted(b"question"))
    record[-1] ^= 1
    talk.client.deliver(bytes(record))
    assert talk.echo.heard == []
    assert talk.wire.disconnecting


def test_an_end_without_a_farewell_is_told(talk: Talk) -> None:
    assert talk.client.ask(b"question") == b"question"
    talk.server.connectionLost(Failure(ConnectionResetError("gone")))
    assert len(talk.echo.lost) == 1
    assert talk.server._records is None, "a circle of references"
    talk.wire.clear()
    talk.server.write(b"to nobody")
    assert talk.wire.value() == b""


def test_whoever_ends_it_says_so_and_nothing_more(talk: Talk) -> None:
    talk.server.loseConnection()
    talk.server.write(b"too late")
    with pytest.raises(SSL.ZeroReturnError):
        talk.client.hear()
    talk.client.tls.shutdown()
    talk.client.deliver(talk.client.leaving())
    assert talk.wire.disconnecting


def test_after_it_was_broken_off_nothing_is_heard(talk: Talk) -> None:
    def break_off(octets: bytes) -> None:
        talk.echo.heard.append(octets)
        talk.server.abortConnection()

    talk.echo.dataReceived = break_off
    talk.client.deliver(talk.client.encrypted(b"one") + talk.client.encrypted(b"two"))
    talk.client.deliver(talk.client.encrypted(b"three"))
    assert talk.echo.heard == [b"one"]
    assert talk.wire.aborted


@implementer(IHandshakeListener)
class Choosy(Echo):
    def handshakeCompleted(self) -> None:
        self.transport.abortConnection()  # type: ignore[union-attr]


def test_whoever_is_broken_off_when_hands_are_shaken_is_not_heard() -> None:
    talk = Talk(SSL.TLS1_3_VERSION, echo=Choosy())
    with suppress(SSL.WantReadError):
        talk.client.tls.do_handshake()
    talk.client.deliver(talk.client.leaving())
    talk.client.tls.bio_write(talk.wire.value())
    talk.client.tls.do_handshake()
    talk.client.deliver(talk.client.leaving())
    talk.client.deliver(talk.client.encrypted(b"let me in"))
    assert talk.echo.heard == []
    assert talk.wire.aborted


def test_a_producer_is_told_when_nobody_reads(talk: Talk) -> None:
    talk.server.registerProducer(talk.echo, True)
    talk.wire.producer.pauseProducing()
    assert talk.client.ask(b"question") == b"question"
    talk.wire.producer.resumeProducing()
    assert talk.echo.paced == ["pause", "resume"]
    talk.server.loseConnection()
    talk.server.write(b"a producer's last words")
    talk.server.unregisterProducer()
    assert talk.client.hear() == b"a producer's last words"
    with pytest.raises(SSL.ZeroReturnError):
        talk.client.tls.recv(1)
