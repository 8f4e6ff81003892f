"""Packets for whoever looks on: `outpost tail --nas` on the machine of the outpost, over a socket in its data folder.

While nobody looks, a packet costs one look at a flag. Whoever reads too slowly is told how many packets they missed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IAddress, IPushProducer
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineOnlyReceiver
from zope.interface import implementer

from outpost.directory.snapshot import Directory, Snapshot
from protocols.errors import RemoteProtocolError
from protocols.link.messages import RadiusSettings
from protocols.radius.duplicates import Peer
from protocols.radius.nas import unmapped
from protocols.radius.packet import Code
from protocols.radius.shown_packet import code_name, identifier_of, shown

SOCKET = "packets.sock"
"""In the data folder, for its owner alone."""
LONGEST_PATH = 100
"""Octets; the kernel takes 107."""
MOST = 8
"""Onlookers at a time."""
LONGEST_QUESTION = 1024

ORDERS = frozenset({Code.DISCONNECT_REQUEST, Code.COA_REQUEST})
"""What we ask of a NAS, and then name it."""

Network = IPv4Network | IPv6Network


class Onlookers(Factory[Any]):
    """``now``: seconds since the epoch."""

    noisy = False

    def __init__(self, directory: Directory, now: Callable[[], float]) -> None:
        self.looking: list[Onlooker] = []
        """Empty most of the time: ask this first."""
        self._directory = directory
        self._now = now
        self._last: tuple[Peer, list[Onlooker]] = ("", 0), []
        """From whom a packet came last, and who was shown it."""

    def buildProtocol(self, addr: IAddress | None) -> Onlooker:
        return Onlooker(self)

    def saw(self, received: bool, octets: bytes, peer: Peer) -> None:
        """One packet, from ``peer`` or to it."""
        if len(octets) < 2:
            return
        wanted = [one for one in self.looking if one.wants(received, octets, peer)]
        if received:
            self._last = peer, wanted
        if wanted:
            line = json.dumps(self._line(received, octets, peer)).encode()
            for one in wanted:
                one.tell(line)

    def heard_why(self, what: str, reason: str, sentence: str, peer: Peer) -> None:
        """What a packet of ``peer`` has met that shows in no answer. ``what``: ``dropped`` or ``refused``."""
        shown_it = self._last[1] if self._last[0] == peer else []
        told = {"time": self._now(), "peer": peer[0], "port": peer[1], what: reason, "why": sentence}
        for one in self.looking:
            if one in shown_it or one.is_at(peer):
                one.tell(json.dumps(told).encode())

    def networks(self, nas: str) -> tuple[Network, ...]:
        """Where the NAS is that is called so, or has this address."""
        try:
            return (ip_network(unmapped(nas), strict=False),)
        except ValueError:
            return tuple(_named(self._directory.current, nas))

    def _line(self, received: bool, octets: bytes, peer: Peer) -> dict[str, Any]:
        told = {"time": self._now(), "received": received, "peer": peer[0], "port": peer[1]}
        told |= {"code": code_name(octets[0]), "identifier": octets[1]}
        try:
            return {**told, "attributes": [list(one) for one in shown(octets)]}
        except RemoteProtocolError as error:
            return {**told, "malformed": str(error)}


def _named(snapshot: Snapshot, name: str) -> Iterable[Network]:
    for provider in snapshot.providers.values():
        for one in provider.settings.nas if isinstance(provider.settings, RadiusSettings) else ():
            if one.name.casefold() == name.casefold() and one.network:
                try:
                    yield ip_network(unmapped(one.network), strict=False)
                except ValueError:
                    continue


@implementer(IPushProducer)
class Onlooker(LineOnlyReceiver):
    """Says on one line whom to look at, and hears a line for each packet."""

    delimiter = b"\n"
    MAX_LENGTH = LONGEST_QUESTION

    transport: Any

    def __init__(self, owner: Onlookers) -> None:
        self._owner = owner
        self._nas = ""
        self._networks: tuple[Network, ...] = ()
        self._paused = False
        self._missed = 0

    def lineReceived(self, line: bytes) -> None:
        asked = _asked(line)
        if asked is None or self in self._owner.looking or len(self._owner.looking) >= MOST:
            self.transport.loseConnection()
            return
        self._nas, self._networks = asked.casefold(), self._owner.networks(asked)
        self.transport.registerProducer(self, True)
        self._owner.looking.append(self)

    def wants(self, received: bool, octets: bytes, peer: Peer) -> bool:
        if self.is_at(peer):
            return True
        return (received or octets[0] in ORDERS) and identifier_of(octets).casefold() == self._nas

    def is_at(self, peer: Peer) -> bool:
        """Is it looked at for its address?"""
        try:
            address = ip_address(unmapped(peer[0]))
        except ValueError:
            return False
        return any(address in network for network in self._networks)

    def tell(self, line: bytes) -> None:
        if self._paused:
            self._missed += 1
        else:
            self._say(line)

    def _say(self, line: bytes) -> None:
        self.transport.write(line + self.delimiter)

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        if self._missed:
            missed, self._missed = self._missed, 0
            self._say(json.dumps({"missed": missed}).encode())

    def stopProducing(self) -> None:
        self._paused = True

    def connectionLost(self, reason: Any = None) -> None:
        if self in self._owner.looking:
            self._owner.looking.remove(self)


def _asked(line: bytes) -> str | None:
    try:
        asked = json.loads(line)
    except ValueError:
        return None
    nas = asked.get("nas") if isinstance(asked, dict) else None
    return nas if isinstance(nas, str) and nas else None


def open_for_onlookers(reactor: Any, folder: Path, onlookers: Onlookers) -> Any:
    """The listening port; None where the folder's name is too long for a socket. The folder is ours alone, so a socket
    in it is one that a crash left behind. Raises CannotListenError."""
    path = folder / SOCKET
    if len(str(path).encode()) > LONGEST_PATH:
        return None
    path.unlink(missing_ok=True)
    return reactor.listenUNIX(str(path), onlookers, mode=0o600)
