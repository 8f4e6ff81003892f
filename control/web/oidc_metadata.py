"""What applications read about us: keys, discovery, and where to look for it."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from control.launcher import default_application
from control.oidc import clients, discovery, keys
from control.oidc.clients import Client
from control.oidc.discovery import ROOT
from control.store.interface import Transaction
from control.web.addresses import known_as
from control.web.browser import address
from control.web.oidc_answers import OAuthError, to_json
from control.web.pages.answers import Endpoint
from control.web.services import Services

ISSUER = "http://openid.net/specs/connect/1.0/issuer"
"""The relation by which an issuer is found (OpenID Connect Discovery, 2)."""
LONGEST_RESOURCE = 2048
"""Characters."""


async def _jwks(request: Request, services: Services) -> Response:
    def verb(tx: Transaction) -> dict[str, Any]:
        return keys.signing_key(tx, _of_slug(tx, request)).public()

    return to_json({"keys": [await services.store.read(verb)]})


async def _discovery(request: Request, services: Services) -> Response:
    base = await known_as(request, services)
    return to_json(await services.store.read(lambda tx: discovery.document(base, _of_slug(tx, request))))


def _of_slug(tx: Transaction, request: Request) -> Client:
    client = clients.of_application(tx, request.path_params["slug"])
    if client is None:
        raise OAuthError(404, "not_found", "There is no such application.")
    return client


async def _webfinger(request: Request, services: Services) -> Response:
    """RFC 7033. Everybody's issuer is that of the brand's default application, as in authentik."""
    resource = request.query_params.get("resource", "")
    if not 0 < len(resource) <= LONGEST_RESOURCE:
        raise OAuthError(400, "invalid_request", "The parameter resource is missing, or too long.")
    asked_for = request.query_params.getlist("rel")
    base, host = await known_as(request, services), address(request, services).host

    def verb(tx: Transaction) -> list[str]:
        application = default_application(tx, host)
        client = clients.of_application(tx, application.slug) if application is not None else None
        return [discovery.issuer(base, client)] if client is not None else []

    issuers = await services.store.read(verb) if not asked_for or ISSUER in asked_for else []
    told = {"subject": resource, "links": [{"rel": ISSUER, "href": issuer} for issuer in issuers]}
    return to_json(told, headers={"Content-Type": "application/jrd+json"})


METADATA: tuple[tuple[str, Endpoint, tuple[str, ...]], ...] = (
    (f"{ROOT}/{{slug}}/jwks", _jwks, ("GET",)),
    (f"{ROOT}/{{slug}}/.well-known/openid-configuration", _discovery, ("GET",)),
    (f"/.well-known/oauth-authorization-server{ROOT}/{{slug}}", _discovery, ("GET",)),
    ("/.well-known/webfinger", _webfinger, ("GET",)),
)
"""Paths, without the slash that may follow."""
