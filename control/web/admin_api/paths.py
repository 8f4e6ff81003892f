"""What forms offer: the paths that users are at, and the settings that a new outpost begins with."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.records import User
from control.store.interface import Transaction
from control.verbs.outposts import OutpostConfig
from control.web.admin_api.callers import Caller, auditors_and_helpdesk, superusers_only
from control.web.admin_api.endpoint import Action, Do, Endpoint
from control.web.admin_api.refusals import answer
from control.web.services import Services

NAMED = {"object_naming_template": "ak-outpost-%(name)s"}
"""Means nothing here; what manages outposts of authentik's sends it back."""


def routes(services: Services) -> list[BaseRoute]:
    """They come before the records': ``paths/`` would be a user's path."""
    return [
        Route("/core/users/paths/", Endpoint(services, {"GET": Action(auditors_and_helpdesk, _paths(services))})),
        Route(
            "/outposts/instances/default_settings/",
            Endpoint(services, {"GET": Action(superusers_only, _default_settings)}),
        ),
    ]


def _paths(services: Services) -> Do:
    """Of all users; with ``?search=``, those with this text in them."""

    async def do(request: Request, caller: Caller) -> Response:
        text = request.query_params.get("search", "").lower()

        def verb(tx: Transaction) -> dict[str, Any]:
            return {"paths": sorted(path for path in {user.path for user in tx.select(User)} if text in path.lower())}

        return answer(await services.store.read(verb))

    return do


async def _default_settings(request: Request, caller: Caller) -> Response:
    config = {name: value for name, value in OutpostConfig().model_dump().items() if name != "client_authority"}
    return answer({"config": {**config, **NAMED}})
