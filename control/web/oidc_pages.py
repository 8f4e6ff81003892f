"""The part of OpenID Connect that a browser walks through: authorization, and signing out."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from control import knocks, sessions
from control.oidc import authorize, clients, grants, logout, tokens
from control.oidc.authorize import Grant, RunFlow, SignIn
from control.oidc.clients import Client
from control.oidc.discovery import ROOT
from control.oidc.requests import FORM_POST, Destination, Redirected, Refused
from control.policies import beforehand
from control.policies.judge import Judge
from control.sessions import Visit
from control.store.interface import Transaction
from control.web.addresses import known_as
from control.web.browser import COOKIE, caller, check_csrf, drop_cookie
from control.web.flow_steps import default_slug
from control.web.pages.answers import Endpoint, Stop, message, redirect, rendered
from control.web.pages.forms import MOST_FIELDS, form
from control.web.services import Services
from rules.names import shown

Step = SignIn | RunFlow | Grant
CSRF_FIELD = "csrf_token"


async def _authorize(request: Request, services: Services) -> Response:
    pairs, cookie, who = await _pairs(request), request.cookies.get(COOKIE, ""), caller(request, services)
    base = await known_as(request, services)
    code = tokens.text(services.random(grants.CODE_BYTES))

    def decide(tx: Transaction, judge: Judge) -> Step:
        visit = sessions.find(tx, cookie, who.client_ip)
        return authorize.decide(tx, pairs, visit, judge, who.client_ip, who.http)

    def give(tx: Transaction, judge: Judge) -> Step:
        step = decide(tx, judge)
        if isinstance(step, Grant):
            grants.give_code(tx, step, code, who)
            knocks.answered(tx, "redirect_uri", step.asked.to.redirect_uri)
        return step

    try:
        step = await beforehand.write(
            services.store, services.judge, decide, lambda step: give if isinstance(step, Grant) else None
        )
    except Redirected as answer:
        return _told(answer.asked, base, answer.parameters)
    except Refused as refusal:
        return await _refused(services, cookie, refusal, who)
    match step:
        case Grant(asked):
            services.knocks.answered("redirect_uri", asked.to.redirect_uri)
            return _told(asked.to, base, {"code": code})
        case SignIn(_, next, source) if source:
            return _sent(f"/source/oauth/login/{source}/?{urlencode({'next': next})}")
        case SignIn(slug, next):
            if not slug:
                slug = await default_slug(request, services, "authentication")
            return _to_flow(slug, next)
        case RunFlow(slug, next):
            return _to_flow(slug, next)


def _told(to: Destination, base: str, parameters: dict[str, str]) -> Response:
    """The answer, on its way to the application: by an address, or by a form that sends itself where scripts run."""
    if to.mode != FORM_POST:
        return _sent(to.answer(base, parameters))
    target = clients.form_target(to.redirect_uri)
    return rendered(
        "form_post.html",
        form_action=[target] if target is not None else [],
        scripts=True,
        to=to.redirect_uri,
        fields=to.fields(base, parameters),
    )


def _sent(to: str) -> Response:
    """302, as every client knows it. Who comes by POST goes on with GET: browsers do so for 302."""
    return RedirectResponse(to, 302)


def _to_flow(slug: str, next: str) -> Response:
    return _sent(f"/if/flow/{slug}/?{urlencode({'next': next})}")


async def _refused(services: Services, cookie: str, refusal: Refused, who: sessions.Caller) -> Response:
    client = refusal.client
    detail = {"provider": str(client.provider.pk), "peer": who.client_ip} if client is not None else {}
    uri = refusal.redirect_uri
    # Whoever makes up addresses fills neither events nor knocks.
    told = not uri or services.knocks.knock("redirect_uri", uri, services.now(), detail) is not None
    if client is not None and told:

        def verb(tx: Transaction) -> None:
            found = sessions.find(tx, cookie, who.client_ip)
            action = "login_failed" if refusal.status == 403 else "configuration_error"
            context = {"reason": refusal.reason, "message": str(refusal)}
            if refusal.redirect_uri:
                context["redirect_uri"] = shown(refusal.redirect_uri)
                knocks.knocked(tx, "redirect_uri", refusal.redirect_uri, detail=detail)
            for trace in refusal.traces:
                tx.insert(trace)
            grants.leave_event(tx, action, client, found.user if found is not None else None, who, context)

        await services.store.write(verb)
    return message(refusal.status, "Access denied" if refusal.status == 403 else "That did not work", str(refusal))


async def _pairs(request: Request) -> list[tuple[str, str]]:
    """The parameters of an authorization request: the query's, or those of a form (OpenID Connect Core, 3.1.2.1)."""
    if request.method == "POST":
        return list((await form(request)).items())
    return _parsed(request.scope["query_string"])


def _parsed(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Stop(400, "That did not work", "This request cannot be read.") from None


async def _end_session(request: Request, services: Services) -> Response:
    asked = dict(await _pairs(request))
    csrf, cookie = asked.pop(CSRF_FIELD, None), request.cookies.get(COOKIE, "")
    base, who, slug = await known_as(request, services), caller(request, services), request.path_params["slug"]

    def decided(tx: Transaction) -> tuple[Client, logout.Leaving, Visit | None]:
        client = clients.of_application(tx, slug)
        if client is None:
            raise Stop(404, "Not found", "There is no such application.")
        visit = sessions.find(tx, cookie, who.client_ip)
        return client, logout.decide(tx, client, asked, visit, base), visit

    client, leaving, visit = await services.store.read(decided)
    if visit is not None and visit.user is not None:
        if leaving.must_ask and csrf is None:
            return _asked_to_leave(request, visit, leaving, asked)
        if leaving.must_ask:
            check_csrf(request, visit.session, csrf)
        signed_in = visit
        await services.store.write(lambda tx: sessions.sign_out(tx, signed_in, who))
    name = client.application.name
    response = redirect(leaving.to) if leaving.to else message(200, "Signed out", f"You have signed out of {name}.")
    drop_cookie(response, request, services)
    return response


def _asked_to_leave(request: Request, visit: Visit, leaving: logout.Leaving, asked: dict[str, str]) -> Response:
    target = clients.form_target(leaving.to) if leaving.to is not None else None
    return rendered(
        "leave.html",
        form_action=[target] if target is not None else [],
        person=visit.user,
        csrf=visit.session.csrf,
        csrf_field=CSRF_FIELD,
        action=request.url.path,
        fields=asked,
    )


async def _root(request: Request, services: Services) -> Response:
    """An issuer, opened in a browser."""
    slug = request.path_params["slug"]
    if await services.store.read(lambda tx: clients.of_application(tx, slug)) is None:
        raise Stop(404, "Not found", "There is no such application.")
    return _sent(f"{ROOT}/{request.path_params['slug']}/.well-known/openid-configuration")


AUTHORIZE: tuple[str, Endpoint, tuple[str, ...]] = ("/authorize", _authorize, ("GET", "POST"))
BELOW_SLUG: tuple[tuple[str, Endpoint, tuple[str, ...]], ...] = (
    ("/{slug}/end-session", _end_session, ("GET", "POST")),
    ("/{slug}", _root, ("GET",)),
)
"""Paths below /application/o; these two come after the fixed words."""
