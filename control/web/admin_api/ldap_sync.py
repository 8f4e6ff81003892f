"""`/sources/ldap/<slug>/sync/`: a directory's people and groups are taken over now, and what went wrong is said."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.sources.ldap.syncing import Syncing
from control.web.admin_api.callers import Caller, superusers_only
from control.web.admin_api.endpoint import Action, Answer, Do, Endpoint
from control.web.admin_api.refusals import answer
from control.web.admin_api.table.sources import DIRECTORIES
from control.web.services import Services

SYNCED = Answer("LDAPSync")


def routes(services: Services) -> list[BaseRoute]:
    now = Action(superusers_only, _sync(services), gives=SYNCED)
    return [Route(f"/{DIRECTORIES.path}/{{key}}/sync/", Endpoint(services, {"POST": now}))]


def _sync(services: Services) -> Do:
    syncing = Syncing(services.store, services.directories)

    async def do(request: Request, caller: Caller) -> Response:
        key = request.path_params["key"]
        source = await services.store.read(lambda tx: DIRECTORIES.one(tx, key, caller))
        return answer({"messages": await syncing.one(source)})

    return do
