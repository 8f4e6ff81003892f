"""What there is of flows and stages beside the records' six actions, as authentik has it."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.flows import diagram
from control.flows.bound import telling
from control.flows.prompts import field
from control.flows.state import Context
from control.store.interface import Transaction
from control.verbs import flow_files, prompts
from control.verbs.fields import Invalid
from control.verbs.stage_kinds import KINDS
from control.web.addresses import base_url
from control.web.admin_api.bodies import json_object, uploaded
from control.web.admin_api.callers import Caller, auditors, superusers_only
from control.web.admin_api.endpoint import Action, Body, Do, Endpoint
from control.web.admin_api.kinds import types
from control.web.admin_api.refusals import answer
from control.web.admin_api.shapes.parts import moment
from control.web.admin_api.table.flows import FLOWS
from control.web.admin_api.table.stages import PROMPTS, STAGES
from control.web.services import Services

YAML = "application/yaml"
PREVIEWED = Body("PromptRequest", prompts.PromptFields)
TYPES = types((kind.label, kind.about, kind.component, kind.model) for kind in KINDS.values())


def routes(services: Services) -> list[BaseRoute]:
    """They come before the records': ``types/`` would be a stage's path."""
    return [
        Route(f"/{FLOWS.path}/cache_info/", Endpoint(services, {"GET": Action(auditors, _nothing_kept)})),
        Route(
            f"/{FLOWS.path}/cache_clear/", Endpoint(services, {"POST": Action(superusers_only, _cleared, status=204)})
        ),
        Route(f"/{FLOWS.path}/{{key}}/diagram/", Endpoint(services, {"GET": Action(auditors, _diagram(services))})),
        Route(f"/{FLOWS.path}/{{key}}/execute/", Endpoint(services, {"GET": Action(auditors, _execute(services))})),
        Route(
            f"/{FLOWS.path}/{{key}}/export/",
            Endpoint(services, {"GET": Action(superusers_only, _export(services), media=YAML)}),
        ),
        Route(f"/{FLOWS.path}/import/", Endpoint(services, {"POST": Action(superusers_only, _import(services))})),
        Route(
            f"/{PROMPTS.path}/preview/",
            Endpoint(services, {"POST": Action(superusers_only, _preview(services), PREVIEWED)}),
        ),
        Route(f"/{STAGES.path}/types/", Endpoint(services, {"GET": Action(auditors, TYPES)})),
        Route("/stages/email/templates/", Endpoint(services, {"GET": Action(auditors, _templates(services))})),
    ]


async def _nothing_kept(request: Request, caller: Caller) -> Response:
    """Plans of flows are made anew each time."""
    return answer({"count": 0})


async def _cleared(request: Request, caller: Caller) -> Response:
    return answer(None, 204)


def _templates(services: Services) -> Do:
    async def do(request: Request, caller: Caller) -> Response:
        return answer([{"name": name, "description": name} for name in services.post.letters.names()])

    return do


def _diagram(services: Services) -> Do:
    async def do(request: Request, caller: Caller) -> Response:
        def verb(tx: Transaction) -> dict[str, Any]:
            return {"diagram": diagram.drawn(tx, FLOWS.one(tx, request.path_params["key"], caller))}

        return answer(await services.store.read(verb))

    return do


def _export(services: Services) -> Do:
    """What an expression of the flow may hold, its file holds too: for superusers alone."""

    async def do(request: Request, caller: Caller) -> Response:
        def verb(tx: Transaction) -> tuple[str, str]:
            flow = FLOWS.one(tx, request.path_params["key"], caller)
            return flow.slug, flow_files.export(tx, flow)

        slug, text = await services.store.read(verb)
        named = {"Content-Disposition": f'attachment; filename="flow-{slug}.yaml"'}
        return Response(text, media_type=YAML, headers=named)

    return do


def _import(services: Services) -> Do:
    """authentik's answer: what went wrong stands in ``logs``, and nothing was changed."""

    async def do(request: Request, caller: Caller) -> Response:
        text = await uploaded(request, "file", flow_files.LONGEST_FILE)
        try:
            entries = flow_files.read(text)
            done = await services.store.write(lambda tx: flow_files.take_over(tx, entries), caller.actor)
        except Invalid as refusal:
            return answer({"logs": [_line("error", str(refusal), services)], "success": False})
        return answer({"logs": [_line("info", one, services) for one in done], "success": True})

    return do


def _line(level: str, text: str, services: Services) -> dict[str, Any]:
    told = {"timestamp": moment(services.now()), "log_level": level, "logger": "flows"}
    return {**told, "event": text, "attributes": {}}


def _preview(services: Services) -> Do:
    """A prompt as whoever is asking would see it; nothing is stored."""

    async def do(request: Request, caller: Caller) -> Response:
        given = await json_object(request)

        def verb(tx: Transaction) -> dict[str, Any]:
            prompt = prompts.parsed(given)
            context = Context(requester=caller.user.pk, pending_user=caller.user.pk, uid=caller.user.username)
            asking, where = telling(tx, context, caller.client_ip)
            return {"component": "ak-stage-prompt", "fields": [field(tx, prompt, asking, where).shown()]}

        return answer(await services.store.read(verb))

    return do


def _execute(services: Services) -> Do:
    """Where the flow can be tried out."""

    async def do(request: Request, caller: Caller) -> Response:
        flow = await services.store.read(lambda tx: FLOWS.one(tx, request.path_params["key"], caller))
        return answer({"link": f"{base_url(request, services)}/if/flow/{flow.slug}/"})

    return do
