"""Connections through a proxy: whose they are, who is believed about that, and that the door behind gets the rest."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from twisted.internet.address import IPv4Address

from outpost.listeners.ldap import TOO_MANY
from outpost.listeners.limits import SWEEP_INTERVAL
from outpost.listeners.preamble import PATIENCE, FirstOctets, ProxiedFactory
from protocols.proxy.trust import TrustedPeers
from tests.outpost.listeners.ldap_door import ALICE_DN, Door, Wire
from tests.protocols.ldap import peer
from tests.protocols.ldap.peer import codes

LINE = b"PROXY TCP4 192.0.2.7 198.51.100.1 5555 389\r\n"
BIND = peer.bind(1, ALICE_DN, "secret")


class Proxied:
    """A connection to the LDAP door from this peer, with what stands in front of it."""

    def __init__(self, host: str = "127.0.0.1", farewell: bytes = b"") -> None:
        self.door = Door()
        trusted = TrustedPeers([ip_network("127.0.0.0/8")])
        self.factory = ProxiedFactory(
            self.door.factory, trusted, self.door.clock, self.door.telemetry, "ldap", farewell
        )
        wire: Any = Wire()
        self.wire = wire
        address: Any = IPv4Address("TCP", host, 5555)
        self.wire.peerAddr = address
        self.wire.protocol = self.factory.buildProtocol(address)
        self.wire.protocol.makeConnection(self.wire)

    def send(self, octets: bytes) -> None:
        """As a reactor does: to whoever has the connection now."""
        self.wire.protocol.dataReceived(octets)

    @property
    def asked_for(self) -> list[str]:
        """Of which clients control was asked."""
        return [question.peer for question in self.door.link.questions]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_client_is_whom_a_trusted_proxy_names(size: int) -> None:
    proxied = Proxied()
    octets = LINE + BIND
    for at in range(0, len(octets), size):
        proxied.send(octets[at : at + size])
    assert codes(proxied.wire.value()) == [(1, 0)]
    assert proxied.asked_for == ["192.0.2.7"]
    assert [connection.peer for connection in proxied.door.factory.connections] == ["192.0.2.7"]
    assert len(proxied.factory.connections) == 0


def test_a_trusted_peer_may_say_nothing() -> None:
    proxied = Proxied()
    proxied.send(BIND)
    assert codes(proxied.wire.value()) == [(1, 0)]
    assert proxied.asked_for == ["127.0.0.1"]


def test_nobody_else_is_believed() -> None:
    proxied = Proxied("203.0.113.5")
    assert not isinstance(proxied.wire.protocol, FirstOctets)
    proxied.send(LINE + BIND)
    assert proxied.wire.disconnecting
    assert proxied.asked_for == []


def test_a_second_one_is_no_message() -> None:
    proxied = Proxied()
    proxied.send(LINE + LINE + BIND)
    assert proxied.wire.disconnecting
    assert proxied.asked_for == []


def test_a_broken_one_ends_the_connection() -> None:
    proxied = Proxied()
    proxied.send(b"PROXY TCP4 nobody\r\n" + BIND)
    assert proxied.wire.aborted
    assert proxied.wire.value() == b""
    assert proxied.door.telemetry.discards[("ldap", "malformed")] == 1


def test_silence_ends_it_too() -> None:
    proxied = Proxied()
    proxied.send(b"PROXY")
    proxied.door.clock.advance(PATIENCE - SWEEP_INTERVAL)
    assert not proxied.wire.aborted
    proxied.door.clock.advance(2 * SWEEP_INTERVAL)
    assert proxied.wire.aborted


def test_a_connection_that_is_lost_before_it_says_anything_is_forgotten() -> None:
    proxied = Proxied()
    assert len(proxied.factory.connections) == 1
    proxied.wire.protocol.connectionLost()
    assert len(proxied.factory.connections) == 0
    proxied.door.clock.advance(SWEEP_INTERVAL)
    assert proxied.door.clock.getDelayedCalls() == []


def test_a_trusted_proxy_may_bring_more_connections_than_one_host_at_once() -> None:
    proxied = Proxied()
    proxied.factory.connections._most_of_host = 1
    proxied.wire.protocol = proxied.factory.buildProtocol(proxied.wire.peerAddr)
    proxied.wire.protocol.makeConnection(proxied.wire)
    assert not proxied.wire.aborted
    assert len(proxied.factory.connections) == 2


def test_connections_that_say_nothing_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outpost.listeners.limits.Connections.admit", lambda self, connection: False)
    proxied = Proxied()
    assert proxied.wire.aborted
    assert proxied.door.telemetry.discards[("ldap", "too_many_connections")] == 1
    told = Proxied(farewell=TOO_MANY)
    assert codes(told.wire.value()) == [(0, 51)]
    assert told.wire.disconnecting
    told.send(BIND)
    assert told.asked_for == []
