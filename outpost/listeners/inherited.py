"""Sockets that were open before us: a service manager's, which keeps their queues while we start again
(sd_listen_fds(3)), or a parent's that shares ports among workers.

They are found by what they are bound to; the settings say which listener that is.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable, MutableMapping

FIRST = 3
"""The first descriptor that is handed over."""
MOST = 1000
"""Descriptors; nobody has as many addresses."""

Bound = tuple[socket.SocketKind, str, int]
"""Stream or datagrams, host, port."""

log = logging.getLogger(__name__)


class Inherited:
    """Sockets that wait for whoever would otherwise open them."""

    def __init__(self, sockets: Iterable[socket.socket] = ()) -> None:
        self._waiting: dict[Bound, socket.socket] = {}
        self._both: set[tuple[socket.SocketKind, int]] = set()
        for one in sockets:
            if one.family in (socket.AF_INET, socket.AF_INET6):
                host, port = one.getsockname()[:2]
                kind = socket.SocketKind(one.type)
                self._waiting[kind, host, port] = one
                if host == "::" and not one.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY):
                    self._both.add((kind, port))
            else:
                one.close()

    def take(self, kind: socket.SocketKind, host: str, port: int) -> socket.socket | None:
        """The one that is bound there; not blocking. The caller closes it."""
        one = self._waiting.pop((kind, host, port), None)
        if one is not None:
            one.setblocking(False)
        return one

    def takes_both(self, kind: socket.SocketKind, host: str, port: int) -> bool:
        """Is this every address of IPv4, and one that was handed over has them with those of IPv6?"""
        return host == "0.0.0.0" and (kind, port) in self._both  # noqa: S104

    def close(self) -> None:
        """What nobody has taken is told of."""
        for _, host, port in self._waiting:
            log.warning(
                f"A socket on {host} port {port} was handed over, and no listener is set to it. It is closed; write "
                "the same address in OUTPOST_LISTEN__*.",
                extra={"fields": {"event": "socket_unused", "host": host, "port": port}},
            )
        for one in self._waiting.values():
            one.close()
        self._waiting.clear()


def handed_over(environ: MutableMapping[str, str], pids: tuple[int, ...]) -> Inherited:
    """``pids``: ours and our parent's, for whom they may be meant. No child of ours finds them in ``environ``."""
    meant, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    environ.pop("LISTEN_FDNAMES", None)
    if not (count.isdigit() and meant in map(str, pids)):
        return Inherited()
    descriptors = range(FIRST, FIRST + min(int(count), MOST))
    return Inherited(_kept_from_children(descriptor) for descriptor in descriptors)


def _kept_from_children(descriptor: int) -> socket.socket:
    one = socket.socket(fileno=descriptor)
    one.set_inheritable(False)
    return one
