"""What the table of events and notifications does not hold: an export, a trial of a transport, all seen at once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from control.mappings.answers import Mappings
from control.notifications.mailing import by_mail
from control.notifications.matching import CannotMail, keep
from control.notifications.webhooks import message, telling
from control.notifications.wording import BODIES
from control.records import Event, NotificationTransport, User
from control.store.interface import Query, Transaction
from control.verbs import notifications
from control.verbs.fields import NON_FIELD, Invalid
from control.web.admin_api.callers import Caller, auditors, people, superusers_only
from control.web.admin_api.endpoint import Action, Do, Endpoint
from control.web.admin_api.lists import query_of
from control.web.admin_api.refusals import answer
from control.web.admin_api.resource import View
from control.web.admin_api.table.events import EVENTS, NOTIFICATIONS, TRANSPORTS
from control.web.services import Services

PAGE = 500
"""Events that are read together; between pages, others write."""
TRIAL = "This is a trial of the transport “{}”."


class Lines(Response):
    """A list in JSON, an element a line, as it is made: no export is held in memory."""

    media_type = "application/json"

    def __init__(self, parts: AsyncIterator[str], name: str) -> None:
        super().__init__(headers={"Content-Disposition": f'attachment; filename="{name}"'})
        del self.headers["Content-Length"]
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        before = b"["
        async for part in self._parts:
            await send({"type": "http.response.body", "body": before + part.encode(), "more_body": True})
            before = b",\n"
        await send({"type": "http.response.body", "body": b"]\n" if before != b"[" else b"[]\n", "more_body": False})


def routes(services: Services) -> list[BaseRoute]:
    """They come before the records': ``export/`` would be an event's path."""
    export = {"GET": Action(auditors, _export(services))}
    trial = {"POST": Action(superusers_only, _try(services))}
    seen = {"POST": Action(people, _all_seen(services), status=204)}
    return [
        Route(f"/{EVENTS.path}/export/", Endpoint(services, export)),
        Route(f"/{TRANSPORTS.path}/{{key}}/test/", Endpoint(services, trial)),
        Route(f"/{NOTIFICATIONS.path}/mark_all_seen/", Endpoint(services, seen)),
    ]


def _export(services: Services) -> Do:
    """Every event that the list's filters choose, newest first."""

    async def do(request: Request, caller: Caller) -> Response:
        view = View(caller, request.query_params)

        def page(tx: Transaction, query: Query, offset: int) -> list[str]:
            chosen = replace(query, ordering=EVENTS.ordering, offset=offset, limit=PAGE)
            return [json.dumps(body) for body in EVENTS.shape(tx, tx.select(Event, chosen), view)]

        async def lines(query: Query) -> AsyncIterator[str]:
            offset = 0
            while found := await services.store.read(partial(page, query=query, offset=offset)):
                yield ",\n".join(found)
                offset += PAGE

        query = await services.store.read(lambda tx: query_of(tx, request.query_params, EVENTS.filters, []))
        return Lines(lines(query), "events.json")

    return do


def _try(services: Services) -> Do:
    """One notification for whoever asks, at once."""

    async def do(request: Request, caller: Caller) -> Response:
        key = request.path_params["key"]
        transport = await services.store.read(lambda tx: TRANSPORTS.one(tx, key, caller))
        body = TRIAL.format(transport.name)
        if transport.mode in BODIES:
            made = await services.store.read(
                lambda tx: message(telling(tx, transport, body, "notice", caller.user, None), Mappings())
            )
            if made.broken:
                raise Invalid({NON_FIELD: [f"“{one.mapping.name}” failed: {one.fault}" for one in made.broken]})
            said = await services.post_json(transport.webhook_url, made.body, made.headers)
            if said:
                raise Invalid({NON_FIELD: [said]})
            return answer({"messages": ["It was taken."]})
        await services.store.write(partial(_tell, services=services, transport=transport, user=caller.user, body=body))
        return answer({"messages": ["It was sent." if transport.mode == "email" else "It is in your list."]})

    return do


def _tell(tx: Transaction, services: Services, transport: NotificationTransport, user: User, body: str) -> None:
    """Raises Invalid."""
    if transport.mode == "local":
        keep(tx, user, body, "notice", None)
        return
    event = Event("custom_trial", context={"message": body}, created=tx.now)
    try:
        by_mail(services.post)(tx, transport, user, body, event)
    except CannotMail as error:
        raise Invalid({NON_FIELD: [str(error)]}) from error


def _all_seen(services: Services) -> Do:
    async def do(request: Request, caller: Caller) -> Response:
        await services.store.write(lambda tx: notifications.all_seen(tx, caller.user.pk), caller.actor)
        return answer(None, 204)

    return do
