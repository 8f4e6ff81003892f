"""Flows as JSON: `/api/v3/flows/executor/<slug>/` shows the challenges that the pages draw, and takes the answers.

Whoever has not signed in needs no CSRF token (DESIGN D20): a page of another site can neither send JSON unasked nor
hide its Origin. A GET never signs anybody in or out.
"""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from control import sessions
from control.flows import executor
from control.flows.bound import NotForYou
from control.flows.planning import SignInFirst
from control.flows.state import Challenge, Context, Denied, Done, State, Step
from control.outposts.callers import Unbelieved
from control.sessions import Caller, Visit
from control.targets import LONGEST_TARGET, local_or
from control.verbs.fields import refuse_unstorable
from control.verbs.users import INTERNAL_SERVICE_ACCOUNT
from control.web import browser, flow_steps, settling
from control.web.admin_api.bodies import json_object, require_json
from control.web.admin_api.callers import believed
from control.web.admin_api.refusals import Refused, answer, refusal
from control.web.services import Services

MOST_ANSWER_BYTES = 64 * 1024
"""Of one answer: a password of a thousand characters fits into a tenth of it."""
MOST_PARAMETERS = 50
"""In the original query; an OIDC authorization request has twenty."""
OBJECTS = ("webauthn", "passkey", "response", "selected_challenge")
"""Fields of authentik's that are objects."""
FLAGS = ("remember_me",)
"""What is true or false in an answer."""
METHODS = ("GET", "POST")
OUTPOST_TOKEN = "X-Authentik-Outpost-Token"  # noqa: S105
REMOTE_IP = "X-Authentik-Remote-IP"
LONGEST_ADDRESS = 45
"""Characters of an IPv6 address with an IPv4 one in it."""


def routes(services: Services) -> list[BaseRoute]:
    return [Route("/flows/executor/{slug}/", FlowExecutor(services))]


class FlowExecutor:
    """An ASGI application, open to everybody: whether a flow may be run is the flow's own decision."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except browser.CrossSite as error:
            response = refusal(Refused(403, f"CSRF Failed: {error}"))
        except Exception as error:
            response = refusal(error)
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        services, slug = self._services, request.path_params["slug"]
        if request.method not in (*METHODS, "HEAD"):
            raise Refused(405, f'Method "{request.method}" not allowed.', {"Allow": ", ".join((*METHODS, "HEAD"))})
        found, going = await flow_steps.standing(request, services, slug)
        step = await self._step(request, found, going)
        if isinstance(step, Response):
            return step
        if request.method != "POST" and isinstance(step, Done) and flow_steps.changes_session(step):
            return _redirect(f"/if/flow/{slug}/?{urlencode({'next': step.context.next})}")
        settled = await settling.settle(services, found, step, await _caller(request, services))
        response = _again(request) if settled.overtaken else _said(request, settled.step)
        settled.write_cookie(response, request, services)
        return response

    async def _step(self, request: Request, found: Visit | None, going: State | None) -> Step | Response:
        """What comes next; a response if that is nothing for the session to remember."""
        if request.method == "POST":
            fields = await _fields(request, found)
            if found is None and browser.COOKIE in request.cookies:
                return _again(request)  # sent twice: what is begun here would take the place of what the first led to
            if going is not None:
                return await flow_steps.answer(self._services, going, fields, await _caller(request, self._services))
            return await self._begin(request, found)
        who = await _caller(request, self._services)
        here = self._services.on_behalf(f"http {who.client_ip}", who.http)
        if (
            going is not None
            and not _asks_anew(request, going)
            and (asked := await executor.challenge(going, here)) is not None
        ):
            return answer(asked.component)
        return await self._begin(request, found)

    async def _begin(self, request: Request, found: Visit | None) -> Step | Response:
        slug = request.path_params["slug"]
        given = _original_query(request)
        next = local_or(given.get("next"), "/")
        try:
            who = await _caller(request, self._services)
            if (key := given.get(flow_steps.LINK)) is not None:
                return await flow_steps.resume(self._services, slug, key, who)
            hints, by_outpost = flow_steps.hints_of(given), await _is_outpost(request, self._services)
            step = await flow_steps.begin(self._services, slug, found, next, hints, who, by_outpost)
        except SignInFirst:
            return _redirect(f"/flows/-/default/authentication/?{urlencode({'next': f'/if/flow/{slug}/'})}")
        except NotForYou as error:
            if error.silently and error.further is not None:
                return _redirect(error.further)
            return answer(Denied(error.reason, str(error), Context()).component)
        return step if step is not None else _redirect(next)


def _asks_anew(request: Request, going: State) -> bool:
    """A client repeats its query with every request: only one that says something else begins again."""
    given = _original_query(request)
    if (key := given.get(flow_steps.LINK)) is not None:
        return not flow_steps.came_by(going, key)
    hints = flow_steps.hints_of(given)
    elsewhere = "next" in given and local_or(given["next"], "/") != going.context.next
    return elsewhere or (bool(hints) and hints != dict(going.context.hints))


def _original_query(request: Request) -> dict[str, str]:
    """Of the page that a client shows, in ``query``: where to go afterwards, and the form's hints. Raises Refused."""
    original = request.query_params.get("query", "")
    if len(original) > LONGEST_TARGET:
        raise Refused(400, "The query is too long.")
    try:
        return {name: values[-1] for name, values in parse_qs(original, max_num_fields=MOST_PARAMETERS).items()}
    except ValueError:
        raise Refused(400, "The query has too many parameters.") from None


async def _fields(request: Request, found: Visit | None) -> dict[str, str]:
    """The texts of the answer, and its objects as the JSON that they are. Raises Refused, Invalid, CrossSite."""
    require_json(request)
    if found is not None and found.user is not None:
        browser.check_csrf(request, found.session)
    else:
        browser.check_origin(request)
    body = await json_object(request, MOST_ANSWER_BYTES)
    refuse_unstorable(body)
    objects = {name: json.dumps(value) for name in OBJECTS if isinstance(value := body.get(name), dict)}
    flags = {name: str(value).lower() for name in FLAGS if isinstance(value := body.get(name), bool)}
    return {name: value for name, value in body.items() if isinstance(value, str)} | objects | flags


async def _caller(request: Request, services: Services) -> Caller:
    """The browser; or, when an outpost of authentik's asks for somebody, the address that it names."""
    who, named = browser.caller(request, services), request.headers.get(REMOTE_IP, "")
    if not named.isprintable() or not 0 < len(named) <= LONGEST_ADDRESS:
        return who
    return sessions.Caller(named, who.user_agent) if await _is_outpost(request, services) else who


async def _is_outpost(request: Request, services: Services) -> bool:
    key = request.headers.get(OUTPOST_TOKEN, "")
    shown = browser.shown_over_tls(request)
    try:
        owner = await services.store.read(lambda tx: believed(tx, key, shown)) if key else None
    except Unbelieved:
        return False
    return owner is not None and owner.type == INTERNAL_SERVICE_ACCOUNT


def _said(request: Request, step: Step) -> Response:
    match step:
        case Challenge(_, component, _):
            if request.method == "POST" and "response_errors" not in component:
                return _again(request)
            return answer(component)
        case Done(to, _):
            return _redirect(to)
        case Denied():
            return answer(step.component)


def _again(request: Request) -> Response:
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"{request.url.path}{query}", 302, {"Cache-Control": "no-store"})


def _redirect(to: str) -> Response:
    """Tells the client where to go; the answer itself is a plain 200."""
    return answer({"component": "xak-flow-redirect", "to": to})
