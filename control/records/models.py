"""What authentik calls the records, where it speaks of one: in events, and of what uses another."""

from __future__ import annotations

from typing import Any

from control.records import Authenticator, Policy, Provider, Record

CLEANSED = "********************"
"""Stands in events for what may not be read there."""

MODELS: dict[str, tuple[str, str]] = {
    "user": ("authentik_core", "user"),
    "group": ("authentik_core", "group"),
    "application": ("authentik_core", "application"),
    "entitlement": ("authentik_core", "applicationentitlement"),
    "token": ("authentik_core", "token"),
    "role": ("authentik_rbac", "role"),
    "binding": ("authentik_policies", "policybinding"),
    "outpost": ("authentik_outposts", "outpost"),
    "certificate": ("authentik_crypto", "certificatekeypair"),
    "device": ("authentik_providers_radius", "radiusdevice"),
    "setting": ("authentik_tenants", "setting"),
    "mail_server": ("authentik_tenants", "mailserver"),
    "flow": ("authentik_flows", "flow"),
    "stage": ("authentik_flows", "stage"),
    "prompt": ("authentik_stages_prompt", "prompt"),
    "invitation": ("authentik_stages_invitation", "invitation"),
    "property_mapping": ("authentik_core", "propertymapping"),
    "radius_rule": ("authentik_providers_radius", "radiusrule"),
    "radius_nas": ("authentik_providers_radius", "radiusnas"),
    "radius_pin": ("authentik_providers_radius", "radiuspin"),
    "issued_certificate": ("authentik_crypto", "issuedcertificate"),
    "brand": ("authentik_brands", "brand"),
    "source": ("authentik_sources_oauth", "oauthsource"),
    "source_connection": ("authentik_sources_oauth", "useroauthsourceconnection"),
    "stage_binding": ("authentik_flows", "flowstagebinding"),
    "notification_rule": ("authentik_events", "notificationrule"),
    "notification_transport": ("authentik_events", "notificationtransport"),
}
"""TABLE to the app and model names that authentik's users filter events by."""


def model_of(record: Record) -> dict[str, Any]:
    if isinstance(record, Provider):
        app, name = f"authentik_providers_{record.kind}", f"{record.kind}provider"
    elif isinstance(record, Policy):
        app, name = f"authentik_policies_{record.kind}", f"{record.kind.replace('_', '')}policy"
    elif isinstance(record, Authenticator):
        app, name = f"authentik_stages_authenticator_{record.kind}", f"{record.kind}device"
    else:
        app, name = MODELS[record.TABLE]
    pk = CLEANSED if "pk" in record.HIDDEN else record.pk  # type: ignore[attr-defined]  # every record has one
    return {"app": app, "model_name": name, "pk": pk, "name": _name(record)}


def _name(record: Record) -> str:
    for field in ("username", "name", "identifier", "slug"):
        name = getattr(record, field, None)
        if name:
            return str(name)
    return CLEANSED if "pk" in record.HIDDEN else str(record.pk)  # type: ignore[attr-defined]
