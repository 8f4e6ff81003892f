"""Flows as pages: `/if/flow/<slug>/` shows what the executor asks and gives it the answers.

A GET never signs anybody in or out: links from other sites must not be able to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from control import sessions
from control.flows import executor
from control.flows.planning import NotForYou, SignInFirst, SignOutFirst, flow_for, plan
from control.flows.state import Challenge, Denied, Done, State, Step
from control.flows.targets import is_web, local_or
from control.records import Flow
from control.sessions import Caller, Visit
from control.store.interface import NotFound, Transaction
from control.web.browser import CrossSite, caller, check_csrf, drop_cookie, set_cookie, visit
from control.web.pages.answers import Stop, message, redirect, rendered
from control.web.pages.forms import form
from control.web.services import Services

CSRF_FIELD = "csrf_token"
FLOW = "flow"
"""The name of the flow's state in the session."""
HINTS = ("code",)
"""Query parameters that a form may show."""
LONGEST_HINT = 128
"""Characters; a setup code is shorter."""
DESIGNATIONS = frozenset({"authentication", "invalidation"})
"""Purposes that have an address of their own."""
TEMPLATES = {
    "ak-stage-identification": "stages/identification.html",
    "ak-stage-password": "stages/password.html",
    "ak-stage-prompt": "stages/prompt.html",
}


async def page(request: Request, services: Services) -> Response:
    return await _run(request, services, request.path_params["slug"])


async def default(request: Request, services: Services) -> Response:
    """The flow that serves a purpose: a link leads there afresh, a form runs it at once."""
    designation = request.path_params["designation"]
    if designation not in DESIGNATIONS:
        raise _no_flow()
    slug = (await services.store.read(lambda tx: flow_for(tx, designation))).slug
    if request.method == "POST":
        return await _run(request, services, slug)
    await _forget(services, await visit(request, services))
    return redirect(_path(slug, local_or(request.query_params.get("next"), "/")))


async def cancel(request: Request, services: Services) -> Response:
    """Begin again, perhaps as somebody else."""
    await _forget(services, await visit(request, services))
    return redirect(local_or(request.query_params.get("next"), "/"))


async def _run(request: Request, services: Services, slug: str) -> Response:
    found = await visit(request, services)
    stored = State.from_json(found.session.data.get(FLOW)) if found is not None else None
    going = stored if stored is not None and stored.slug == slug else None
    if request.method == "POST":
        return await _answer(request, services, slug, found, going)
    if going is not None and not _asks_anew(request) and (asked := executor.challenge(going)) is not None:
        assert found is not None
        return _drawn(asked, found.session.csrf, {})
    return await _begin(request, services, slug, found)


def _asks_anew(request: Request) -> bool:
    return any(name in request.query_params for name in ("next", *HINTS))


async def _answer(
    request: Request, services: Services, slug: str, found: Visit | None, going: State | None
) -> Response:
    fields = await form(request)
    if found is None:
        raise CrossSite("This form has expired. Open the page again and repeat what you did.")
    check_csrf(request, found.session, fields.pop(CSRF_FIELD, ""))
    if going is None:
        return await _begin(request, services, slug, found)
    step = await executor.answer(going, fields, services)
    return await _conclude(request, services, found, step, fields)


async def _begin(request: Request, services: Services, slug: str, found: Visit | None) -> Response:
    user = found.user if found is not None else None
    next = local_or(request.query_params.get("next"), "/")
    hints = {name: value[:LONGEST_HINT] for name in HINTS if (value := request.query_params.get(name))}

    def planned(tx: Transaction) -> State | None:
        flow = tx.find(Flow, slug=slug)
        if flow is None:
            raise _no_flow()
        if flow.designation == "authentication" and user is not None:
            return None
        return plan(tx, flow, user.pk if user is not None else None, next, hints)

    try:
        state = await services.store.read(planned)
    except SignInFirst:
        return redirect(f"/flows/-/default/authentication/?{urlencode({'next': request.url.path})}")
    except (SignOutFirst, NotForYou) as refusal:
        raise Stop(403, "Not here", str(refusal)) from None
    if state is None:
        return redirect(next)
    return await _conclude(request, services, found, await executor.start(state, services), {})


# --- what a step means for the browser -----------------------------------------------------------------------------


async def _conclude(
    request: Request, services: Services, found: Visit | None, step: Step, fields: Mapping[str, str]
) -> Response:
    match step:
        case Challenge():
            return await _asked(request, services, found, step, fields)
        case Done():
            return await _done(request, services, found, step)
        case Denied(_, text):
            who = caller(request, services)
            await services.store.write(lambda tx: _deny(tx, found, step, who))
            return message(403, "Access denied", text)


