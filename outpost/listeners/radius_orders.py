"""Carries control's orders to NAS, and tells control what became of each (RFC 5176)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import islice

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from outpost.directory.snapshot import Directory, Snapshot, Touched
from outpost.listeners.answering import Answering
from outpost.listeners.nas import nas_table
from outpost.listeners.onlookers import Onlookers
from outpost.telemetry import Telemetry
from protocols.errors import RemoteProtocolError
from protocols.link.messages import ChangeSession, ReplyAttribute
from protocols.radius.duplicates import Peer
from protocols.radius.nas import Nas, NasTable
from protocols.radius.orders import TRIES, Named, answer, order
from protocols.radius.reply import encoded

PROTOCOL = "radius"
REPORT = "radius_order"
"""Kind of the reports: ``order`` (its pk), ``outcome`` and ``cause``."""
MOST_AT_ONE = 64
"""Orders that one NAS has to answer at a time; it has 256 Identifiers, and may be slow."""
MOST_ORDERS = 10_000
"""On their way, or waiting for their turn: a large site's whole Wi-Fi. More are told to be unanswered."""

OUTCOMES = ("acknowledged", "refused", "unanswered")

Open = Callable[[Answering, int], object]
"""Gives a protocol a socket of an IP version."""


@dataclass(slots=True)
class _Sent:
    order: ChangeSession
    octets: bytes
    secret: bytes = field(repr=False)
    tries: int = 0
    timer: IDelayedCall | None = None


