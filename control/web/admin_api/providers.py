"""Of providers, beside the records' actions: kinds, addresses of an OpenID client, and what it would be told."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.oidc import claims, clients, discovery, scopes
from control.records import Application, Provider, User
from control.store.interface import Query, Transaction
from control.verbs.fields import Invalid
from control.verbs.provider_kinds import KINDS
from control.web.addresses import known_as
from control.web.admin_api.callers import Caller, superusers_only
from control.web.admin_api.endpoint import Action, Do, Endpoint
from control.web.admin_api.kinds import types
from control.web.admin_api.lists import numbers
from control.web.admin_api.refusals import Refused, answer
from control.web.services import Services

ADDRESSES = {
    "issuer": "issuer",
    "authorize": "authorization_endpoint",
    "token": "token_endpoint",
    "user_info": "userinfo_endpoint",
    "provider_info": "",
    "logout": "end_session_endpoint",
    "jwks": "jwks_uri",
}
"""authentik's names, and those of discovery."""

TYPES = types((kind.label, "", kind.component, kind.model.lower()) for kind in KINDS.values())


def routes(services: Services) -> list[BaseRoute]:
    """They come before the records': ``types/`` would be a provider's path."""
    return [
        Route("/providers/all/types/", Endpoint(services, {"GET": Action(superusers_only, TYPES)})),
        Route(
            "/providers/oauth2/{key}/setup_urls/",
            Endpoint(services, {"GET": Action(superusers_only, _setup_urls(services))}),
        ),
        Route(
            "/providers/oauth2/{key}/preview_user/",
            Endpoint(services, {"GET": Action(superusers_only, _preview(services))}),
        ),
    ]


def _provider(tx: Transaction, key: str) -> Provider:
    """Raises Refused."""
    is_number = key.isascii() and key.isdigit() and len(key) < 10
    found = tx.find(Provider, pk=int(key)) if is_number else None
    if found is None or found.kind != "oauth2":
        raise Refused(404, "No OAuth2Provider matches the given query.")
    return found


def _client(tx: Transaction, provider: Provider) -> clients.Client | None:
    application = tx.find(Application, provider=provider.pk)
    return clients.client(tx, provider, application) if application is not None else None


def _setup_urls(services: Services) -> Do:
    """Empty while no application uses it: its addresses have the application's slug in them."""

    async def do(request: Request, caller: Caller) -> Response:
        base = await known_as(request, services)

        def verb(tx: Transaction) -> dict[str, Any]:
            client = _client(tx, _provider(tx, request.path_params["key"]))
            if client is None:
                return dict.fromkeys(ADDRESSES)
            document = discovery.document(base, client)
            own = f"{base}{discovery.ROOT}/{client.application.slug}/.well-known/openid-configuration"
            return {name: document[known] if known else own for name, known in ADDRESSES.items()}

        return answer(await services.store.read(verb))

    return do


def _preview(services: Services) -> Do:
    """The claims that ``for_user`` (or whoever asks) would be told of by all scopes of the client: none while no
    application uses it."""

    async def do(request: Request, caller: Caller) -> Response:
        def verb(tx: Transaction) -> dict[str, Any]:
            provider = _provider(tx, request.path_params["key"])
            client, user = _client(tx, provider), _subject(tx, request, caller)
            if client is None:
                return {"preview": {}}
            person = claims.person(tx, user, client.nested_groups)
            told = scopes.told(tx, client, person, client.scopes, caller.client_ip)
            sub = claims.subject(person, provider.settings.get("sub_mode", "hashed_user_id"))
            return {"preview": {**told.claims, "sub": sub, "aud": client.client_id}}

        return answer(await services.store.read(verb))

    return do


def _subject(tx: Transaction, request: Request, caller: Caller) -> User:
    """Raises Invalid."""
    asked = request.query_params.get("for_user", "")
    found = tx.select(User, Query(within={"pk": numbers("for_user", [asked])})) if asked else [caller.user]
    if not found:
        raise Invalid({"for_user": ["User not found"]})
    return found[0]
