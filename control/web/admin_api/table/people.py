"""Users and groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from control.records import Group, Login, Role, User
from control.store.interface import Query, Transaction
from control.verbs import groups, roles, users
from control.verbs.rights import every_superuser
from control.verbs.tokens import Random
from control.web.admin_api.callers import Caller, auditors, auditors_and_helpdesk
from control.web.admin_api.lists import Narrowed, any_of, boolean, flag, numbers, text
from control.web.admin_api.narrowing import beginning, choices, moments, uuids, with_attributes, without
from control.web.admin_api.resource import Resource, View
from control.web.admin_api.shapes import people


def resources(random: Random) -> list[Resource[Any]]:
    return [USERS, GROUPS, ROLES]


def _superusers(tx: Transaction, values: list[str]) -> Narrowed:
    said = boolean(values[-1])
    if said is None:
        return {}
    ruling = every_superuser(tx)
    return {"pk": sorted(ruling) if said else [user.pk for user in tx.select(User) if user.pk not in ruling]}


def _by_attributes(kind: type[User] | type[Group]) -> Callable[[Transaction, View, str], Narrowed]:
    """By what the caller sees of them: a secret is not found by guessing it."""

    def narrow(tx: Transaction, view: View, asked: str) -> Narrowed:
        fits, shown = with_attributes(asked), people.shown_attributes(tx, view)
        return {"pk": [one.pk for one in tx.select(kind) if fits(shown(one.attributes))]}

    return narrow


def _in_groups(tx: Transaction, pks: Sequence[str]) -> Narrowed:
    return {"pk": sorted({user for users in tx.members_of(pks).values() for user in users})}


def _in_groups_named(tx: Transaction, values: list[str]) -> Narrowed:
    return _in_groups(tx, [group.pk for group in tx.select(Group, Query(within={"name": values}))])


def _with_members(tx: Transaction, users: Sequence[int]) -> Narrowed:
    return {"pk": sorted({group for groups in tx.groups_of(users).values() for group in groups})}


def _with_members_named(tx: Transaction, values: list[str]) -> Narrowed:
    return _with_members(tx, [user.pk for user in tx.select(User, Query(within={"username": values}))])


USERS = Resource(
    "core/users",
    User,
    "User",
    people.users,
    fields=users.UserFields,
    ordering=("username",),
    numbered=True,
    readers=auditors_and_helpdesk,
    filters={
        "username": text("username"),
        "name": text("name"),
        "email": text("email"),
        "uuid": lambda tx, values: {"uuid": uuids("uuid", values[-1:])},
        "path": text("path"),
        "path_startswith": beginning(User, "path"),
        "type": choices("type", users.TYPES),
        "is_active": flag("is_active"),
        "is_superuser": _superusers,
        "groups_by_pk": lambda tx, values: _in_groups(tx, uuids("groups_by_pk", values)),
        "groups_by_name": _in_groups_named,
        **moments(User, "date_joined"),
        **moments(User, "last_updated"),
        **moments(Login, "last_login"),
        "last_login__isnull": without(User, "last_login", Login),
    },
    filters_by_view={"attributes": _by_attributes(User)},
    create=users.create,
    update=users.update,
    delete=users.delete,
)


def _with_one_parent(body: Mapping[str, Any], caller: Caller, is_new: bool) -> Mapping[str, Any]:
    """Clients of releases in which a group had one say ``parent``."""
    if "parent" not in body or "parents" in body:
        return body
    return {**body, "parents": [] if body["parent"] is None else [body["parent"]]}


GROUPS = Resource(
    "core/groups",
    Group,
    "Group",
    people.groups,
    fields=groups.GroupFields,
    readers=auditors_and_helpdesk,
    filters={
        "name": text("name"),
        "is_superuser": flag("is_superuser"),
        "members_by_pk": lambda tx, values: _with_members(tx, numbers("members_by_pk", values)),
        "members_by_username": _with_members_named,
    },
    filters_by_view={"attributes": _by_attributes(Group)},
    as_given=_with_one_parent,
    create=groups.create,
    update=groups.update,
    delete=groups.delete,
)

ROLES = Resource(
    "rbac/roles",
    Role,
    "Role",
    people.roles,
    fields=roles.RoleFields,
    readers=auditors,
    filters={"name": text("name"), "managed": any_of("managed")},
    create=roles.create,
    update=roles.update,
    delete=roles.delete,
)
