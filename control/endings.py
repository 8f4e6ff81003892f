"""What the end of a session, or of a consent, brings about: outposts hear of it, and applications that want to."""

from __future__ import annotations

import hashlib

from control.records import (
    AccessToken,
    AuthorizationCode,
    EndedSession,
    LogoutNotice,
    Provider,
    RefreshToken,
    Session,
    SessionClient,
)
from control.store.interface import NotFound, Query, Transaction
from protocols.link.messages import sign_in_of

SWEPT_AT_ONCE = 20
"""Notes that have had their time deleted with each new one."""


def end(tx: Transaction, session: Session) -> None:
    """Outposts that let somebody in because of it hear that it is over, and so do applications that want to."""
    _end_at_outposts(tx, session)
    _tell_applications(tx, session)
    try:
        tx.delete(session)
    except NotFound:
        return


def end_all(tx: Transaction, user: int) -> int:
    """Ends every session of the user; how many there were."""
    sessions = tx.select(Session, Query(equal={"user": user}))
    for session in sessions:
        end(tx, session)
    return len(sessions)


def sid_of(session: str) -> str:
    """What applications and outposts call the session with this pk."""
    return hashlib.sha256(session.encode()).hexdigest()


def _end_at_outposts(tx: Transaction, session: Session) -> None:
    """Only if there is something to end there: whoever signs in and out at control alone makes no revision.

    Where the tokens were taken back, nobody knows any more how long outposts go on without asking.
    """
    if session.user is None:
        return
    mine = {"session": session.pk}
    tokens = tx.select(AccessToken, Query(equal=mine, ordering=("expires",)))
    expires = {token.provider: token.expires for token in tokens}
    signed_in_to = {*expires, *(client.provider for client in tx.select(SessionClient, Query(equal=mine)))}
    proxies = tx.select(Provider, Query(equal={"kind": "proxy"}, within={"pk": sorted(signed_in_to)}))
    lasting = [expires.get(provider.pk, session.expires) for provider in proxies]
    lasting += [token.expires for token in tokens if token.granted.get("shown")]
    tell_outposts(tx, sid_of(session.pk), max(lasting, default=0.0))


def tell_outposts(tx: Transaction, over: str, until: float) -> None:
    """``over``: sid of a session, or pk of an access token, that is good no more and would have been ``until`` then."""
    if until <= tx.now or tx.find(EndedSession, pk=over) is not None:
        return
    for old in tx.select(EndedSession, Query(ordering=("expires",), limit=SWEPT_AT_ONCE)):
        if old.expires <= tx.now:
            tx.delete(old)
    tx.insert(EndedSession(over, until))


def take_back(tx: Transaction, token: AccessToken) -> None:
    """Outposts hear of it that may have let its bearer in."""
    provider = tx.find(Provider, pk=token.provider)
    if token.granted.get("shown") or (provider is not None and provider.kind == "proxy"):
        tell_outposts(tx, token.pk, token.expires)
    tx.delete(token)


def take_back_all(tx: Transaction, user: int, provider: int) -> None:
    """What this user has ever let the provider have: codes, the tokens that came of them, and, at a proxy, what these
    have given to browsers."""
    found = tx.find(Provider, pk=provider)
    if found is not None and found.kind == "proxy":
        for session in tx.select(Session, Query(equal={"user": user})):
            tell_outposts(tx, sign_in_of(sid_of(session.pk), provider), session.expires)
    given = Query(equal={"user": user, "provider": provider})
    for access in tx.select(AccessToken, given):
        take_back(tx, access)
    for renewal in tx.select(RefreshToken, given):
        tx.delete(renewal)
    for code in tx.select(AuthorizationCode, given):
        tx.delete(code)


def is_over(tx: Transaction, session: Session, provider: int) -> bool:
    """Was what the provider had of this session taken back, and not given again?"""
    return tx.find(EndedSession, pk=sign_in_of(sid_of(session.pk), provider)) is not None


def given_again(tx: Transaction, session: Session, provider: int) -> None:
    over = tx.find(EndedSession, pk=sign_in_of(sid_of(session.pk), provider))
    if over is not None:
        tx.delete(over)


def _tell_applications(tx: Transaction, session: Session) -> None:
    """OpenID Connect Back-Channel Logout 1.0: `control.oidc.back_channel` sends what is left here."""
    for client in tx.select(SessionClient, Query(equal={"session": session.pk})):
        issuer, subject = client.issuer, client.subject
        if issuer:
            tx.insert(LogoutNotice(client.provider, sid_of(session.pk), issuer=issuer, subject=subject, due=tx.now))
        tx.delete(client)
