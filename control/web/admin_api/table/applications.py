"""Applications."""

from __future__ import annotations

from typing import Any

from control.records import Application, Entitlement, Provider
from control.store.interface import Transaction
from control.verbs import applications, entitlements
from control.verbs.tokens import Random
from control.web.admin_api.callers import Caller, auditors, everybody, served_by
from control.web.admin_api.lists import Narrowed, boolean, numbers, text
from control.web.admin_api.resource import Resource, View
from control.web.admin_api.shapes.applications import applications as shape
from control.web.admin_api.shapes.applications import entitlements as entitled


def resources(random: Random) -> list[Resource[Any]]:
    return [APPLICATIONS, ENTITLEMENTS]


def _usable_applications(tx: Transaction, caller: Caller) -> Narrowed:
    """An outpost sees those that it serves; people see those that they may use."""
    if caller.is_superuser:
        return {}
    if caller.is_outpost:
        return {"provider": served_by(tx, caller)}
    return {"pk": applications.visible_to(tx, caller.user.pk)}


def _usable_by(tx: Transaction, view: View, asked: str) -> Narrowed:
    """A superuser asks for somebody else. Raises Invalid."""
    if not view.caller.is_superuser:
        return {}
    return {"pk": [pk for user in numbers("for_user", [asked]) for pk in applications.visible_to(tx, user)]}


def _with_launch_url(tx: Transaction, view: View, asked: str) -> Narrowed:
    if not boolean(asked):
        return {}
    served = {provider.pk: provider for provider in tx.select(Provider)}
    found = ((one, served.get(one.provider or 0)) for one in tx.select(Application))
    return {"pk": [one.pk for one, provider in found if applications.launch_url(one, provider, view.caller.user)]}


APPLICATIONS = Resource(
    "core/applications",
    Application,
    "Application",
    shape,
    fields=applications.ApplicationFields,
    lookup="slug",
    filters={
        name: text(name) for name in ("name", "slug", "group", "meta_launch_url", "meta_description", "meta_publisher")
    },
    filters_by_view={"for_user": _usable_by, "only_with_launch_url": _with_launch_url},
    readers=everybody,
    sees=_usable_applications,
    create=applications.create,
    update=applications.update,
    delete=applications.delete,
)

ENTITLEMENTS = Resource(
    "core/application_entitlements",
    Entitlement,
    "ApplicationEntitlement",
    entitled,
    fields=entitlements.EntitlementFields,
    readers=auditors,
    filters={"name": text("name"), "app": text("application"), "pbm_uuid": text("pk")},
    create=entitlements.create,
    update=entitlements.update,
    delete=entitlements.delete,
)
