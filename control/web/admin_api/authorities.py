"""`/crypto/authorities/`: authorities of our own, what they issue and what they revoke; `/crypto/issued/`."""

from __future__ import annotations

import base64
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.certificates import authority, issuing
from control.certificates.authority import CannotIssue
from control.store.interface import Transaction
from control.verbs import authorities
from control.web.admin_api.bodies import json_object
from control.web.admin_api.callers import Caller, superusers_only
from control.web.admin_api.credentials import pem_answer
from control.web.admin_api.endpoint import Action, Body, Do, Endpoint
from control.web.admin_api.refusals import Refused, answer
from control.web.admin_api.resource import View
from control.web.admin_api.shapes.credentials import certificates as shown
from control.web.admin_api.shapes.credentials import issued as shown_issued
from control.web.admin_api.table.credentials import CERTIFICATES, ISSUED
from control.web.services import Services

PATH = "/crypto/authorities"


def routes(services: Services) -> list[BaseRoute]:
    create = Action(
        superusers_only, _create(services), Body("AuthorityRequest", authorities.AuthorityFields), status=201
    )
    issue = Action(superusers_only, _issue(services), Body("IssueRequest", authorities.IssueFields), status=201)
    return [
        Route(f"{PATH}/", Endpoint(services, {"POST": create})),
        Route(f"{PATH}/{{key}}/issue/", Endpoint(services, {"POST": issue})),
        Route(
            f"{PATH}/{{key}}/revocations/", Endpoint(services, {"GET": Action(superusers_only, _revocations(services))})
        ),
        Route(
            f"/{ISSUED.path}/{{key}}/revoke/",
            Endpoint(services, {"POST": Action(superusers_only, _revoke(services), gives=ISSUED.answer)}),
        ),
    ]


def _create(services: Services) -> Do:
    async def do(request: Request, caller: Caller) -> Response:
        body = await json_object(request)
        kept = await issuing.new_authority(services.store, body, services.now(), services.random, caller.actor)
        view = View(caller, request.query_params)
        return answer(await services.store.read(lambda tx: shown(tx, [kept], view)[0]), 201)

    return do


def _issue(services: Services) -> Do:
    """The one answer that holds the private key: as PEM, and as PKCS #12 with its password."""

    async def do(request: Request, caller: Caller) -> Response:
        body, view = await json_object(request), View(caller, request.query_params)
        above = await services.store.read(lambda tx: CERTIFICATES.one(tx, request.path_params["key"], caller).pk)
        issued = await issuing.issue(services.store, above, body, services.now(), services.random, caller.actor)
        secret = {
            "private_key": issued.key,
            "pkcs12": base64.b64encode(issued.pkcs12).decode(),
            "pkcs12_password": issued.password,
        }
        told = await services.store.read(lambda tx: shown_issued(tx, [issued.record], view)[0])
        return answer({**told, **secret}, 201)

    return do


def _revoke(services: Services) -> Do:
    async def do(request: Request, caller: Caller) -> Response:
        def verb(tx: Transaction) -> dict[str, Any]:
            found = ISSUED.one(tx, request.path_params["key"], caller)
            revoked = authorities.revoke(tx, found.pk)
            return shown_issued(tx, [revoked], View(caller, request.query_params))[0]

        return answer(await services.store.write(verb, caller.actor))

    return do


def _revocations(services: Services) -> Do:
    """A list that is signed now, for other servers that believe this authority; there is nothing secret in it."""

    async def do(request: Request, caller: Caller) -> Response:
        def verb(tx: Transaction) -> str:
            above = CERTIFICATES.one(tx, request.path_params["key"], caller)
            pair, revoked = authorities.revocations(tx, above.pk)
            try:
                return authority.revocation_list(pair, revoked, services.now())
            except CannotIssue as error:
                raise Refused(404, str(error)) from None

        pem = await services.store.read(verb)
        return pem_answer(request, pem, "revocations")

    return do
