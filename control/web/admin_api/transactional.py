"""`/core/transactional/applications/`: a provider, its application and who may use it, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.store.interface import Transaction
from control.verbs import applications, bindings, providers
from control.verbs.fields import Fields, Invalid, Text, parse
from control.verbs.provider_kinds import KINDS
from control.web.admin_api.bodies import json_object
from control.web.admin_api.callers import Caller, superusers_only
from control.web.admin_api.endpoint import Action, Body, Do, Endpoint
from control.web.admin_api.refusals import answer
from control.web.services import Services

MOST_BINDINGS = 100
MODELS = {f"authentik_providers_{name}.{kind.model.lower()}": name for name, kind in KINDS.items()}


class Whole(Fields):
    app: dict[str, Any]
    provider_model: Text
    provider: dict[str, Any]
    policy_bindings: Annotated[list[dict[str, Any]], Field(max_length=MOST_BINDINGS)] = Field(default_factory=list)


WHOLE = Body("TransactionApplicationRequest", Whole)


def routes(services: Services) -> list[BaseRoute]:
    action = Action(superusers_only, _make(services), WHOLE)
    return [Route("/core/transactional/applications/", Endpoint(services, {"PUT": action}))]


def _make(services: Services) -> Do:
    async def do(request: Request, caller: Caller) -> Response:
        whole = parse(Whole, await json_object(request))
        kind = MODELS.get(whole.provider_model.lower())
        if kind is None:
            raise Invalid({"provider_model": [f'"{whole.provider_model}" is not a valid choice.']})

        def verb(tx: Transaction) -> None:
            with _within("provider"):
                provider = providers.create(tx, kind, whole.provider, services.random)
            with _within("app"):
                application = applications.create(tx, {**whole.app, "provider": provider.pk})
            with _within("policy_bindings"):
                for one in whole.policy_bindings:
                    bindings.create(tx, {**one, "target": application.pk})

        await services.store.write(verb, caller.actor)
        return answer({"applied": True, "logs": []})

    return do


@contextmanager
def _within(part: str) -> Iterator[None]:
    """A part's mistakes are told below its name. Raises Invalid."""
    try:
        yield
    except Invalid as error:
        below: Mapping[str, Any] = error.fields
        raise Invalid({part: below}) from None  # type: ignore[dict-item]  # the one place with mistakes in mistakes
