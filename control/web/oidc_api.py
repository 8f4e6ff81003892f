"""OpenID Connect over HTTP, at authentik's paths, with and without the trailing slash."""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote_plus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from control.oidc import clients, discovery, grants, keys
from control.oidc.clients import Client
from control.oidc.discovery import ROOT
from control.oidc.grants import Bearer, Failed
from control.oidc.scopes import Told
from control.store.interface import Overloaded, Transaction, Unavailable
from control.web import oidc_pages
from control.web.addresses import known_as
from control.web.browser import caller
from control.web.pages.answers import Endpoint, Stop, guarded
from control.web.pages.forms import FORM, form
from control.web.services import Services
from protocols.proxy.trust import ForwardingError

log = logging.getLogger(__name__)

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
CROSS_ORIGIN = {"Access-Control-Allow-Origin": "*"}
"""Applications in browsers may ask: nothing here is answered because of a cookie."""
PREFLIGHT = {
    **CROSS_ORIGIN,
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "600",
}


class OAuthError(Exception):
    """RFC 6749, 5.2, and RFC 6750, 3.1."""

    def __init__(self, status: int, error: str, description: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.headers = headers or {}


def routes(services: Services) -> list[BaseRoute]:
    """Fixed words before slugs; `RESERVED_SLUGS` keeps applications off them."""
    path, endpoint, methods = oidc_pages.AUTHORIZE
    found = _both(path, guarded(endpoint, services), methods)
    for path, endpoint, methods in PROGRAMS:
        found += _both(path, _answered(endpoint, services), (*methods, "OPTIONS"))
    for path, endpoint, methods in oidc_pages.BELOW_SLUG:
        found += _both(path, guarded(endpoint, services), methods)
    return found


def _both(path: str, served: Callable[[Request], Awaitable[Response]], methods: tuple[str, ...]) -> list[BaseRoute]:
    return [Route(f"{ROOT}{path}{end}", served, methods=list(methods)) for end in ("/", "")]


def _answered(endpoint: Endpoint, services: Services) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint's JSON, or an error's; any exception denies."""

    async def served(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=PREFLIGHT)
        try:
            response = await endpoint(request, services)
        except OAuthError as error:
            body = {"error": error.error, "error_description": str(error)} if error.error else None
            response = _json(body, error.status, error.headers)
        except Stop as stop:
            response = _json({"error": "invalid_request", "error_description": stop.text}, stop.status)
        except ForwardingError as error:
            response = _json({"error": "invalid_request", "error_description": str(error)}, 400)
        except (Unavailable, Overloaded):
            told = {"error": "temporarily_unavailable", "error_description": "The database does not answer."}
            response = _json(told, 503, {"Retry-After": "2"})
        except keys.NoKey as error:
            log.error("%s", error)
            response = _json({"error": "server_error", "error_description": str(error)}, 500)
        except Exception:
            log.exception("%s failed", request.url.path)
            response = _json({"error": "server_error", "error_description": "This is our fault."}, 500)
        response.headers.update({**CROSS_ORIGIN, "X-Content-Type-Options": "nosniff"})
        return response

    return served


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    said = {**NO_STORE, **(headers or {})}
    return Response(status_code=status, headers=said) if body is None else JSONResponse(body, status, said)


async def _token(request: Request, services: Services) -> Response:
    fields = await form(request)
    base, who = await known_as(request, services), caller(request, services)
    client = await services.store.read(lambda tx: _authenticated(tx, request, fields))
    if "grant_type" not in fields:
        raise OAuthError(400, "invalid_request", "The parameter grant_type is missing.")
    exchange = EXCHANGES.get(fields["grant_type"])
    if exchange is None:
        raise OAuthError(400, "unsupported_grant_type", "This grant_type is not supported.")
    redeem, needed = exchange
    if not fields.get(needed):
        raise OAuthError(400, "invalid_request", f"The parameter {needed} is missing.")
    answer = await services.store.write(lambda tx: redeem(tx, client, fields, base, services.random, who))
    if isinstance(answer, Failed):
        raise OAuthError(400, answer.error, answer.description)
    return _json(answer.to_json())


EXCHANGES = {"authorization_code": (grants.redeem, "code"), "refresh_token": (grants.refresh, "refresh_token")}
"""grant_type: what exchanges it, and the parameter that it needs."""


def _authenticated(tx: Transaction, request: Request, fields: dict[str, str]) -> Client:
    """The client, by Basic or by its form (RFC 6749, 2.3.1). A public one only says its name. Raises OAuthError."""
    named, secret, by_header = _credentials(request, fields)
    client = clients.find(tx, named)
    headers = {"WWW-Authenticate": 'Basic realm="OAuth"'} if by_header else {}
    if client is None or not (client.is_public or (secret is not None and client.has_secret(secret))):
        raise OAuthError(401, "invalid_client", "The client is unknown, or its secret is wrong.", headers)
    return client


def _credentials(request: Request, fields: dict[str, str]) -> tuple[str, str | None, bool]:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return fields.get("client_id", ""), fields.get("client_secret"), False
    if "client_secret" in fields:
        raise OAuthError(400, "invalid_request", "The client shows its secret in two ways.")
    try:
        name, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode("ascii").partition(":")
    except (binascii.Error, ValueError):
        name, colon, secret = "", "", ""
    named = unquote_plus(name)
    if fields.get("client_id", named) != named:
        raise OAuthError(400, "invalid_request", "The client names itself in two ways.")
    return named, unquote_plus(secret) if colon else None, True


async def _userinfo(request: Request, services: Services) -> Response:
    token = await _bearer_token(request)
    peer = caller(request, services).client_ip

    def verb(tx: Transaction) -> tuple[Bearer, Told]:
        found = grants.bearer(tx, token)
        if found is None:
            raise _challenge(401, "invalid_token", "The token is unknown, expired or revoked.")
        if "openid" not in found.granted.scopes:
            raise _challenge(403, "insufficient_scope", "The token was given without the scope openid.")
        return found, grants.userinfo(tx, found, peer)

    found, told = await services.store.read(verb)
    if told.broken:
        await services.store.write(lambda tx: grants.broken(tx, found, told, peer))
    if told.refused:
        raise _challenge(401, "invalid_token", grants.BROKEN)
    return _json(told.claims)


async def _bearer_token(request: Request) -> str:
    """By header, or in a form (RFC 6750, 2.1 and 2.2); not in the query, which ends in logs. Raises OAuthError."""
    scheme, _, said = request.headers.get("authorization", "").partition(" ")
    given = [said.strip()] if scheme.lower() == "bearer" else []
    if request.method == "POST" and request.headers.get("content-type", "").split(";")[0].strip().lower() == FORM:
        fields = await form(request)
        given += [fields["access_token"]] if "access_token" in fields else []
    if len(given) > 1:
        raise _challenge(400, "invalid_request", "The token is there in two ways.")
    if not given:
        raise OAuthError(401, "", "", {"WWW-Authenticate": "Bearer"})
    return given[0]


def _challenge(status: int, error: str, description: str) -> OAuthError:
    said = f'Bearer error="{error}", error_description="{description}"'
    return OAuthError(status, error, description, {"WWW-Authenticate": said})


async def _introspect(request: Request, services: Services) -> Response:
    """RFC 7662. A client learns about tokens of its own."""
    fields = await form(request)
    base = await known_as(request, services)

    def verb(tx: Transaction) -> dict[str, Any]:
        client = _authenticated(tx, request, fields)
        if client.is_public:
            raise OAuthError(401, "invalid_client", "A public client may not ask.")
        found = grants.bearer(tx, fields.get("token", ""))
        if found is None or found.client.client_id != client.client_id:
            return {"active": False}
        told = grants.userinfo(tx, found, caller(request, services).client_ip)
        if told.refused:
            return {"active": False}
        return {
            **told.claims,
            "iss": discovery.issuer(base, client),
            "aud": client.client_id,
            "exp": int(found.token.expires),
            "iat": int(found.token.created),
            "auth_time": found.granted.auth_time,
            "active": True,
            "scope": " ".join(found.granted.scopes),
            "client_id": client.client_id,
            "username": found.user.username,
            "token_type": "Bearer",
        }

    return _json(await services.store.read(verb))


async def _revoke(request: Request, services: Services) -> Response:
    """RFC 7009. Nobody is told whether there was such a token."""
    fields = await form(request)
    client = await services.store.read(lambda tx: _authenticated(tx, request, fields))
    await services.store.write(lambda tx: grants.revoke(tx, client, fields.get("token", "")))
    return _json({})


async def _jwks(request: Request, services: Services) -> Response:
    def verb(tx: Transaction) -> dict[str, Any]:
        return keys.signing_key(tx, _of_slug(tx, request)).public()

    return _json({"keys": [await services.store.read(verb)]})


async def _discovery(request: Request, services: Services) -> Response:
    base = await known_as(request, services)
    return _json(await services.store.read(lambda tx: discovery.document(base, _of_slug(tx, request))))


def _of_slug(tx: Transaction, request: Request) -> Client:
    client = clients.of_application(tx, request.path_params["slug"])
    if client is None:
        raise OAuthError(404, "not_found", "There is no such application.")
    return client


PROGRAMS: tuple[tuple[str, Endpoint, tuple[str, ...]], ...] = (
    ("/token", _token, ("POST",)),
    ("/userinfo", _userinfo, ("GET", "POST")),
    ("/introspect", _introspect, ("POST",)),
    ("/revoke", _revoke, ("POST",)),
    ("/{slug}/jwks", _jwks, ("GET",)),
    ("/{slug}/.well-known/openid-configuration", _discovery, ("GET",)),
)
