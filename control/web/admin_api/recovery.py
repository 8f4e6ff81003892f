"""`/core/users/<pk>/recovery/` and `/recovery_email/`: an administrator has somebody choose a new password."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control import recovery
from control.flows import links
from control.mail import outbox
from control.mail.letters import moment
from control.records import User
from control.store.interface import Transaction
from control.verbs.fields import NON_FIELD, Invalid
from control.web.admin_api.callers import Caller, helpdesk
from control.web.admin_api.endpoint import Action, Do, Endpoint
from control.web.admin_api.extras import within_reach
from control.web.admin_api.refusals import answer
from control.web.admin_api.table.people import USERS
from control.web.services import Services

LASTS = 24 * 3600.0
"""Seconds that a link lasts which an administrator hands over."""
TEMPLATE, SUBJECT = "email/password_reset", "Choose a new password"


def routes(services: Services) -> list[BaseRoute]:
    return [
        Route("/core/users/{key}/recovery/", Endpoint(services, {"POST": Action(helpdesk, _link(services))})),
        Route(
            "/core/users/{key}/recovery_email/",
            Endpoint(services, {"POST": Action(helpdesk, _mail(services), status=204)}),
        ),
    ]


def _link(services: Services) -> Do:
    async def do(request: Request, caller: Caller) -> Response:
        key = links.new_key(services.random)

        def verb(tx: Transaction) -> str:
            return _given(tx, request, caller, services, key, by_mail=False)[1]

        return answer({"link": await services.store.write(verb, caller.actor)})

    return do


def _mail(services: Services) -> Do:
    async def do(request: Request, caller: Caller) -> Response:
        key = links.new_key(services.random)

        def verb(tx: Transaction) -> None:
            user, url = _given(tx, request, caller, services, key, by_mail=True)
            if services.post.server(tx) is None:
                raise Invalid({NON_FIELD: ["No mail server is set, under System, Configuration."]})
            until = tx.now + LASTS
            shown = {"name": user.name, "username": user.username}
            told: dict[str, Any] = {"url": url, "expires": moment(until), "brand": links.brand(tx, services)}
            words = services.post.letters.write(TEMPLATE, user=shown, **told)
            try:
                outbox.queue(tx, user.email, SUBJECT, words.text, TEMPLATE, words.html, user.pk, until)
            except outbox.CannotQueue as error:
                raise Invalid({NON_FIELD: [str(error)]}) from None

        await services.store.write(verb, caller.actor)
        return answer(None, 204)

    return do


def _given(
    tx: Transaction, request: Request, caller: Caller, services: Services, key: str, by_mail: bool
) -> tuple[User, str]:
    """The user, and a link of theirs. Raises Invalid, Refused."""
    user = within_reach(tx, USERS.one(tx, request.path_params["key"], caller), caller)
    base = links.public_url(tx, services)
    if not base:
        raise Invalid({NON_FIELD: ["Set the public URL first, under System, Configuration: the link leads there."]})
    slug = recovery.give(tx, user, links.host(tx, services), key, tx.now + LASTS, caller.actor, by_mail)
    return user, links.address(base, slug, key)
