"""`/admin/settings/mail/`: the mail server, and a test mail; `/mail/letters/`: what waits to be sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control import brands
from control.mail import outbox, server
from control.mail.trial import Tried, try_out
from control.records import Letter, MailServer
from control.store.interface import Transaction
from control.verbs.fields import Email, Fields, parse
from control.web.admin_api.bodies import json_object
from control.web.admin_api.callers import Caller, auditors, superusers_only
from control.web.admin_api.endpoint import Action, Answer, Body, Do, Endpoint
from control.web.admin_api.lists import text
from control.web.admin_api.refusals import answer
from control.web.admin_api.resource import Resource, View
from control.web.admin_api.shapes.parts import moment
from control.web.services import Services

PATH = "/admin/settings/mail/"


class TestFields(Fields):
    __test__ = False
    to: Annotated[Email, Field(min_length=3)]


class TestedFields(Fields):
    __test__ = False
    sent: bool
    step: str
    message: str


SERVER = Body("MailServerRequest", server.MailServerFields)
SERVER_NOW = Answer("MailServer", server.MailServerFields, write_only=frozenset({"password"}))
TEST = Body("MailTestRequest", TestFields)
TESTED = Answer("MailTest", TestedFields)


def letters(tx: Transaction, records: Sequence[Letter], view: View) -> list[dict[str, Any]]:
    """Without their words: there are links in them."""
    return [
        {
            "pk": letter.pk,
            "to": letter.to,
            "subject": letter.subject,
            "purpose": letter.purpose,
            "user": letter.user,
            "state": letter.state,
            "created": moment(letter.created),
            "next_try": moment(letter.due) if letter.state == outbox.WAITING else None,
            "tries": letter.tries,
            "trouble": letter.trouble,
            "answered": moment(letter.answered) if letter.answered else None,
        }
        for letter in records
    ]


LETTERS = Resource(
    "mail/letters",
    Letter,
    "Letter",
    letters,
    ordering=("-created",),
    readers=auditors,
    filters={"to": text("to"), "state": text("state"), "purpose": text("purpose")},
    delete=outbox.delete,
)


def routes(services: Services) -> list[BaseRoute]:
    put, patch = _change(services, partial=False), _change(services, partial=True)
    settings = {
        "GET": Action(superusers_only, _show(services), gives=SERVER_NOW),
        "PUT": Action(superusers_only, put, SERVER, SERVER_NOW),
        "PATCH": Action(superusers_only, patch, SERVER, SERVER_NOW),
    }
    test = Action(superusers_only, _try_out(services), TEST, TESTED)
    retry = Action(superusers_only, _retry(services))
    return [
        Route(PATH, Endpoint(services, settings)),
        Route(f"{PATH}test/", Endpoint(services, {"POST": test})),
        Route(f"/{LETTERS.path}/{{key}}/retry/", Endpoint(services, {"POST": retry})),
        *LETTERS.routes(services),
    ]


def shown(stored: MailServer, configured: MailServer | None) -> dict[str, Any]:
    """What an administrator has set, and which server is used. No answer has a password."""
    source = "settings" if stored.host else "environment" if configured is not None else "none"
    used = configured if not stored.host and configured is not None else stored
    told = {name: getattr(used, name) for name in server.MailServerFields.model_fields if name != "password"}
    return {**told, "password_set": bool(used.password), "source": source}


def _show(services: Services) -> Do:
    async def do(request: Request, caller: Caller) -> Response:
        return answer(shown(await services.store.read(server.stored), services.post.configured))

    return do


def _change(services: Services, partial: bool) -> Do:
    async def do(request: Request, caller: Caller) -> Response:
        body = await json_object(request)
        stored = await services.store.write(lambda tx: server.change(tx, body, partial), caller.actor)
        return answer(shown(stored, services.post.configured))

    return do


async def tried(services: Services, to: str) -> Tried:
    """A test mail by the server that is used now."""
    used, brand = await services.store.read(lambda tx: (services.post.server(tx), brands.title(tx)))
    return await try_out(services.post, used, to, services.random(16).hex(), services.now(), brand)


def _try_out(services: Services) -> Do:
    async def do(request: Request, caller: Caller) -> Response:
        return answer(asdict(await tried(services, parse(TestFields, await json_object(request)).to)))

    return do


def _retry(services: Services) -> Do:
    async def do(request: Request, caller: Caller) -> Response:
        def verb(tx: Transaction) -> dict[str, Any]:
            letter = LETTERS.one(tx, request.path_params["key"], caller)
            return letters(tx, [outbox.try_again(tx, letter.pk)], View(caller, request.query_params))[0]

        return answer(await services.store.write(verb, caller.actor))

    return do
