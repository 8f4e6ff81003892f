"""Roles: what the groups that hold them may do (DESIGN D12)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import Field

from control.records import Provider, Role
from control.store.interface import Query, Transaction
from control.verbs.fields import Fields, Invalid, Name, existing, overlaid, parse, unique
from control.verbs.rights import closure
from rules import permissions

LDAP_MODEL = "authentik_providers_ldap.ldapprovider"


class RoleFields(Fields):
    name: Name


class AssignedFields(Fields):
    """``permissions`` for one object, ``model`` and ``object_pk``, or for all of them."""

    permissions: list[str] = Field(default_factory=list)
    model: str | None = None
    object_pk: str | None = None


def create(tx: Transaction, given: Mapping[str, Any]) -> Role:
    """Raises Invalid."""
    with unique():
        return tx.insert(Role(name=parse(RoleFields, given).name))


def update(tx: Transaction, pk: str, given: Mapping[str, Any], partial: bool = True) -> Role:
    """Raises Invalid, NotFound."""
    role = tx.get(Role, pk)
    fields = overlaid(RoleFields, {"name": role.name}, given, partial)
    with unique():
        return tx.update(replace(role, name=fields.name))


def delete(tx: Transaction, pk: str) -> None:
    """Raises NotFound."""
    tx.delete(tx.get(Role, pk))


def assign(tx: Transaction, pk: str, given: Mapping[str, Any]) -> Role:
    """The role with these permissions besides. Raises Invalid, NotFound."""
    role = tx.get(Role, pk)
    return tx.update(replace(role, permissions=tuple(dict.fromkeys((*role.permissions, *_lines(tx, given))))))


def unassign(tx: Transaction, pk: str, given: Mapping[str, Any]) -> Role:
    """The role without them. Raises Invalid, NotFound."""
    role, gone = tx.get(Role, pk), _lines(tx, given)
    return tx.update(replace(role, permissions=tuple(line for line in role.permissions if line not in gone)))


def hold(tx: Transaction, pk: str, given: Iterable[Mapping[str, Any]]) -> Role:
    """The role with these permissions and no others. Raises Invalid, NotFound."""
    lines = dict.fromkeys(line for one in given for line in _lines(tx, one))
    return tx.update(replace(tx.get(Role, pk), permissions=tuple(lines)))


def _lines(tx: Transaction, given: Mapping[str, Any]) -> list[str]:
    fields = parse(AssignedFields, given)
    names = {name.partition(".")[2]: name for name in permissions.PERMISSIONS}
    lines = []
    for asked in fields.permissions:
        name = asked if asked in permissions.PERMISSIONS else names.get(asked)
        if name is None:
            raise Invalid({"permissions": [f'"{asked}" is not a valid choice.']})
        if fields.object_pk and name not in permissions.OF_OBJECTS:
            raise Invalid({"object_pk": [f"{name} cannot be given for one object."]})
        lines.append(permissions.written(name, fields.object_pk))
    if fields.object_pk:
        if fields.model not in (None, LDAP_MODEL) or not fields.object_pk.isdecimal():
            raise Invalid({"model": ["Permissions for one object are there for LDAP providers."]})
        existing(tx, Provider, "object_pk", [int(fields.object_pk[:9])])
    return lines


# --- who holds what ------------------------------------------------------------------------------------------------


def held_by(tx: Transaction, user: int) -> frozenset[str]:
    """The permission lines of all roles that the user's groups hold, parents' included."""
    roles = {role for group in closure(tx, user) for role in group.roles}
    if not roles:
        return frozenset()
    found = tx.select(Role, Query(within={"pk": sorted(roles)}))
    return frozenset(line for role in found for line in role.permissions)


def with_permission(tx: Transaction, permission: str, pk: int | str) -> list[str]:
    """pks of the roles that carry it, for all objects or for this one."""
    return [role.pk for role in tx.select(Role) if permissions.holds(role.permissions, permission, pk)]


def existing_roles(tx: Transaction, pks: Iterable[str]) -> tuple[str, ...]:
    """Raises Invalid."""
    return tuple(role.pk for role in existing(tx, Role, "roles", list(pks)))
