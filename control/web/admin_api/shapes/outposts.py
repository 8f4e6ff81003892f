"""Outposts."""

from __future__ import annotations

from collections.abc import Sequence

from control.records import Outpost, Provider
from control.store.interface import Transaction
from control.verbs.outposts import refresh_seconds, token_identifier
from control.web.admin_api.resource import View
from control.web.admin_api.shapes.parts import Body, by_pk
from control.web.admin_api.shapes.providers import providers


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
