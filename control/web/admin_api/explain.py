"""`/explain/`: would somebody be let into an application, through which steps, and what would change the answer?"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.authentication import MOST_ATTRIBUTES
from control.explain import Asked, Unknown, explain
from control.explained import as_json
from control.store.interface import Transaction
from control.verbs.fields import Fields, Invalid, Name, Text, parse
from control.web.admin_api.bodies import json_object
from control.web.admin_api.callers import Caller, superusers_only
from control.web.admin_api.endpoint import Action, Answer, Body, Do, Endpoint
from control.web.admin_api.refusals import answer
from control.web.services import Services


class Question(Fields):
    user: Name
    application: Name
    protocol: Text = ""
    peer: Annotated[Text, Field(alias="from")] = ""
    station: Text = ""
    attributes: Annotated[dict[str, str], Field(max_length=MOST_ATTRIBUTES)] = Field(default_factory=dict)


class Said(Fields):
    outcome: str
    passing: bool
    reason: str
    message: str
    stranger: str
    user: str
    application: str
    provider: str
    protocol: str
    policy_engine_mode: str
    steps: list[dict[str, Any]]
    bindings: list[dict[str, Any]]
    mappings: list[dict[str, Any]]
    changes: list[str]


def routes(services: Services) -> list[BaseRoute]:
    ask = Action(superusers_only, _explain(services), Body("ExplainRequest", Question), Answer("Explanation", Said))
    return [Route("/explain/", Endpoint(services, {"POST": ask}))]


def _explain(services: Services) -> Do:
    async def do(request: Request, caller: Caller) -> Response:
        asked = parse(Question, await json_object(request))

        def verb(tx: Transaction) -> dict[str, Any]:
            try:
                question = Asked(
                    asked.user, asked.application, asked.protocol, asked.peer, asked.station, asked.attributes
                )
                return as_json(explain(tx, question, services.judge))
            except Unknown as error:
                raise Invalid({error.field: [str(error)]}) from None

        return answer(await services.store.read(verb))

    return do
