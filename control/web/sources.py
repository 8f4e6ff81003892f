"""Signing in at a foreign provider, at authentik's addresses: there, back again, and out when the provider says so."""

from __future__ import annotations

import logging

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from control import sessions
from control.flows import executor
from control.flows.bound import Deciding, NotForYou, keep
from control.flows.state import Challenge, Denied, Done, State
from control.oidc import authorize
from control.oidc.foreign import Away
from control.policies import beforehand
from control.policies.judge import Judge
from control.records import Event, Source
from control.sources import arriving, logout
from control.sources.admitting import Refused
from control.sources.asking import SourceTokens, Stranger, Untrue
from control.sources.kinds import KINDS
from control.sources.matching import Known, whose
from control.store.interface import NotFound, Overloaded, Transaction, Unavailable
from control.targets import local_or
from control.web import flow_steps, settling
from control.web.addresses import known_as
from control.web.browser import caller, set_cookie, visit
from control.web.pages.answers import Stop, guarded, message, onward, redirect
from control.web.pages.forms import form
from control.web.services import Services
from rules.names import shown

LOGIN = "/source/oauth/login/{slug}/"
CALLBACK = "/source/oauth/callback/{slug}/"
LOGOUT = "/source/oauth/backchannel-logout/{slug}/"
LONGEST_CODE = 4096
LONGEST_STATE = 64
OLDEST = 30 * 86_400
"""Seconds: of a sign-in at a source that counts where nothing newer is needed. Sources say when it was if asked so."""
SIGN_OUT_THERE = "This needs it: sign out there first, and try again."
AGAIN = "Go back to the application, and sign in again."

log = logging.getLogger(__name__)


def routes(services: Services, tokens: SourceTokens) -> list[BaseRoute]:
    """Each path with and without its trailing slash."""
    ways = Ways(tokens)
    found: list[BaseRoute] = []
    for path, endpoint, method in ((LOGIN, ways.login, "GET"), (CALLBACK, ways.callback, "GET")):
        served = guarded(endpoint, services)
        found += [Route(spelling, served, methods=[method]) for spelling in (path, path.rstrip("/"))]
    ended = guarded(ways.ended, services)
    return [*found, *(Route(spelling, ended, methods=["POST"]) for spelling in (LOGOUT, LOGOUT.rstrip("/")))]


