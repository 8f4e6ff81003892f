"""UDP sockets whose answers leave from the address that was asked, also of those for every address of a machine.

The kernel would choose one by the route back, and a NAS believes no answer from an address that it has not asked
(RFC 2865 section 3). IP_PKTINFO tells the address with each datagram, and takes it back with the answer.

What is answered while more is read leaves together, as on TCP (`outpost.reactor` says why).
"""

from __future__ import annotations

import socket
import struct
from time import monotonic
from typing import Any

from twisted.internet.protocol import DatagramProtocol
from twisted.internet.udp import Port
from twisted.python import log

from outpost.reactor import LONGEST_HELD

IP_PKTINFO = 8
"""linux/in.h; Python's socket module does not name it yet."""
SPACE = socket.CMSG_SPACE(32)
"""For the longer of the two forms, in6_pktinfo."""
MOST_ASKED = 16_384
"""Peers whose address is remembered: more than a large site's NAS have ports in use."""

Peer = tuple[str, int]
Control = tuple[int, int, bytes]


class Answering(DatagramProtocol):
    """What is served here."""

    def not_sent(self, peer: Peer) -> None:
        """An answer that was to leave with others could not: it would block, or the network says no."""


class AnsweringPort(Port):
    """As Twisted's; `answer` is for those whom `doRead` has heard."""

    protocol: Answering
    held: list[tuple[bytes, Peer]] | None = None
    """What is to be sent, in order. None: nothing is being read, and answers leave at once."""

    asked: dict[Peer, tuple[list[Any], Control]]
    """Where each peer's last datagram came in: as it was told, and as it is said again for the answer."""

    def doRead(self) -> None:
        self.held = []
        try:
            self._read()
        finally:
            self._release()

    def _read(self) -> None:
        read, since = 0, monotonic()
        while read < self.maxThroughput:
            try:
                data, ancillary, _, address = self.socket.recvmsg(self.maxPacketSize, SPACE)
            except (BlockingIOError, InterruptedError, ConnectionRefusedError):
                return
            read += len(data)
            peer: Peer = address[:2]
            known = self.asked.get(peer)
            if known is None or known[0] != ancillary:
                self._remember(peer, ancillary)
            try:
                self.protocol.datagramReceived(data, peer)
            except BaseException:
                log.err()
            if self.held and (now := monotonic()) >= since + LONGEST_HELD:
                self._release()
                self.held, since = [], now

    def answer(self, octets: bytes, peer: Peer) -> None:
        """Raises OSError when it cannot be sent now; what is held, is told of by `Answering.not_sent`."""
        if self.held is not None:
            self.held.append((octets, peer))
            return
        known = self.asked.get(peer)
        if known is None:
            self.socket.sendto(octets, peer)
        else:
            self.socket.sendmsg([octets], [known[1]], 0, peer)

    def _release(self) -> None:
        held, self.held = self.held, None
        for octets, peer in held or ():
            try:
                self.answer(octets, peer)
            except OSError:
                self.protocol.not_sent(peer)

    def _remember(self, peer: Peer, ancillary: list[Any]) -> None:
        for level, kind, value in ancillary:
            if level == socket.IPPROTO_IP and kind == IP_PKTINFO:
                answering = struct.pack("=i4s4s", 0, value[4:8], bytes(4))
            elif level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
                answering = value
            else:
                continue
            if len(self.asked) >= MOST_ASKED:
                self.asked.clear()
            self.asked[peer] = ancillary, (level, kind, answering)


def answering_port(reactor: Any, one: socket.socket, protocol: Answering, most: int) -> AnsweringPort:
    """Serves a bound socket, of which it makes a copy. ``most``: octets of a datagram."""
    if one.family == socket.AF_INET6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        one.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    kind: Any = AnsweringPort  # Twisted's has no types
    port = kind._fromListeningDescriptor(reactor, one.fileno(), one.family, protocol, most)
    port.asked = {}
    port.startListening()
    made: AnsweringPort = port
    return made
