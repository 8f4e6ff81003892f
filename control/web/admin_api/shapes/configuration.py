"""Applications, providers, outposts, bindings, flows."""

from __future__ import annotations

from collections.abc import Sequence

from control.records import Application, Binding, Flow, Group, Outpost, Provider, StageBinding, User
from control.store.interface import Query, Transaction
from control.verbs.applications import launch_url
from control.verbs.outposts import refresh_seconds, token_identifier
from control.verbs.provider_kinds import KINDS
from control.web.admin_api.resource import View
from control.web.admin_api.shapes.parts import Body, by_pk
from control.web.admin_api.shapes.people import groups, users


def applications(tx: Transaction, records: Sequence[Application], view: View) -> list[Body]:
    served = by_pk(tx, Provider, {application.provider for application in records})
    bodies = {body["pk"]: body for body in providers(tx, list(served.values()), view)}
    return [
        {
            "pk": application.pk,
            "name": application.name,
            "slug": application.slug,
            "provider": application.provider,
            "provider_obj": bodies.get(application.provider),
            "backchannel_providers": [],
            "backchannel_providers_obj": [],
            "launch_url": launch_url(application, served.get(application.provider), view.caller.user),
            "open_in_new_tab": application.open_in_new_tab,
            "meta_launch_url": application.meta_launch_url,
            "meta_icon": application.meta_icon,
            "meta_icon_url": application.meta_icon or None,
            "meta_icon_themed_urls": None,
            "meta_description": application.meta_description,
            "meta_publisher": application.meta_publisher,
            "policy_engine_mode": application.policy_engine_mode,
            "group": application.group,
            "meta_hide": application.meta_hide,
        }
        for application in records
    ]


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
            **provider.settings,
            **{name: provider.secrets[name] for name in SHOWN_SECRETS.get(provider.kind, ())},
            **_ALWAYS.get(provider.kind, {}),
            "outpost_set": [outpost.name for outpost in outposts if provider.pk in outpost.providers],
        }
        for provider, body in zip(records, providers(tx, records, view), strict=True)
    ]


SHOWN_SECRETS: dict[str, tuple[str, ...]] = {"radius": ("shared_secret",), "oauth2": ("client_secret",)}
"""Secrets that a person has to copy to the other side."""
_FEDERATION: Body = {"jwt_federation_sources": [], "jwt_federation_providers": []}
_ALWAYS: dict[str, Body] = {
    "proxy": {"redirect_uris": [], **_FEDERATION},
    "oauth2": {"encryption_key": None, **_FEDERATION},
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


def outposts(tx: Transaction, records: Sequence[Outpost], view: View) -> list[Body]:
    served = by_pk(tx, Provider, {pk for outpost in records for pk in outpost.providers})
    bodies = {body["pk"]: body for body in providers(tx, list(served.values()), view)}
    return [
        {
            "pk": outpost.pk,
            "name": outpost.name,
            "type": outpost.type,
            "providers": list(outpost.providers),
            "providers_obj": [bodies[pk] for pk in outpost.providers if pk in bodies],
            "service_connection": None,
            "service_connection_obj": None,
            "refresh_interval_s": refresh_seconds(outpost),
            "token_identifier": token_identifier(outpost.pk),
            "config": outpost.config,
            "managed": outpost.managed,
        }
        for outpost in records
    ]


def bindings(tx: Transaction, records: Sequence[Binding], view: View) -> list[Body]:
    members = users(tx, list(by_pk(tx, User, {line.user for line in records}).values()), view)
    bound = groups(tx, list(by_pk(tx, Group, {line.group for line in records}).values()), view)
    people = {body["pk"]: body for body in members}
    crowds = {body["pk"]: body for body in bound}
    return [
        {
            "pk": line.pk,
            "policy": line.policy,
            "group": line.group,
            "user": line.user,
            "policy_obj": None,
            "group_obj": crowds.get(line.group),
            "user_obj": people.get(line.user),
            "target": line.target,
            "negate": line.negate,
            "enabled": line.enabled,
            "order": line.order,
            "timeout": line.timeout,
            "failure_result": line.failure_result,
        }
        for line in records
    ]


def flows(tx: Transaction, records: Sequence[Flow], view: View) -> list[Body]:
    pks = [flow.pk for flow in records]
    stages: dict[str, list[str]] = {}
    for bound in tx.select(StageBinding, Query(within={"flow": pks}, ordering=("order",))):
        stages.setdefault(bound.flow, []).append(bound.stage)
    policies: dict[str, list[str]] = {}
    for line in tx.select(Binding, Query(within={"target": pks}, ordering=("order",))):
        policies.setdefault(line.target, []).append(line.pk)
    return [
        {
            "pk": flow.pk,
            "policybindingmodel_ptr_id": flow.pk,
            "name": flow.name,
            "slug": flow.slug,
            "title": flow.title,
            "designation": flow.designation,
            "background": flow.background,
            "background_url": flow.background,
            "background_themed_urls": None,
            "stages": stages.get(flow.pk, []),
            "policies": policies.get(flow.pk, []),
            "cache_count": 0,
            "policy_engine_mode": flow.policy_engine_mode,
            "compatibility_mode": flow.compatibility_mode,
            "export_url": "",
            "layout": flow.layout,
            "denied_action": flow.denied_action,
            "authentication": flow.authentication,
        }
        for flow in records
    ]
