"""Opens the sockets that listeners serve: one for each address, IPv6 ones for IPv6 only (DESIGN section 7)."""

from __future__ import annotations

import errno
import json
import socket
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred

from outpost.listeners.answering import Answering, answering_port
from outpost.listeners.inherited import Inherited
from settings import Address

PORTS_FILE = "ports.json"
MAX_DATAGRAM = 4096
"""Bytes: the longest RADIUS packet (RFC 2865, section 3)."""

HELD_OCTETS = 4 << 20
"""Of datagrams that the kernel holds for us, some 5,000: a quarter of a second of 20,000 a second, in which control may
take its turn. It gives as much as ``net.core.rmem_max`` allows, and all of it to the privileged."""
SO_RCVBUFFORCE = 33
"""asm-generic/socket.h; Python's socket module does not name it."""
BACKLOG = 1024
"""Connections the kernel holds for us: a burst after a restart is not refused."""


class Ports:
    """The listening ports of one process, by the names of their settings; ``ports.json`` says which they are.

    ``reactor`` adopts sockets; there is no one type that says so.
    """

    def __init__(self, reactor: Any, data_dir: Path, inherited: Inherited | None = None) -> None:
        self.places: dict[str, list[str]] = {}
        self._reactor = reactor
        self._file = data_dir / PORTS_FILE
        self._listening: list[Any] = []
        self._inherited = inherited or Inherited()

    def stream(self, name: str, addresses: Iterable[Address], factory: Any) -> None:
        """Raises CannotListen, as `datagrams` does."""
        for one in open_sockets(addresses, socket.SOCK_STREAM, self._inherited):
            self._serve(name, one, self._reactor.adoptStreamPort(one.fileno(), one.family, factory))

    def datagrams(self, name: str, addresses: Iterable[Address], listener: Callable[[], Answering]) -> None:
        for one in open_sockets(addresses, socket.SOCK_DGRAM, self._inherited):
            self._serve(name, one, answering_port(self._reactor, one, listener(), MAX_DATAGRAM))

    def beside(self, port: Any) -> None:
        """Closes with the others, and is nobody's place; None is none."""
        if port is not None:
            self._listening.append(port)

    def write(self) -> None:
        """Says in the data folder which ports are open; whoever waits for the file sees it whole."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(".new")
        draft.write_text(json.dumps(self.places, indent=2) + "\n")
        draft.replace(self._file)
        self._inherited.close()

    def close(self) -> Deferred[Any]:
        """Accepts no more; fires when that is so."""
        self._file.unlink(missing_ok=True)
        return DeferredList([maybeDeferred(port.stopListening) for port in self._listening], consumeErrors=True)

    def _serve(self, name: str, one: socket.socket, port: Any) -> None:
        """The reactor has made a copy of the descriptor."""
        self.places.setdefault(name, []).append(place(one))
        self._listening.append(port)
        one.close()


class CannotListen(Exception):
    """The text is a sentence for the operator."""


class NoSuchFamily(CannotListen):
    """The machine has no such kind of address at all."""


def open_sockets(
    addresses: Iterable[Address],
    kind: socket.SocketKind,
    inherited: Inherited | None = None,
    shared: bool = False,
) -> list[socket.socket]:
    """Bound sockets, listening if they are streams; a free port once chosen serves all addresses that ask for one.

    What is ``inherited`` is not opened again. ``shared``: more sockets will be bound to the same places, and
    these do not listen. A machine without IPv6 (or IPv4) serves the other family alone. Raises CannotListen.
    """
    opened: list[socket.socket] = []
    missing: NoSuchFamily | None = None
    chosen = 0
    try:
        for address in addresses:
            port = address.port or chosen
            try:
                one = _taken(inherited, kind, address.host, port) or _open(address.host, port, kind)
                if shared:
                    one = share(one)
            except NoSuchFamily as error:
                missing = error
                continue
            opened.append(one)
            if not address.port:
                chosen = one.getsockname()[1]
    except BaseException:
        for one in opened:
            one.close()
        raise
    if missing is not None and not opened:
        raise missing
    return opened


def place(one: socket.socket) -> str:
    """``host:port`` of a bound socket, IPv6 in brackets."""
    host, port = one.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def share(one: socket.socket) -> socket.socket:
    """Another socket bound where ``one`` is, which others may share (SO_REUSEPORT); it does not listen.

    ``one`` is closed unless it is shared already: that it could be opened says that the place was free.
    """
    where, had = one.getsockname(), one.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)
    another = socket.socket(one.family, one.type)
    if not had:
        one.close()
    if another.family == socket.AF_INET6:
        another.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    another.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    another.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    another.setblocking(False)
    another.bind(where)
    return another


def _taken(inherited: Inherited | None, kind: socket.SocketKind, host: str, port: int) -> socket.socket | None:
    if inherited is None:
        return None
    if inherited.takes_both(kind, host, port):
        raise CannotListen(
            f"The socket on [::]:{port} was handed over and takes IPv4 as well. Write BindIPv6Only=ipv6-only and an "
            "address of each kind into the socket unit."
        )
    one = inherited.take(kind, host, port)
    if one is not None and kind == socket.SOCK_STREAM:
        one.listen(BACKLOG)
    return one


def _open(host: str, port: int, kind: socket.SocketKind) -> socket.socket:
    family = socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET
    where = str(Address(host, port))
    try:
        one = socket.socket(family, kind)
    except OSError as error:
        raise NoSuchFamily(f"{where}: this machine has no such addresses.") from error
    try:
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if kind == socket.SOCK_DGRAM:
            _hold_more(one)
        one.setblocking(False)
        one.bind((host, port))
        if kind == socket.SOCK_STREAM:
            one.listen(BACKLOG)
    except OSError as error:
        one.close()
        if error.errno == errno.EADDRNOTAVAIL and ip_address(host).is_unspecified:
            raise NoSuchFamily(f"{where}: this machine has no such addresses.") from error
        raise CannotListen(_sentence(where, error)) from error
    return one


def _hold_more(one: socket.socket) -> None:
    try:
        one.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, HELD_OCTETS)
    except OSError:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, HELD_OCTETS)


def _sentence(where: str, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"{where} is in use by another program. Stop that program, or choose another port."
        case errno.EACCES:
            return f"{where} needs a privilege that this user lacks. Choose a port above 1023."
        case errno.EADDRNOTAVAIL:
            return f"{where} is not an address of this machine. Choose one that is, or leave it out."
        case _:
            return f"{where} cannot be opened: {error.strerror}."
