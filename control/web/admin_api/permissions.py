"""Which permissions roles carry, for all objects or for one: authentik's `/rbac/permissions/assigned_by_roles/`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.records import Role
from control.store.interface import Query, Transaction
from control.verbs import roles
from control.web.admin_api.bodies import json_object
from control.web.admin_api.callers import Caller, auditors, superusers_only
from control.web.admin_api.endpoint import Action, Body, Do, Endpoint
from control.web.admin_api.lists import page_of, pagination
from control.web.admin_api.refusals import answer
from control.web.admin_api.table.people import ROLES
from control.web.services import Services
from rules import permissions

ASSIGNED = Body("PermissionAssignRequest", roles.AssignedFields)
PATH = "/rbac/permissions/assigned_by_roles/"


def routes(services: Services) -> list[BaseRoute]:
    assign = Action(superusers_only, _change(services, roles.assign, 200), ASSIGNED)
    unassign = Action(superusers_only, _change(services, roles.unassign, 204), ASSIGNED, status=204)
    return [
        Route(PATH, Endpoint(services, {"GET": Action(auditors, _list(services))})),
        Route(f"{PATH}{{key}}/assign/", Endpoint(services, {"POST": assign})),
        Route(f"{PATH}{{key}}/unassign/", Endpoint(services, {"PATCH": unassign})),
    ]


def _list(services: Services) -> Do:
    """``object_pk``: only what is given for this object, or for all."""

    async def do(request: Request, caller: Caller) -> Response:
        page, wanted = page_of(request.query_params), request.query_params.get("object_pk", "")

        def verb(tx: Transaction) -> dict[str, Any]:
            found = tx.select(Role, Query(ordering=("name",), offset=page.offset, limit=page.size))
            return {
                "pagination": pagination(page, tx.count(Role)),
                "results": [_shown(role, wanted) for role in found],
                "autocomplete": {},
            }

        return answer(await services.store.read(verb))

    return do


def _shown(role: Role, wanted: str) -> dict[str, Any]:
    lines = [permissions.read(line) for line in role.permissions]
    return {
        "role_pk": role.pk,
        "name": role.name,
        "model_permissions": [_permission(name) for name, pk in lines if not pk],
        "object_permissions": [
            {**_permission(name), "object_pk": pk} for name, pk in lines if pk and wanted in ("", pk)
        ],
    }


def _permission(name: str) -> dict[str, Any]:
    label, _, codename = name.partition(".")
    model = "ldapprovider" if label == "authentik_providers_ldap" else ""
    return {"codename": codename, "model": model, "app_label": label, "name": permissions.PERMISSIONS[name]}


def _change(services: Services, change: Callable[[Transaction, str, Mapping[str, Any]], Role], status: int) -> Do:
    async def do(request: Request, caller: Caller) -> Response:
        body = await json_object(request)

        def verb(tx: Transaction) -> list[dict[str, Any]]:
            role = change(tx, ROLES.one(tx, request.path_params["key"], caller).pk, body)
            return [{"id": line} for line in role.permissions]

        changed = await services.store.write(verb, caller.actor)
        return answer(changed if status == 200 else None, status)

    return do
