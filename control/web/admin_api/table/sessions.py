"""Browser sessions, and what applications were let know: one's own, and for a superuser everybody's."""

from __future__ import annotations

from typing import Any

from control import sessions
from control.records import Session, User, UserConsent
from control.store.interface import Query, Transaction
from control.verbs import consents
from control.verbs.tokens import Random
from control.web.admin_api.callers import Caller, people
from control.web.admin_api.lists import Narrowed, number, text
from control.web.admin_api.resource import Resource
from control.web.admin_api.shapes import activity


def resources(random: Random) -> list[Resource[Any]]:
    return [SESSIONS, CONSENTS]


def _own(tx: Transaction, caller: Caller) -> Narrowed:
    return {} if caller.is_superuser else {"user": [caller.user.pk]}


def _of_users_named(tx: Transaction, values: list[str]) -> Narrowed:
    return {"user": [user.pk for user in tx.select(User, Query(within={"username": values}))]}


SESSIONS = Resource(
    "core/authenticated_sessions",
    Session,
    "AuthenticatedSession",
    activity.sessions,
    ordering=("-last_used",),
    lookup="uuid",
    keeps_pk=True,
    only={"signed_in": [True]},
    filters={"user__username": _of_users_named, "session__last_ip": text("client_ip")},
    readers=people,
    sees=_own,
    writers=people,
    delete=sessions.revoke,
)
CONSENTS = Resource(
    "core/user_consent",
    UserConsent,
    "UserConsent",
    activity.user_consents,
    ordering=("-created",),
    filters={"user": number("user"), "application": text("application")},
    readers=people,
    sees=_own,
    writers=people,
    delete=consents.revoke,
)
