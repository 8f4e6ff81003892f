"""Requests that are asked about in another language than HTTP/1.1: what the forward-auth door takes for an exchange."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from outpost.listeners.exchange import PLAIN, Exchange
from protocols.proxy.http1_plain import RequestReceived
from protocols.proxy.trust import by_name

Fields = list[tuple[bytes, bytes]]


class Asked(Exchange):
    """``answered`` is called with this, the status, header fields and body. ``fields``: names in lower case.
    Once it has not raised, it is called no more."""

    __slots__ = ("_answered",)

    def __init__(
        self,
        peer: str,
        method: bytes,
        target: bytes,
        host: bytes,
        fields: Iterable[tuple[bytes, bytes]],
        answered: Callable[[Asked, int, Fields, bytes], None],
    ) -> None:
        self._connection = None
        self._answered: Callable[[Asked, int, Fields, bytes], None] | None = answered
        named = {name: tuple(values) for name, values in by_name(fields).items()}
        self.request = RequestReceived(method, target, named, "1.1", host, 0, True, False, b"")
        self.peer, self.port, self.server, self.secure = peer, 0, ("", 0), False
        self.path = target.partition(b"?")[0]
        self.begun = False
        self.identity = None
        self.known = None

    @property
    def gone(self) -> bool:
        return self._answered is None

    def respond(self, status: int, fields: bytes = b"", body: bytes = b"") -> None:
        if self._answered is not None:
            self._answered(self, status, _fields(fields), body)
            self._answered = None  # and not before: what goes wrong in it is answered by `fail`

    def fail(self) -> None:
        self.respond(500, PLAIN, b"Internal Server Error")

    @property
    def spent_authorization(self) -> bool:
        """Was the Authorization header for us, and let somebody in?"""
        return self.identity is not None and self.known is None


def _fields(lines: bytes) -> Fields:
    """Of what `field_lines` made."""
    split = (line.partition(b": ") for line in lines.split(b"\r\n") if line)
    return [(name, value) for name, _, value in split]
