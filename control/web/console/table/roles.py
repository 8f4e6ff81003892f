"""Roles: what the groups that hold them may do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control.records import Group, Role
from control.store.interface import Query, Transaction
from control.verbs import roles
from control.web.admin_api.table.people import ROLES
from control.web.console.cells import Body, Cell, Column
from control.web.console.sections import Around, Form, Section, made_by
from rules import permissions


def given(role: Role) -> frozenset[str]:
    """Permissions for all objects."""
    return frozenset(name for name, pk in map(permissions.read, role.permissions) if not pk)


def _held_by(tx: Transaction, role: Role) -> list[Group]:
    return [group for group in tx.select(Group, Query(ordering=("name",))) if role.pk in group.roles]


def _beside(tx: Transaction, role: Role, around: Around) -> Mapping[str, Any]:
    lines = [permissions.read(line) for line in role.permissions]
    return {
        "permissions": permissions.PERMISSIONS,
        "given": given(role),
        "single": [(permissions.PERMISSIONS.get(name, name), pk) for name, pk in lines if pk],
        "groups": _held_by(tx, role),
    }


def _affects(tx: Transaction, role: Role) -> list[str]:
    held = [group.name for group in _held_by(tx, role)]
    return [f"These groups lose what it allows: {', '.join(held[:10])}."] if held else []


def _name(body: Body) -> str:
    return str(body["name"])


PARTS = Section(
    path="identity/roles",
    title="Roles",
    one="role",
    about="What members of a group may do here, short of everything. Superuser groups need none.",
    resource=lambda random: ROLES,
    columns=(Column("Name", lambda body: Cell(_name(body), to="."), "name"),),
    name=_name,
    forms={"": Form(roles.RoleFields, create=made_by(lambda random: ROLES))},
    affects=_affects,
    beside=_beside,
    template="console/role.html",
    empty="Make one for the people who help, or for those who look after the logs.",
)
