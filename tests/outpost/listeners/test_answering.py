"""115: an answer leaves from the address that was asked, on a socket of all addresses."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from twisted.internet.testing import MemoryReactorClock
from twisted.python import log

from outpost.listeners import answering
from outpost.listeners.answering import Answering, AnsweringPort, Control, Peer, answering_port, asking_port
from outpost.listeners.direct import direct_send


class Echo(Answering):
    def __init__(self) -> None:
        self.unsent: list[Peer] = []

    def not_sent(self, peer: Peer) -> None:
        self.unsent.append(peer)

    def startProtocol(self) -> None:
        self.send = direct_send(self.transport)

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        if datagram == b"break":
            raise ValueError("broken")
        self.send(datagram, addr)


def listening(family: socket.AddressFamily, host: str) -> AnsweringPort:
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        one.setblocking(False)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((host, 0))
        return answering_port(MemoryReactorClock(), one, Echo(), 4096)


@pytest.fixture
def port() -> Iterator[AnsweringPort]:
    made = listening(socket.AF_INET, "0.0.0.0")
    yield made
    made.socket.close()


def asked(port: AnsweringPort, address: str, words: bytes = b"hello") -> str | None:
    """The address that answers, if one does."""
    with socket.socket(port.addressFamily, socket.SOCK_DGRAM) as nas:
        nas.settimeout(60)
        nas.sendto(words, (address, port.socket.getsockname()[1]))
        port.doRead()
        if words == b"break":
            return None
        octets, place = nas.recvfrom(4096)
        assert octets == words
        host: str = place[0]
        return host


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.5", "127.1.2.3"])
def test_115_the_address_that_was_asked_answers(port: AnsweringPort, address: str) -> None:
    assert asked(port, address) == address


def test_115_on_ipv6() -> None:
    """A machine has one address of its own there, so that the kernel would choose right by itself: what it is told
    counts."""
    port = listening(socket.AF_INET6, "::")
    try:
        assert asked(port, "::1") == "::1"
        [(_, (level, kind, value))] = port.asked.values()
        assert (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO)
        assert value[:16] == socket.inet_pton(socket.AF_INET6, "::1")
    finally:
        port.socket.close()


def test_115_a_nas_that_asks_two_addresses_from_one_port_is_answered_from_each(port: AnsweringPort) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nas:
        nas.settimeout(60)
        for address in ("127.0.0.1", "127.0.0.5", "127.0.0.5", "127.0.0.1"):
            nas.sendto(b"hello", (address, port.socket.getsockname()[1]))
            port.doRead()
            assert nas.recvfrom(100)[1][0] == address
    assert len(port.asked) == 1


def test_what_is_remembered_is_bounded_and_what_is_forgotten_is_answered(
    port: AnsweringPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "MOST_ASKED", 2)
    for _ in range(5):
        assert asked(port, "127.0.0.5") == "127.0.0.5"
    assert len(port.asked) <= 2
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.settimeout(60)
        stranger.bind(("127.0.0.1", 0))
        port.answer(b"unasked", stranger.getsockname())
        assert stranger.recv(100) == b"unasked"


def test_nobody_is_looked_for_behind_whoever_comes_alone(port: AnsweringPort, monkeypatch: pytest.MonkeyPatch) -> None:
    """The poll tells of them at once; and where several came, or one soon after another, all are read."""
    now = 100.0
    monkeypatch.setattr(answering, "monotonic", lambda: now)
    heard: list[bytes] = []
    monkeypatch.setattr(port.protocol, "datagramReceived", lambda octets, addr: heard.append(octets))
    for wait, come, read in ((1, 1, 1), (1, 3, 1), (0, 0, 2), (1, 3, 3), (1, 1, 1), (0, 2, 2), (1, 1, 1), (1, 2, 1)):
        now += wait
        for nas in peers(port, come):
            nas.close()
        before = len(heard)
        port.doRead()
        assert len(heard) - before == read


def test_one_datagram_that_breaks_a_protocol_does_not_stop_the_next(port: AnsweringPort) -> None:
    caught: list[object] = []
    log.addObserver(caught.append)
    try:
        asked(port, "127.0.0.1", b"break")
    finally:
        log.removeObserver(caught.append)
    assert any("ValueError" in str(event) for event in caught)
    assert asked(port, "127.0.0.1") == "127.0.0.1"


def peers(port: AnsweringPort, count: int) -> list[socket.socket]:
    """Who have asked, and wait."""
    asking = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    for number, nas in enumerate(asking):
        nas.settimeout(60)
        nas.sendto(b"%d" % number, ("127.0.0.1", port.socket.getsockname()[1]))
    return asking


def test_what_is_answered_while_more_is_read_leaves_behind_it_in_order(
    port: AnsweringPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "LONGEST_HELD", 1e9)
    sent = sendings(port, monkeypatch)
    heard: list[bytes] = []
    received = port.protocol.datagramReceived

    def hear(datagram: bytes, addr: Peer) -> None:
        assert sent == []
        heard.append(datagram)
        received(datagram, addr)

    monkeypatch.setattr(port.protocol, "datagramReceived", hear)
    asking = peers(port, 3)
    port.doRead()
    assert heard == [b"0", b"1", b"2"]
    assert sent == [[b"0"], [b"1"], [b"2"]]
    assert [nas.recv(10) for nas in asking] == heard
    for nas in asking:
        nas.close()


def sendings(port: AnsweringPort, monkeypatch: pytest.MonkeyPatch) -> list[list[bytes]]:
    """What leaves from now on, a list for each call."""
    sent: list[list[bytes]] = []
    send = port._send

    def told(datagrams: list[bytes], peer: Peer, *controls: Control) -> None:
        sent.append(datagrams)
        send(datagrams, peer, *controls)

    monkeypatch.setattr(port, "_send", told)
    return sent


def exchanged(port: AnsweringPort, host: str, words: list[bytes]) -> list[bytes]:
    """What one peer hears that has said all of this at once, from the address that it has asked."""
    with socket.socket(port.addressFamily, socket.SOCK_DGRAM) as nas:
        nas.settimeout(60)
        nas.connect((host, port.socket.getsockname()[1]))
        for one in words:
            nas.send(one)
        port.doRead()
        return [nas.recv(4096) for _ in words]


@pytest.mark.parametrize("at", ["0.0.0.0", "127.0.0.1", "::", "::1"])
def test_answers_of_one_length_to_one_peer_leave_in_one_call_and_arrive_as_they_are(
    at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "LONGEST_HELD", 1e9)
    family, host = (socket.AF_INET6, "::1") if ":" in at else (socket.AF_INET, "127.0.0.1")
    port = listening(family, at)
    sent = sendings(port, monkeypatch)
    assert exchanged(port, host, [b"one", b"four", b"two", b"five", b"six"]) == [
        b"one",
        b"two",
        b"six",
        b"four",
        b"five",
    ]
    assert sent == [[b"one", b"two", b"six"], [b"four", b"five"]]
    port.socket.close()


def test_no_more_leave_in_one_call_than_the_kernel_takes(port: AnsweringPort, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "LONGEST_HELD", 1e9)
    sent = sendings(port, monkeypatch)
    words = [
        b"%02d" % number + bytes(answering.LONGEST_TOGETHER - 2) for number in range(2 * answering.MOST_TOGETHER + 1)
    ]
    assert exchanged(port, "127.0.0.1", words) == words
    assert [len(one) for one in sent] == [answering.MOST_TOGETHER, answering.MOST_TOGETHER, 1]
    assert port.together


def test_what_networks_may_have_to_take_apart_leaves_alone(
    port: AnsweringPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "LONGEST_HELD", 1e9)
    sent = sendings(port, monkeypatch)
    words = [bytes((number,)) * (answering.LONGEST_TOGETHER + 1) for number in range(3)]
    assert exchanged(port, "127.0.0.1", words) == words
    assert sent == [[one] for one in words]


@pytest.mark.parametrize(
    ("failure", "together"), [(OSError(5, "Input/output error"), False), (BlockingIOError(), True)]
)
def test_where_it_fails_they_leave_one_by_one(
    failure: OSError, together: bool, port: AnsweringPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "LONGEST_HELD", 1e9)
    sent: list[list[bytes]] = []
    send = port._send

    def failing(datagrams: list[bytes], peer: Peer, *controls: Control) -> None:
        sent.append(datagrams)
        if controls:
            raise failure
        send(datagrams, peer)

    monkeypatch.setattr(port, "_send", failing)
    assert exchanged(port, "127.0.0.1", [b"one", b"two"]) == [b"one", b"two"]
    assert sent == [[b"one", b"two"], [b"one"], [b"two"]]
    assert port.together is together
    exchanged(port, "127.0.0.1", [b"one", b"two"])
    assert len(sent) == (6 if together else 5)


def test_a_kernel_that_cannot_is_never_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "LONGEST_HELD", 1e9)
    monkeypatch.setattr(answering, "UDP_SEGMENT", 9999)
    port = listening(socket.AF_INET, "127.0.0.1")
    sent = sendings(port, monkeypatch)
    assert exchanged(port, "127.0.0.1", [b"one", b"two"]) == [b"one", b"two"]
    assert sent == [[b"one"], [b"two"]]
    port.socket.close()


@pytest.mark.parametrize(("at", "told"), [("0.0.0.0", 1), ("127.0.0.1", 0), ("::", 1), ("::1", 0)])
def test_only_a_socket_of_every_address_is_told_which_one_was_asked(at: str, told: int) -> None:
    port = listening(socket.AF_INET6 if ":" in at else socket.AF_INET, at)
    host = "::1" if ":" in at else "127.0.0.1"
    assert asked(port, host) == host
    assert len(port.asked) == told
    port.socket.close()


@pytest.mark.parametrize("octets", [b"", b"x"])
def test_others_have_their_turn_while_datagrams_come_as_fast_as_they_are_read(
    octets: bytes, port: AnsweringPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Empty ones, too, which no count of octets would ever end."""
    heard: list[bytes] = []
    monkeypatch.setattr(port.protocol, "datagramReceived", lambda datagram, addr: heard.append(datagram))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flooding:
        flooding.connect(("127.0.0.1", port.socket.getsockname()[1]))
        receive = port.socket.recvmsg

        class Flooded:
            def recvmsg(self, most: int, space: int) -> object:
                assert len(heard) < 10_000, "nobody else would ever have a turn"
                flooding.send(octets)
                return receive(most, space)

        read = port.socket
        monkeypatch.setattr(port, "socket", Flooded())
        port.doRead()
        monkeypatch.setattr(port, "socket", read)
        assert heard == [octets] * answering.MOST_A_TURN
        flooding.send(b"last")
        port.doRead()
        assert heard[-1] == b"last"


