"""Password hashes: Argon2id in a bounded pool (DESIGN D16). A refused password costs the same work as a right one.

Hashes that came from elsewhere (`control.passwords.foreign_hashes`) are good for one login, which replaces them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from control.passwords import foreign_hashes
from control.passwords.breached import Unusable
from control.passwords.fair_queue import FairQueue
from control.passwords.rules import PasswordRules, faults, strength
from rules.places import host

log = logging.getLogger(__name__)

T = TypeVar("T")

LONGEST_PASSWORD = 1024
"""Bytes of UTF-8. Longer than any passphrase; hashing it still costs no more than hashing a short one."""
WAITING_PER_WORKER = 32
"""Hashes that may wait for each worker: at 25 ms each, who comes later would wait for most of a second."""
DEAREST_MEMORY_KIB = 256 * 1024
"""A stored hash that asks for more (an import gone wrong) is not believed, so that it cannot exhaust the machine."""
DEAREST_WORK_KIB = 1024 * 1024
"""The same bound on memory times passes."""
SALT_BYTES = 16
HASH_BYTES = 32


class Busy(Exception):
    """Too many hashes are waiting already."""


class Unfit(Exception):
    """This may not be the new password; ``sentences`` tell the person what to change."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = sentences


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a new password is measured by."""

    rules: PasswordRules | None = field(default_factory=PasswordRules)
    """None: nothing is refused, all is only measured."""
    about: tuple[str, ...] = ()
    """The person's names and addresses."""
    former: tuple[str, ...] = field(default=(), repr=False)
    """Hashes of the passwords that they have had, the present one first."""
    differing: int = 0
    """From how many of these it must differ, whatever policies say."""
    estimated: bool = False
    """A policy asks for its strength."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A password that somebody would like to have, and what takes work to know about it."""

    password: str = field(repr=False)
    strength: int | None = None
    """0 to `password_rules.STRONGEST`; None: nobody asked."""
    breached: int | None = None
    """How often it has become known; None: there is no list to look in."""
    like: int | None = None
    """Which of the former ones it is: 0 is the present one; None: none of those that were looked at."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Argon2id parameters. The default is OWASP's: 19 MiB, two passes, one lane; about 25 ms of one core."""

    memory_kib: int = 19 * 1024
    passes: int = 2
    lanes: int = 1

    @property
    def phc_prefix(self) -> str:
        return f"$argon2id$v=19$m={self.memory_kib},t={self.passes},p={self.lanes}$"


@dataclass(frozen=True, slots=True)
class Verified:
    ok: bool
    needs_rehash: bool = False
    """The password was right, but its hash was made elsewhere or at another cost: store a new one."""


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    work: Callable[[], Any]
    answer: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class OnBehalf:
    """`Passwords` for one owner."""

    passwords: Passwords
    owner: str

    async def hash(self, password: str) -> str:
        return await self.passwords.hash(password, self.owner)

    async def measure(self, password: str, wanted: Wanted) -> Candidate:
        return await self.passwords.measure(password, wanted, self.owner)

    async def verify(self, stored: str | None, password: str) -> Verified:
        return await self.passwords.verify(stored, password, self.owner)

    def on_behalf(self, owner: str) -> OnBehalf:
        return self.passwords.on_behalf(owner)


BREACHED = "This password is on a list of passwords that have become known. Choose another one."
HAD_BEFORE = "You have had this password before. Choose another one."
REFUSED = Verified(False)
_PHC = re.compile(r"\$argon2id\$v=19\$m=(\d{1,9}),t=(\d{1,9}),p=(\d{1,9})\$")


def hashable(password: str) -> bytes:
    """Its octets. Raises ValueError if it is empty, too long or not Unicode."""
    octets = password.encode("utf-8")
    if not 0 < len(octets) <= LONGEST_PASSWORD:
        raise ValueError(f"a password has 1 to {LONGEST_PASSWORD} bytes")
    return octets


