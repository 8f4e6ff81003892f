"""What there is of flows and stages beside the records' six actions, as authentik has it."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.flows import diagram
from control.store.interface import Transaction
from control.verbs.stage_kinds import KINDS
from control.web.addresses import base_url
from control.web.admin_api.callers import Caller, auditors, superusers_only
from control.web.admin_api.endpoint import Action, Do, Endpoint
from control.web.admin_api.kinds import types
from control.web.admin_api.refusals import answer
from control.web.admin_api.table.flows import FLOWS
from control.web.admin_api.table.stages import STAGES
from control.web.services import Services

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


def _execute(services: Services) -> Do:
    """Where the flow can be tried out."""

    async def do(request: Request, caller: Caller) -> Response:
        flow = await services.store.read(lambda tx: FLOWS.one(tx, request.path_params["key"], caller))
        return answer({"link": f"{base_url(request, services)}/if/flow/{flow.slug}/"})

    return do