@pytest.mark.parametrize(("version", "host"), [(4, "127.0.0.1"), (6, "::1")])
def test_whoever_asks_first_reads_no_more_in_a_turn(version: int, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "MOST_A_TURN", 20)
    port = asking_port(MemoryReactorClock(), Echo(), version)
    heard: list[bytes] = []
    monkeypatch.setattr(port.protocol, "datagramReceived", lambda datagram, addr: heard.append(datagram))
    place = (host, port.socket.getsockname()[1])
    with port.socket, socket.socket(port.addressFamily, socket.SOCK_DGRAM) as nas:
        for _ in range(25):
            nas.sendto(b"", place)
        port.doRead()
        assert len(heard) == 20
        nas.settimeout(60)
        port.write(b"asked", (host, nas.getsockname()[1]))
        assert nas.recvfrom(100)[0] == b"asked"


def test_nobody_waits_longer_than_a_moment_for_others(port: AnsweringPort, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "LONGEST_HELD", 0.0)
    held: list[int] = []
    received = port.protocol.datagramReceived

    def hear(datagram: bytes, addr: Peer) -> None:
        held.append(len(port.held or ()))
        received(datagram, addr)

    monkeypatch.setattr(port.protocol, "datagramReceived", hear)
    asking = peers(port, 3)
    port.doRead()
    assert held == [0, 0, 0]
    for number, nas in enumerate(asking):
        assert nas.recv(10) == b"%d" % number
        nas.close()


def test_an_answer_that_cannot_be_sent_is_told_of_and_the_next_one_leaves(port: AnsweringPort) -> None:
    protocol = port.protocol
    assert isinstance(protocol, Echo)
    first, second = asking = peers(port, 2)
    send = port._send

    def failing(datagrams: list[bytes], peer: Peer, *controls: Control) -> None:
        if peer[1] == first.getsockname()[1]:
            raise BlockingIOError
        send(datagrams, peer, *controls)

    port._send = failing  # type: ignore[method-assign]
    port.doRead()
    assert protocol.unsent == [("127.0.0.1", first.getsockname()[1])]
    assert second.recv(10) == b"1"
    for nas in asking:
        nas.close()


def test_one_that_cannot_be_sent_at_once_is_told_by_whoever_sends(port: AnsweringPort) -> None:
    with pytest.raises(OSError, match="too long"):
        direct_send(port)(bytes(70_000), ("127.0.0.1", 9))
