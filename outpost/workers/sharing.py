"""Which sockets each worker is given: its own at the same places.

Streams: a worker's socket ends with it, and the others take all connections until it is back. Datagrams: the parent
holds them, so that those for a worker that is being started again wait for it, instead of going to one that has never
heard of the conversation. What a service manager has opened is shared as it is.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping

from outpost.listeners.inherited import Inherited
from outpost.listeners.ports import CannotListen, open_sockets, place, share
from outpost.workers.steering import steer
from settings import Address
from settings.table import Listen

STREAMS = ("http", "https", "ldap", "ldaps", "radsec", "ext_authz", "fastcgi")
DATAGRAMS = ("radius", "radius_acct")


class Shared:
    """The places of all listeners, held for ``count`` workers. Raises CannotListen."""

    def __init__(self, listen: Listen, count: int, inherited: Inherited) -> None:
        self._managed: list[socket.socket] = []
        self._reserved: dict[str, list[socket.socket]] = {}
        self._datagrams: list[list[socket.socket]] = [[] for _ in range(count)]
        self._asked: list[socket.socket] = []
        self.places: dict[str, list[str]] = {}
        for name in STREAMS:
            self._stream(name, getattr(listen, name), inherited)
        for name in DATAGRAMS:
            self._open_datagrams(name, getattr(listen, name), count, inherited)
        for _ in range(count):  # where each tells what is measured: to the parent alone
            self._asked += open_sockets([Address("127.0.0.1", 0)], socket.SOCK_STREAM)

    def told_at(self, number: int) -> tuple[str, int]:
        """Where this worker's metrics are."""
        host, port = self._asked[number].getsockname()
        return host, port

    def environment(self, number: int) -> Mapping[str, str]:
        """The settings of its listeners."""
        given = {f"OUTPOST_LISTEN__{name.upper()}": ",".join(places) for name, places in self.places.items()}
        closed = {f"OUTPOST_LISTEN__{name.upper()}": "off" for name in (*STREAMS, *DATAGRAMS)}
        return {**closed, **given, "OUTPOST_LISTEN__METRICS": place(self._asked[number])}

    def sockets(self, number: int) -> tuple[list[socket.socket], list[socket.socket]]:
        """For one start of this worker: those that the parent keeps, and those that it closes when they are given."""
        kept = [*self._managed, *self._datagrams[number], self._asked[number]]
        return kept, [share(one) for sockets in self._reserved.values() for one in sockets]

    def close(self) -> None:
        for one in (*self._managed, *self._asked, *(one for held in self._datagrams for one in held)):
            one.close()
        for sockets in self._reserved.values():
            for one in sockets:
                one.close()

    def _stream(self, name: str, addresses: tuple[Address, ...], inherited: Inherited) -> None:
        ours = []
        for address in addresses:
            managed = inherited.take(socket.SOCK_STREAM, address.host, address.port)
            if managed is None:
                ours.append(address)
            else:
                self._managed.append(managed)
                self.places.setdefault(name, []).append(place(managed))
        opened = open_sockets(ours, socket.SOCK_STREAM, shared=True) if ours else []
        for one in opened:
            self._reserved.setdefault(name, []).append(one)
            self.places.setdefault(name, []).append(place(one))

    def _open_datagrams(self, name: str, addresses: tuple[Address, ...], count: int, inherited: Inherited) -> None:
        for address in addresses:
            if (managed := inherited.take(socket.SOCK_DGRAM, address.host, address.port)) is not None:
                managed.close()
                raise CannotListen(
                    f"{address} was handed over, and one socket for datagrams cannot be shared among workers. Take it "
                    "out of the socket unit, or unset OUTPOST_WORKERS."
                )
        for first in open_sockets(addresses, socket.SOCK_DGRAM, shared=True):
            self.places.setdefault(name, []).append(place(first))
            for number in range(count):
                self._datagrams[number].append(first if number == 0 else share(first))
            steer(first, count)
