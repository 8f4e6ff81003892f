"""Providers, a form for each kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from control.oidc import clients, discovery
from control.records import Application, Outpost, Provider
from control.store.interface import Query, Transaction
from control.verbs import providers
from control.verbs.provider_kinds import KINDS
from control.verbs.tokens import Random
from control.web.admin_api.callers import Caller
from control.web.admin_api.resource import Resource
from control.web.admin_api.shapes.providers import whole_providers
from control.web.admin_api.table.providers import PROVIDERS
from control.web.console import advice, pickable
from control.web.console.cells import Body, Cell, Column
from control.web.console.pickers import Picker
from control.web.console.sections import ROOT, Around, Form, Section
from control.web.services import Services

FIRST: dict[str, tuple[str, ...]] = {
    "oauth2": ("name", "client_type", "client_id", "client_secret", "redirect_uris", "signing_key"),
    "proxy": ("name", "mode", "external_host", "internal_host", "cookie_domain"),
    "ldap": ("name", "base_dn", "certificate"),
    "radius": ("name", "client_networks", "shared_secret"),
}
"""What somebody who makes one has to look at; the rest has good defaults."""
ABOUT: dict[str, str] = {
    "oauth2": "For applications that speak OpenID Connect or OAuth 2.0, such as Grafana.",
    "proxy": "For applications without a sign-in of their own, behind a reverse proxy.",
    "ldap": "For applications that bind to a directory and search it.",
    "radius": "For Wi-Fi controllers, switches and VPNs.",
}
AT_FIRST: dict[str, dict[str, str]] = {"proxy": {"mode": "forward_single"}}
PICKERS: Mapping[str, Picker] = {
    "authentication_flow": pickable.flows("authentication"),
    "authentication_source": pickable.ISSUERS,
    "authorization_flow": pickable.flows("authorization", "authentication"),
    "invalidation_flow": pickable.flows("invalidation"),
    "certificate": pickable.CERTIFICATES,
    "signing_key": pickable.CERTIFICATES,
}
MENU = ("oauth2", "proxy", "ldap", "radius")
"""The order to choose from; kinds that are not here come after."""


async def _make(kind: str, services: Services, caller: Caller, given: Mapping[str, Any]) -> Provider:
    return await services.store.write(lambda tx: providers.create(tx, kind, given, services.random), caller.actor)


def _form(kind: str) -> Form:
    described = KINDS[kind]
    return Form(
        described.fields,
        first=FIRST.get(kind, ()),
        pickers={
            "property_mappings": pickable.mappings(kind),
            **{name: picker for name, picker in PICKERS.items() if name in described.fields.model_fields},
        },
        secrets=described.secrets,
        optional=frozenset(
            {*providers.FLOWS, *(name for name, _ in described.generated), "signing_key", "property_mappings"}
        ),
        at_first=AT_FIRST.get(kind, {}),
        create=partial(_make, kind),
        label=described.label,
        about=ABOUT.get(kind, ""),
    )


def _resource(random: Random) -> Resource[Any]:
    """The list of all kinds, which the API only reads, with a change that knows the kind."""
    return replace(PROVIDERS, update=providers.update)


def _application(body: Body) -> Cell:
    slug = body["assigned_application_slug"]
    if slug is None:
        return Cell("no application", tone="wrong")
    return Cell(body["assigned_application_name"], to=f"{ROOT}/core/applications/{slug}/")


def _served(body: Body) -> Cell:
    if not any(body["component"] == kind.component and kind.claims for kind in KINDS.values()):
        return Cell("")
    names = body["outpost_set"]
    return Cell(", ".join(names)) if names else Cell("no outpost", tone="wrong")


def _about(body: Body) -> Cell:
    for name in ("external_host", "base_dn", "client_networks"):
        if body.get(name):
            return Cell(str(body[name]))
    uris = body.get("redirect_uris", ())
    return Cell(uris[0]["url"] if uris else "")


def _beside(tx: Transaction, provider: Provider, around: Around) -> Mapping[str, Any]:
    application = tx.find(Application, provider=provider.pk)
    outposts = [one for one in tx.select(Outpost, Query(ordering=("name",))) if provider.pk in one.providers]
    urls: dict[str, str] = {}
    if provider.kind == "oauth2" and application is not None:
        client = clients.client(tx, provider, application)
        described = discovery.document(around.base, client) if client is not None else {}
        urls = {label: described[name] for name, label in ENDPOINTS.items() if name in described}
        if urls:
            urls = {"Configuration URL": f"{described['issuer']}.well-known/openid-configuration", **urls}
    return {
        "advice": list(advice.of_provider(tx, provider, application is not None, bool(outposts))),
        "application": application,
        "outposts": outposts,
        "urls": urls,
        "kind": KINDS[provider.kind].label if provider.kind in KINDS else provider.kind,
        "is_served_by_outposts": provider.kind in KINDS and bool(KINDS[provider.kind].claims),
        "settings": provider.settings,
        "base": around.base,
        "kind_name": provider.kind,
    }


ENDPOINTS = {
    "issuer": "Issuer",
    "authorization_endpoint": "Authorize URL",
    "token_endpoint": "Token URL",
    "userinfo_endpoint": "Userinfo URL",
    "end_session_endpoint": "Logout URL",
    "jwks_uri": "JWKS URL",
}


def _affects(tx: Transaction, provider: Provider) -> list[str]:
    application = tx.find(Application, provider=provider.pk)
    served = [outpost.name for outpost in tx.select(Outpost) if provider.pk in outpost.providers]
    return [
        *([f"The application “{application.name}” stays, without a provider."] if application is not None else []),
        *([f"It is no longer served by: {', '.join(sorted(served))}."] if served else []),
    ]


WAYS = Section(
    path="core/providers",
    title="Providers",
    one="provider",
    about="How applications are reached: the settings of the protocol that each one speaks.",
    resource=_resource,
    columns=(
        Column("Name", lambda body: Cell(body["name"], to="."), "name"),
        Column("Type", lambda body: Cell(body["verbose_name"]), "kind"),
        Column("Address", _about),
        Column("Application", _application),
        Column("Served by", _served),
    ),
    name=lambda body: body["name"],
    forms={kind: _form(kind) for kind in (*MENU, *(kind for kind in KINDS if kind not in MENU))},
    form_of=lambda provider: provider.kind,
    current=lambda tx, provider: providers.current(provider),
    affects=_affects,
    beside=_beside,
    template="console/provider.html",
    shape=whole_providers,
    empty="Create one for the application that you want to add.",
)
