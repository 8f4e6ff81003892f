"""Providers: all of them, and each kind with its settings."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from control.records import Application, Flow, Provider
from control.store.interface import Query, Transaction
from control.verbs import providers
from control.verbs.provider_kinds import KINDS
from control.verbs.tokens import Random
from control.web.admin_api.lists import Filter, Narrowed, boolean, same_text, text
from control.web.admin_api.narrowing import setting
from control.web.admin_api.resource import Resource
from control.web.admin_api.shapes import providers as shapes


def resources(random: Random) -> list[Resource[Any]]:
    return [PROVIDERS, *_kinds(random)]


def _without_application(tx: Transaction, values: list[str]) -> Narrowed:
    said = boolean(values[-1])
    if said is None:
        return {}
    used = {application.provider for application in tx.select(Application)}
    return {"pk": [provider.pk for provider in tx.select(Provider) if (provider.pk not in used) == said]}


PROVIDERS = Resource(
    "providers/all",
    Provider,
    "Provider",
    shapes.providers,
    numbered=True,
    filters={"application__isnull": _without_application},
    delete=providers.delete,
)


FLOWS = ("authentication_flow", "authorization_flow", "invalidation_flow")
EXACT = {
    "oauth2": ("client_type", "issuer_mode", "sub_mode", "signing_key", "include_claims_in_id_token"),
    "proxy": (),
    "ldap": (),
    "radius": (),
}
FOLDED = {
    "oauth2": (),
    "proxy": ("mode", "external_host", "internal_host", "cookie_domain", "skip_path_regex"),
    "ldap": ("base_dn", "uid_start_number", "gid_start_number", "tls_server_name"),
    "radius": ("client_networks",),
}
"""By which settings authentik's clients look for a provider: ``?client_type=``, ``?external_host__iexact=``."""


def _by_flow_slug(tx: Transaction, values: list[str]) -> Narrowed:
    return {"authorization_flow": [flow.pk for flow in tx.select(Flow, Query(within={"slug": [values[-1].lower()]}))]}


def _filters(kind: str) -> dict[str, Filter]:
    return {
        "application__isnull": _without_application,
        "name": text("name"),
        "name__iexact": same_text(Provider, "name"),
        **{name: text(name) for name in (*FLOWS, *(("client_id",) if kind == "oauth2" else ()))},
        "authorization_flow__slug__iexact": _by_flow_slug,
        **{name: setting(Provider, name) for name in EXACT[kind]},
        **{f"{name}__iexact": setting(Provider, name, folded=True) for name in FOLDED[kind]},
    }


def _kinds(random: Random) -> list[Resource[Any]]:
    return [
        Resource(
            f"providers/{kind}",
            Provider,
            KINDS[kind].model,
            shapes.whole_providers,
            fields=KINDS[kind].fields,
            optional=frozenset({*providers.FLOWS, *(name for name, _ in KINDS[kind].generated)}),
            write_only=KINDS[kind].secrets - set(shapes.SHOWN_SECRETS.get(kind, ())),
            numbered=True,
            only={"kind": [kind]},
            filters=_filters(kind),
            create=partial(_create_provider, kind, random),
            update=providers.update,
            delete=providers.delete,
        )
        for kind in KINDS
    ]


def _create_provider(kind: str, random: Random, tx: Transaction, body: Mapping[str, Any]) -> Provider:
    return providers.create(tx, kind, body, random)
