"""Flows as pages: `/if/flow/<slug>/` shows what the executor asks and gives it the answers.

A GET never signs anybody in or out: links from other sites must not be able to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from control.flows import executor, links
from control.flows.bound import NotForYou
from control.flows.planning import SignInFirst
from control.flows.stages.email import OVER
from control.flows.state import Challenge, Denied, Done, State, Step
from control.sessions import Visit
from control.store.interface import NotFound
from control.targets import is_web, local_or
from control.verbs.authenticators import WEBAUTHN
from control.web import flow_steps, settling
from control.web.browser import COOKIE, Expired, caller, check_csrf, visit
from control.web.pages.answers import Stop, message, redirect, rendered
from control.web.pages.forms import form
from control.web.services import Services
from control.web.settling import Settled
from rules.reasons import REASONS, Outcome

CSRF_FIELD = "csrf_token"
THEN = "then"
"""The query parameter that says where the flow leads, as ``next`` does; but it does not begin the flow anew."""
LOST = "lost"
"""The query parameter that says that a form was sent and nothing of it taken. Whoever has to begin anew is told."""
EXPIRED = "The form that you sent had expired, and nothing of it was taken. Please begin again."
PURPOSES = frozenset({"authentication", "invalidation", "recovery", "enrollment", "unenrollment", "user_settings"})
"""Those that have an address of their own."""
TEMPLATES = {
    "ak-stage-identification": "stages/identification.html",
    "ak-stage-password": "stages/password.html",
    "ak-stage-prompt": "stages/prompt.html",
    "ak-stage-email": "stages/email.html",
    "ak-stage-consent": "stages/consent.html",
    "ak-stage-user-login": "stages/user_login.html",
    "ak-stage-authenticator-validate": "stages/authenticator_validate.html",
    "ak-stage-authenticator-totp": "stages/authenticator_totp.html",
    "ak-stage-authenticator-static": "stages/authenticator_static.html",
    "ak-stage-authenticator-email": "stages/authenticator_email.html",
    "ak-stage-authenticator-webauthn": "stages/authenticator_webauthn.html",
}


async def page(request: Request, services: Services) -> Response:
    return await _run(request, services, request.path_params["slug"])


async def default(request: Request, services: Services) -> Response:
    """The flow that serves a purpose: a link leads there afresh, a form runs it at once."""
    purpose = request.path_params["purpose"]
    if purpose not in PURPOSES:
        raise _no_flow()
    slug = await flow_steps.default_slug(request, services, purpose)
    if request.method == "POST":
        return await _run(request, services, slug)
    await settling.forget(services, await visit(request, services))
    return redirect(_path(slug, next=local_or(request.query_params.get("next"), "/")))


async def use_token(request: Request, services: Services) -> Response:
    """Into the flow for which an administrator has handed over a link."""
    key = request.path_params["key"]
    slug = await services.store.read(lambda tx: links.flow_of(tx, key))
    if slug is None:
        raise Stop(403, "Access denied", OVER.message)
    return redirect(links.address("", slug, key))


async def cancel(request: Request, services: Services) -> Response:
    """Begin again, perhaps as somebody else."""
    await settling.forget(services, await visit(request, services))
    return redirect(local_or(request.query_params.get("next"), "/"))


async def _run(request: Request, services: Services, slug: str) -> Response:
    found, going = await flow_steps.standing(request, services, slug)
    if request.method == "POST":
        return await _answer(request, services, slug, found, going)
    who = caller(request, services)
    here = services.on_behalf(f"http {who.client_ip}", who.http)
    if (
        going is not None
        and not _asks_anew(request, going)
        and (asked := await executor.challenge(going, here)) is not None
    ):
        assert found is not None
        return _drawn(asked, found.session.csrf, {})
    return await _begin(request, services, slug, found)


def _asks_anew(request: Request, going: State) -> bool:
    if (key := request.query_params.get(flow_steps.LINK)) is not None:
        return not flow_steps.came_by(going, key)
    return any(name in request.query_params for name in ("next", *flow_steps.HINTS))


async def _answer(
    request: Request, services: Services, slug: str, found: Visit | None, going: State | None
) -> Response:
    prompts = going is not None and going.stage is not None and going.stage.kind == "prompt"
    fields = await form(request, files=prompts)
    try:
        check_csrf(request, found.session if found is not None else None, fields.pop(CSRF_FIELD, ""))
    except Expired:
        if COOKIE not in request.cookies:
            raise  # a browser that keeps no cookie would come back for ever, and nobody would read why
        # Clicked twice, most likely: the first answer took the session a new cookie, and the browser shows the second.
        return redirect(_path(slug, then=_leads(request), **{LOST: "1"}))
    if going is None and fields:
        return redirect(_path(slug, then=_leads(request), **{LOST: "1"}))
    if going is None:
        return await _begin(request, services, slug, found)
    step = await flow_steps.answer(services, going, fields, caller(request, services))
    return await _conclude(request, services, found, step, fields)


async def _begin(request: Request, services: Services, slug: str, found: Visit | None) -> Response:
    next = _leads(request)
    try:
        hints, who = flow_steps.hints_of(request.query_params), caller(request, services)
        if (key := request.query_params.get(flow_steps.LINK)) is not None:
            return await _conclude(request, services, found, await flow_steps.resume(services, slug, key, who), {})
        step = await flow_steps.begin(services, slug, found, next, hints, who)
    except NotFound:
        raise _no_flow() from None
    except SignInFirst:
        return redirect(f"/flows/-/default/authentication/?{urlencode({'next': request.url.path})}")
    except NotForYou as refusal:
        if refusal.further is not None:
            return redirect(refusal.further) if refusal.silently else _refused(str(refusal), refusal.further)
        raise Stop(403, "Not here", str(refusal)) from None
    return redirect(next) if step is None else await _conclude(request, services, found, step, {})


def _refused(text: str, further: str) -> Response:
    return rendered("message.html", 403, title="Not here", text=text, further=further)


async def _conclude(
    request: Request, services: Services, found: Visit | None, step: Step, fields: Mapping[str, str]
) -> Response:
    if request.method != "POST" and isinstance(step, Done) and flow_steps.changes_session(step):
        return _confirm(request, found, step)
    settled = await settling.settle(services, found, step, caller(request, services))
    response = _said(request, settled, fields)
    settled.write_cookie(response, request, services)
    return response


def _said(request: Request, settled: Settled, fields: Mapping[str, str]) -> Response:
    match settled.step:
        case Challenge(State(context=context)) | Denied(_, _, context) if settled.overtaken:
            return redirect(_path(context.flow, then=context.next))
        case Challenge() as asked:
            if request.method != "POST":
                return _drawn(asked, settled.csrf, fields, EXPIRED if LOST in request.query_params else "")
            if "response_errors" not in asked.component:
                return redirect(_path(asked.state.slug, then=asked.state.context.next))
            return _drawn(asked, settled.csrf, fields)
        case Done(to, _):
            return redirect(to)
        case Denied(reason, text, _):
            if reason in REASONS and REASONS[reason].outcome is Outcome.THROTTLED:
                return message(429, "Too many attempts", text)
            return message(403, "Access denied", text)


def _confirm(request: Request, found: Visit | None, step: Done) -> Response:
    if found is None or found.user is None:
        return redirect(step.to)
    action = _path(request.path_params["slug"], next=step.context.next)
    return rendered("confirm.html", person=found.user, csrf=found.session.csrf, action=action, csrf_field=CSRF_FIELD)


# --- drawing -------------------------------------------------------------------------------------------------------


def _drawn(step: Challenge, csrf: str, typed: Mapping[str, str], notice: str = "") -> Response:
    component = step.component
    template = TEMPLATES.get(component["component"])
    if template is None:
        raise Stop(501, "Not possible here", "This step of the flow needs a page that this version does not have.")
    return rendered(
        template,
        form_action=_targets(step.state),
        scripts=_signs(component),
        signs=_signs(component),
        challenge=component,
        errors=component.get("response_errors", {}),
        typed=typed,
        notice=notice,
        again=_path(step.state.slug, next=step.state.context.next),
        csrf=csrf,
        csrf_field=CSRF_FIELD,
    )


def _signs(component: Mapping[str, Any]) -> bool:
    """May a key be used on the page? Browsers offer that to scripts alone; every other page has none."""
    devices = component.get("device_challenges", ())
    keys = any(device["device_class"] == WEBAUTHN for device in devices)
    return keys or bool(component.get("passkey_challenge") or component.get("registration"))


def _targets(state: State) -> list[str]:
    """Origins that the flow may lead to after a form."""
    urls = [str(stage.settings.get("target_static", "")) for stage in state.plan if stage.kind == "redirect"]
    static = [f"{parts.scheme}://{parts.netloc}" for url in urls if is_web(url) and (parts := urlsplit(url))]
    return [*static, *state.context.targets]


def _leads(request: Request) -> str:
    query = request.query_params
    return local_or(query.get("next", query.get(THEN)), "/")


def _path(slug: str, **leads: str) -> str:
    """``leads``: where to, under the name of the query parameter that says so."""
    said = {name: to for name, to in leads.items() if to != "/"}
    return f"/if/flow/{slug}/" + (f"?{urlencode(said)}" if said else "")


def _no_flow() -> Stop:
    return Stop(404, "Not found", "There is no such page.")
