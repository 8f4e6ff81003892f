"""Users, groups and roles."""

from __future__ import annotations

from pydantic import Field

from control.apply.sections import Given, Section
from control.records import Group, Role, User
from control.store.interface import Transaction
from control.verbs import groups, roles, users
from control.verbs.fields import Fields, Name, parse
from rules import permissions

PASSWORD_FIELDS = ("password", "initial_password", "password_hash")
"""The first is kept as it is written in the file; the others are for new users, who may change them. A hash is one that
this or another program has made (`control.passwords.foreign_hashes`)."""


def _group(tx: Transaction, group: Group) -> Given:
    members = tx.members_of([group.pk]).get(group.pk, [])
    return {**groups.current(group), "users": sorted(members)}


class PermissionFields(Fields):
    permission: Name
    provider: int | None = None
    """The one whose directory may be searched; None: all of them."""


class RoleFields(roles.RoleFields):
    permissions: list[PermissionFields] = Field(default_factory=list)


def _role(tx: Transaction, role: Role) -> Given:
    held = [permissions.read(line) for line in role.permissions]
    told = [{"permission": permission, "provider": int(pk) if pk else None} for permission, pk in held]
    return {"name": role.name, "permissions": told}


def _change_role(tx: Transaction, pk: str, given: Given) -> Role:
    """Raises Invalid."""
    changed = roles.update(tx, pk, given)
    if "permissions" not in given:
        return changed
    wanted = parse(RoleFields, {"name": changed.name, "permissions": given["permissions"]}).permissions
    return roles.hold(
        tx,
        pk,
        [
            {"permissions": [one.permission], "object_pk": None if one.provider is None else str(one.provider)}
            for one in wanted
        ],
    )


ROLES = Section(
    "roles",
    "role",
    Role,
    lambda tx, kind, given, random: roles.create(tx, given),
    _change_role,
    roles.delete,
    _role,
    fields=RoleFields,
    references={"permissions.provider": "providers"},
    last=True,
)

USERS = Section(
    "users",
    "user",
    User,
    lambda tx, kind, given, random: users.create(tx, given),
    users.update,
    users.delete,
    lambda tx, user: users.current(user),
    key="username",
    fields=users.UserFields,
    # The first is written at the group; the second ends when its person chooses a password.
    unwritten=frozenset({"groups", "must_change_password"}),
    stated=frozenset({"name"}),
    extra=frozenset(PASSWORD_FIELDS),
    at_first=lambda username: {"name": username},
    is_declared=lambda user: user.type != users.INTERNAL_SERVICE_ACCOUNT,
    last=True,
)

GROUPS = Section(
    "groups",
    "group",
    Group,
    lambda tx, kind, given, random: groups.create(tx, given),
    groups.update,
    groups.delete,
    _group,
    fields=groups.GroupFields,
    references={"parents": "groups", "users": "users", "roles": "roles"},
    last=True,
)
