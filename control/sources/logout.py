"""A source says that somebody's session there is over (OpenID Connect Back-Channel Logout 1.0, 2.4 to 2.6)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from control import sessions
from control.oidc.back_channel import EVENT
from control.records import Session, Source, SourceSession, SpentLogoutToken
from control.sources.asking import Untrue
from control.store.interface import Query, Transaction

KEPT_SECONDS = 600.0
"""For which a token is remembered, unless it says itself that it is good for longer."""
LONGEST_KEPT = 24 * 3600.0
SWEPT_AT_ONCE = 20
LONGEST_JTI = 255
OLDEST = 300.0
"""Seconds since a token was made: one without an end must not count for ever."""


def end(tx: Transaction, source: Source, claims: Mapping[str, Any]) -> int:
    """Ends the sessions that are meant, everywhere; how many there were. Raises Untrue."""
    sid, subject = claims.get("sid"), claims.get("sub")
    if not isinstance(claims.get("events"), dict) or not isinstance(claims["events"].get(EVENT), dict):
        raise Untrue("this is no logout token")
    if "nonce" in claims:
        raise Untrue("a token with a nonce is an ID token")
    if not (isinstance(sid, str) or isinstance(subject, str)) or not {type(sid), type(subject)} <= {str, type(None)}:
        raise Untrue("the token names neither a session nor a person")
    made = claims.get("iat")
    if not isinstance(made, int | float) or isinstance(made, bool) or tx.now - made > OLDEST:
        raise Untrue("the token does not say when it was made, or is too old")
    _spend(tx, source, claims)
    named = {"sid": sid, "identifier": subject}
    meant = {"source": source.pk, **{name: said for name, said in named.items() if said is not None}}
    found = tx.select(SourceSession, Query(equal=meant))
    for one in found:
        if tx.find(Session, pk=one.pk) is not None:
            sessions.revoke(tx, one.pk)
    return len(found)


def _spend(tx: Transaction, source: Source, claims: Mapping[str, Any]) -> None:
    """A token counts once."""
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= LONGEST_JTI:
        raise Untrue("the token has no jti")
    pk = hashlib.sha256(f"{source.pk} {jti}".encode("utf-8", "surrogatepass")).hexdigest()
    if tx.find(SpentLogoutToken, pk=pk) is not None:
        raise Untrue("this token has been used before")
    for old in tx.select(SpentLogoutToken, Query(ordering=("expires",), limit=SWEPT_AT_ONCE)):
        if old.expires <= tx.now:
            tx.delete(old)
    until = max(float(claims["exp"]) + OLDEST, tx.now + KEPT_SECONDS)
    tx.insert(SpentLogoutToken(pk, min(until, tx.now + LONGEST_KEPT)))
