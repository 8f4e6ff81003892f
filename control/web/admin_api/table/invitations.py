"""Invitations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from control.records import Flow, Invitation, User
from control.store.interface import Transaction
from control.verbs import invitations
from control.verbs.tokens import Random
from control.web.admin_api.lists import text
from control.web.admin_api.resource import Resource, View
from control.web.admin_api.shapes.flows import flows
from control.web.admin_api.shapes.parts import by_pk, moment
from control.web.admin_api.shapes.people import users


def resources(random: Random) -> list[Resource[Any]]:
    return [INVITATIONS]


def _shown(tx: Transaction, records: Sequence[Invitation], view: View) -> list[dict[str, Any]]:
    makers = users(tx, list(by_pk(tx, User, {one.created_by for one in records}).values()), view)
    ways = flows(tx, list(by_pk(tx, Flow, {one.flow for one in records}).values()), view)
    people, led = {body["pk"]: body for body in makers}, {body["pk"]: body for body in ways}
    return [
        {
            "pk": one.pk,
            "name": one.name,
            "expires": moment(one.expires),
            "fixed_data": one.fixed_data,
            "created_by": people.get(one.created_by),
            "single_use": one.single_use,
            "flow": one.flow,
            "flow_obj": led.get(one.flow),
        }
        for one in records
    ]


INVITATIONS = Resource(
    "stages/invitation/invitations",
    Invitation,
    "Invitation",
    _shown,
    fields=invitations.InvitationFields,
    filters={"name": text("name"), "flow": text("flow")},
    create=invitations.create,
    update=invitations.update,
    delete=invitations.delete,
)
