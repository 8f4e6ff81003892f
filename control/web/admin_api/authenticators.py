"""All second factors of one person, whatever their kind; as a plain list, which is how authentik gives it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.store.interface import Transaction
from control.verbs import authenticators
from control.web.admin_api.callers import Caller, people, superusers_only
from control.web.admin_api.endpoint import Action, Do, Endpoint
from control.web.admin_api.refusals import Refused, answer
from control.web.admin_api.shapes.authenticators import every
from control.web.admin_api.shapes.parts import Body
from control.web.services import Services


def routes(services: Services) -> list[BaseRoute]:
    return [
        Route("/authenticators/all/", Endpoint(services, {"GET": Action(people, _own(services))})),
        Route("/authenticators/admin/all/", Endpoint(services, {"GET": Action(superusers_only, _of_user(services))})),
    ]


def _own(services: Services) -> Do:
    async def do(request: Request, caller: Caller) -> Response:
        return answer(await services.store.read(lambda tx: _of(tx, caller.user.pk)))

    return do


def _of_user(services: Services) -> Do:
    """``?user=5``: this list has no pages, and those of everybody (``admin/totp/``, ``admin/static/``) have."""

    async def do(request: Request, caller: Caller) -> Response:
        asked = request.query_params.get("user", "")
        if not (asked.isascii() and asked.isdigit() and len(asked) <= 9):
            raise Refused(400, "Say whose: add ?user= and the user's number.")
        return answer(await services.store.read(lambda tx: _of(tx, int(asked))))

    return do


def _of(tx: Transaction, user: int) -> list[Body]:
    return every(tx, authenticators.of(tx, user))
