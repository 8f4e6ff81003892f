"""What a step of a flow leaves behind: in the browser's session, in its cookies, and as events."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from control import endings, known_devices, sessions
from control.flows.state import Challenge, Context, Denied, Done, State, Step
from control.oidc import authorize
from control.records import Session, User
from control.sessions import Caller, Visit
from control.sources import arriving
from control.store.interface import NotFound, Transaction
from control.web.browser import DEVICE_COOKIE, drop_cookie, set_cookie
from control.web.flow_steps import ASKED, FLOW, LED_FOR, LED_INTO, steps_up
from control.web.services import Services

TOO_NEW = "This second factor was set up after you signed in. Sign out, and sign in with it."


@dataclass(frozen=True, slots=True)
class Settled:
    """A step whose traces are in the store; the answer has to carry its cookie."""

    step: Step
    csrf: str = ""
    """Of the session that holds the flow, for the next form."""
    cookie: str | None = None
    """Of a new session."""
    lasts: float = 0.0
    """Seconds that the browser keeps it; 0: until it closes."""
    ended: bool = False
    """The browser's session is over."""
    overtaken: bool = False
    """The session had ended before the step could be kept: the form was sent twice, and the first has led further."""
    device: str | None = None
    """Another cookie, by which the browser is known at its next sign-in."""
    device_lasts: float = 0.0

    def write_cookie(self, response: Response, request: Request, services: Services) -> None:
        if self.cookie is not None:
            set_cookie(response, self.cookie, request, services, self.lasts)
            if self.device is not None:
                set_cookie(response, self.device, request, services, self.device_lasts, DEVICE_COOKIE)
        elif self.ended:
            drop_cookie(response, request, services)


async def settle(services: Services, found: Visit | None, step: Step, who: Caller) -> Settled:
    """Keeps what the step means for the session, signs in or out, and leaves the events."""
    match step:
        case Challenge():
            return await _asked(services, found, step, who)
        case Done(_, context) if context.login is not None:
            return await _sign_in(services, found, step, context.login, who)
        case Done(_, context) if context.logout:
            if found is not None:
                await services.store.write(lambda tx: sessions.sign_out(tx, found, who))
            return Settled(step, ended=True)
        case Done(_, context) if steps_up(context):
            if found is None or found.user is None or found.user.pk != context.requester:
                return Settled(Denied("flow_denied", "You have signed out meanwhile. Start again.", context))
            counts = await services.store.write(lambda tx: sessions.factor_shown(tx, found.session, context.factors))
            return Settled(step if counts else Denied("second_factor_new", TOO_NEW, context))
        case Done(to, context):
            if found is not None and context.authorization and to == context.next:
                mark = {authorize.AUTHORIZED: {"request": context.authorization["request"], "at": services.now()}}
                await services.store.write(lambda tx: sessions.keep(tx, found.session, mark))
            elif context.leads:
                return await _led(services, found, step, who)
            else:
                await forget(services, found)
            return Settled(step)
        case Denied():
            kept = await services.store.write(lambda tx: _deny(tx, found, step, who))
            return Settled(step, overtaken=not kept)


async def forget(services: Services, found: Visit | None) -> None:
    """The flow ends without a trace."""
    if found is not None and FLOW in found.session.data:
        await services.store.write(lambda tx: sessions.keep(tx, found.session, {}))


async def _asked(services: Services, found: Visit | None, step: Challenge, who: Caller) -> Settled:
    data = {FLOW: step.state.to_json(), ASKED: services.now()}
    if found is not None and not _shows_more(found, step.state.context):
        kept = await services.store.write(lambda tx: _keep(tx, found, data, step, who))
        return Settled(step, found.session.csrf, overtaken=not kept)
    new = sessions.fresh(services.random(2 * sessions.COOKIE_BYTES))

    def verb(tx: Transaction) -> Session:
        if found is not None:
            endings.end(tx, found.session)
        session = sessions.begin(tx, new, who, data)
        arriving.taken_along(tx, step.state.context.source, session)
        return session

    session = await services.store.write(verb)
    return Settled(step, session.csrf, new.cookie)


def _shows_more(found: Visit, context: Context) -> bool:
    """Has somebody shown what the session did not know of? Then whoever else knows its cookie must not go on in their
    place. Whoever shows again that they are who is signed in has had the cookie for themselves since then.
    """
    if found.user is not None and found.user.pk == context.proved:
        return False
    stored = State.from_json(found.session.data.get(FLOW))
    before = _shown(stored.context if stored is not None else Context(), found.user)
    return any(now and now != then for now, then in zip(_shown(context, found.user), before, strict=True))


def _shown(context: Context, user: User | None) -> tuple[object, ...]:
    """An invitation comes by a GET, which must not sign out whoever is signed in."""
    invitation = context.invitation if user is None else ""
    return context.proved, context.opened, context.source.get("identifier"), invitation


async def _led(services: Services, found: Visit | None, step: Done, who: Caller) -> Settled:
    """The flow that it goes into may want to know that."""
    data = {LED_INTO: step.context.leads, LED_FOR: step.context.authorization.get("request", "")}
    if found is not None:
        await services.store.write(lambda tx: sessions.keep(tx, found.session, data))
        return Settled(step)
    new = sessions.fresh(services.random(2 * sessions.COOKIE_BYTES))
    session = await services.store.write(lambda tx: sessions.begin(tx, new, who, data))
    return Settled(step, session.csrf, new.cookie)


async def _sign_in(services: Services, found: Visit | None, step: Done, user: int, who: Caller) -> Settled:
    """The old cookie ends and a new one begins, so that nobody knows it who saw the browser before."""
    new = sessions.fresh(services.random(2 * sessions.COOKIE_BYTES))
    old = found.session if found is not None else None
    context = step.context
    until = context.ends if context.token and context.ends is not None else math.inf
    stay = replace(sessions.Stay(**context.stay), token=context.token, until=until)
    device = sessions.fresh(services.random(2 * sessions.COOKIE_BYTES)).cookie

    def verb(tx: Transaction) -> Session:
        version, factors = context.proved_version, bool(context.factors)
        known = known_devices.is_known(tx, who.device, user)
        session = sessions.sign_in(tx, old, new, user, version, context.method, who, factors, stay, known)
        known_devices.remember(tx, user, who.device, device, stay.device)
        if context.source:
            arriving.signed_in(tx, session, context.source)
        return session

    try:
        session = await services.store.write(verb)
    except (NotFound, PermissionError):
        return Settled(Denied("flow_denied", "You cannot sign in with this account.", context))
    lasts = min(stay.seconds, sessions.LONGEST_SECONDS)
    cookie = device if stay.device else None
    return Settled(step, session.csrf, new.cookie, lasts, device=cookie, device_lasts=stay.device)


def _keep(tx: Transaction, found: Visit, data: dict[str, Any], step: Challenge, who: Caller) -> bool:
    kept = sessions.keep(tx, found.session, data)
    if step.reason:
        sessions.login_failed(tx, step.about.uid, step.about.user, step.reason, who)
    return kept


def _deny(tx: Transaction, found: Visit | None, denied: Denied, who: Caller) -> bool:
    kept = found is None or sessions.keep(tx, found.session, {})
    sessions.login_failed(tx, denied.context.uid or "", denied.context.pending_user, denied.reason, who)
    return kept