class Passwords:
    """``random`` gives that many bytes from a cryptographic source; ``workers`` hash at the same time; what is
    ``breached`` at least once nobody may choose any more (None: there is no list)."""

    def __init__(
        self,
        random: Callable[[int], bytes] = os.urandom,
        workers: int | None = None,
        cost: Cost | None = None,
        breached: Callable[[str], int | None] = lambda password: None,
    ) -> None:
        workers = workers or os.cpu_count() or 1
        self._random = random
        self._cost = cost or Cost()
        self._breached = breached
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="passwords")
        self._workers = workers
        self._working = 0
        self._waiting: FairQueue[_Job] = FairQueue(workers * WAITING_PER_WORKER)
        self._dummy: str | None = None
        self.refused = 0
        """How often somebody was told Busy."""

    async def hash(self, password: str, owner: str = "") -> str:
        """The PHC string to store. Raises Busy; ValueError for a password that is empty, too long or not Unicode.

        ``owner`` is who waits for it: owners have their turns one after another, and whoever asks most is told Busy.
        """
        return await self._in_pool(owner, lambda: self.hash_now(password))

    async def measure(self, password: str, wanted: Wanted, owner: str = "") -> Candidate:
        """What is to be known of a password that somebody chose, before it is hashed. Raises Busy, Unfit."""
        return await self._in_pool(owner, lambda: self.measure_now(password, wanted))

    async def verify(self, stored: str | None, password: str, owner: str = "") -> Verified:
        """Is this the password? ``stored`` is None when there is no such user or no password. Raises Busy."""
        return await self._in_pool(owner, lambda: self.verify_now(stored, password))

    def on_behalf(self, owner: str) -> OnBehalf:
        """The same for one owner: an address, through one door."""
        door, _, peer = owner.partition(" ")
        return OnBehalf(self, f"{door} {host(peer)}")

    def hash_now(self, password: str) -> str:
        """As `hash`, in the calling thread: for commands without an event loop."""
        return self._derive(hashable(password))

    def measure_now(self, password: str, wanted: Wanted) -> Candidate:
        """As `measure`, in the calling thread."""
        is_strict = wanted.rules is not None
        if wanted.rules is not None and (sentences := faults(password, wanted.rules, wanted.about)):
            raise Unfit(sentences)
        breached = self._times_breached(password)
        if breached and is_strict:
            raise Unfit([BREACHED])
        same = (place for place, former in enumerate(wanted.former) if self.verify_now(former, password).ok)
        like = next(same, None)
        if is_strict and like is not None and like < wanted.differing:
            raise Unfit([HAD_BEFORE])
        estimate = strength(password, wanted.about) if wanted.estimated else None
        return Candidate(password, estimate, breached, like)

    def _times_breached(self, password: str) -> int | None:
        """Raises Unfit when nobody can tell."""
        try:
            return self._breached(password)
        except Unusable as error:
            log.error("no password can be set: %s", error, extra={"fields": {"event": "breached_list_unusable"}})
            sentence = "The list of known passwords cannot be used, so that none can be set. Tell the administrator."
            raise Unfit([sentence]) from error

    def verify_now(self, stored: str | None, password: str) -> Verified:
        """As `verify`, in the calling thread."""
        octets = password.encode("utf-8", "surrogatepass")[: LONGEST_PASSWORD + 1]
        if stored is not None and 0 < len(octets) <= LONGEST_PASSWORD and not _PHC.match(stored):
            if foreign_hashes.matches(octets, stored):
                return Verified(True, needs_rehash=True)
            stored = None  # and the usual work is done besides, as for every refusal
        if stored is None or not 0 < len(octets) <= LONGEST_PASSWORD or not _is_affordable(stored):
            _matches(octets, self._dummy_hash())
            return REFUSED
        if not _matches(octets, stored):
            return REFUSED
        return Verified(True, needs_rehash=not stored.startswith(self._cost.phc_prefix))

    @property
    def outstanding(self) -> int:
        """Hashes under way or waiting."""
        return self._working + len(self._waiting)

    def close(self) -> None:
        """Waiting hashes are cancelled; running ones end."""
        for job in self._waiting.clear():
            job.answer.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _in_pool(self, owner: str, work: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        job = _Job(work, loop.create_future())
        if self._working < self._workers:
            self._begin(job, loop)
        elif (gone := self._waiting.put(owner, job)) is not None and not gone.answer.done():
            self.refused += 1
            gone.answer.set_exception(Busy(f"{self.outstanding} passwords are being checked"))
        try:
            return await job.answer  # type: ignore[no-any-return]  # what the work returns
        except asyncio.CancelledError:
            self._waiting.discard(owner, job)
            raise

    def _begin(self, job: _Job, loop: asyncio.AbstractEventLoop) -> None:
        self._working += 1
        done = loop.run_in_executor(self._pool, job.work)
        done.add_done_callback(lambda done: self._ended(job, done, loop))

    def _ended(self, job: _Job, done: asyncio.Future[Any], loop: asyncio.AbstractEventLoop) -> None:
        self._working -= 1
        if done.cancelled():
            job.answer.cancel()
        elif job.answer.done():  # whoever asked has left
            done.exception()
        elif (error := done.exception()) is not None:
            job.answer.set_exception(error)
        else:
            job.answer.set_result(done.result())
        while self._working < self._workers and (waiting := self._waiting.take()) is not None:
            if not waiting.answer.done():
                self._begin(waiting, loop)

    def _derive(self, octets: bytes) -> str:
        cost = self._cost
        kdf = Argon2id(
            salt=self._random(SALT_BYTES),
            length=HASH_BYTES,
            iterations=cost.passes,
            lanes=cost.lanes,
            memory_cost=cost.memory_kib,
        )
        return kdf.derive_phc_encoded(octets)

    def _dummy_hash(self) -> str:
        """A hash of random bytes at the current cost, whose password nobody knows."""
        if self._dummy is None:
            self._dummy = self._derive(self._random(HASH_BYTES))
        return self._dummy


def is_hash(stored: str) -> bool:
    """Can a password be verified against this?"""
    return _is_affordable(stored) or foreign_hashes.is_known(stored)


def _is_affordable(stored: str) -> bool:
    parameters = _PHC.match(stored)
    if parameters is None:
        return False
    memory, passes, lanes = map(int, parameters.groups())
    return memory <= DEAREST_MEMORY_KIB and memory * passes <= DEAREST_WORK_KIB and lanes <= memory


def _matches(octets: bytes, stored: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(octets, stored)
    except (InvalidKey, ValueError):
        return False
    return True
