"""Accepted passwords that outlive this process, for a restart while control is away (DESIGN D14).

Only Argon2id hashes, and what says whose they are; they count in the grace alone, and only as far as the snapshot
still admits their user. Whatever empties the credential cache empties this too.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from outpost.directory.snapshot import Directory
from outpost.kept.credential_cache import CredentialCache, Place
from outpost.kept.saving import Saving
from outpost.outcome import Decision, Identity, Password

T = TypeVar("T")

PURPOSE = "credentials"
FILE = "credentials.sealed"
MOST_KEPT = 20_000
"""About 6 MB on disk; the one accepted longest ago makes room."""
MOST_WAITING = 64
"""Hashes under way: at 25 ms each, who comes later would wait for longer than any door's client does."""
LONGEST_PASSWORD = 1024
"""Bytes, as control has it: nothing longer was ever accepted."""
MEMORY_KIB, PASSES, LANES = 19 * 1024, 2, 1
"""OWASP's cost, the same as control's (D16): a stolen file is worth no more than a stolen database."""
PIECE_RECORDS = 1000

InTurn = Callable[[Callable[[], T]], Awaitable[T]]
"""Runs work in a thread, one piece at a time."""


@dataclass(frozen=True, slots=True)
class Kept:
    hash: str
    """PHC string."""
    user: int
    credential_version: int
    entitlements: tuple[str, ...]
    grace_until: float
    digest: bytes = b""
    """Of the password, under this process's key: whoever signs in again is not hashed again. Never on disk."""


class KeptCredentials:
    """The cache's `Keeper`. ``key``: 32 random bytes of this process. ``in_turn``, ``start`` and ``now`` are injected.

    ``start`` sets a coroutine going and is told of nothing; ``in_turn`` runs hashing in a thread.
    """

    def __init__(
        self,
        cache: CredentialCache,
        directory: Directory,
        key: bytes,
        in_turn: Callable[[Callable[[], object]], Awaitable[object]],
        start: Callable[[Awaitable[None]], object],
        now: Callable[[], float],
        random: Callable[[int], bytes] = os.urandom,
        most_kept: int = MOST_KEPT,
    ) -> None:
        self.saving: Saving | None = None
        self._cache = cache
        self._directory = directory
        self._key = key
        self._in_turn = in_turn
        self._start = start
        self._now = now
        self._random = random
        self._most_kept = most_kept
        self._kept: OrderedDict[Place, Kept] = OrderedDict()
        self._hashing: dict[Place, Kept] = {}
        self._checking = 0

    def __len__(self) -> int:
        return len(self._kept)

    async def check(self, credentials: Password, provider: int, peer: str) -> Decision | None:
        """An accepted decision, if these credentials were accepted before the restart and are still in their grace."""
        octets = credentials.password.encode("utf-8", "surrogatepass")
        place = self._place(credentials.username, provider, peer)
        if place is None or len(octets) > LONGEST_PASSWORD or self._checking >= MOST_WAITING:
            return None
        kept = self._kept[place]
        self._checking += 1
        try:
            right = await self._in_turn(lambda: _matches(octets, kept.hash))
        finally:
            self._checking -= 1
        identity = self._identity(kept)
        if right is not True or identity is None or self._kept.get(place) is not kept:
            return None
        return self._cache.recall(place, credentials, identity, kept.grace_until)

    def _place(self, username: str, provider: int, peer: str) -> Place | None:
        for place in ((provider, username, ""), (provider, username, peer)):
            kept = self._kept.get(place)
            if kept is not None and self._now() < kept.grace_until:
                return place
        return None

    def _identity(self, kept: Kept) -> Identity | None:
        """Only what the cache does not take from the snapshot anyway has to be right here."""
        user = self._directory.current.users.get(kept.user)
        if user is None:
            return None
        return Identity(
            user.pk,
            user.uuid,
            user.uid,
            user.username,
            user.name,
            user.email,
            kept.credential_version,
            entitlements=kept.entitlements,
        )

    # --- what the cache says ---

    def remembered(self, place: Place, credentials: Password, identity: Identity, grace_until: float) -> None:
        octets = credentials.password.encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(octets, key=self._key, digest_size=32).digest()
        new = Kept("", identity.user, identity.credential_version, identity.entitlements, grace_until, digest)
        known = self._kept.get(place)
        if known is not None and hmac.compare_digest(known.digest, digest):
            self._keep(place, replace(new, hash=known.hash))
            return
        self.forgotten(place)
        if len(octets) <= LONGEST_PASSWORD and len(self._hashing) < MOST_WAITING:
            self._hashing[place] = new
            self._start(self._hash(place, octets, new))

    async def _hash(self, place: Place, octets: bytes, new: Kept) -> None:
        try:
            made = await self._in_turn(lambda: self._derive(octets))
            if self._hashing.get(place) is new and isinstance(made, str):
                self._keep(place, replace(new, hash=made))
        finally:
            if self._hashing.get(place) is new:
                del self._hashing[place]

    def _keep(self, place: Place, kept: Kept) -> None:
        self._kept[place] = kept
        self._kept.move_to_end(place)
        while len(self._kept) > self._most_kept:
            self._kept.popitem(last=False)
        self._changed()

    def forgotten(self, place: Place) -> None:
        self._hashing.pop(place, None)
        if self._kept.pop(place, None) is not None:
            self._changed()

    def emptied(self) -> None:
        """Not even the file may say otherwise: a crash could come before it is written anew."""
        self._kept.clear()
        self._hashing.clear()
        if self.saving is not None:
            self.saving.remove()

    def _changed(self) -> None:
        if self.saving is not None:
            self.saving.changed()

    def _derive(self, octets: bytes) -> str:
        kdf = Argon2id(salt=self._random(16), length=32, iterations=PASSES, lanes=LANES, memory_cost=MEMORY_KIB)
        return kdf.derive_phc_encoded(octets)

    # --- the file ---

    def capture(self) -> Callable[[], Iterable[bytes]]:
        """What `Saving` writes: those in their grace now."""
        kept, now = list(self._kept.items()), self._now()
        return lambda: _pieces((place, one) for place, one in kept if now < one.grace_until)

    def restore(self, pieces: Iterable[bytes]) -> None:
        """Takes what `capture` gave in an earlier run. Raises what a file that cannot be believed brings."""
        found = [one for piece in pieces for one in _read(piece)]
        self._kept = OrderedDict(found[-self._most_kept :])


def _pieces(kept: Iterator[tuple[Place, Kept]]) -> Iterator[bytes]:
    while part := list(islice(kept, PIECE_RECORDS)):
        yield json.dumps(
            [
                [*place, one.hash, one.user, one.credential_version, one.entitlements, one.grace_until]
                for place, one in part
            ]
        ).encode()


def _read(piece: bytes) -> Iterator[tuple[Place, Kept]]:
    for provider, name, peer, made, user, version, entitlements, grace_until in json.loads(piece or b"[]"):
        yield (provider, name, peer), Kept(made, user, version, tuple(entitlements), grace_until)


def _matches(octets: bytes, stored: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(octets, stored)
    except (InvalidKey, ValueError):
        return False
    return True
