"""Applications."""

from __future__ import annotations

from collections.abc import Sequence

from control.records import Application, Entitlement, Provider
from control.store.interface import Transaction
from control.verbs.applications import launch_url
from control.web.admin_api.resource import View
from control.web.admin_api.shapes.parts import Body, by_pk
from control.web.admin_api.shapes.providers import providers


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


def entitlements(tx: Transaction, records: Sequence[Entitlement], view: View) -> list[Body]:
    return [
        {
            "pk": one.pk,
            "pbm_uuid": one.pk,
            "name": one.name,
            "app": one.application,
            "attributes": one.attributes,
        }
        for one in records
    ]
