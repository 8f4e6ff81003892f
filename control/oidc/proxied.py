"""Browser sign-ins at outposts: an outpost redeems the code that a browser brings, and ends sessions (DESIGN D15).

The outpost is the OAuth client of its proxy providers; over the link its own identity stands in for their secrets.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable
from dataclasses import replace

from control import endings, sessions
from control.authentication import served_provider
from control.oidc import clients, grants
from control.oidc.clients import Client
from control.oidc.grants import Failed
from control.oidc.keys import NoKey
from control.oidc.tokens import Granted, Random, Tokens, digest
from control.records import Application, AuthorizationCode, Session, User
from control.sessions import Caller, Visit
from control.store.interface import Overloaded, Query, Store, Transaction, Unavailable
from control.verbs.system import public_url
from protocols.link.messages import (
    BrowserSessionRecord,
    CodeRedeemed,
    EndSession,
    RedeemCode,
    RenewSession,
    SessionEnded,
    SessionRenewed,
)
from rules.names import shown

log = logging.getLogger(__name__)


class SignIns:
    """``control_url`` is the configuration's word on our own address; an administrator's comes first."""

    def __init__(self, store: Store, now: Callable[[], float], random: Random, control_url: str = "") -> None:
        self._store = store
        self._now = now
        self._random = random
        self._control_url = control_url

    async def redeem(self, outpost: str, asked: RedeemCode) -> CodeRedeemed:
        """Any exception denies. Raises Unavailable alone: then nobody at control can answer."""
        try:
            return await self._store.write(
                lambda tx: redeemed(tx, outpost, asked, self._control_url, self._random, self._now())
            )
        except Unavailable:
            raise
        except Overloaded:
            return CodeRedeemed(asked.id, "busy")
        except NoKey as error:
            log.error("%s", error)
            return CodeRedeemed(asked.id, "internal_error")
        except Exception:
            log.exception("sign-in %s failed", asked.id, extra={"fields": {"event": "fault", "id": asked.id}})
            return CodeRedeemed(asked.id, "internal_error")

    async def renew(self, outpost: str, asked: RenewSession) -> SessionRenewed:
        """Any exception denies. Raises Unavailable alone."""
        try:
            return await self._store.write(
                lambda tx: renewed(tx, outpost, asked, self._control_url, self._random, self._now())
            )
        except Unavailable:
            raise
        except Overloaded:
            return SessionRenewed(asked.id, "busy")
        except NoKey as error:
            log.error("%s", error)
            return SessionRenewed(asked.id, "internal_error")
        except Exception:
            log.exception("renewal %s failed", asked.id, extra={"fields": {"event": "fault", "id": asked.id}})
            return SessionRenewed(asked.id, "internal_error")

    async def end(self, outpost: str, asked: EndSession) -> SessionEnded:
        """Raises Unavailable."""
        await self._store.write(lambda tx: end(tx, outpost, asked))
        return SessionEnded(asked.id)


def redeemed(
    tx: Transaction, outpost: str, asked: RedeemCode, control_url: str, random: Random, now: float
) -> CodeRedeemed:
    """Who brings this code, if it was given to this provider, for this very sign-in, and is still good."""
    client = _client(tx, outpost, asked.provider)
    if client is None:
        return CodeRedeemed(asked.id, "unknown_provider")
    fields = {"code": asked.code, "redirect_uri": asked.redirect_uri, "code_verifier": asked.verifier}
    base = public_url(tx) or control_url.rstrip("/") or asked.control_url.rstrip("/")
    who = Caller(shown(asked.peer), asked.user_agent)
    code = tx.find(AuthorizationCode, pk=digest(asked.code))
    if code is not None and not _is_for(code, asked):
        return CodeRedeemed(asked.id, "stale_code")
    tokens = grants.redeem(tx, client, fields, base, random, who)
    if isinstance(tokens, Failed):
        return CodeRedeemed(asked.id, tokens.reason)
    if code is None or code.session is None:
        return CodeRedeemed(asked.id, "stale_code")
    session = tx.find(Session, pk=code.session)
    if session is None:
        return CodeRedeemed(asked.id, "stale_code")
    endings.given_again(tx, session, asked.provider)
    return CodeRedeemed(asked.id, "accepted", _told(session, tokens, now))


def renewed(
    tx: Transaction, outpost: str, asked: RenewSession, control_url: str, random: Random, now: float
) -> SessionRenewed:
    """A session is in use at a provider that lets its user in. Its access token is renewed in its second half."""
    client = _client(tx, outpost, asked.provider)
    if client is None:
        return SessionRenewed(asked.id, "unknown_provider")
    session, user = _session(tx, asked.user, asked.sid), tx.find(User, pk=asked.user)
    if session is None or user is None or not sessions.is_good(session, user, tx.now):
        return SessionRenewed(asked.id, "session_over")
    if endings.is_over(tx, session, asked.provider):
        return SessionRenewed(asked.id, "session_over")
    if sessions.is_due(session, tx.now):
        sessions.touch(tx, session)
    if asked.until - now > client.seconds("access_token_validity", "hours=1") / 2:
        return SessionRenewed(asked.id, "accepted", replace(_told(session, None, now), until=asked.until))
    base = public_url(tx) or control_url.rstrip("/") or asked.control_url.rstrip("/")
    tokens = grants.renew(tx, client, user, session, base, random, Caller(shown(asked.peer)))
    if isinstance(tokens, Failed):
        return SessionRenewed(asked.id, "session_over")
    return SessionRenewed(asked.id, "accepted", _told(session, tokens, now))


def _told(session: Session, tokens: Tokens | None, now: float) -> BrowserSessionRecord:
    return BrowserSessionRecord(
        sid=endings.sid_of(session.pk),
        user=session.user or 0,
        signed_in=session.created,
        expires=session.expires,
        access_token=tokens.access_token if tokens is not None else "",
        second_factor=session.second_factor,
        until=min(now + tokens.expires_in, session.expires) if tokens is not None else 0.0,
    )


def _session(tx: Transaction, user: int, sid: str) -> Session | None:
    """The user's session that outposts know by this name."""
    found = tx.select(Session, Query(equal={"user": user}))
    return next((one for one in found if hmac.compare_digest(endings.sid_of(one.pk), sid)), None)


def end(tx: Transaction, outpost: str, asked: EndSession) -> None:
    """Only for a session that this outpost has been told of: its provider was signed in to with it."""
    if _client(tx, outpost, asked.provider) is None:
        return
    session = _session(tx, asked.user, asked.sid)
    if session is not None:
        sessions.sign_out(tx, Visit(session, tx.find(User, pk=asked.user)), Caller(shown(asked.peer)))


def _is_for(code: AuthorizationCode, asked: RedeemCode) -> bool:
    nonce = Granted.from_json(code.granted).nonce or ""
    return hmac.compare_digest(nonce.encode(), asked.nonce.encode())


def _client(tx: Transaction, outpost: str, pk: int) -> Client | None:
    provider = served_provider(tx, outpost, pk)
    application = tx.find(Application, provider=pk) if provider is not None else None
    if provider is None or application is None or provider.kind != "proxy":
        return None
    return clients.client(tx, provider, application)
