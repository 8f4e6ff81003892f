"""Policies asked before something is written: expressions may take their time, and one thread writes for everybody.

What follows from them is decided once more where it is written, from what is in the store then. No policy is asked
again there: at the same revision it would say the same. If the store has changed meanwhile, all is asked anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from control.policies.asking import Asking
from control.policies.judge import Answer, Judge
from control.records import Binding
from control.store.interface import Revision, Store, Transaction

T = TypeVar("T")
Decide = Callable[[Transaction, Judge], T]
Then = Callable[[T], Decide[T] | None]
"""What decides again and writes what follows; None: nothing does."""
Said = dict[tuple[str, int | None], list[tuple[Asking, Answer]]]
"""By the pks of the binding and of the person who was asked about."""

TRIES = 3
"""If none of these stands, because the store changes so quickly, the thread that writes waits for policies."""


class Changed(Exception):
    """The store has, or a policy is needed that was not."""


@dataclass(frozen=True, slots=True)
class Hearing(Judge):
    """Keeps what ``asks`` is told."""

    asks: Judge = field(kw_only=True)
    said: Said = field(kw_only=True, default_factory=dict)

    def ask(self, tx: Transaction, binding: Binding, asking: Asking) -> Answer:
        answer = self.asks.ask(tx, binding, asking)
        self.said.setdefault(_place(binding, asking), []).append((_timeless(asking), answer))
        return answer


@dataclass(frozen=True, slots=True)
class Recalling(Judge):
    """Says what was ``said`` at this revision."""

    revision: Revision = field(kw_only=True)
    said: Said = field(kw_only=True)

    def ask(self, tx: Transaction, binding: Binding, asking: Asking) -> Answer:
        """Raises Changed."""
        said = self.said.get(_place(binding, asking), []) if tx.revision() == self.revision else []
        same = _timeless(asking)
        for asked, answer in said:
            if asked == same:
                return answer
        raise Changed


async def write(store: Store, judge: Judge, decide: Decide[T], then: Then[T]) -> T:
    """What was decided where it was written, or, if there is nothing to write, before."""
    tries = 1
    while True:
        recalling, found = await store.read(partial(_heard, judge, decide))
        written = then(found)
        if written is None:
            return found
        try:
            return await store.write(partial(_with, recalling if tries <= TRIES else judge, written))
        except Changed:
            tries += 1


def _heard(judge: Judge, decide: Decide[T], tx: Transaction) -> tuple[Judge, T]:
    hearing = Hearing(judge.clock, judge.places, asks=judge)
    found = decide(tx, hearing)
    return Recalling(judge.clock, judge.places, revision=tx.revision(), said=hearing.said), found


def _with(judge: Judge, decide: Decide[T], tx: Transaction) -> T:
    return decide(tx, judge)


def _place(binding: Binding, asking: Asking) -> tuple[str, int | None]:
    return binding.pk, None if asking.user is None else asking.user.pk


def _timeless(asking: Asking) -> Asking:
    return replace(asking, now=0.0)
