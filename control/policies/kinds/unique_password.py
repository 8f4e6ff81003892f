"""New passwords: another one than the person has had lately?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from control.passwords.hashing import HAD_BEFORE
from control.policies.asking import Around, Asking, Verdict
from control.policies.kinds.kind import Kind, PolicyFields
from control.policies.kinds.password import NOT_CHOOSING
from control.store.interface import Transaction
from control.verbs.fields import Name
from control.verbs.system import MOST_FORMER


class UniquePasswordFields(PolicyFields):
    password_field: Name = "password"  # noqa: S105
    num_historical_passwords: Annotated[int, Field(ge=1, le=MOST_FORMER)] = 1
    """The present one among them. Older ones are known from the day on which a policy or the settings ask for them."""


def decide(tx: Transaction, settings: Mapping[str, Any], asking: Asking, around: Around) -> Verdict:
    candidate, compared = asking.candidate, settings["num_historical_passwords"]
    if candidate is None:
        return Verdict(False, (NOT_CHOOSING,), log=(NOT_CHOOSING,))
    if candidate.like is None or candidate.like >= compared:
        return Verdict(True, log=(f"It is none of the last {compared}.",))
    return Verdict(False, (HAD_BEFORE,), log=(f"It is one of the last {compared}.",))


KIND = Kind(
    "unique_password",
    "Unique Password Policy",
    "Passes for new passwords that the person has not had lately.",
    UniquePasswordFields,
    decide,
)
