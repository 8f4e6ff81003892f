"""Providers."""

from __future__ import annotations

from collections.abc import Sequence

from control.passwords import network_hashes
from control.records import Application, Outpost, Provider
from control.store.interface import Query, Transaction
from control.verbs.provider_kinds import KINDS
from control.web.admin_api.resource import View
from control.web.admin_api.shapes.parts import Body


def providers(tx: Transaction, records: Sequence[Provider], view: View) -> list[Body]:
    """What every kind has, without its settings and secrets."""
    using = _applications_of(tx, records)
    return [
        {
            "pk": provider.pk,
            "name": provider.name,
            "authentication_flow": provider.authentication_flow,
            "authorization_flow": provider.authorization_flow,
            "invalidation_flow": provider.invalidation_flow,
            "property_mappings": list(provider.property_mappings),
            **_kind(provider.kind),
            "assigned_application_slug": using[provider.pk].slug if provider.pk in using else None,
            "assigned_application_name": using[provider.pk].name if provider.pk in using else None,
            "assigned_backchannel_application_slug": None,
            "assigned_backchannel_application_name": None,
        }
        for provider in records
    ]


def whole_providers(tx: Transaction, records: Sequence[Provider], view: View) -> list[Body]:
    """With the settings of their kind, and the secret that an administrator has to copy to the other side."""
    outposts = tx.select(Outpost, Query(ordering=("name",)))
    return [
        {
            **body,
            **_SINCE.get(provider.kind, {}),
            **provider.settings,
            **{name: provider.secrets[name] for name in SHOWN_SECRETS.get(provider.kind, ())},
            **_ALWAYS.get(provider.kind, {}),
            "warnings": network_hashes.warnings(provider),
            "outpost_set": [outpost.name for outpost in outposts if provider.pk in outpost.providers],
        }
        for provider, body in zip(records, providers(tx, records, view), strict=True)
    ]


SHOWN_SECRETS: dict[str, tuple[str, ...]] = {"radius": ("shared_secret",), "oauth2": ("client_secret",)}
"""Secrets that a person has to copy to the other side."""
_SINCE: dict[str, Body] = {
    "oauth2": {"refresh_token_threshold": "seconds=0"},
    "radius": {"remember_network_passwords": False},
}
"""Settings that those who were stored before have not."""
_ALWAYS: dict[str, Body] = {
    "proxy": {"redirect_uris": [], "jwt_federation_sources": []},
    "oauth2": {
        "encryption_key": None,
        "jwt_federation_sources": [],
        "jwt_federation_providers": [],
    },
}
"""Fields of authentik's that mean nothing here."""


def _applications_of(tx: Transaction, records: Sequence[Provider]) -> dict[int | None, Application]:
    pks = [provider.pk for provider in records]
    return {app.provider: app for app in tx.select(Application, Query(within={"provider": pks}))}


def _kind(name: str) -> Body:
    kind = KINDS.get(name)
    if kind is None:
        label, model, component = "provider", "authentik_core.provider", ""
    else:
        label, model, component = kind.label, f"authentik_providers_{name}.{kind.model.lower()}", kind.component
    return {
        "component": component,
        "verbose_name": label,
        "verbose_name_plural": f"{label}s",
        "meta_model_name": model,
    }
