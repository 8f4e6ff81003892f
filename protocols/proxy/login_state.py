"""What a sign-in takes along, and what it ends in: the contents of ``state`` and of the session cookie (DESIGN D15)."""

from __future__ import annotations

import hashlib
import struct
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import NamedTuple

BROWSER_BYTES = 16
"""128 bits of the cookie by which a browser is known again: cannot be guessed."""
SEED_BYTES = 32
"""256 bits, from which nonce and verifier are made."""
STATE_SECONDS = 3600.0
"""To find a password and a second factor."""

_STATE = struct.Struct(">16s32sQdBI")
_SESSION = struct.Struct(">32sQdddd")


@dataclass(frozen=True, slots=True)
class LoginState:
    """One sign-in under way. Sealed, it is the ``state`` of RFC 6749: bound to browser, application and address."""

    browser: bytes
    """Digest of the browser's cookie: `browser_digest`."""
    seed: bytes = field(repr=False)
    provider: int
    begun: float
    tries: int
    """How often this sign-in was begun anew because the browser was another one, or had waited too long."""
    url: str
    """Where the person wanted to go."""
    max_age: int = 0
    """Seconds since a second factor must have been shown when they come back; 0: none is needed."""

    def packed(self) -> bytes:
        fixed = _STATE.pack(self.browser, self.seed, self.provider, self.begun, self.tries, self.max_age)
        return fixed + self.url.encode("ascii")

    @classmethod
    def unpacked(cls, content: bytes) -> LoginState:
        """Raises ValueError for what was not packed here."""
        try:
            browser, seed, provider, begun, tries, max_age = _STATE.unpack_from(content)
        except struct.error as error:
            raise ValueError(str(error)) from None
        return cls(browser, seed, provider, begun, tries, content[_STATE.size :].decode("ascii"), max_age)

    @property
    def nonce(self) -> str:
        return self._made("nonce")

    @property
    def verifier(self) -> str:
        """PKCE (RFC 7636, 4.1)."""
        return self._made("verifier")

    @property
    def challenge(self) -> str:
        """Of `verifier`, by S256 (RFC 7636, 4.2)."""
        return _text(hashlib.sha256(self.verifier.encode()).digest())

    def _made(self, what: str) -> str:
        return _text(hashlib.sha256(f"outpost {what} ".encode() + self.seed).digest())


def browser_digest(cookie: bytes) -> bytes:
    return hashlib.sha256(b"outpost browser " + cookie).digest()[:BROWSER_BYTES]


class BrowserSession(NamedTuple):
    """Who has signed in at control, and when. Sealed, it is the session cookie. It says who; who may in is decided
    each time. A named tuple for the same reason as `RequestReceived`."""

    sid: bytes
    """SHA-256 of control's session: what is revoked when it ends."""
    user: int
    signed_in: float
    expires: float
    """The latest end, however much it is used."""
    second_factor: float = 0.0
    """When one was shown last; 0: never."""
    until: float = 0.0
    """Until when it counts without control's word; 0: until it expires."""

    def packed(self) -> bytes:
        return _SESSION.pack(*self)

    def is_recent(self, max_age: int, now: float) -> bool:
        """Was a second factor shown within so many seconds?"""
        return self.second_factor > 0 and now - self.second_factor <= max_age

    @classmethod
    def unpacked(cls, content: bytes) -> BrowserSession:
        """Raises ValueError for what was not packed here."""
        try:
            return cls(*_SESSION.unpack(content))
        except struct.error as error:
            raise ValueError(str(error)) from None


def _text(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()
