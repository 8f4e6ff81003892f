"""Which of their own details people may change: authentik's settings, and its attributes of groups and accounts, which
come first."""

from __future__ import annotations

from control.records import User
from control.store.interface import Transaction
from control.verbs import system
from control.verbs.rights import closure
from rules import attributes

DETAILS = ("username", "name", "email")
CAN_CHANGE = "goauthentik.io/user/can-change-{}"
"""An attribute; anything but true forbids."""


def settled(tx: Transaction, user: User) -> frozenset[str]:
    """Those of `DETAILS` that an administrator alone may change."""
    settings = system.read(tx).model_dump()
    told = attributes.merged((group.attributes for group in closure(tx, user.pk)), user.attributes)
    return frozenset(
        name
        for name in DETAILS
        if told.get(CAN_CHANGE.format(name), settings[f"default_user_change_{name}"]) is not True
    )
