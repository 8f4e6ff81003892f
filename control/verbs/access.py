"""May this user use this application, and if not, why?"""

from __future__ import annotations

from dataclasses import dataclass

from control.policies.asking import Asking
from control.policies.judge import Answer, Judge
from control.records import Application, User
from control.store.interface import Transaction
from rules import validity
from rules.reasons import REASONS


@dataclass(frozen=True, slots=True)
class Access:
    passing: bool
    reason: str
    """A code of `rules.reasons`."""
    messages: tuple[str, ...] = ()
    """For the person, from policies."""
    answers: tuple[Answer, ...] = ()

    @property
    def sentence(self) -> str:
        """For the operator."""
        return REASONS[self.reason].operator


def check(tx: Transaction, application: Application, user: User, judge: Judge, peer: str = "") -> Access:
    """The same two questions as at every door (DESIGN D8): is the account good, and do the bindings let it in?"""
    if (refusal := validity.refusal(user, tx.now)) is not None:
        return Access(False, refusal)
    found = judge.decide(tx, application, Asking(user, tx.now, peer, user.username))
    return Access(found.passing, found.reason, found.messages, found.answers)
