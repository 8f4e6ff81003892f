"""OpenID Connect over HTTP, at authentik's paths, with and without the trailing slash."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import unquote_plus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from control.oidc import clients, discovery, grants, machines
from control.oidc.clients import Client
from control.oidc.discovery import ROOT
from control.oidc.grants import Bearer, Failed
from control.oidc.scopes import Told
from control.oidc.tokens import Random, Tokens
from control.sessions import Caller
from control.store.interface import Transaction
from control.web import oidc_pages
from control.web.addresses import known_as
from control.web.browser import caller
from control.web.oidc_answers import METHODS, OAuthError, answered, both, form_fields, to_json
from control.web.oidc_metadata import METADATA
from control.web.pages.answers import Endpoint, guarded
from control.web.pages.forms import FORM, media_type
from control.web.services import Services

Exchange = Callable[[Transaction, Client, Mapping[str, str], str, Random, Caller], Tokens | Failed]
Redeem = Callable[[Services, Client, Mapping[str, str], str, Caller], Awaitable[Tokens | Failed]]


def routes(services: Services) -> list[BaseRoute]:
    """Fixed words before slugs; `RESERVED_SLUGS` keeps applications off them."""
    path, endpoint, methods = oidc_pages.AUTHORIZE
    found = both(f"{ROOT}{path}", guarded(endpoint, services), methods)
    for path, endpoint, methods in (*PROGRAMS, *METADATA):
        found += both(path, answered(endpoint, services, methods), METHODS)
    for path, endpoint, methods in oidc_pages.BELOW_SLUG:
        found += both(f"{ROOT}{path}", guarded(endpoint, services), methods)
    return found


async def _token(request: Request, services: Services) -> Response:
    fields = await form_fields(request)
    base, who = await known_as(request, services), caller(request, services)
    client = await services.store.read(lambda tx: _authenticated(tx, request, fields))
    if "grant_type" not in fields:
        raise OAuthError(400, "invalid_request", "The parameter grant_type is missing.")
    exchange = EXCHANGES.get(fields["grant_type"])
    if exchange is None:
        raise OAuthError(400, "unsupported_grant_type", "This grant_type is not supported.")
    redeem, needed = exchange
    if needed and not fields.get(needed):
        raise OAuthError(400, "invalid_request", f"The parameter {needed} is missing.")
    answer = await redeem(services, client, fields, base, who)
    if isinstance(answer, Failed):
        raise OAuthError(400, answer.error, answer.description)
    return to_json(answer.to_json())


def _at_once(exchange: Exchange) -> Redeem:
    """In one transaction: people have been judged when they signed in."""
    return lambda services, client, fields, base, who: services.store.write(
        lambda tx: exchange(tx, client, fields, base, services.random, who)
    )


def _machine(
    services: Services, client: Client, fields: Mapping[str, str], base: str, who: Caller
) -> Awaitable[Tokens | Failed]:
    return machines.grant(services.store, services.judge, client, fields, base, services.random, who)


EXCHANGES: dict[str, tuple[Redeem, str]] = {
    "authorization_code": (_at_once(grants.redeem), "code"),
    "refresh_token": (_at_once(grants.refresh), "refresh_token"),
    machines.GRANT_TYPE: (_machine, ""),
}
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
    return to_json(told.claims)


async def _bearer_token(request: Request) -> str:
    """By header, or in a form (RFC 6750, 2.1 and 2.2); not in the query, which ends in logs. Raises OAuthError."""
    scheme, _, said = request.headers.get("authorization", "").partition(" ")
    given = [said.strip()] if scheme.lower() == "bearer" else []
    if request.method == "POST" and media_type(request) == FORM:
        fields = await form_fields(request)
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
    fields = await form_fields(request)
    base = await known_as(request, services)

    def verb(tx: Transaction) -> dict[str, Any]:
        client = _authenticated(tx, request, fields)
        if client.is_public:
            raise OAuthError(401, "invalid_client", "A public client may not ask.")
        token = _token_of(fields)
        found = grants.bearer(tx, token) or grants.renewing(tx, token)
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
            "acr": found.granted.acr,
            **({"amr": list(found.granted.amr)} if found.granted.amr else {}),
            **({"sid": found.granted.sid} if found.granted.sid else {}),
            "active": True,
            "scope": " ".join(found.granted.scopes),
            "client_id": client.client_id,
            "username": found.user.username,
            **({"token_type": "Bearer"} if isinstance(found, Bearer) else {}),
        }

    return to_json(await services.store.read(verb))


async def _revoke(request: Request, services: Services) -> Response:
    """RFC 7009. Nobody is told whether there was such a token."""
    fields = await form_fields(request)
    client = await services.store.read(lambda tx: _authenticated(tx, request, fields))
    token = _token_of(fields)
    await services.store.write(lambda tx: grants.revoke(tx, client, token))
    return to_json({})


def _token_of(fields: dict[str, str]) -> str:
    if not fields.get("token"):
        raise OAuthError(400, "invalid_request", "The parameter token is missing.")
    return fields["token"]


PROGRAMS: tuple[tuple[str, Endpoint, tuple[str, ...]], ...] = (
    (f"{ROOT}/token", _token, ("POST",)),
    (f"{ROOT}/userinfo", _userinfo, ("GET", "POST")),
    (f"{ROOT}/introspect", _introspect, ("POST",)),
    (f"{ROOT}/revoke", _revoke, ("POST",)),
)
