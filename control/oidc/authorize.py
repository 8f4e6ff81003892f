"""May a code be given, or what has to happen first? (OpenID Connect Core, 3.1.2.3 and 3.1.2.4)"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from control.default_flows import STEP_UP
from control.expression.http import HttpFacts
from control.flows.bound import Deciding, NotForYou
from control.flows.planning import plan
from control.oidc.clients import Client, form_target
from control.oidc.discovery import AUTHORIZE
from control.oidc.requests import MOST_PARAMETERS, Asked, Pairs, Redirected, Refused, read, request_id
from control.policies.asking import Asking
from control.policies.judge import Decided, Judge, events
from control.records import Flow, Session, Source
from control.sessions import Visit
from control.store.interface import Transaction
from control.verbs.consents import recalled

AUTHORIZED = "authorized"
"""Where a session keeps which request its authorization flow has just let through."""
MOMENTS = 600.0
"""Seconds for which that is kept, and for which a new sign-in counts as the one that was asked for."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """Somebody has to sign in, perhaps again, and then comes back to ``next``."""

    slug: str
    """Of the provider's authentication flow; empty for the default one."""
    next: str
    source: str = ""
    """Slug of the source where people sign in for this application; empty: they do so here."""


@dataclass(frozen=True, slots=True)
class RunFlow:
    """The authorization flow has something to ask, and then leads back to ``next``."""

    slug: str
    next: str


@dataclass(frozen=True, slots=True)
class Grant:
    """A code may be given."""

    asked: Asked
    visit: Visit
    asking: Asking
    access: Decided


def decide(
    tx: Transaction, pairs: Pairs, visit: Visit | None, judge: Judge, peer: str = "", http: HttpFacts | None = None
) -> SignIn | RunFlow | Grant:
    """``peer``: the browser's address; ``http``: its request. Raises Refused, Redirected."""
    asked = read(tx, pairs)
    quiet = "none" in asked.prompt
    if visit is None or visit.user is None or not is_fresh(asked, visit.session, tx.now):
        if quiet:
            raise Redirected(asked.to, "login_required", "Somebody has to sign in.")
        demands = asked.prompt or asked.max_age is not None
        next = asked.address_after_login(tx.now) if demands else asked.address
        return SignIn(_authentication_flow(tx, asked.client), next, _source(tx, asked.client))
    if not has_factor(asked, visit.session, tx.now):
        if quiet:
            raise Redirected(asked.to, "login_required", "A second factor has to be shown.")
        return SignIn(_step_up_flow(tx, asked.client), asked.address)
    if asked.is_denied:
        raise Redirected(asked.to, "access_denied", "The person did not agree.")
    asking = Asking(visit.user, tx.now, peer, visit.user.username, {"protocol": "oauth2"}, _told(asked), http=http)
    access = judge.decide(tx, asked.client.application, asking)
    if not access.passing:
        if quiet:
            raise Redirected(asked.to, "access_denied", "This person may not use the application.")
        name = asked.client.application.name
        text = " ".join((f"Your account may not use {name}.", *(access.messages or ("Ask your administrator.",))))
        raise Refused(text, 403, access.reason, asked.client, traces=events(access, asking))
    flow = _authorization_flow(tx, asked, visit, Deciding(judge, peer, http))
    if flow is None or _has_passed(asked, visit, tx.now):
        return Grant(asked, visit, asking, access)
    if quiet:
        raise Redirected(asked.to, "consent_required", "The person has to agree first.")
    return RunFlow(flow, asked.address)


def _told(asked: Asked) -> dict[str, Any]:
    """authentik's names in the context of a policy."""
    given = dict(asked.pairs)
    return {
        "oauth_scopes": list(asked.scopes),
        "oauth_grant_type": "authorization_code",
        "oauth_code_challenge": asked.challenge,
        "oauth_code_challenge_method": given.get("code_challenge_method"),
        "oauth_max_age": asked.max_age,
        "oauth_redirect_uri": asked.to.redirect_uri,
        "oauth_response_type": given.get("response_type"),
    }


def is_fresh(asked: Asked, session: Session, now: float) -> bool:
    """Is the sign-in new enough for `prompt` and `max_age`? (OpenID Connect Core, 3.1.2.1)

    Whoever holds the browser can leave these parameters out as well as change ours: the application must look at
    ``auth_time``, and that is never wrong. Where a second factor is asked for, ``max_age`` is about that: `has_factor`.
    """
    signed_in = session.authenticated
    if asked.login_since is not None and asked.login_since <= signed_in and now - asked.login_since <= MOMENTS:
        return True
    if not asked.prompt.isdisjoint({"login", "select_account"}):
        return False
    return asked.max_age is None or asked.second_factor or now - signed_in <= asked.max_age


