"""Users and groups."""

from __future__ import annotations

from control.apply.sections import Given, Section
from control.records import Group, User
from control.store.interface import Transaction
from control.verbs import groups, users

PASSWORD_FIELDS = ("password", "initial_password", "password_hash")
"""The first is kept as it is written in the file; the others are for new users, who may change them. A hash is one that
this or another program has made (`control.foreign_hashes`)."""


def _group(tx: Transaction, group: Group) -> Given:
    members = tx.members_of([group.pk]).get(group.pk, [])
    return {**groups.current(group), "users": sorted(members)}


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
    references={"parents": "groups", "users": "users"},
    unwritten=frozenset({"roles"}),
    last=True,
)
