"""Requests as octets, for the load generators and for small questions of the harness itself.

Written apart from the program's own codecs, so that what is measured does not check itself.
"""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.harness.people import HOST

Question = tuple[bytes, bytes]
"""A request, and octets that its answer has to contain."""


def write_questions(path: Path, questions: Iterable[Question]) -> Path:
    """The file that ``stream`` reads."""
    with path.open("wb") as file:
        for question in questions:
            for octets in question:
                file.write(len(octets).to_bytes(4, "big") + octets)
    return path


# --- LDAP ----------------------------------------------------------------------------------------------------------


def _tlv(tag: int, *values: bytes) -> bytes:
    value = b"".join(values)
    size = len(value)
    if size < 0x80:
        return bytes((tag, size)) + value
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + value


def _message(operation: bytes) -> bytes:
    """The message ID has four octets, which the generator sets."""
    return _tlv(0x30, b"\x02\x04\0\0\0\x01", operation)


def bind(dn: str, password: str) -> bytes:
    return _message(_tlv(0x60, b"\x02\x01\x03", _tlv(0x04, dn.encode()), _tlv(0x80, password.encode())))


def equal(attribute: str, value: str) -> bytes:
    return _tlv(0xA3, _tlv(0x04, attribute.encode()), _tlv(0x04, value.encode()))


def present(attribute: str) -> bytes:
    return _tlv(0x87, attribute.encode())


def every(*filters: bytes) -> bytes:
    return _tlv(0xA0, *filters)


def either(*filters: bytes) -> bytes:
    return _tlv(0xA1, *filters)


def holding(attribute: str, part: str) -> bytes:
    return _tlv(0xA4, _tlv(0x04, attribute.encode()), _tlv(0x30, _tlv(0x81, part.encode())))


def in_chain(attribute: str, value: str) -> bytes:
    rule = _tlv(0x81, b"1.2.840.113556.1.4.1941")
    return _tlv(0xA9, rule, _tlv(0x82, attribute.encode()), _tlv(0x83, value.encode()))


def filtered(base: str, asked: bytes, wanted: Sequence[str] = ()) -> bytes:
    """A whole-subtree search."""
    return _message(
        _tlv(
            0x63,
            _tlv(0x04, base.encode()),
            b"\x0a\x01\x02\x0a\x01\0\x02\x01\0\x02\x01\0\x01\x01\0",
            asked,
            _tlv(0x30, *(_tlv(0x04, name.encode()) for name in wanted)),
        )
    )


EVERYBODY = present("departmentNumber")
"""The people of the benchmark, and none of those that a program makes for itself."""


def search(base: str, attribute: str, value: str, wanted: Sequence[str] = ()) -> bytes:
    return filtered(base, equal(attribute, value), wanted)


class LdapClient:
    """One connection, one question at a time. Use as a context."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._held = b""

    def __enter__(self) -> LdapClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """The result code, and all octets of the answer."""
        self._socket.sendall(request)
        answer = b""
        while True:
            message = self._message()
            answer += message
            at = 2 if message[1] < 0x80 else 2 + (message[1] & 0x7F)
            at += 2 + message[at + 1]
            if message[at] in (0x61, 0x65):
                length = message[at + 1]
                return message[at + 2 + (length & 0x7F if length & 0x80 else 0) + 2], answer

    def _message(self) -> bytes:
        while (size := _whole(self._held)) is None or len(self._held) < size:
            got = self._socket.recv(1 << 18)
            if not got:
                raise ConnectionError("the server closed the connection")
            self._held += got
        message, self._held = self._held[:size], self._held[size:]
        return message


def _whole(octets: bytes) -> int | None:
    if len(octets) < 2:
        return None
    if octets[1] < 0x80:
        return 2 + octets[1]
    many = octets[1] & 0x7F
    return None if len(octets) < 2 + many else 2 + many + int.from_bytes(octets[2 : 2 + many], "big")


# --- HTTP ----------------------------------------------------------------------------------------------------------

AUTH_PATH = "/outpost.goauthentik.io/auth/nginx"


CADDY_PATH = "/outpost.goauthentik.io/auth/caddy"
TARGET = "/dashboard/view?panel=4&from=now-6h"


def forward_auth(
    username: str = "", password: str = "", cookie: str = "", caddy: bool = False, target: str = TARGET
) -> bytes:
    """What nginx's auth_request, or Caddy's forward_auth, sends for a browser's request, about 700 octets; without a
    name or a cookie, anonymous."""
    asked = [f"X-Original-URL: http://{HOST}{target}", "X-Original-Method: GET"]
    if caddy:
        asked = ["X-Forwarded-Proto: http", f"X-Forwarded-Host: {HOST}", f"X-Forwarded-Uri: {target}"]
        asked.append("X-Forwarded-Method: GET")
    lines = [
        f"GET {CADDY_PATH if caddy else AUTH_PATH} HTTP/1.1",
        f"Host: {HOST}",
        *asked,
        "X-Forwarded-For: 127.0.0.1",
        *_browsers(cookie),
    ]
    if username:
        lines.append("Authorization: Basic " + base64.b64encode(f"{username}:{password}".encode()).decode())
    return "\r\n".join([*lines, "", ""]).encode()


def visit(cookie: str) -> bytes:
    """A browser's own request, to whoever is the reverse proxy."""
    return "\r\n".join([f"GET {TARGET} HTTP/1.1", f"Host: {HOST}", *_browsers(cookie), "", ""]).encode()


def websocket(cookie: str) -> bytes:
    """A browser that wants to keep a connection open."""
    asks = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + "A" * 24)
    return "\r\n".join([f"GET {TARGET} HTTP/1.1", f"Host: {HOST}", *asks, *_browsers(cookie), "", ""]).encode()


def _browsers(cookie: str) -> list[str]:
    return [
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "Accept-Language: en-US,en;q=0.5",
        "Accept-Encoding: gzip, deflate, br, zstd",
        "Cookie: theme=dark; panel_layout=a3f9c1d27e5b4860; tracking=" + "0123456789abcdef" * 6 + cookie,
        "Upgrade-Insecure-Requests: 1",
        "Sec-Fetch-Dest: document",
        "Sec-Fetch-Mode: navigate",
        "Sec-Fetch-Site: same-origin",
    ]
