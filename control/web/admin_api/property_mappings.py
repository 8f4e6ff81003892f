"""`/propertymappings/all/<pk>/test/` and `types/`, as authentik has them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.mappings.answers import Mappings
from control.mappings.trial import tried
from control.records import User
from control.store.interface import Transaction
from control.verbs.fields import MAX_INTEGER, Fields, existing, parse
from control.verbs.property_mappings import KINDS, component
from control.web.admin_api.bodies import json_object
from control.web.admin_api.callers import Caller, superusers_only
from control.web.admin_api.endpoint import Action, Body, Do, Endpoint
from control.web.admin_api.kinds import types
from control.web.admin_api.refusals import answer
from control.web.admin_api.table.property_mappings import ALL
from control.web.services import Services


class Trial(Fields):
    user: Annotated[int, Field(ge=1, le=MAX_INTEGER)] | None = None
    """None: nobody has signed in."""
    context: dict[str, Any] = Field(default_factory=dict)


TRIAL = Body("PropertyMappingTestRequest", Trial)

TYPES = types((kind.label, kind.purpose, component(name), kind.model.lower()) for name, kind in KINDS.items())


def routes(services: Services) -> list[BaseRoute]:
    """They come before the records': ``types/`` would be a mapping's path."""
    return [
        Route(f"/{ALL.path}/types/", Endpoint(services, {"GET": Action(superusers_only, TYPES)})),
        Route(
            f"/{ALL.path}/{{key}}/test/",
            Endpoint(services, {"POST": Action(superusers_only, _test(services), TRIAL)}),
        ),
    ]


def _test(services: Services) -> Do:
    """Whoever may try a mapping out may write it: it sees what the person of the question has."""

    async def do(request: Request, caller: Caller) -> Response:
        asked = parse(Trial, await json_object(request))

        def verb(tx: Transaction) -> dict[str, Any]:
            mapping = ALL.one(tx, request.path_params["key"], caller)
            user = existing(tx, User, "user", [asked.user])[0] if asked.user is not None else None
            return tried(tx, mapping, user, asked.context, caller.client_ip, Mappings())

        return answer(await services.store.read(verb))

    return do