def fresh_since(asked: Asked, now: float) -> float | None:
    """Before which moment, seconds since the epoch, a sign-in would not be `is_fresh`; None: it may be of any age."""
    if not asked.prompt.isdisjoint({"login", "select_account"}):
        lately = asked.login_since is not None and now - asked.login_since <= MOMENTS
        return asked.login_since if lately else now
    return None if asked.max_age is None or asked.second_factor else now - asked.max_age


def has_factor(asked: Asked, session: Session, now: float) -> bool:
    """Has a second factor been shown lately enough, if one is asked for?"""
    if not asked.second_factor:
        return True
    return session.second_factor > 0 and (asked.max_age is None or now - session.second_factor <= asked.max_age)


def _authentication_flow(tx: Transaction, client: Client) -> str:
    chosen = client.provider.authentication_flow
    flow = tx.find(Flow, pk=chosen) if chosen is not None else None
    return flow.slug if flow is not None else ""


def _source(tx: Transaction, client: Client) -> str:
    """One that is switched off leaves people with our own page."""
    chosen = client.provider.settings.get("authentication_source")
    source = tx.find(Source, pk=chosen) if chosen is not None else None
    return source.slug if source is not None and source.enabled else ""


def _step_up_flow(tx: Transaction, client: Client) -> str:
    if tx.find(Flow, slug=STEP_UP) is None:
        text = f"This application asks for a second factor, and the flow {STEP_UP} is gone. Tell the administrator."
        raise Refused(text, 403, client=client)
    return STEP_UP


def _authorization_flow(tx: Transaction, asked: Asked, visit: Visit, deciding: Deciding) -> str | None:
    """The slug of the flow that has to be walked through; None if it would ask nothing."""
    client = asked.client
    chosen = client.provider.authorization_flow
    flow = tx.find(Flow, pk=chosen) if chosen is not None else None
    if flow is None or flow.designation != "authorization" or visit.user is None:
        raise Refused("The provider of this application has no authorization flow. Tell the administrator.", 403)
    try:
        about = {"application": client.application.pk, "name": client.application.name}
        stages = plan(tx, flow, visit.user.pk, asked.address, deciding=deciding, authorization=about).plan
    except NotForYou as refusal:
        raise Refused(str(refusal), 403, refusal.reason, client, traces=deciding.traces) from None
    agreed = recalled(tx, visit.user.pk, client.application.pk)
    is_known = "consent" not in asked.prompt and bool(agreed) and agreed.issuperset(asked.scopes)
    asking = [stage for stage in stages if not (stage.kind == "consent" and is_known and _remembers(stage.settings))]
    return flow.slug if asking else None


def _remembers(settings: Mapping[str, Any]) -> bool:
    return bool(settings.get("mode", "always_require") != "always_require")


def _has_passed(asked: Asked, visit: Visit, now: float) -> bool:
    mark = visit.session.data.get(AUTHORIZED)
    if not isinstance(mark, dict):
        return False
    at = mark.get("at")
    if not isinstance(at, float) or now - at > MOMENTS:
        return False
    return bool(mark.get("request") == request_id(asked.address))


# --- for the flow that leads here ----------------------------------------------------------------------------------


def behind(tx: Transaction, next: str) -> Asked | None:
    """The authorization request that a flow leads back to; None if ``next`` is none that could be answered."""
    try:
        parts = urlsplit(next)
        if parts.path.rstrip("/") != AUTHORIZE.rstrip("/"):
            return None
        return read(tx, parse_qsl(parts.query, errors="strict", max_num_fields=MOST_PARAMETERS))
    except (ValueError, Refused, Redirected):
        return None


def form_targets(tx: Transaction, next: str) -> list[str]:
    """Origins that a form leads to whose flow ends at ``next``: browsers check redirects after it too."""
    asked = behind(tx, next)
    if asked is None:
        return []
    target = form_target(asked.to.redirect_uri)
    return [*([target] if target is not None else []), *asked.client.landings]


def consent_asked(tx: Transaction, next: str, flow: Flow, led_for: str) -> dict[str, Any]:
    """What the flow that leads to ``next`` is about, as `Context.authorization` keeps it. Nothing, unless it is the one
    that the provider names, or one into which that led for this request (``led_for``): a link to any other would else
    be a way around what is asked there."""
    asked = behind(tx, next) if flow.designation == "authorization" else None
    if asked is None or (flow.pk != asked.client.provider.authorization_flow and led_for != request_id(next)):
        return {}
    return {
        "request": request_id(next),
        "application": asked.client.application.pk,
        "name": asked.client.application.name,
        "scopes": list(asked.scopes),
        "permissions": [{"id": scope, "name": asked.client.described(scope)} for scope in asked.scopes],
    }
