"""Reads `tests/vectors/radius`: header lines, an empty line, the datagram in hex. An unknown header fails.

secret, peer ............ the secret of `NETWORKS`, and who sends
message-authenticator ... pinned (the default), required, optional
pin ..................... yes: the address has sent a Message-Authenticator before
expect .................. ask | offer KIND | eap continue | eap REASON | refuse REASON | status | discard REASON
user-name, user-password  what must be asked (ask), or offered (offer)
reply ................... every octet of the answer; for ask and offer, when the decision is accept
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

NETWORKS = ("192.0.2.0/24", "2001:db8::/32")
FOLDER = Path(__file__).parents[2] / "vectors" / "radius"
HEADERS = frozenset(
    ("comment", "secret", "peer", "message-authenticator", "pin", "expect", "user-name", "user-password", "reply")
)


@dataclass(frozen=True, slots=True)
class Vector:
    name: str
    headers: dict[str, str]
    datagram: bytes

    @property
    def secret(self) -> bytes:
        return self.headers["secret"].encode()

    @property
    def peer(self) -> tuple[str, int]:
        address, _, port = self.headers["peer"].rpartition(":")
        return address.strip("[]"), int(port)

    @property
    def pinned(self) -> frozenset[str]:
        return frozenset((self.peer[0],)) if self.headers.get("pin") == "yes" else frozenset()

    @property
    def expect(self) -> tuple[str, str]:
        verb, _, reason = self.headers["expect"].partition(" ")
        return verb, reason

    @property
    def reply(self) -> bytes:
        return bytes.fromhex(self.headers["reply"])

    @property
    def is_exact(self) -> bool:
        """Does Length say exactly what came? Then padding behind it must change nothing."""
        return int.from_bytes(self.datagram[2:4]) == len(self.datagram)

    def __str__(self) -> str:
        return self.name


def vectors() -> list[Vector]:
    found = [_read(path) for path in sorted(FOLDER.glob("*.txt"))]
    if not found:
        raise FileNotFoundError(FOLDER)
    return found


def _read(path: Path) -> Vector:
    head, _, body = path.read_text(encoding="utf-8").partition("\n\n")
    headers = dict(line.split(": ", 1) for line in head.splitlines())
    unknown = headers.keys() - HEADERS
    if unknown:
        raise ValueError(f"{path.name}: unknown headers {sorted(unknown)}")
    return Vector(path.stem, headers, bytes.fromhex(body))
