"""`/sources/ldap/<slug>/sync/`: a directory's people and groups are taken over now, and what went wrong is said;
`status/` below it: how it went last, as far as the process that is asked knows."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.sources.ldap.syncing import Look, Syncing
from control.web.admin_api.callers import Caller, superusers_only
from control.web.admin_api.endpoint import Action, Answer, Do, Endpoint
from control.web.admin_api.refusals import answer
from control.web.admin_api.shapes.parts import moment
from control.web.admin_api.table.sources import DIRECTORIES
from control.web.services import Services

SYNCED, STATUS = Answer("LDAPSync"), Answer("SyncStatus")


def routes(services: Services) -> list[BaseRoute]:
    now = Action(superusers_only, _sync(services), gives=SYNCED)
    last = Action(superusers_only, _status(services), gives=STATUS)
    return [
        Route(f"/{DIRECTORIES.path}/{{key}}/sync/", Endpoint(services, {"POST": now})),
        Route(f"/{DIRECTORIES.path}/{{key}}/sync/status/", Endpoint(services, {"GET": last})),
    ]


def _sync(services: Services) -> Do:
    syncing = Syncing(services.store, services.directories, services.looks)

    async def do(request: Request, caller: Caller) -> Response:
        key = request.path_params["key"]
        source = await services.store.read(lambda tx: DIRECTORIES.one(tx, key, caller))
        return answer({"messages": await syncing.one(source)})

    return do


def _status(services: Services) -> Do:
    async def do(request: Request, caller: Caller) -> Response:
        key = request.path_params["key"]
        source = await services.store.read(lambda tx: DIRECTORIES.one(tx, key, caller))
        look = services.looks.get(source.pk, Look())
        told = {"last_successful_sync": moment(look.succeeded), "last_sync_status": look.status or None}
        known = {name: value for name, value in told.items() if value is not None}
        return answer({"is_running": look.is_running, **known})

    return do
