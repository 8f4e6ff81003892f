"""A user, a group and an event of the store, as expressions see them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from control.expression.people import Facts, GroupFacts
from control.records import Entitlement, Event, Group, User

TOLD = ("username", "name", "email", "email_verified", "uuid", "is_active", "type", "path", "attributes")
"""Fields of a user under authentik's names. No hash of a password, and no version of one."""
EVENT = ("pk", "action", "app", "context", "user", "client_ip", "created")
MOMENTS = ("date_joined", "last_updated", "password_change_date")


def uid_of(user: int, install_id: str) -> str:
    """authentik's ``uid``, which is also its default OIDC subject."""
    return hashlib.sha256(f"{user}-{install_id}".encode()).hexdigest()


def person_fields(user: User, install_id: str, last_login: float | None = None) -> dict[str, Any]:
    return {
        **{name: getattr(user, name) for name in TOLD},
        **{name: moment(getattr(user, name)) for name in MOMENTS},
        "last_login": moment(last_login),
        "uid": uid_of(user.pk, install_id),
    }


def group_facts(group: Group) -> GroupFacts:
    return GroupFacts(group.pk, group.name, group.is_superuser, group.attributes, group.parents)


def event_facts(event: Event) -> Facts:
    told = {name: getattr(event, name) for name in EVENT}
    return Facts("Event", {**told, "created": moment(event.created)}, event.action)


def by_application(held: Iterable[Entitlement]) -> dict[str, tuple[Facts, ...]]:
    told: dict[str, tuple[Facts, ...]] = {}
    for one in held:
        fields = {"pk": one.pk, "pbm_uuid": one.pk, "name": one.name, "attributes": one.attributes}
        told[one.application] = (*told.get(one.application, ()), Facts("Entitlement", fields, one.name))
    return told


def moment(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None
