"""Reputation: does the score of a name or an address lie at or below a threshold? (authentik's sense: bind it negated
to keep the ill-reputed out, as it is to ask more of them.)"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control import reputation
from control.policies.asking import Around, Asking, Verdict
from control.policies.kinds.kind import Kind, PolicyFields
from control.store.interface import Transaction
from control.verbs.fields import Integer


class ReputationFields(PolicyFields):
    check_ip: bool = True
    check_username: bool = True
    threshold: Integer = -5


def decide(tx: Transaction, settings: Mapping[str, Any], asking: Asking, around: Around) -> Verdict:
    """The next try can change it, so it is asked each time."""
    named = asking.identifier or (asking.user.username if asking.user is not None else "")
    score = reputation.total(
        tx, named if settings["check_username"] else None, asking.peer if settings["check_ip"] else None
    )
    passing = score <= settings["threshold"]
    return Verdict(passing, log=(f"The score is {score}; the threshold is {settings['threshold']}.",))


KIND = Kind(
    "reputation",
    "Reputation Policy",
    "Passes for names or addresses whose score is at or below a threshold.",
    ReputationFields,
    decide,
)
