"""Groups: a graph without cycles, with several parents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from control.records import Group, User
from control.store.interface import Transaction
from control.verbs import bindings
from control.verbs.fields import MAX_INTEGER, Attributes, Fields, Invalid, Name, Uuid, existing, overlaid, parse, unique
from control.verbs.roles import existing_roles
from rules.groups import makes_cycle
from rules.secret_attributes import unmasked


class GroupFields(Fields):
    name: Name
    is_superuser: bool = False
    parents: list[Uuid] = Field(default_factory=list)
    roles: list[Uuid] = Field(default_factory=list)
    users: list[Annotated[int, Field(ge=1, le=MAX_INTEGER)]] = Field(default_factory=list)
    attributes: Attributes = Field(default_factory=dict)


def create(tx: Transaction, given: Mapping[str, Any]) -> Group:
    """Raises Invalid."""
    fields = parse(GroupFields, given)
    parents = tuple(parent.pk for parent in existing(tx, Group, "parents", fields.parents))
    users = existing(tx, User, "users", fields.users)
    roles = existing_roles(tx, fields.roles)
    with unique():
        made = Group(**fields.model_dump(exclude={"users", "parents", "roles"}), parents=parents, roles=roles)
        group = tx.insert(made)
    if users:
        tx.add_members(group.pk, [user.pk for user in users])
    return group


def update(tx: Transaction, pk: str, given: Mapping[str, Any], partial: bool = True) -> Group:
    """``users``, if given, replaces the members. Raises Invalid, NotFound."""
    group = tx.get(Group, pk)
    fields = overlaid(GroupFields, current(group), given, partial)
    fields = fields.model_copy(update={"attributes": unmasked(fields.attributes, group.attributes)})
    parents = _checked_parents(tx, pk, fields.parents)
    roles = existing_roles(tx, fields.roles)
    plain = fields.model_dump(exclude={"users", "parents", "roles"})
    with unique():
        changed = tx.update(replace(group, **plain, parents=parents, roles=roles))
    if "users" in given:
        hold_exactly(tx, pk, fields.users)
    return changed


def add_user(tx: Transaction, pk: str, user: int) -> None:
    """Raises NotFound for group or user."""
    tx.add_members(tx.get(Group, pk).pk, [tx.get(User, user).pk])


def remove_user(tx: Transaction, pk: str, user: int) -> None:
    """Raises NotFound for group or user; a user who is no member stays none."""
    tx.remove_members(tx.get(Group, pk).pk, [tx.get(User, user).pk])


def delete(tx: Transaction, pk: str) -> None:
    """Its children lose this parent. Raises NotFound; Invalid when an application would be open to everyone."""
    group = tx.get(Group, pk)
    bindings.refuse_opening(tx, "group", pk)
    tx.delete(group)


def current(group: Group) -> dict[str, Any]:
    """The fields that a change is laid over."""
    return {
        "name": group.name,
        "is_superuser": group.is_superuser,
        "parents": list(group.parents),
        "roles": list(group.roles),
        "attributes": group.attributes,
    }


def _checked_parents(tx: Transaction, pk: str, wanted: Sequence[str]) -> tuple[str, ...]:
    if pk in wanted:
        raise Invalid({"parents": ["Cannot set group as parent of itself."]})
    parents = tuple(parent.pk for parent in existing(tx, Group, "parents", wanted))
    every = {group.pk: group.parents for group in tx.select(Group)} if parents else {}
    if makes_cycle(pk, parents, lambda group: every.get(group, ())):
        raise Invalid({"parents": ["Cannot set a group as parent of its own ancestor."]})
    return parents


def hold_exactly(tx: Transaction, pk: str, users: Sequence[int]) -> None:
    """The group's direct members are these. Raises Invalid for users that do not exist."""
    have = set(tx.members_of([pk]).get(pk, []))
    joining = existing(tx, User, "users", [user for user in users if user not in have])
    leaving = have.difference(users)
    if joining:
        tx.add_members(pk, [user.pk for user in joining])
    if leaving:
        tx.remove_members(pk, sorted(leaving))
