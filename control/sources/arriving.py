"""A browser goes to a source, and comes back: bound to the browser's session, good once, and not for long."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import replace

from control import sessions
from control.flows.bound import Deciding
from control.flows.planning import Came, plan
from control.flows.state import Context, PlannedStage, State
from control.oidc.foreign import SKEW_SECONDS
from control.oidc.tokens import Random, digest, text
from control.records import Flow, Session, Source, SourceConnection, SourceGrant, SourceSession, SourceSignIn
from control.sources.admitting import join, standing_for
from control.sources.asking import Leaving, Stranger
from control.sources.kinds import SourceKind
from control.sources.matching import Known
from control.store.interface import Query, Transaction

AWAY_SECONDS = 900.0
"""Time to find the telephone that the source asks for."""
SWEPT_AT_ONCE = 20
MOST_OF_ONE = 10
"""Tabs of one browser that are on the way at the same time."""
SECRET_BYTES = 32
SOONEST, LATEST = 300.0, 3600.0
"""Seconds between two questions about one person, whatever the source says."""
AT_ONCE = "source-login"
"""What somebody runs who is known, unless the source names a flow."""


def leaving(random: Random, redirect_uri: str) -> Leaving:
    state, nonce, verifier = (text(random(SECRET_BYTES)) for _ in range(3))
    return Leaving(state, nonce, verifier, redirect_uri)


def remember(tx: Transaction, source: Source, session: Session, going: Leaving, next: str) -> None:
    _sweep(tx, session.pk)
    tx.insert(
        SourceSignIn(
            digest(going.state),
            source.pk,
            session.pk,
            secrets={"nonce": going.nonce, "verifier": going.verifier},
            next=next,
            redirect_uri=going.redirect_uri,
            expires=tx.now + AWAY_SECONDS,
        )
    )


def back(tx: Transaction, source: Source, session: Session | None, state: str) -> tuple[Leaving, str] | None:
    """What this browser took along to this source, and where it wanted to go; it never counts again."""
    found = tx.find(SourceSignIn, pk=digest(state))
    if found is None or session is None or not hmac.compare_digest(found.session, session.pk):
        return None
    tx.delete(found)
    if found.source != source.pk or found.expires <= tx.now:
        return None
    secrets = found.secrets
    return Leaving(state, secrets["nonce"], secrets["verifier"], found.redirect_uri), found.next


def set_aside(tx: Transaction, source: Source, session: str, stranger: Stranger, random: Random) -> str:
    """What the source gave to be asked with again waits, sealed, until they are in; its pk, or empty if there is
    nothing. ``session``: the pk of the browser's."""
    if not stranger.refresh_token:
        return ""
    _sweep(tx, session)
    pk = digest(text(random(SECRET_BYTES)))
    secrets = {"refresh_token": stranger.refresh_token, "good_for": str(stranger.good_for)}
    tx.insert(SourceSignIn(pk, source.pk, session, secrets=secrets, expires=tx.now + AWAY_SECONDS))
    return pk


def taken_along(tx: Transaction, told: Mapping[str, str], session: Session) -> None:
    """What was set aside belongs to this session of the browser's from now on."""
    waiting = tx.find(SourceSignIn, pk=told.get("set_aside", ""))
    if waiting is not None:
        tx.update(replace(waiting, session=session.pk))


def authenticated(kind: SourceKind, stranger: Stranger, since: float | None, now: float) -> float | None:
    """When they showed who they are; None: before ``since``, where that was asked for, or nobody can say.

    Of a source that never tells, it is taken to be now.
    """
    when = stranger.auth_time
    if when is None and not kind.tells_when:
        return now
    if since is None:
        return min(when or 0.0, now)
    return None if when is None or when < since - SKEW_SECONDS else min(max(when, since), now)


def begun(
    tx: Transaction,
    source: Source,
    stranger: Stranger,
    known: Known | None,
    next: str,
    deciding: Deciding,
    at: float,
) -> State:
    """The flow that follows: of somebody who has proved at the source who they are; or, without ``known``, of somebody
    new. ``at``: when they have. Nothing is written. Raises NotForYou, NotFound."""
    told = {"source": source.pk, "identifier": stranger.identifier, "sid": stranger.sid, "at": str(at)}
    if (groups := standing_for(source, stranger)) is not None:
        told |= {"groups": " ".join(groups)}
    if known is None:
        flow = tx.get(Flow, source.enrollment_flow or "")
        state = plan(tx, flow, None, next, deciding=deciding, came=Came(by_source=True))
        prompt = {"username": stranger.username, "name": stranger.name, "email": stranger.email}
        context = replace(
            state.context,
            source=told,
            prompt={key: said for key, said in prompt.items() if said},
            confirmed=stranger.email,
        )
        return replace(state, context=context)
    user = known.user
    chosen = source.authentication_flow
    state = plan(tx, tx.get(Flow, chosen), None, next, deciding=deciding) if chosen is not None else _at_once(next)
    context = replace(
        state.context,
        source=told,
        uid=user.username,
        pending_user=user.pk,
        proved=user.pk,
        proved_version=user.credential_version,
        method="source",
    )
    return replace(state, context=context)


def kept(
    tx: Transaction, source: Source, stranger: Stranger, known: Known | None, state: State, session: str, random: Random
) -> State:
    """``state`` with what is written for it: who is known from now on, and what the source is asked again with.
    ``session``: the pk of the browser's."""
    if known is not None and known.is_new:
        tx.insert(SourceConnection(source.pk, known.user.pk, stranger.identifier, created=tx.now, last_updated=tx.now))
    told = {**state.context.source, "set_aside": set_aside(tx, source, session, stranger, random)}
    return replace(state, context=replace(state.context, source=told))


def _at_once(next: str) -> State:
    """Asks nothing: who they are has been proved."""
    context = Context(next=next, flow=AT_ONCE)
    return State(AT_ONCE, "Welcome!", "authentication", (PlannedStage(AT_ONCE, "user_login"),), context=context)


def signed_in(tx: Transaction, session: Session, told: Mapping[str, str]) -> None:
    """The session is as old as the sign-in at the source, which may end it, too, and says in which of its mapped groups
    they are from now on."""
    sessions.backdate(tx, session, float(told.get("at", "0")))
    source = tx.find(Source, pk=told["source"])
    if source is None:
        return
    if "groups" in told and session.user is not None:
        join(tx, source, told["identifier"], session.user, told["groups"].split())
    tx.insert(SourceSession(session.pk, told["source"], told["identifier"], told["sid"]))
    waiting = tx.find(SourceSignIn, pk=told.get("set_aside", ""))
    if waiting is not None:
        tx.delete(waiting)
        due = asked_again(tx.now, float(waiting.secrets["good_for"]))
        secrets = {"refresh_token": waiting.secrets["refresh_token"]}
        tx.insert(SourceGrant(session.pk, told["source"], secrets, due))


def asked_again(now: float, good_for: float) -> float:
    """When, if the source stands by its word for so many seconds (0: it does not say)."""
    return now + min(max(good_for or LATEST, SOONEST), LATEST)


def _sweep(tx: Transaction, session: str) -> None:
    oldest = tx.select(SourceSignIn, Query(ordering=("expires",), limit=SWEPT_AT_ONCE))
    gone = {one.pk: one for one in oldest if one.expires <= tx.now}
    mine = Query(equal={"session": session}, ordering=("-expires",), offset=MOST_OF_ONE - 1)
    gone.update({one.pk: one for one in tx.select(SourceSignIn, mine)})
    for one in gone.values():
        tx.delete(one)
