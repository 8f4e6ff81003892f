"""What a ClientHello and a ServerHello say that decides how a connection goes on (RFC 5246 and RFC 8446).

Which session a peer would resume has to be known before OpenSSL looks for it, and OpenSSL's Python side cannot tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import unpack_from

from protocols.errors import RemoteProtocolError

HANDSHAKE, CLIENT_HELLO, SERVER_HELLO = 22, 1, 2
SUPPORTED_VERSIONS = 43
_SUPPORTED_VERSIONS = SUPPORTED_VERSIONS.to_bytes(2)
TLS_1_3 = 0x0304
RECORD_HEADER, FIXED = 5, 38
"""``FIXED``: octets of handshake header, version and random before the session id."""
MAX_SESSION_ID = 32


@dataclass(frozen=True, slots=True)
class ClientHello:
    session_id: bytes
    """The session of TLS 1.2 that it would resume; 1.3 fills it without meaning."""
    offers_1_3: bool


def client_hello(message: bytes) -> ClientHello:
    """``message``: the first one of a peer, TLS records. Raises RemoteProtocolError when it is none."""
    body = _handshake(message)
    if body[:1] != bytes((CLIENT_HELLO,)):
        raise RemoteProtocolError("the first TLS message is no ClientHello")
    try:
        session_id, at = _short(body, FIXED)
        (suites,) = unpack_from("!H", body, at)
        _, at = _short(body, at + 2 + suites)
        return ClientHello(session_id, _offers_1_3(body, at))
    except (IndexError, ValueError) as error:
        raise RemoteProtocolError("a ClientHello that is cut short") from error
    except Exception as error:  # struct.error
        raise RemoteProtocolError("a ClientHello that is cut short") from error


def session_given(message: bytes) -> bytes:
    """The session id in a flight that begins with a ServerHello of TLS 1.2; empty if there is none."""
    try:
        body = _handshake(message)
        return _short(body, FIXED)[0] if body[:1] == bytes((SERVER_HELLO,)) else b""
    except (RemoteProtocolError, ValueError, IndexError):
        return b""


def _handshake(message: bytes) -> bytes:
    """The contents of the handshake records at the front: a hello may be cut over several."""
    found, at = b"", 0
    while at + RECORD_HEADER <= len(message) and message[at] == HANDSHAKE:
        size = message[at + 3] << 8 | message[at + 4]
        found += message[at + RECORD_HEADER : at + RECORD_HEADER + size]
        at += RECORD_HEADER + size
    if not found:
        raise RemoteProtocolError("no TLS handshake")
    return found


def _short(body: bytes, at: int) -> tuple[bytes, int]:
    """A vector with one octet of length, and where it ends. Raises ValueError, IndexError."""
    end = at + 1 + body[at]
    if end > len(body):
        raise ValueError("cut short")
    return body[at + 1 : end], end


def _offers_1_3(body: bytes, at: int) -> bool:
    if _SUPPORTED_VERSIONS not in body:  # then no extension is it, and there is no need to look at each
        return False
    end = min(len(body), at + 2 + (unpack_from("!H", body, at)[0] if at + 2 <= len(body) else 0))
    at += 2
    while at + 4 <= end:
        kind, size = unpack_from("!HH", body, at)
        if kind == SUPPORTED_VERSIONS:
            versions = body[at + 5 : at + 4 + size]
            return any(versions[i : i + 2] == TLS_1_3.to_bytes(2) for i in range(0, len(versions), 2))
        at += 4 + size
    return False
