"""Sockets that somebody else has opened."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator

import pytest

from outpost.listeners.inherited import Inherited, handed_over
from outpost.listeners.ports import CannotListen, open_sockets
from settings import Address

STREAM, DATAGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM


@pytest.fixture
def stream() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, STREAM) as one:
        one.bind(("127.0.0.1", 0))
        yield one


def test_a_listener_takes_the_one_of_its_address_and_listens(stream: socket.socket) -> None:
    port = stream.getsockname()[1]
    inherited = Inherited([stream.dup()])
    [taken] = open_sockets([Address("127.0.0.1", port)], STREAM, inherited)
    with taken, socket.create_connection(("127.0.0.1", port)):
        taken.setblocking(True)
        taken.settimeout(60)
        taken.accept()[0].close()


@pytest.mark.parametrize("asked", [(DATAGRAM, "127.0.0.1"), (STREAM, "127.0.0.2")])
def test_another_kind_or_address_is_not_it(stream: socket.socket, asked: tuple[socket.SocketKind, str]) -> None:
    inherited = Inherited([stream.dup()])
    kind, host = asked
    assert inherited.take(kind, host, stream.getsockname()[1]) is None
    inherited.close()


def test_what_nobody_takes_is_told_of_and_closed(stream: socket.socket, caplog: pytest.LogCaptureFixture) -> None:
    one = stream.dup()
    with caplog.at_level(logging.WARNING):
        Inherited([one]).close()
    assert one.fileno() == -1
    assert "no listener is set to it" in caplog.text


def test_one_that_takes_ipv4_as_well_is_told_of_before_its_port_seems_to_be_somebody_elses() -> None:
    with socket.socket(socket.AF_INET6, STREAM) as both:
        both.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        both.bind(("::", 0))
        port = both.getsockname()[1]
        for hosts in (("0.0.0.0", "::"), ("::", "0.0.0.0")):
            inherited = Inherited([both.dup()])
            with pytest.raises(CannotListen, match=r"was handed over and takes IPv4 .*BindIPv6Only=ipv6-only"):
                open_sockets([Address(host, port) for host in hosts], STREAM, inherited)
            inherited.close()
        [alone] = open_sockets([Address("::", port)], STREAM, Inherited([both.dup()]))
        alone.close()


def test_those_that_are_meant_for_somebody_else_are_left_alone() -> None:
    for environ in ({"LISTEN_PID": "1", "LISTEN_FDS": "1"}, {"LISTEN_FDS": "1"}, {"LISTEN_PID": str(os.getpid())}):
        assert handed_over(environ, (os.getpid(),)).take(STREAM, "127.0.0.1", 9000) is None
        assert "LISTEN_FDS" not in environ
