"""`/radius/sessions/<pk>/disconnect/` and `/coa/`: a NAS is to end a session, or to change it (RFC 5176)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field, model_validator
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.radius import orders as radius_orders
from control.records import RadiusSession
from control.store.interface import Transaction
from control.verbs.fields import NON_FIELD, Fields, Invalid, parse
from control.verbs.radius_rules import MOST_ATTRIBUTES, AttributeFields, too_long
from control.web.admin_api.bodies import json_object
from control.web.admin_api.callers import Caller, superusers_only
from control.web.admin_api.endpoint import Action, Body, Do, Endpoint
from control.web.admin_api.refusals import answer
from control.web.admin_api.resource import View
from control.web.admin_api.shapes.radius import sessions
from control.web.admin_api.table.radius import SESSIONS
from control.web.services import Services
from protocols.radius.definitions import defined
from protocols.radius.orders import COA, DISCONNECT


class ChangedFields(AttributeFields):
    @model_validator(mode="after")
    def _is_no_secret(self) -> ChangedFields:
        """What hides one is made of the authenticator that is answered, and an order answers none."""
        if defined(self.name).hidden:
            raise ValueError(f"{self.name} is a secret, and has no place in an order.")
        return self


class Change(Fields):
    attributes: Annotated[list[ChangedFields], Field(min_length=1, max_length=MOST_ATTRIBUTES)]


CHANGE = Body("RadiusSessionChangeRequest", Change)


def routes(services: Services) -> list[BaseRoute]:
    disconnect = Action(superusers_only, _ordered(services, DISCONNECT, _nothing), status=202)
    coa = Action(superusers_only, _ordered(services, COA, _attributes), CHANGE, status=202)
    return [
        Route("/radius/sessions/{key}/disconnect/", Endpoint(services, {"POST": disconnect})),
        Route("/radius/sessions/{key}/coa/", Endpoint(services, {"POST": coa})),
    ]


Attributes = list[dict[str, Any]]


def _nothing(body: Any) -> Attributes:
    return []


def _attributes(body: Any) -> Attributes:
    """Raises Invalid."""
    change = parse(Change, body)
    too_long(change.attributes)
    attributes: Attributes = change.model_dump()["attributes"]
    return attributes


def _ordered(services: Services, kind: str, attributes: Callable[[Any], Attributes]) -> Do:
    """The session as it is now; its ``outcome`` tells later what the NAS has answered."""

    async def do(request: Request, caller: Caller) -> Response:
        further = attributes(await json_object(request) if kind == COA else {})

        def verb(tx: Transaction) -> dict[str, Any]:
            session: RadiusSession = SESSIONS.one(tx, request.path_params["key"], caller)
            if not session.live:
                raise Invalid({NON_FIELD: ["This session has ended."]})
            radius_orders.ask(tx, session, kind, radius_orders.BY_HAND, further)
            (asked,) = sessions(tx, [tx.get(RadiusSession, session.pk)], View(caller, request.query_params))
            return asked

        return answer(await services.store.write(verb, caller.actor), 202)

    return do
