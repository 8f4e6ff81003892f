"""Logins over RADIUS that came before as they come now: nothing is read of them but name, password and signature.

What an Access-Accept said is kept only until the directory changes, and only if nobody had to be asked and nothing but
name and password had a say. Whether the credentials are still good is asked each time, as it is where a login is read.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2s

from outpost.authentication import Authentication
from outpost.bounded import Bounded
from outpost.directory.snapshot import Directory
from outpost.outcome import Password
from protocols.radius.exchange import RadiusExchange
from protocols.radius.request import AccessRequested

MOST_LOGINS = 20_000
"""About 10 MB."""


class Again:
    """``key``: 32 octets of this process, so that no password can be guessed by what is kept of it."""

    def __init__(
        self, key: bytes, exchange: RadiusExchange, authentication: Authentication, directory: Directory
    ) -> None:
        self._key = key
        self._exchange = exchange
        self._authentication = authentication
        self._kept: Bounded[tuple[int, str, bytes], tuple[Callable[[], bool], bytes]] = Bounded(MOST_LOGINS)
        """By provider, address of the NAS, and digest of name and password: do they hold, and what is answered."""
        directory.follow(lambda snapshot, touched: self._kept.clear())

    def granted(self, provider: int, address: str, login: bytes) -> bytes | None:
        """Encoded attributes, if this name and password are still good; for `RadiusExchange.again`. Each is a use."""
        kept = self._kept.get((provider, address, self._digest(login)))
        return kept[1] if kept is not None and kept[0]() else None

    def remember(self, requested: AccessRequested, attributes: bytes) -> None:
        """Of a login that nobody was asked about, ``attributes`` being all that was answered."""
        request = requested.request
        login = self._exchange.learn(request)
        if login is None:
            return
        credentials, provider = Password(requested.username, requested.password), request.nas.provider
        holds = self._authentication.standing(credentials, provider, request.address)
        if holds is not None:
            self._kept[provider, request.address, self._digest(login)] = holds, attributes

    def _digest(self, login: bytes) -> bytes:
        """The key stands in front: to BLAKE2 that is as good as its keyed mode, and takes half of the time."""
        return blake2s(self._key + login).digest()
