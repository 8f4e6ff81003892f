"""Second factors that are an address: a code is mailed to it, for one sign-in, and is good once and not for long.

A code is made from the factor's key and the moment at which it was sent (HOTP, RFC 4226), so that nothing has to be
kept of it but that moment, in the flow that waits for it. ``settings``: ``address``, ``lasts`` (seconds); ``secrets``:
``key``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyotp

from control.records import Authenticator, AuthenticatorUse
from control.store.interface import Transaction
from control.verbs import authenticators
from control.verbs.authenticators import EMAIL, Mailed, Random
from control.verbs.fields import Email, Fields, parse

LASTS = 600.0
"""Seconds that a code is good, unless the stage says otherwise."""


class AddressFields(Fields):
    email: Email


@dataclass(frozen=True, slots=True)
class Code:
    """One that is to be sent now."""

    mailed: Mailed
    digits: str
    until: float


def begin(tx: Transaction, user: int, random: Random, address: str, lasts: float, name: str = "") -> Authenticator:
    """An address, which counts once a code was shown that went there. Raises Invalid."""
    given = parse(AddressFields, {"email": address}).email
    settings, secrets = {"address": given, "lasts": lasts}, {"key": authenticators.new_key(random)}
    return authenticators.begin(tx, Authenticator(user, EMAIL, name=name, settings=settings, secrets=secrets))


def confirm(tx: Transaction, user: int, typed: str, mailed: Mailed) -> Authenticator | None:
    """The factor, from now on good, if this is the code that was sent; else None, and the wrong one is counted."""
    factor = authenticators.begun(tx, user, EMAIL)
    if factor is None:
        return None
    use = tx.find(AuthenticatorUse, pk=factor.pk) or AuthenticatorUse(factor.pk)
    if tx.now < authenticators.good_from(use):
        return None
    if (after := authenticators.matched_mail(factor, use, authenticators.normal(typed), tx.now, mailed)) is None:
        authenticators.keep(tx, replace(use, failures=use.failures + 1, failed_at=tx.now))
        return None
    authenticators.keep(tx, replace(after, last_used=tx.now, failures=0, failed_at=0.0))
    return authenticators.confirm(tx, factor)


def code(factor: Authenticator, now: float) -> Code:
    mailed = Mailed(factor.pk, int(now * 1000))
    return Code(mailed, digits_of(factor, mailed), now + float(factor.settings["lasts"]))


def digits_of(factor: Authenticator, mailed: Mailed) -> str:
    return pyotp.HOTP(factor.secrets["key"]).at(mailed.at)


def masked(address: str) -> str:
    """Enough for its owner to know which, and for a stranger to learn little."""
    name, _, host = address.rpartition("@")
    return f"{name[:1]}***@{host}"


def elsewhere(factors: Sequence[Authenticator], mailbox: str) -> list[Authenticator]:
    """Without the addresses whose mailbox somebody has just shown to have: that again is no second factor."""
    return [one for one in factors if one.settings.get("address", "").casefold() != mailbox.casefold()]
