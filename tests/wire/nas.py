"""A NAS that takes orders (RFC 5176), on loopback: what it hears is kept, and answered as it is told to."""

from __future__ import annotations

import socket
import struct
import threading
from types import TracebackType

from tests.protocols.radius.nas_side import attribute, keyed, plain_reply
from tests.wire.directory import SHARED_SECRET

SECRET = SHARED_SECRET.encode()
DISCONNECT_ACK, DISCONNECT_NAK, COA_ACK = 41, 42, 44


class Nas:
    """``error``: the Error-Cause of a NAK."""

    def __init__(self, answer: int = DISCONNECT_ACK, error: int = 0) -> None:
        self.heard: list[bytes] = []
        self._answer = answer
        self._attributes = attribute(101, struct.pack("!I", error)) if error else b""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Nas:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            asked, place = self._socket.recvfrom(4096)
            if not asked:
                return
            self.heard.append(asked)
            self._socket.sendto(plain_reply(self._answer, asked, self._attributes, SECRET), place)


def is_order(asked: bytes, code: int, *named: bytes) -> bool:
    """Is it, octet by octet, an order with these attributes in front and the time behind them?"""
    stamp = asked.index(attribute(55, b"1234")[:2], 38)
    body = asked[38:]
    whole = keyed(code, body, identifier=asked[1], secret=SECRET, sign=True)
    return asked == whole and asked[38:stamp] == b"".join(named)
