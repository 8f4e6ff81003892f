"""May this user use this application, and if not, why?"""

from __future__ import annotations

from dataclasses import dataclass

from control.records import Application, Binding, User
from control.store.interface import Query, Transaction
from control.verbs.rights import closure
from rules import validity
from rules.bindings import admits
from rules.reasons import REASONS


@dataclass(frozen=True, slots=True)
class Access:
    passing: bool
    reason: str
    """A code of `rules.reasons`."""

    @property
    def sentence(self) -> str:
        """For the operator."""
        return REASONS[self.reason].operator


def check(tx: Transaction, application: Application, user: User) -> Access:
    """The same two questions as at every door (DESIGN D8): is the account good, and do the bindings let it in?"""
    if (refusal := validity.refusal(user, tx.now)) is not None:
        return Access(False, refusal)
    lines = tx.select(Binding, Query(equal={"target": application.pk}, ordering=("order",)))
    groups = frozenset(group.pk for group in closure(tx, user.pk))
    if not admits(application.policy_engine_mode, lines, user.pk, groups):
        return Access(False, "no_binding")
    return Access(True, "accepted")
