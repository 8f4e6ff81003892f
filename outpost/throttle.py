"""How often somebody may try: buckets in front of every question to control (DESIGN section 4).

Only wrong answers count, and the same wrong answer, sent again by a program that cannot know better, counts once.
Nobody can lock out another for long: the last credentials that were accepted from a place are let through from there
whatever others have tried, what others try from elsewhere counts elsewhere, and no block lasts longer than minutes.

Names that nobody has are counted like all others. Pure: the time is an argument, in seconds of one clock.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from outpost.directory.snapshot import Snapshot, Touched
from rules.names import account_of
from rules.places import place
from rules.proofs import digest as digest_of
from rules.reasons import Outcome

PAIR_FREE = 10
"""Wrong tries for one account from one place before anything happens: people mistype, and phones keep old passwords."""
PAIR_LONGEST_BLOCK = 120.0
"""Seconds. Every further try doubles the pause, from one second up to this."""
PAIR_QUIET = 900.0
"""Seconds without a wrong try after which a pair begins anew."""
ACCOUNT_BURST, ACCOUNT_SECONDS = 100, 6.0
"""Wrong tries for one account from all places together that were never right before; then one in so many seconds."""
ORIGIN_BURST, ORIGIN_SECONDS = 500, 0.5
"""Wrong tries from one place for all accounts together. An application's server is one place to us."""
ORIGIN_BONUS = 5.0
"""What each right answer gives back besides: many people behind one address mistype, but most do not."""
MOST_BUCKETS = 50_000
"""Of each kind, some 20 MB; the one unused for longest makes room."""
MOST_PLACES = 100
"""Of one account; the oldest makes room, and the account's own bucket goes on counting."""

BLOCKED_PAIR, BLOCKED_ACCOUNT, BLOCKED_ORIGIN = (
    "too_many_tries",
    "too_many_tries_for_account",
    "too_many_tries_from_here",
)


@dataclass(slots=True)
class _Pair:
    wrong: int = 0
    last: float = 0.0
    until: float = 0.0
    digest: bytes = b""
    """Of the last wrong try."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


@dataclass(frozen=True, slots=True)
class Try:
    """One question to control; `Throttle.settle` is told what came of it."""

    account: str
    origin: str
    digest: bytes = field(repr=False)
    counted: bool
    """False: the same as the last one, or good the last time."""
    known_good: bool = False
    """The last credentials that were accepted there."""


class Throttle:
    """``key``: 32 random bytes of this process."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._pairs: OrderedDict[str, OrderedDict[str, _Pair]] = OrderedDict()
        """By account, then by place."""
        self._accounts: OrderedDict[str, _Bucket] = OrderedDict()
        self._origins: OrderedDict[str, _Bucket] = OrderedDict()
        self._good: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        """The digest of what was last accepted, by account and place."""

    def begin(self, username: str, proof: dict[str, Any], peer: str, station: str, now: float) -> Try | str:
        """May control be asked? If not, the reason's code. ``station`` is RADIUS' Calling-Station-Id, or ""."""
        account, origin = account_of(username), place(peer, station)
        digest = digest_of(self._key, proof)
        good = self._good.get((account, origin))
        if good is not None and hmac.compare_digest(good, digest):
            return Try(account, origin, digest, counted=False, known_good=True)
        pair = self._pair(account, origin, now)
        if pair is not None and now < pair.until:
            return BLOCKED_PAIR
        if not _has(self._origins.get(origin), ORIGIN_SECONDS, now):
            return BLOCKED_ORIGIN
        again = pair is not None and hmac.compare_digest(pair.digest, digest)
        if not again and good is None and not _has(self._accounts.get(account), ACCOUNT_SECONDS, now):
            return BLOCKED_ACCOUNT
        _take(self._origins, origin, ORIGIN_BURST, ORIGIN_SECONDS, now)
        if not again:
            self._count(account, origin, digest, now)
            if good is None:
                _take(self._accounts, account, ACCOUNT_BURST, ACCOUNT_SECONDS, now)
        return Try(account, origin, digest, counted=not again)

    def settle(self, taken: Try, outcome: Outcome, now: float) -> None:
        """What came of it. Wrong stays counted; right begins anew; where nobody could tell, nothing has happened."""
        key = taken.account, taken.origin
        if outcome is Outcome.ACCEPTED:
            self._pairs.get(taken.account, _NO_PLACES).pop(taken.origin, None)
            _keep(self._good, key, taken.digest)
            self._give_back(taken, 1.0 + ORIGIN_BONUS)
        elif outcome is Outcome.BAD_CREDENTIALS:
            if self._good.get(key) == taken.digest:  # it was right once, and is not any more
                del self._good[key]
        else:
            pair = self._pairs.get(taken.account, _NO_PLACES).get(taken.origin)
            if taken.counted and pair is not None:
                pair.wrong, pair.until, pair.digest = max(0, pair.wrong - 1), 0.0, b""
            self._give_back(taken, 1.0)

    def forget(self, username: str) -> None:
        """What was tried for this account: an administrator has changed or released it."""
        account = account_of(username)
        self._accounts.pop(account, None)
        self._pairs.pop(account, None)

    def follow(self, snapshot: Snapshot, touched: Touched) -> None:
        """Whoever changes a user, to give them another password or to release them, wants it to work at once."""
        for pk in touched.users:
            if (user := snapshot.users.get(pk)) is not None:
                self.forget(user.username)

    def _pair(self, account: str, origin: str, now: float) -> _Pair | None:
        places = self._pairs.get(account, _NO_PLACES)
        pair = places.get(origin)
        if pair is not None and now - pair.last >= PAIR_QUIET:
            del places[origin]
            return None
        return pair

    def _count(self, account: str, origin: str, digest: bytes, now: float) -> None:
        """Before the answer is there, so that guesses sent all at once do not pass as one."""
        places = _keep(self._pairs, account, self._pairs.get(account) or OrderedDict())
        pair = _keep(places, origin, places.get(origin) or _Pair(), MOST_PLACES)
        pair.wrong, pair.last, pair.digest = pair.wrong + 1, now, digest
        if pair.wrong > PAIR_FREE:
            pair.until = now + min(2.0 ** min(pair.wrong - PAIR_FREE - 1, 10), PAIR_LONGEST_BLOCK)

    def _give_back(self, taken: Try, origin: float) -> None:
        if taken.counted and (account := self._accounts.get(taken.account)) is not None:
            account.tokens = min(account.tokens + 1.0, ACCOUNT_BURST)
        if (bucket := self._origins.get(taken.origin)) is not None:
            bucket.tokens = min(bucket.tokens + origin, ORIGIN_BURST)


_NO_PLACES: OrderedDict[str, _Pair] = OrderedDict()
"""Stays empty."""


def _has(bucket: _Bucket | None, seconds: float, now: float) -> bool:
    return bucket is None or bucket.tokens + (now - bucket.at) / seconds >= 1.0


def _take(buckets: OrderedDict[str, _Bucket], key: str, burst: float, seconds: float, now: float) -> None:
    bucket = _keep(buckets, key, buckets.get(key) or _Bucket(burst, now))
    bucket.tokens = min(bucket.tokens + (now - bucket.at) / seconds, burst) - 1.0
    bucket.at = now


def _keep(table: OrderedDict[Any, Any], key: Any, value: Any, most: int = 0) -> Any:
    """``most`` 0: `MOST_BUCKETS`."""
    table[key] = value
    table.move_to_end(key)
    if len(table) > (most or MOST_BUCKETS):
        table.popitem(last=False)
    return value
