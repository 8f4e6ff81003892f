"""`/knocks/`: what was refused because it is unknown, with what to send to have it known; and clearing the list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control import knocks
from control.records import Knock, Outpost, Provider
from control.store.interface import Transaction
from control.verbs import newcomers
from control.verbs.fields import Fields
from control.verbs.newcomers import NewcomerFields
from control.web.admin_api.bodies import json_object
from control.web.admin_api.callers import Caller, superusers_only
from control.web.admin_api.endpoint import Action, Answer, Body, Do, Endpoint
from control.web.admin_api.lists import Narrowed, boolean, text
from control.web.admin_api.refusals import answer
from control.web.admin_api.resource import Resource, View
from control.web.admin_api.shapes.parts import by_pk, moment
from control.web.services import Services
from rules.knocks import KINDS


class Known(Fields):
    provider: int
    application: str


def _answered(tx: Transaction, values: list[str]) -> Narrowed:
    said = boolean(values[-1])
    if said is None:
        return {}
    return {"pk": [knock.pk for knock in tx.select(Knock) if (knock.answered is not None) == said]}


def shape(tx: Transaction, records: Sequence[Knock], view: View) -> list[dict[str, Any]]:
    heard = by_pk(tx, Outpost, [knock.outpost for knock in records if knock.outpost])
    every = tx.select(Provider)
    return [_shown(knock, heard.get(knock.outpost), every) for knock in records]


def _shown(knock: Knock, outpost: Outpost | None, every: Sequence[Provider]) -> dict[str, Any]:
    body = newcomers.suggestion(knock, every) if knock.answered is None else None
    return {
        "pk": knock.pk,
        "kind": knock.kind,
        "what": knock.what,
        "message": KINDS.get(knock.kind, "{what}").format(what=knock.what),
        "outpost": knock.outpost or None,
        "outpost_name": outpost.name if outpost is not None else None,
        "count": knock.count,
        "first": moment(knock.first),
        "last": moment(knock.last),
        "answered": moment(knock.answered),
        "detail": knock.detail,
        "add": None if body is None else {"method": "POST", "path": f"/api/v3/knocks/{knock.pk}/add/", "body": body},
    }


KNOCKS = Resource(
    "knocks",
    Knock,
    "Knock",
    shape,
    ordering=("-last",),
    filters={"kind": text("kind"), "what": text("what"), "outpost": text("outpost"), "answered": _answered},
    delete=knocks.delete,
    clear=knocks.delete,
)


def routes(services: Services) -> list[BaseRoute]:
    fields = Body("KnockAddRequest", NewcomerFields, partial=True)
    add = Action(superusers_only, _add(services), fields, Answer("KnockAdded", Known), 201)
    return [
        Route("/knocks/{key}/add/", Endpoint(services, {"POST": add})),
        *KNOCKS.routes(services),
    ]


def _add(services: Services) -> Do:
    async def do(request: Request, caller: Caller) -> Response:
        body = await json_object(request)

        def verb(tx: Transaction) -> dict[str, Any]:
            knock = KNOCKS.one(tx, request.path_params["key"], caller)
            added = newcomers.add(tx, knock, body, services.random)
            return {"provider": added.provider, "application": added.application}

        return answer(await services.store.write(verb, caller.actor), 201)

    return do
