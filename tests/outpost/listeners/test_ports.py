"""Sockets on loopback: families apart, one free port for both, and refusals that say what to do."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.testing import MemoryReactorClock

from outpost.listeners.answering import MOST_A_TURN, Answering
from outpost.listeners.ports import HELD_OCTETS, CannotListen, Ports, open_sockets, place
from settings import Address


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_one_free_port_serves_both_families(closing: ExitStack, kind: socket.SocketKind) -> None:
    sockets = open_sockets([Address("127.0.0.1", 0), Address("::1", 0)], kind)
    for one in sockets:
        closing.enter_context(one)
    assert {one.family for one in sockets} == {socket.AF_INET, socket.AF_INET6}
    (port,) = {one.getsockname()[1] for one in sockets}
    assert [place(one) for one in sockets] == [f"127.0.0.1:{port}", f"[::1]:{port}"]


def test_a_taken_port_is_refused_with_the_fix_and_nothing_stays_open(closing: ExitStack) -> None:
    (taken,) = open_sockets([Address("127.0.0.1", 0)], socket.SOCK_STREAM)
    closing.enter_context(taken)
    port = taken.getsockname()[1]
    with pytest.raises(CannotListen, match=rf"127\.0\.0\.1:{port} is in use .* choose another port"):
        open_sockets([Address("127.0.0.2", port), Address("127.0.0.1", port)], socket.SOCK_STREAM)
    (free_again,) = open_sockets([Address("127.0.0.2", port)], socket.SOCK_STREAM)
    free_again.close()


def test_a_foreign_address_is_refused() -> None:
    with pytest.raises(CannotListen, match="not an address of this machine"):
        open_sockets([Address("203.0.113.1", 0)], socket.SOCK_DGRAM)


class Counting(Answering):
    heard = 0

    def datagramReceived(self, datagram: bytes, addr: object) -> None:
        self.heard += 1


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_flood_of_datagrams_leaves_turns_to_others(host: str, tmp_path: Path) -> None:
    reactor: Any = MemoryReactorClock
    ports, counting = Ports(reactor(), tmp_path), Counting()
    ports.datagrams("radius", [Address(host, 0)], lambda: counting)
    [port] = ports._listening
    with port.socket, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flood:
        for _ in range(MOST_A_TURN + 20):
            flood.sendto(b"", ("127.0.0.1", port.socket.getsockname()[1]))
        port.doRead()
        assert counting.heard == MOST_A_TURN
        port.doRead()
        assert counting.heard == MOST_A_TURN + 20


def test_a_burst_of_datagrams_is_held_for_us() -> None:
    """The kernel's own measure, about 200 KiB, is 14 ms of a busy site."""
    (one,) = open_sockets([Address("127.0.0.1", 0)], socket.SOCK_DGRAM)
    with one, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as usual:
        usual.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, HELD_OCTETS)
        allowed = usual.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        assert one.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= allowed