class Ways:
    def __init__(self, tokens: SourceTokens) -> None:
        self._tokens = tokens

    async def login(self, request: Request, services: Services) -> Response:
        source = await _source(request, services)
        redirect_uri = await known_as(request, services) + CALLBACK.format(slug=source.slug)
        going = arriving.leaving(services.random, redirect_uri)
        next = local_or(request.query_params.get("next"), "/")
        since = await services.store.read(lambda tx: flow_steps.fresh_since(tx, next))
        max_age = OLDEST if since is None else max(0, int(services.now() - since))
        try:
            to = await self._tokens.authorization_url(source, going, max_age)
        except (Away, Untrue) as error:
            raise _away(source, error) from None
        found, who = await visit(request, services), caller(request, services)
        new = sessions.fresh(services.random(2 * sessions.COOKIE_BYTES)) if found is None else None

        def verb(tx: Transaction) -> None:
            session = found.session if found is not None else None
            if new is not None:
                session = sessions.begin(tx, new, who, {})
            assert session is not None
            arriving.remember(tx, source, session, going, next)

        await services.store.write(verb)
        response: Response = RedirectResponse(to, 302)
        if new is not None:
            set_cookie(response, new.cookie, request, services)
        return response

    async def callback(self, request: Request, services: Services) -> Response:
        source, found = await _source(request, services), await visit(request, services)
        said = _once(request)
        state = said.get("state", "")
        if not 0 < len(state) <= LONGEST_STATE:
            raise _not_ours()
        session = found.session if found is not None else None
        came = await services.store.write(lambda tx: arriving.back(tx, source, session, state))
        if came is None:
            raise _not_ours()
        going, next = came
        if "error" in said or not 0 < len(said.get("code", "")) <= LONGEST_CODE:
            told = shown(said.get("error_description") or said.get("error") or "no code")
            log.warning("%s lets nobody in: %s", source.slug, told)
            raise Stop(403, "Not signed in", f"{source.name} did not say who you are. {AGAIN}")
        try:
            stranger = await self._tokens.arrived(source, going, said["code"], said.get("iss"))
        except Away as error:
            raise _away(source, error) from None
        except Untrue as error:
            log.warning("What %s says of somebody is not believed: %s", source.slug, error)
            raise Stop(403, "Not signed in", f"What {source.name} said of you cannot be believed. {AGAIN}") from None
        return await self._arrived(request, services, source, stranger, next)

    async def _arrived(
        self, request: Request, services: Services, source: Source, stranger: Stranger, next: str
    ) -> Response:
        found, who = await visit(request, services), caller(request, services)
        kind, session = KINDS[source.provider_type], found.session.pk if found is not None else ""
        traces: list[Event] = []

        def planned(tx: Transaction, judge: Judge) -> tuple[Known | None, State] | Refused:
            answer = whose(tx, source, stranger)
            if isinstance(answer, Refused):
                return answer
            at = arriving.authenticated(kind, stranger, flow_steps.fresh_since(tx, next), tx.now)
            if at is None:
                log.warning("%s did not ask %s to sign in again", source.slug, shown(stranger.identifier))
                raise Stop(403, "Not signed in", f"{source.name} did not ask you to sign in again. {SIGN_OUT_THERE}")
            known = answer if isinstance(answer, Known) else None
            deciding = Deciding(judge, who.client_ip, who.http)
            try:
                return known, arriving.begun(tx, source, stranger, known, next, deciding, at)
            finally:
                traces[:] = deciding.traces

        def written(tx: Transaction, judge: Judge) -> tuple[Known | None, State] | Refused:
            plan = planned(tx, judge)
            if isinstance(plan, Refused):
                sessions.login_failed(tx, stranger.username, None, plan.reason, who)
                return plan
            known, state = plan
            return known, arriving.kept(tx, source, stranger, known, state, session, services.random)

        try:
            plan = await beforehand.write(services.store, services.judge, planned, lambda _: written)
        except NotForYou as refusal:
            raise Stop(403, "Not here", str(refusal)) from None
        except NotFound:
            raise _not_ours() from None
        finally:
            await keep(services.store, traces)
        if isinstance(plan, Refused):
            return message(403, "Access denied", plan.message)
        _, state = plan
        here = services.on_behalf(f"http {who.client_ip}", who.http)
        settled = await settling.settle(services, found, await executor.start(state, here), who)
        response = await _said(settled.step, services)
        settled.write_cookie(response, request, services)
        return response

    async def ended(self, request: Request, services: Services) -> Response:
        """OpenID Connect Back-Channel Logout 1.0, 2.8."""
        source = await _source(request, services)
        token = (await form(request)).get("logout_token", "")
        try:
            claims = await self._tokens.claims(source, token)
            await services.store.write(lambda tx: logout.end(tx, source, claims))
        except (Away, Unavailable, Overloaded) as error:
            log.warning("A logout token of %s cannot be checked: %s", source.slug, error)
            return JSONResponse({"error": "temporarily_unavailable"}, 503, {"Retry-After": "5"})
        except Untrue as error:
            log.warning("A logout token of %s is not believed: %s", source.slug, error)
            return JSONResponse({"error": "invalid_request", "error_description": str(error)}, 400)
        return Response(status_code=200)


async def _source(request: Request, services: Services) -> Source:
    slug = request.path_params["slug"]
    found = await services.store.read(lambda tx: tx.find(Source, slug=slug))
    if found is None or not found.enabled or found.provider_type not in KINDS:
        raise Stop(404, "Not found", "There is no such way to sign in.")
    return found


def _once(request: Request) -> dict[str, str]:
    """The parameters of an answer. Raises Stop if one is there twice (RFC 6749, 3.1)."""
    pairs = request.query_params.multi_items()
    if len({name for name, _ in pairs}) < len(pairs):
        raise _not_ours()
    return dict(pairs)


async def _said(step: Challenge | Done | Denied, services: Services) -> Response:
    match step:
        case Challenge() as asked:
            return redirect(f"/if/flow/{asked.state.slug}/")
        case Done(to, _):
            leads_away = await services.store.read(lambda tx: authorize.form_targets(tx, to))
            return onward(to) if leads_away else redirect(to)
        case Denied(_, text, _):
            return message(403, "Access denied", text)


def _not_ours() -> Stop:
    return Stop(400, "That did not work", f"This sign-in did not begin in this browser, or is too old. {AGAIN}")


def _away(source: Source, error: Exception) -> Stop:
    log.warning("Nobody can sign in with %s: %s", source.slug, error)
    return Stop(503, "Not now", f"{source.name} does not answer as it should. Try again shortly.")
