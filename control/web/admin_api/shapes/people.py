"""Users and groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from control.flows.avatar import avatar
from control.mappings.facts import uid_of
from control.records import Group, Login, Role, User
from control.store.interface import Query, Transaction
from control.verbs import secret_attributes
from control.verbs.rights import closure, superusers
from control.web.admin_api.resource import View
from control.web.admin_api.shapes.parts import Body, by_pk, moment
from rules.attributes import merged
from rules.secret_attributes import keys, masked

Shown = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def users(tx: Transaction, records: Sequence[User], view: View) -> list[Body]:
    pks = [user.pk for user in records]
    memberships = tx.groups_of(pks)
    ruling = superusers(tx, pks)
    logins = by_pk(tx, Login, pks)
    shown = shown_attributes(tx, view)
    with_groups = view.includes("include_groups", True)
    groups = by_pk(tx, Group, {pk for every in memberships.values() for pk in every}) if with_groups else {}
    with_roles = view.includes("include_roles", True)
    return [
        {
            "pk": user.pk,
            "username": user.username,
            "name": user.name,
            "is_active": user.is_active,
            "last_login": moment(logins[user.pk].last_login) if user.pk in logins else None,
            "date_joined": moment(user.date_joined),
            "is_superuser": user.pk in ruling,
            "groups": memberships.get(user.pk, []),
            "groups_obj": [_group_of_user(groups[pk], shown) for pk in memberships.get(user.pk, [])]
            if with_groups
            else None,
            "roles": [],
            "roles_obj": [] if with_roles else None,
            "email": user.email,
            "avatar": avatar(user.name or user.username),
            "attributes": shown(user.attributes),
            "uid": uid_of(user.pk, tx.install_id),
            "path": user.path,
            "type": user.type,
            "uuid": user.uuid,
            "password_change_date": moment(user.password_change_date or user.date_joined),
            "last_updated": moment(user.last_updated),
            "valid_from": moment(user.valid_from),
            "valid_until": moment(user.valid_until),
            "must_change_password": user.must_change_password,
        }
        for user in records
    ]


def shown_attributes(tx: Transaction, view: View) -> Shown:
    """What the caller may see of them: passwords for applications are for superusers alone."""
    if view.caller.is_superuser:
        return lambda attributes: attributes
    secret = keys(secret_attributes.names(tx))
    return lambda attributes: masked(attributes, secret)


def _group_of_user(group: Group, shown: Shown) -> Body:
    return {
        "pk": group.pk,
        "num_pk": group.ordinal,
        "name": group.name,
        "is_superuser": group.is_superuser,
        "attributes": shown(group.attributes),
    }


def myself(tx: Transaction, user: User, is_superuser: bool) -> Body:
    groups = closure(tx, user.pk)
    settings = merged([group.attributes for group in groups], user.attributes).get("settings")
    return {
        "user": {
            "pk": user.pk,
            "username": user.username,
            "name": user.name,
            "is_active": user.is_active,
            "is_superuser": is_superuser,
            "groups": [{"name": group.name, "pk": group.pk} for group in groups],
            "roles": [],
            "email": user.email,
            "avatar": avatar(user.name or user.username),
            "uid": uid_of(user.pk, tx.install_id),
            "settings": settings if isinstance(settings, dict) else {},
            "type": user.type,
            "system_permissions": ["access_admin_interface"] if is_superuser else [],
        }
    }


def groups(tx: Transaction, records: Sequence[Group], view: View) -> list[Body]:
    members = tx.members_of([group.pk for group in records])
    shown = shown_attributes(tx, view)
    people = _members(tx, members.values(), shown) if view.includes("include_users", True) else None
    children = _children(tx, records)
    with_children = view.includes("include_children", False)
    parents = by_pk(tx, Group, {pk for group in records for pk in group.parents})
    roles = by_pk(tx, Role, {pk for group in records for pk in group.roles})
    with_parents = view.includes("include_parents", False)
    return [
        {
            "pk": group.pk,
            "num_pk": group.ordinal,
            "name": group.name,
            "is_superuser": group.is_superuser,
            "parents": list(group.parents),
            "parents_obj": [_related(parents[pk], shown) for pk in group.parents] if with_parents else None,
            "users": members.get(group.pk, []),
            "users_obj": [people[pk] for pk in members.get(group.pk, [])] if people is not None else None,
            "attributes": shown(group.attributes),
            "roles": list(group.roles),
            "roles_obj": [{"pk": pk, "name": roles[pk].name} for pk in group.roles if pk in roles],
            "inherited_roles_obj": [] if view.includes("include_inherited_roles", False) else None,
            "children": [child.pk for child in children.get(group.pk, [])],
            "children_obj": [_related(child, shown) for child in children.get(group.pk, [])] if with_children else None,
        }
        for group in records
    ]


def roles(tx: Transaction, records: Sequence[Role], view: View) -> list[Body]:
    return [{"pk": role.pk, "name": role.name, "object_permissions": [], "managed": role.managed} for role in records]


def _members(tx: Transaction, groups: Iterable[Sequence[int]], shown: Shown) -> dict[int, Body]:
    found = by_pk(tx, User, {user for members in groups for user in members})
    logins = by_pk(tx, Login, found)
    return {
        user.pk: {
            "pk": user.pk,
            "username": user.username,
            "name": user.name,
            "is_active": user.is_active,
            "last_login": moment(logins[user.pk].last_login) if user.pk in logins else None,
            "email": user.email,
            "attributes": shown(user.attributes),
            "uid": uid_of(user.pk, tx.install_id),
        }
        for user in found.values()
    }


def _children(tx: Transaction, records: Sequence[Group]) -> dict[str, list[Group]]:
    asked = {group.pk for group in records}
    children: dict[str, list[Group]] = {}
    for group in tx.select(Group, Query(ordering=("name",))):
        for parent in asked.intersection(group.parents):
            children.setdefault(parent, []).append(group)
    return children


def _related(group: Group, shown: Shown) -> Body:
    return {
        "pk": group.pk,
        "name": group.name,
        "is_superuser": group.is_superuser,
        "attributes": shown(group.attributes),
        "group_uuid": group.pk,
    }
