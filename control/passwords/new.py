"""The one way to a password that somebody chose: what it must be like is asked here, whoever sets it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from control.passwords.hashing import Candidate, Unfit, Wanted
from control.policies.asking import Asking
from control.policies.judge import Decided, Judge, events
from control.records import Binding, User
from control.sources.ldap.described import enabled, whose
from control.store.interface import Transaction
from control.verbs import password_terms, users
from control.verbs.fields import Invalid

T = TypeVar("T")

UNDECIDED = "A rule about passwords cannot be decided, so that none can be set. Tell the administrator."
ELSEWHERE = "This account's password is kept in {}. Change it there."
NOT_THIS_ONE = "A rule about passwords does not allow this one. Choose another one."


class Storing(Protocol):
    """The part of `control.store.interface.Store` that is needed."""

    def read(self, verb: Callable[[Transaction], T]) -> Awaitable[T]: ...

    def write(self, verb: Callable[[Transaction], T]) -> Awaitable[T]: ...


class Hashing(Protocol):
    async def measure(self, password: str, wanted: Wanted) -> Candidate: ...

    async def hash(self, password: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Judged:
    """``sentences``: what the password lacks, for the person; empty: it may be set. ``decided``: what policies said."""

    sentences: Sequence[str] = ()
    decided: Decided | None = None
    asking: Asking | None = None


async def new_hash(
    store: Storing, passwords: Hashing, user: int, password: str, peer: str = "", flow: str = "", name: str = ""
) -> str:
    """What to store for ``password``, with `users.set_password`. What takes long is done outside of any transaction.

    Raises Invalid, with sentences for the person; Busy; ValueError as `Passwords.hash`.
    """
    judged = await judge(store, passwords, user, password, peer, flow, name)
    decided, asking = judged.decided, judged.asking
    traces = events(decided, asking) if decided is not None and asking is not None else []
    if traces:
        await store.write(lambda tx: [tx.insert(trace) for trace in traces])
    if judged.sentences:
        raise Invalid({"password": judged.sentences})
    return await passwords.hash(password)


async def judge(
    store: Storing, passwords: Hashing, user: int, password: str, peer: str = "", flow: str = "", name: str = ""
) -> Judged:
    """May it be set? Nothing is written.

    ``user``: 0 for somebody who is only being made, by this ``name``. ``peer``: from where it is set; ``flow``: the
    slug of the one in which it is chosen. Raises Busy.
    """
    person, lines, wanted, elsewhere = await store.read(lambda tx: _wanted(tx, user, flow, name))
    if elsewhere:
        return Judged([ELSEWHERE.format(elsewhere)])
    try:
        candidate = await passwords.measure(password, wanted)
    except Unfit as error:
        return Judged(error.sentences)
    if not lines:
        return Judged()

    def decide(tx: Transaction) -> Judged:
        asking = Asking(person, tx.now, peer, person.username if person is not None else "", candidate=candidate)
        decided = Judge().judge_password(tx, lines, asking)
        return Judged([] if decided.passing else _sentences(decided), decided, asking)

    return await store.read(decide)


def _wanted(tx: Transaction, pk: int, flow: str, name: str) -> tuple[User | None, list[Binding], Wanted, str]:
    """The last: the name of the directory in which this person's password is; empty: of none."""
    user = tx.find(User, pk=pk)
    asked = password_terms.choosing(tx, flow)
    estimated = any(policy.settings.get("check_zxcvbn") for _, policy in asked)
    wanted = replace(users.wanted_of_password(tx, user, name), estimated=estimated)
    there = whose(tx, pk, enabled(tx))
    return user, [line for line, _ in asked], wanted, there[0].name if there is not None else ""


def _sentences(decided: Decided) -> list[str]:
    if decided.reason == "policy_failed":
        return [UNDECIDED]
    return list(decided.messages) or [NOT_THIS_ONE]
