"""Applications."""

from __future__ import annotations

from typing import Any

from control.records import Application, Entitlement
from control.store.interface import Transaction
from control.verbs import applications, entitlements
from control.verbs.tokens import Random
from control.web.admin_api.callers import Caller, auditors, everybody, served_by
from control.web.admin_api.lists import Narrowed, text
from control.web.admin_api.resource import Resource
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
