"""Policies and their bindings."""

from __future__ import annotations

from collections.abc import Sequence

from control.records import Binding, Group, User
from control.store.interface import Transaction
from control.web.admin_api.resource import View
from control.web.admin_api.shapes.parts import Body, by_pk
from control.web.admin_api.shapes.people import groups, users


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
