"""`/explain/`: would somebody be let into an application, through which steps, and what would change the answer?"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.authentication import MOST_ATTRIBUTES
from control.explaining.explain import Asked, Unknown, explain, with_visitor
from control.explaining.explained import as_json
from control.passwords.new import judge
from control.policies.judge import traced
from control.records import User
from control.store.interface import Transaction
from control.verbs.fields import Fields, Invalid, Name, Text, parse
from control.web.admin_api.bodies import json_object
from control.web.admin_api.callers import Caller, superusers_only
from control.web.admin_api.endpoint import Action, Answer, Body, Do, Endpoint
from control.web.admin_api.refusals import answer
from control.web.services import Services
from protocols.proxy.shown_lines import MOST_LINES


def _address(text: str) -> str:
    try:
        return str(ip_address(text)) if text else ""
    except ValueError:
        raise ValueError("Enter a valid IPv4 or IPv6 address.") from None


class Question(Fields):
    user: Name
    application: Name
    protocol: Text = ""
    peer: Annotated[Text, AfterValidator(_address), Field(alias="from")] = ""
    station: Text = ""
    attributes: Annotated[dict[str, str], Field(max_length=MOST_ATTRIBUTES)] = Field(default_factory=dict)
    scheme: Literal["http", "https"] = "https"
    headers: Annotated[dict[str, str], Field(max_length=MOST_LINES)] = Field(default_factory=dict, repr=False)
    """Of the request that a proxy tells of, by name."""
    new_password: Annotated[str, Field(min_length=1)] | None = Field(default=None, repr=False)
    """Would they be allowed to choose it? It is kept nowhere."""


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
    new_password: dict[str, Any] | None
    """``passing``, ``sentences`` for the person, and ``policies`` with what each said; None: not asked about."""


def routes(services: Services) -> list[BaseRoute]:
    takes, gives = Body("ExplainRequest", Question), Answer("Explanation", Said)
    ask = Action(superusers_only, _explain(services), takes, gives, recent=False)  # it changes nothing
    return [Route("/explain/", Endpoint(services, {"POST": ask}))]


def _explain(services: Services) -> Do:
    async def do(request: Request, caller: Caller) -> Response:
        asked = parse(Question, await json_object(request))
        question = Asked(asked.user, asked.application, asked.protocol, asked.peer, asked.station, asked.attributes)

        def verb(tx: Transaction) -> tuple[dict[str, Any], User | None]:
            try:
                found = explain(tx, with_visitor(question, asked.scheme, asked.headers.items()), services.judge)
                return as_json(found), tx.find(User, username=found.user)
            except Unknown as error:
                raise Invalid({error.field: [str(error)]}) from None

        told, user = await services.store.read(verb)
        told["new_password"] = None
        if asked.new_password is not None:
            pk, name = (user.pk, "") if user is not None else (0, asked.user)
            judged = await judge(services.store, services.passwords, pk, asked.new_password, asked.peer, name=name)
            told["new_password"] = {
                "passing": not judged.sentences,
                "sentences": list(judged.sentences),
                "policies": traced(judged.decided.answers) if judged.decided is not None else [],
            }
        return answer(told)

    return do
