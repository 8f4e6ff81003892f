"""What users have let applications know about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from control import endings
from control.records import Application, UserConsent
from control.store.interface import Transaction


def remember(tx: Transaction, user: int, application: str, scopes: Iterable[str], expires: float | None) -> None:
    """Beside what the user has agreed to before and still agrees to."""
    known = tx.find(UserConsent, user=user, application=application)
    agreed = tuple(sorted({*scopes, *recalled(tx, user, application)}))
    if known is None:
        tx.insert(UserConsent(user, application, scopes=agreed, expires=expires))
    else:
        tx.update(replace(known, scopes=agreed, expires=expires))


def recalled(tx: Transaction, user: int, application: str) -> frozenset[str]:
    known = tx.find(UserConsent, user=user, application=application)
    if known is None or (known.expires is not None and known.expires <= tx.now):
        return frozenset()
    return frozenset(known.scopes)


def revoke(tx: Transaction, pk: str) -> None:
    """The application asks again before it is told anything: what it was given to ask with is worth nothing any more.
    Raises NotFound."""
    consent = tx.get(UserConsent, pk)
    application = tx.find(Application, pk=consent.application)
    if application is not None and application.provider is not None:
        endings.take_back_all(tx, consent.user, application.provider)
    tx.delete(consent)
