"""What expressions are told of a person: read from the store in one transaction, plain and frozen from then on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from control.expression.people import GroupFacts, PersonFacts
from control.outposts import uid_of
from control.records import Group, Login, User
from control.store.interface import Transaction
from control.verbs import authenticators
from control.verbs.rights import closure

TOLD = ("username", "name", "email", "uuid", "is_active", "type", "path", "attributes")
"""Fields of a user under authentik's names. No hash of a password, and no version of one."""


def person_facts(tx: Transaction, user: User) -> PersonFacts:
    direct = set(tx.groups_of([user.pk]).get(user.pk, []))
    every = tuple(_group(group) for group in closure(tx, user.pk))
    login = tx.find(Login, pk=user.pk)
    fields: dict[str, Any] = {
        **{name: getattr(user, name) for name in TOLD},
        "uid": uid_of(user.pk, tx.install_id),
        "email_verified": user.email_verified,
        "date_joined": _moment(user.date_joined),
        "last_updated": _moment(user.last_updated),
        "last_login": _moment(login.last_login if login is not None else None),
        "password_change_date": _moment(user.password_change_date),
    }
    return PersonFacts(
        pk=user.pk,
        fields=fields,
        direct=tuple(group for group in every if group.pk in direct),
        every=every,
        factors=tuple(factor.kind for factor in authenticators.of(tx, user.pk)),
    )


def _group(group: Group) -> GroupFacts:
    return GroupFacts(group.pk, group.name, group.is_superuser, group.attributes, group.parents)


def _moment(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None
