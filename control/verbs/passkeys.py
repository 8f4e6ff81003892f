"""Second factors that sign (WebAuthn): the key's public half is kept, and how many signatures it has made.

``settings`` of such an `Authenticator`: ``credential`` and ``public`` (base64url), ``aaguid``, ``transports``. The
`AuthenticatorUse` has the count in ``step``, and digests of the last challenges that were signed in ``spent``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from control import webauthn
from control.records import Authenticator, AuthenticatorUse, User
from control.store.interface import Transaction
from control.verbs import authenticators
from control.verbs.authenticators import WEBAUTHN
from control.webauthn import NewKey, RelyingParty

REMEMBERED = 10
"""Challenges that a key has signed lately: keys that do not count could otherwise show the same signature twice."""


class Used(StrEnum):
    RIGHT = "right"
    REPLAYED = "replayed"
    CLONED = "cloned"
    """The count did not go up: there are two of this key (WebAuthn, section 7.2, step 22)."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found out about an answer. ``key`` None: it is not right; ``why`` is for the log."""

    user: User | None
    key: Authenticator | None = None
    count: int = 0
    why: str = ""


def add(tx: Transaction, user: int, key: NewKey, name: str) -> Authenticator:
    """Good from now on. Raises Invalid."""
    settings = {
        "credential": key.credential,
        "public": key.public,
        "aaguid": key.aaguid,
        "transports": list(key.transports),
    }
    added = authenticators.add(tx, Authenticator(user, WEBAUTHN, name=name, settings=settings))
    tx.insert(AuthenticatorUse(added.pk, step=key.count))
    return added


def look(
    tx: Transaction, user: User | None, answer: str, challenge: str, party: RelyingParty, verification: str
) -> Looked:
    """Has a key of the user's signed this challenge? An unknown key costs what a wrong one does."""
    try:
        said = webauthn.named(answer)
    except webauthn.NotRight as error:
        return Looked(user, why=str(error))
    keys = authenticators.of(tx, user.pk if user is not None else 0, (WEBAUTHN,))
    key = next((key for key in keys if key.settings["credential"] == said.credential), None)
    public = key.settings["public"] if key is not None else ""
    try:
        shown = webauthn.shown(answer, challenge, party, public, verification)
    except webauthn.NotRight as error:
        return Looked(user, why=str(error))
    return Looked(user, key, shown.count)


def owner(tx: Transaction, answer: str) -> User | None:
    """Whose account the key says it is for."""
    try:
        handle = webauthn.named(answer).handle
    except webauthn.NotRight:
        return None
    return tx.find(User, uuid=handle) if "\0" not in handle else None


def use(tx: Transaction, key: Authenticator, count: int, challenge: str, origin: str) -> Used:
    """The signature counts, once. Raises NotFound if the key was taken away meanwhile."""
    factor = tx.get(Authenticator, key.pk)
    known = tx.find(AuthenticatorUse, pk=factor.pk) or AuthenticatorUse(factor.pk)
    if (signed := authenticators.digest(challenge)) in known.spent:
        return Used.REPLAYED
    if (count or known.step) and count <= known.step:
        return Used.CLONED
    spent = (*known.spent, signed)[-REMEMBERED:]
    authenticators.used(tx, replace(known, step=count, spent=spent), origin)
    return Used.RIGHT


def settings_of(factors: list[Authenticator]) -> list[Mapping[str, Any]]:
    return [factor.settings for factor in factors if factor.kind == WEBAUTHN]
