"""Fakes of what the doors stand on. Each records what it was asked, and answers from a table."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from outpost.authentication import LinkAway
from outpost.slices import GarbageCollector
from protocols.link.messages import (
    AccessSaid,
    AskAccess,
    Authenticate,
    Authenticated,
    BrowserSessionRecord,
    Challenge,
    ChangePassword,
    CodeRedeemed,
    EndSession,
    IdentityRecord,
    PasswordChanged,
    PasswordEnd,
    RedeemCode,
    RenewSession,
    Reuse,
    SessionEnded,
    SessionRenewed,
)
from rules.reasons import REASONS, Outcome

T = TypeVar("T")


class FakeGarbageCollector(GarbageCollector):
    """Python's own stays as it is; ``done`` says what would have been done."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def postpone(self) -> None:
        self.done.append("postpone")

    def resume(self) -> None:
        self.done.append("resume")

    def settle(self) -> None:
        self.done.append("settle")

    def grown(self, records: int) -> None:
        self.done.append(f"grown {records}")


def turn(clock: Clock) -> None:
    """One turn of the reactor: what is due now runs, and what that asks for is left to the next turn."""
    due = [call for call in clock.calls if call.getTime() <= clock.seconds()]
    clock.calls = [call for call in clock.calls if call not in due]
    for call in due:
        call.called = 1
        call.func(*call.args, **call.kw)


def take_turns(deferred: Deferred[Any], clock: Clock) -> None:
    """Gives work in slices the turns that it needs."""
    while not deferred.called:
        clock.advance(0)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never really waits; RuntimeError if it does."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    coroutine.close()
    raise RuntimeError("the coroutine waits for something")


class FakeClock:
    """``now()`` gives seconds since the epoch; `advance` moves it."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now

    def now(self) -> float:
        return self._now

    def __call__(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds


def an_identity(username: str, user: int = 1, **fields: Any) -> IdentityRecord:
    """An identity with plausible fields; name any of them to set it."""
    return IdentityRecord(
        **{
            "user": user,
            "uuid": f"00000000-0000-4000-8000-{user:012d}",
            "uid": f"{user:064x}",
            "username": username,
            "name": username.title(),
            "email": f"{username}@example.com",
            "credential_version": 1,
            **fields,
        }
    )


class FakeLink:
    """Control as the outpost sees it: answers questions from tables.

    ``passwords``: username to password. ``identities``: username to identity (made up when missing).
    ``verdicts``: username to a reason code that beats the tables. ``away``: nobody answers.
    ``fails``: an exception to raise instead of answering. ``questions``: everything asked, in order.
    ``keys``, ``challenge``, ``password_end``, ``reuse`` and ``ends_with`` come with every answer.
    """

    reuse: Reuse | None = None

    def __init__(
        self,
        passwords: dict[str, str] | None = None,
        identities: dict[str, IdentityRecord] | None = None,
    ) -> None:
        self.passwords = passwords or {}
        self.identities = identities or {}
        self.verdicts: dict[str, str] = {}
        self.away = False
        self.fails: Exception | None = None
        self.questions: list[Authenticate] = []
        self.codes: dict[str, BrowserSessionRecord | str] = {}
        self.redeemed: list[RedeemCode] = []
        self.ended: list[EndSession] = []
        self.renewals: list[RenewSession] = []
        self.renewed: BrowserSessionRecord | str | None = None
        """What is said about sessions in use; None: nothing."""
        self.access_asked: list[AskAccess] = []
        self.access_said = AccessSaid("", "policy_denied", Reuse(2.0))
        self.changes: list[ChangePassword] = []
        self.keys: dict[str, str] = {}
        self.challenge: Challenge | None = None
        self.password_end: PasswordEnd | None = None
        self.ends_with: tuple[str, ...] = ()

    async def redeem(self, question: RedeemCode) -> CodeRedeemed:
        """Each code once."""
        self.redeemed.append(question)
        self._answer_or_fail()
        found = self.codes.pop(question.code, "stale_code")
        if isinstance(found, str):
            return CodeRedeemed(question.id, found)
        return CodeRedeemed(question.id, "accepted", found)

    async def access(self, question: AskAccess) -> AccessSaid:
        self.access_asked.append(question)
        self._answer_or_fail()
        return replace(self.access_said, id=question.id)

    async def renew(self, question: RenewSession) -> SessionRenewed:
        self.renewals.append(question)
        self._answer_or_fail()
        if self.renewed is None:
            raise LinkAway("control does not answer this")
        if isinstance(self.renewed, str):
            return SessionRenewed(question.id, self.renewed)
        return SessionRenewed(question.id, "accepted", self.renewed)

    async def end_session(self, question: EndSession) -> SessionEnded:
        self.ended.append(question)
        self._answer_or_fail()
        return SessionEnded(question.id)

    async def change_password(self, question: ChangePassword) -> PasswordChanged:
        """Of whoever has the old one; "unfit" is a new one that nobody may have."""
        self.changes.append(question)
        self._answer_or_fail()
        name = next((name for name, one in self.identities.items() if one.user == question.user), "")
        if self.passwords.get(name) != question.old:
            return PasswordChanged(question.id, "wrong_password")
        if question.new == "unfit":
            return PasswordChanged(question.id, "unfit_password", sentences=("Use a longer one.",))
        self.passwords[name] = question.new or "made"
        generated = "made" if question.new is None else None
        return PasswordChanged(question.id, "accepted", self.identities[name].credential_version + 1, generated)

    def _answer_or_fail(self) -> None:
        if self.away:
            raise LinkAway("control is away")
        if self.fails is not None:
            raise self.fails

    async def ask(self, question: Authenticate) -> Authenticated:
        self.questions.append(question)
        if self.away:
            raise LinkAway("control is away")
        if self.fails is not None:
            raise self.fails
        reason = self.verdicts.get(question.username) or self._reason(question)
        outcome = REASONS[reason].outcome
        identity = None
        if outcome is Outcome.ACCEPTED:
            identity = self.identities.get(question.username) or an_identity(question.username)
        return Authenticated(
            question.id,
            outcome,
            reason,
            revision=1,
            identity=identity,
            keys=self.keys,
            challenge=self.challenge,
            password_end=self.password_end,
            reuse=self.reuse,
            ends_with=self.ends_with if identity is not None else (),
        )

    def _reason(self, question: Authenticate) -> str:
        known = self.passwords.get(question.username)
        if known is None:
            return "unknown_user"
        return "accepted" if question.proof.get("password") == known else "wrong_password"


def counted_random(seed: str = "") -> Callable[[int], bytes]:
    """Different bytes each time, the same in every run."""
    calls = 0

    def random(size: int) -> bytes:
        nonlocal calls
        calls += 1
        return hashlib.shake_256(seed.encode() + calls.to_bytes(8, "big")).digest(size)

    return random
