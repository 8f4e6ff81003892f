"""`/outposts/{ldap,radius,proxy}/`: providers as authentik delivers them to its outposts.

An outpost sees those that it serves, a superuser all; nobody sees one without an application.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.oidc import clients, discovery
from control.purposes import headless_flow
from control.records import Application, Flow, Provider
from control.store.interface import NotFound, Query, Transaction
from control.verbs import system
from control.verbs.fields import seconds
from control.verbs.provider_kinds import KINDS as MODELS
from control.web.addresses import base_url
from control.web.admin_api.callers import Caller, served_by, superusers_and_outposts
from control.web.admin_api.endpoint import Action, Answer, Do, Endpoint
from control.web.admin_api.lists import Page, page_of, pagination
from control.web.admin_api.refusals import Refused, answer
from control.web.services import Services

Body = dict[str, Any]
Delivered = Callable[[Transaction, Provider, Application, str], Body | None]
"""The body, with addresses under a base URL; None for what cannot be delivered."""


def routes(services: Services) -> list[BaseRoute]:
    found: list[BaseRoute] = []
    for kind, delivered in KINDS.items():
        shown = Answer(f"{MODELS[kind].model.removesuffix('Provider')}OutpostConfig", pk=int)
        page = replace(shown, pages=True)
        every = Action(superusers_and_outposts, _list(services, kind, delivered), gives=page)
        one = Action(superusers_and_outposts, _retrieve(services, kind, delivered), gives=shown)
        found.append(Route(f"/outposts/{kind}/", Endpoint(services, {"GET": every})))
        found.append(Route(f"/outposts/{kind}/{{key}}/", Endpoint(services, {"GET": one})))
    return found


def _list(services: Services, kind: str, delivered: Delivered) -> Do:
    async def do(request: Request, caller: Caller) -> Response:
        here = base_url(request, services)

        def verb(tx: Transaction) -> Body:
            page = page_of(request.query_params)
            asked, part = request.query_params.get("name", ""), request.query_params.get("search", "").casefold()
            found = _delivered(tx, kind, delivered, caller, here)
            bodies = [one for one in found if asked in ("", one["name"]) and part in one["name"].casefold()]
            return {"pagination": pagination(page, len(bodies)), "results": _part(bodies, page), "autocomplete": {}}

        return answer(await services.store.read(verb))

    return do


def _retrieve(services: Services, kind: str, delivered: Delivered) -> Do:
    async def do(request: Request, caller: Caller) -> Response:
        here = base_url(request, services)

        def verb(tx: Transaction) -> Body:
            for body in _delivered(tx, kind, delivered, caller, here):
                if str(body["pk"]) == request.path_params["key"]:
                    return body
            raise Refused(404, "No Provider matches the given query.")

        return answer(await services.store.read(verb))

    return do


def _part(bodies: list[Body], page: Page) -> list[Body]:
    return bodies[page.offset : page.offset + page.size]


def _delivered(tx: Transaction, kind: str, delivered: Delivered, caller: Caller, here: str) -> list[Body]:
    base = system.public_url(tx) or here
    fronted = {application.provider: application for application in tx.select(Application)}
    wanted: Mapping[str, Any] = {"kind": [kind], "pk": [pk for pk in _served(tx, caller) if pk in fronted]}
    providers = tx.select(Provider, Query(within=wanted, ordering=("name",)))
    bodies = [delivered(tx, provider, fronted[provider.pk], base) for provider in providers]
    return [body for body in bodies if body is not None]


def _served(tx: Transaction, caller: Caller) -> list[int]:
    if caller.is_superuser:
        return [provider.pk for provider in tx.select(Provider)]
    return served_by(tx, caller)


# --- the kinds -----------------------------------------------------------------------------------------------------


def _some(provider: Provider, names: tuple[str, ...]) -> Body:
    return {name: provider.settings.get(name) for name in names}


def _flow_slug(tx: Transaction, provider: Provider) -> str | None:
    """The flow that a password runs (DESIGN D10)."""
    try:
        return headless_flow(tx, provider).slug
    except NotFound:
        return None


def _ldap(tx: Transaction, provider: Provider, application: Application, base: str) -> Body | None:
    slug = _flow_slug(tx, provider)
    if slug is None:
        return None
    unbind = tx.find(Flow, pk=provider.invalidation_flow) if provider.invalidation_flow is not None else None
    return {
        "pk": provider.pk,
        "name": provider.name,
        "bind_flow_slug": slug,
        "unbind_flow_slug": unbind.slug if unbind is not None else None,
        "application_slug": application.slug,
        **_some(
            provider,
            (
                "base_dn",
                "certificate",
                "tls_server_name",
                "uid_start_number",
                "gid_start_number",
                "search_mode",
                "bind_mode",
                "mfa_support",
            ),
        ),
    }


def _radius(tx: Transaction, provider: Provider, application: Application, base: str) -> Body | None:
    slug = _flow_slug(tx, provider)
    if slug is None:
        return None
    return {
        "pk": provider.pk,
        "name": provider.name,
        "application_slug": application.slug,
        "auth_flow_slug": slug,
        "shared_secret": provider.secrets["shared_secret"],
        **_some(provider, ("client_networks", "mfa_support", "certificate")),
    }


def _proxy(tx: Transaction, provider: Provider, application: Application, base: str) -> Body | None:
    client = clients.client(tx, provider, application)
    if client is None:
        return None
    return {
        "pk": provider.pk,
        "name": provider.name,
        "client_id": client.client_id,
        "client_secret": client.secret,
        "oidc_configuration": discovery.document(base, client),
        "cookie_secret": provider.secrets["cookie_secret"],
        "access_token_validity": seconds(str(provider.settings["access_token_validity"])),
        "scopes_to_request": list(client.scopes),
        "assigned_application_slug": application.slug,
        "assigned_application_name": application.name,
        **_some(
            provider,
            (
                "internal_host",
                "external_host",
                "internal_host_ssl_validation",
                "certificate",
                "skip_path_regex",
                "basic_auth_enabled",
                "basic_auth_password_attribute",
                "basic_auth_user_attribute",
                "mode",
                "cookie_domain",
                "intercept_header_auth",
            ),
        ),
    }


KINDS: dict[str, Delivered] = {"ldap": _ldap, "radius": _radius, "proxy": _proxy}
