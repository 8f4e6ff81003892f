"""UDP sockets whose answers leave from the address that was asked, also of those for every address of a machine.

The kernel would choose one by the route back, and a NAS believes no answer from an address that it has not asked
(RFC 2865 section 3). IP_PKTINFO tells the address with each datagram, and takes it back with the answer.

What is answered while more is read leaves together, as on TCP (`outpost.reactor` says why); answers of one length to
one peer, in one call: the kernel takes them through its layers as one, and makes datagrams of them at the end (udp(7)).
"""

from __future__ import annotations

import socket
import struct
from collections import defaultdict
from ipaddress import ip_address
from time import monotonic
from typing import Any

from twisted.internet.protocol import DatagramProtocol
from twisted.internet.udp import Port
from twisted.python import log

from outpost.reactor import LONGEST_HELD
from protocols.radius.packet import MAX_LENGTH

IP_PKTINFO = 8
"""linux/in.h; Python's socket module does not name it yet."""
UDP_SEGMENT = 103
"""linux/udp.h, since Linux 4.18."""
MOST_TOGETHER = 40
"""Datagrams in one call: the kernel takes 64, and 65,507 octets of all together."""
LONGEST_TOGETHER = 1232
"""Octets of a datagram that every network carries whole, as it has to be for that."""
MOST_A_TURN = 600
"""Datagrams that are read in one turn of the reactor: some 15 ms of logins, in which nobody else is heard. Twisted
counts octets, of which empty datagrams have none: whoever sends those as fast as they are read would have the program
to themselves."""
QUIET = 0.001
"""Seconds after which nobody waits behind somebody who comes alone. To ask the kernel costs as much as to read, and the
poll tells it for nothing."""
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
    held: defaultdict[tuple[Peer, int], list[bytes]] | None = None
    """What is to be sent, by peer and length. None: nothing is being read, and answers leave at once."""

    asked: dict[Peer, tuple[list[Any], Control]]
    """Where each peer's last datagram came in: as it was told, and as it is said again for the answer."""

    together: bool
    """Several may leave in one call, as far as we know."""

    alone = False
    """The last datagram, when it was asked whether others were behind it."""
    read_at = 0.0
    """When the last turn began."""

    def doRead(self) -> None:
        self.held = defaultdict(list)
        try:
            self._read()
        finally:
            self._release()

    def _read(self) -> None:
        receive, received, most = self.socket.recvmsg, self.protocol.datagramReceived, self.maxPacketSize
        since = monotonic()
        one_will_do, self.read_at = self.alone and since > self.read_at + QUIET, since
        for read in range(1 if one_will_do else MOST_A_TURN):
            try:
                data, ancillary, _, address = receive(most, SPACE)
            except (BlockingIOError, InterruptedError, ConnectionRefusedError):
                self.alone = read <= 1
                return
            peer: Peer = address[:2]
            if ancillary:
                known = self.asked.get(peer)
                if known is None or known[0] != ancillary:
                    self._remember(peer, ancillary)
            try:
                received(data, peer)
            except BaseException:
                log.err()
            if self.held and (now := monotonic()) >= since + LONGEST_HELD:
                self._release()
                self.held, since = defaultdict(list), now

    def answer(self, octets: bytes, peer: Peer) -> None:
        """Raises OSError when it cannot be sent now; what is held, is told of by `Answering.not_sent`."""
        if self.held is not None:
            self.held[peer, len(octets)].append(octets)
        else:
            self._send([octets], peer)

    def _send(self, datagrams: list[bytes], peer: Peer, *controls: Control) -> None:
        known = self.asked.get(peer)
        self.socket.sendmsg(datagrams, controls if known is None else (known[1], *controls), 0, peer)

    def _release(self) -> None:
        held, self.held = self.held, None
        for (peer, size), alike in held.items() if held else ():
            if len(alike) > 1 and self.together and size <= LONGEST_TOGETHER:
                alike = self._send_together(alike, size, peer)
            for octets in alike:
                try:
                    self._send([octets], peer)
                except OSError:
                    self.protocol.not_sent(peer)

    def _send_together(self, alike: list[bytes], size: int, peer: Peer) -> list[bytes]:
        """What is left to be sent one by one."""
        cut = socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("=H", size)
        try:
            while len(alike) > 1:
                self._send(alike[:MOST_TOGETHER], peer, cut)
                alike = alike[MOST_TOGETHER:]
        except BlockingIOError:
            pass
        except OSError:  # a network that cannot do it; what else there is, is told of one by one
            self.together = False
        return alike

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


def _cuts(one: socket.socket) -> bool:
    """An older kernel would send all as one datagram."""
    try:
        one.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 0)
    except OSError:
        return False
    return True


def asking_port(reactor: Any, protocol: Answering, version: int) -> AnsweringPort:
    """For whoever asks first, from a port that the kernel chooses, and that anybody may find."""
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        one.setblocking(False)
        one.bind(("", 0))
        return answering_port(reactor, one, protocol, MAX_LENGTH)


def answering_port(reactor: Any, one: socket.socket, protocol: Answering, most: int) -> AnsweringPort:
    """Serves a bound socket, of which it makes a copy. ``most``: octets of a datagram."""
    if ip_address(one.getsockname()[0]).is_unspecified:  # any other answers from its own
        if one.family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            one.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    kind: Any = AnsweringPort  # Twisted's has no types
    port = kind._fromListeningDescriptor(reactor, one.fileno(), one.family, protocol, most)
    port.asked = {}
    port.together = _cuts(one)
    port.startListening()
    made: AnsweringPort = port
    return made