async def _asked(
    request: Request, services: Services, found: Visit | None, step: Challenge, fields: Mapping[str, str]
) -> Response:
    data = {FLOW: step.state.to_json()}
    if found is None:
        new = sessions.fresh(services.random(2 * sessions.COOKIE_BYTES))
        who = caller(request, services)
        session = await services.store.write(lambda tx: sessions.begin(tx, new, who, data))
        response = _drawn(step, session.csrf, fields)
        set_cookie(response, new.cookie, request, services)
        return response
    who = caller(request, services)
    await services.store.write(lambda tx: _keep(tx, found, data, step, who))
    if request.method == "POST" and "response_errors" not in step.component:
        return redirect(_path(step.state.slug))
    return _drawn(step, found.session.csrf, fields)


async def _done(request: Request, services: Services, found: Visit | None, step: Done) -> Response:
    context = step.context
    if request.method != "POST" and (context.login is not None or context.logout):
        return _confirm(request, found, step)
    if context.login is not None:
        return await _sign_in(request, services, found, step, context.login)
    response = redirect(step.to)
    if context.logout:
        drop_cookie(response, request, services)
        if found is not None:
            who = caller(request, services)
            await services.store.write(lambda tx: sessions.sign_out(tx, found, who))
        return response
    await _forget(services, found)
    return response


async def _sign_in(request: Request, services: Services, found: Visit | None, step: Done, user: int) -> Response:
    """The old cookie ends and a new one begins, so that nobody knows it who saw the browser before."""
    new = sessions.fresh(services.random(2 * sessions.COOKIE_BYTES))
    who = caller(request, services)
    old = found.session if found is not None else None
    try:
        await services.store.write(
            lambda tx: sessions.sign_in(tx, old, new, user, step.context.proved_version, step.context.method, who)
        )
    except (NotFound, PermissionError):
        raise Stop(403, "Access denied", "You cannot sign in with this account.") from None
    response = redirect(step.to)
    set_cookie(response, new.cookie, request, services)
    return response


def _confirm(request: Request, found: Visit | None, step: Done) -> Response:
    if found is None or found.user is None:
        return redirect(step.to)
    action = _path(request.path_params["slug"], step.context.next)
    return rendered("confirm.html", person=found.user, csrf=found.session.csrf, action=action, csrf_field=CSRF_FIELD)


def _keep(tx: Transaction, found: Visit, data: dict[str, Any], step: Challenge, who: Caller) -> None:
    sessions.keep(tx, found.session, data)
    if step.reason:
        context = step.state.context
        sessions.login_failed(tx, context.uid or "", context.pending_user, step.reason, who)


def _deny(tx: Transaction, found: Visit | None, denied: Denied, who: Caller) -> None:
    if found is not None:
        sessions.keep(tx, found.session, {})
    sessions.login_failed(tx, denied.context.uid or "", denied.context.pending_user, denied.reason, who)


async def _forget(services: Services, found: Visit | None) -> None:
    if found is not None and FLOW in found.session.data:
        await services.store.write(lambda tx: sessions.keep(tx, found.session, {}))


# --- drawing -------------------------------------------------------------------------------------------------------


def _drawn(step: Challenge, csrf: str, typed: Mapping[str, str]) -> Response:
    component = step.component
    template = TEMPLATES.get(component["component"])
    if template is None:
        raise Stop(501, "Not possible here", "This step of the flow needs a page that this version does not have.")
    return rendered(
        template,
        form_action=_targets(step.state),
        challenge=component,
        errors=component.get("response_errors", {}),
        typed=typed,
        again=_path(step.state.slug, step.state.context.next),
        csrf=csrf,
        csrf_field=CSRF_FIELD,
    )


def _targets(state: State) -> list[str]:
    """Origins that the flow may lead to after a form."""
    urls = [str(stage.settings.get("target_static", "")) for stage in state.plan if stage.kind == "redirect"]
    return [f"{parts.scheme}://{parts.netloc}" for url in urls if is_web(url) and (parts := urlsplit(url))]


def _path(slug: str, next: str = "/") -> str:
    return f"/if/flow/{slug}/" + (f"?{urlencode({'next': next})}" if next != "/" else "")


def _no_flow() -> Stop:
    return Stop(404, "Not found", "There is no such page.")
