"""UDP sockets for every address of a machine, whose answers leave from the address that was asked.

The kernel would choose one by the route back, and a NAS believes no answer from an address that it has not asked
(RFC 2865 section 3). IP_PKTINFO tells the address with each datagram, and takes it back with the answer.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

from twisted.internet.protocol import DatagramProtocol
from twisted.internet.udp import Port
from twisted.python import log

IP_PKTINFO = 8
"""linux/in.h; Python's socket module does not name it yet."""
SPACE = socket.CMSG_SPACE(32)
"""For the longer of the two forms, in6_pktinfo."""
MOST_ASKED = 16_384
"""Peers whose address is remembered: more than a large site's NAS have ports in use."""

Peer = tuple[str, int]
Control = tuple[int, int, bytes]


class AnsweringPort(Port):
    """As Twisted's; `answer` is for those whom `doRead` has heard."""

    asked: dict[Peer, tuple[list[Any], Control]]
    """Where each peer's last datagram came in: as it was told, and as it is said again for the answer."""

    def doRead(self) -> None:
        read = 0
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

    def answer(self, octets: bytes, peer: Peer) -> None:
        """Raises OSError when it cannot be sent now."""
        known = self.asked.get(peer)
        if known is None:
            self.socket.sendto(octets, peer)
        else:
            self.socket.sendmsg([octets], [known[1]], 0, peer)

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


def answering_port(reactor: Any, one: socket.socket, protocol: DatagramProtocol, most: int) -> AnsweringPort:
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
