"""Age: has the person's own password been set lately enough?

Bound to a flow or a stage it is a rule for the account (`control.verbs.password_terms`): whoever signs in with an old
password is asked for another one, and doors that cannot ask say so. With ``deny_only``, or bound to an application, it
decides there like any other policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from control.passwords.rules import good_until
from control.policies.asking import Around, Asking, Verdict
from control.policies.kinds.kind import LASTING, Kind, PolicyFields
from control.store.interface import Transaction
from control.verbs.password_terms import DAY

MOST_DAYS = 36_500


class PasswordExpiryFields(PolicyFields):
    days: Annotated[int, Field(ge=1, le=MOST_DAYS)]
    deny_only: bool = False


def decide(tx: Transaction, settings: Mapping[str, Any], asking: Asking, around: Around) -> Verdict:
    """Who has no password of their own has none that is too old."""
    user = asking.user
    if user is None:
        return Verdict(True, log=("Nobody has signed in, so no password is too old.",))
    if user.password is None:
        return Verdict(True, reuse=LASTING, log=(f"{user.username} has no password.",))
    ends = good_until(user, settings["days"] * DAY)
    if ends is not None and asking.now < ends:
        left = int((ends - asking.now) // DAY)
        return Verdict(True, reuse=replace(LASTING, not_after=ends), log=(f"The password is good for {left} days.",))
    late = int((asking.now - (ends or 0.0)) // DAY)
    return Verdict(
        False, ("Your password is too old. Change it, then try again.",), log=(f"It ended {late} days ago.",)
    )


KIND = Kind(
    "password_expiry",
    "Password Expiry Policy",
    "Passes while the person's password is not older than so many days.",
    PasswordExpiryFields,
    decide,
)
