"""Stored secrets, one at a time and never without an event: keys of tokens and of certificates; and new ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control import audit
from control.certificates.making import KeyPair
from control.records import Certificate
from control.store.interface import Transaction
from control.verbs import certificates, tokens
from control.web.admin_api.bodies import json_object
from control.web.admin_api.callers import Caller, people, superusers_and_outposts, superusers_only
from control.web.admin_api.endpoint import Action, Body, Do, Endpoint
from control.web.admin_api.refusals import Refused, answer
from control.web.admin_api.resource import View
from control.web.admin_api.shapes.credentials import certificates as shown
from control.web.admin_api.table.credentials import CERTIFICATES, shown_key, token_resource
from control.web.services import Services

PAIRS = f"/{CERTIFICATES.path}"
PEM = "application/x-pem-file"


def routes(services: Services) -> list[BaseRoute]:
    def viewed(kind: str, read: Callable[[Certificate], str]) -> Route:
        action = Action(superusers_and_outposts, _view(services, kind, read), recent=kind == "private_key")
        return Route(f"{PAIRS}/{{key}}/view_{kind}/", Endpoint(services, {"GET": action}))

    asked = Body("CertificateGenerationRequest", certificates.GeneratedFields)
    view_key = Action(people, _view_key(services), recent=True)
    set_key = Action(superusers_only, _set_key(services), Body("TokenSetKeyRequest", tokens.KeyFields), status=204)
    generate = Action(superusers_only, _generate(services), asked, CERTIFICATES.answer)
    return [
        Route("/core/tokens/{key}/view_key/", Endpoint(services, {"GET": view_key})),
        Route("/core/tokens/{key}/set_key/", Endpoint(services, {"POST": set_key})),
        Route(f"{PAIRS}/generate/", Endpoint(services, {"POST": generate})),
        viewed("certificate", lambda pair: pair.certificate_data),
        viewed("private_key", lambda pair: pair.key_data),
    ]


def _view_key(services: Services) -> Do:
    resource = token_resource(services.random)

    async def do(request: Request, caller: Caller) -> Response:
        def verb(tx: Transaction) -> str:
            token = resource.one(tx, request.path_params["key"], caller)
            key = shown_key(tx, token)
            audit.secret_viewed(tx, token, token.identifier, caller.actor)
            return key

        return answer({"key": await services.store.write(verb, caller.actor)})

    return do


def _set_key(services: Services) -> Do:
    resource = token_resource(services.random)

    async def do(request: Request, caller: Caller) -> Response:
        body = await json_object(request)

        def verb(tx: Transaction) -> None:
            token = resource.one(tx, request.path_params["key"], caller)
            tokens.set_key(tx, token.pk, body)
            audit.secret_changed(tx, token, token.identifier, caller.actor)

        await services.store.write(verb, caller.actor)
        return answer(None, 204)

    return do


def _view(services: Services, kind: str, read: Callable[[Certificate], str]) -> Do:
    async def do(request: Request, caller: Caller) -> Response:
        def verb(tx: Transaction) -> str:
            pair = CERTIFICATES.one(tx, request.path_params["key"], caller)
            pem = read(pair)
            if not pem:
                raise Refused(404, "This certificate has no private key here.")
            audit.secret_viewed(tx, pair, pair.name, caller.actor, type=kind)
            return pem

        return pem_answer(request, await services.store.write(verb, caller.actor), kind)

    return do


def pem_answer(request: Request, pem: str, name: str) -> Response:
    """In JSON, or, with ``?download``, as a file."""
    if "download" not in request.query_params:
        return answer({"data": pem})
    headers = {"Content-Disposition": f'attachment; filename="{name}.pem"', "Cache-Control": "no-store"}
    return Response(pem.encode(), 200, headers, media_type=PEM)


def _generate(services: Services) -> Do:
    """The key pair is made in one of the reading threads: it takes as long as a hundred writes."""

    async def do(request: Request, caller: Caller) -> Response:
        fields = certificates.parse_generated(await json_object(request))

        def pair_of(tx: Transaction) -> KeyPair:
            return certificates.generated(tx, fields, services.now(), services.random)

        pair = await services.store.read(pair_of)

        def verb(tx: Transaction) -> dict[str, Any]:
            made = certificates.keep_generated(tx, fields.common_name, pair)
            return shown(tx, [made], View(caller, request.query_params))[0]

        return answer(await services.store.write(verb, caller.actor))

    return do
