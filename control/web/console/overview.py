"""The first page: what is running, what is missing, who was not let in."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from control.records import Application, Event, Group, Outpost, Provider, User
from control.store.interface import Query, Transaction
from control.web.admin_api.shapes.activity import events
from control.web.admin_api.table.events import EVENTS
from control.web.browser import address
from control.web.console import advice
from control.web.console.cells import minutes
from control.web.console.frames import Frame
from control.web.console.sections import ROOT
from control.web.console.table.events import LOG, what, who
from control.web.console.table.outposts import POSTS, health
from control.web.services import Services

LATEST = 8
"""Refusals on the page."""
COUNTED = (
    ("Applications", Application, f"{ROOT}/core/applications/"),
    ("Providers", Provider, f"{ROOT}/core/providers/"),
    ("Users", User, f"{ROOT}/identity/users/"),
    ("Groups", Group, f"{ROOT}/identity/groups/"),
)


async def page(request: Request, services: Services, frame: Frame) -> Response:
    here = address(request, services)

    def verb(tx: Transaction) -> dict[str, Any]:
        view = LOG.view(frame.visitor.caller, request.query_params)
        refused = Query(equal={"action": "login_failed"}, ordering=EVENTS.ordering, limit=LATEST)
        return {
            "counts": [(title, tx.count(kind), url) for title, kind, url in COUNTED],
            "advice": advice.everything(tx, f"{here.scheme}://{here.host}"),
            "outposts": [
                {"name": one.name, "url": f"{POSTS.url}{one.pk}/", "instances": health(tx, one, services.version)}
                for one in tx.select(Outpost, Query(ordering=("name",)))
            ],
            "refusals": [
                {"when": minutes(body["created"]), "who": who(body), "what": what(body), "url": LOG.url_of(body)}
                for body in events(tx, tx.select(Event, refused), view)
            ],
        }

    values = await services.store.read(verb)
    return frame.page("console/overview.html", version=services.version, **values)