class RadiusOrders:
    """``now``: seconds since the epoch. Sockets are opened when the first order needs them."""

    def __init__(
        self,
        directory: Directory,
        telemetry: Telemetry,
        clock: IReactorTime,
        now: Callable[[], float],
        open_socket: Open,
        onlookers: Onlookers | None = None,
    ) -> None:
        self.outcomes: Counter[str] = Counter()
        """How often each of `OUTCOMES` came of one."""
        self._directory = directory
        self._telemetry = telemetry
        self._clock = clock
        self._now = now
        self._open = open_socket
        self._onlookers = onlookers
        self._sockets: dict[int, _Socket] = {}
        self._sent: dict[Peer, dict[int, _Sent]] = {}
        """By the NAS and the Identifier of what it has to answer."""
        self._waiting: dict[str, dict[str, ChangeSession]] = {}
        """By the NAS's address and the order's pk."""
        self._carried: set[str] = set()
        """pks of all of these."""
        self._last = -1
        """Identifier given last: one is not used again soon, for the NAS may remember it."""
        self._table = NasTable(())
        directory.follow(self._follow)

    def __len__(self) -> int:
        """Those that are on their way, or wait for their turn."""
        return len(self._carried)

    def take(self, wanted: ChangeSession) -> None:
        """The same one may come again while it is being carried."""
        if wanted.pk in self._carried:
            return
        if len(self._carried) >= MOST_ORDERS:
            self._conclude(wanted, "unanswered", "too many orders wait")
            return
        self._carried.add(wanted.pk)
        self._waiting.setdefault(wanted.nas, {})[wanted.pk] = wanted
        self._pump(wanted.nas)

    def stop(self) -> None:
        """What is not answered yet is asked for again by control."""
        for sent in self._sent.values():
            for one in sent.values():
                if one.timer is not None and one.timer.active():
                    one.timer.cancel()
        self._sent.clear()
        for socket in self._sockets.values():
            socket.close()

    def _pump(self, address: str) -> None:
        """As much as this NAS may have at a time."""
        waiting = self._waiting.get(address, {})
        for wanted in list(islice(waiting.values(), MOST_AT_ONE)):
            try:
                if not self._begin(wanted):
                    return
                del waiting[wanted.pk]
            except Exception:
                self._telemetry.fault(PROTOCOL)
                del waiting[wanted.pk]
                self._conclude(wanted, "unanswered", "the outpost has a fault")
        if not waiting:
            self._waiting.pop(address, None)

    def _begin(self, wanted: ChangeSession) -> bool:
        """False: the NAS has enough to answer."""
        nas = self._nas(wanted)
        if nas is None or not nas.coa_port:
            self._conclude(wanted, "refused", "no NAS with this address takes orders")
            return True
        peer = (wanted.nas, nas.coa_port)
        taken = self._sent.setdefault(peer, {})
        if len(taken) >= MOST_AT_ONE:
            return False
        identifier = next(n for step in range(1, 257) if (n := (self._last + step) % 256) not in taken)
        self._last = identifier
        further = b"".join(_encoded(wanted.attributes))
        named = Named(wanted.nas_name, wanted.session, wanted.calling_station)
        octets = order(wanted.kind, identifier, named, further, nas.secret, int(self._now()))
        taken[identifier] = _Sent(wanted, octets, nas.secret)
        self._send(peer, identifier)
        return True

    def _nas(self, wanted: ChangeSession) -> Nas | None:
        nas = self._table.lookup(wanted.nas)
        if nas is not None and nas.behind is not None:
            nas = nas.behind.get(wanted.nas_name.encode(), nas)
        return nas

    def _follow(self, snapshot: Snapshot, touched: Touched) -> None:
        if touched.everything or touched.configuration:
            self._table = nas_table(snapshot)

    def _send(self, peer: Peer, identifier: int) -> None:
        sent = self._sent[peer][identifier]
        if sent.tries == len(TRIES):
            self._done(peer, identifier, "unanswered", "")
            return
        sent.timer = self._clock.callLater(TRIES[sent.tries], self._send, peer, identifier)
        sent.tries += 1
        try:
            self._socket(ip_address(peer[0]).version).send(sent.octets, peer)
        except OSError:  # no route now; the next try may have one
            self._telemetry.discarded(PROTOCOL, peer[0], "send_failed")

    def _socket(self, version: int) -> _Socket:
        if version not in self._sockets:
            self._sockets[version] = _Socket(self._receive, self._onlookers)
            self._open(self._sockets[version], version)
        return self._sockets[version]

    def _receive(self, datagram: bytes, peer: Peer) -> None:
        identifier = datagram[1] if len(datagram) > 1 else -1
        sent = self._sent.get(peer, {}).get(identifier)
        if sent is None:
            return
        try:
            said = answer(datagram, sent.order.kind, sent.octets, sent.secret)
        except RemoteProtocolError as error:
            self._telemetry.discarded(PROTOCOL, peer[0], error.reason, str(error))
            return
        self._done(peer, identifier, "acknowledged" if said.acknowledged else "refused", said.cause)

    def _done(self, peer: Peer, identifier: int, outcome: str, cause: str) -> None:
        sent = self._sent[peer].pop(identifier)
        if not self._sent[peer]:
            del self._sent[peer]
        if sent.timer is not None and sent.timer.active():
            sent.timer.cancel()
        self._conclude(sent.order, outcome, cause)
        self._pump(sent.order.nas)

    def _conclude(self, wanted: ChangeSession, outcome: str, cause: str) -> None:
        self._carried.discard(wanted.pk)
        self.outcomes[outcome] += 1
        self._telemetry.report(REPORT, {"order": wanted.pk, "outcome": outcome, "cause": cause})
        if outcome != "acknowledged":
            why = f" ({cause})" if cause else ""
            self._telemetry.noted(f"The NAS {wanted.nas} has not done as told: {wanted.kind} {outcome}{why}.")


class _Socket(Answering):
    noisy = False

    def __init__(self, receive: Callable[[bytes, Peer], None], onlookers: Onlookers | None) -> None:
        self._receive = receive
        self._onlookers = onlookers

    def send(self, octets: bytes, peer: Peer) -> None:
        if self.transport is not None:
            self._seen(False, octets, peer)
            self.transport.write(octets, peer)

    def datagramReceived(self, datagram: bytes, addr: Peer) -> None:
        peer = (addr[0], addr[1])
        self._seen(True, datagram, peer)
        self._receive(datagram, peer)

    def _seen(self, received: bool, octets: bytes, peer: Peer) -> None:
        if self._onlookers is not None and self._onlookers.looking:
            self._onlookers.saw(received, octets, peer)

    def close(self) -> None:
        if self.transport is not None:
            self.transport.stopListening()


def _encoded(attributes: Iterable[ReplyAttribute]) -> Iterable[bytes]:
    for one in attributes:
        yield encoded(one.name, one.value, one.tag, _not_here)


def _not_here(value: bytes) -> bytes:
    raise ValueError("a secret has no place in an order")
