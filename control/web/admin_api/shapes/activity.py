"""Events, browser sessions, and consents."""

from __future__ import annotations

from collections.abc import Sequence

from control.records import Application, Event, Session, User, UserConsent
from control.store.interface import Transaction
from control.verbs import system
from control.verbs.fields import seconds
from control.web.admin_api.resource import View
from control.web.admin_api.shapes import applications, people
from control.web.admin_api.shapes.parts import Body, by_pk, moment


def events(tx: Transaction, records: Sequence[Event], view: View) -> list[Body]:
    kept = seconds(system.read(tx).event_retention)
    return [
        {
            "pk": event.pk,
            "user": event.user,
            "action": event.action,
            "app": event.app,
            "context": event.context,
            "client_ip": event.client_ip or None,
            "created": moment(event.created),
            "expires": moment(event.expires or event.created + kept),
            "brand": {},
        }
        for event in records
    ]


UNTOLD = "Other"
"""What a User-Agent is called that nobody took apart: we only pass on what the browser said."""


def sessions(tx: Transaction, records: Sequence[Session], view: View) -> list[Body]:
    return [
        {
            "uuid": session.uuid,
            "current": session.pk == view.caller.session,
            "user_agent": {
                "device": {"brand": "", "family": UNTOLD, "model": ""},
                "os": {"family": UNTOLD, "major": "", "minor": "", "patch": "", "patch_minor": ""},
                "user_agent": {"family": UNTOLD, "major": "", "minor": "", "patch": ""},
                "string": session.user_agent,
            },
            "geo_ip": None,
            "asn": None,
            "user": session.user,
            "last_ip": session.client_ip,
            "last_user_agent": session.user_agent,
            "last_used": moment(session.last_used),
            "expires": moment(session.expires),
        }
        for session in records
    ]


def user_consents(tx: Transaction, records: Sequence[UserConsent], view: View) -> list[Body]:
    users = by_pk(tx, User, {one.user for one in records})
    known = by_pk(tx, Application, {one.application for one in records})
    people_shown = {body["pk"]: body for body in people.users(tx, list(users.values()), view)}
    shown = {body["pk"]: body for body in applications.applications(tx, list(known.values()), view)}
    return [
        {
            "pk": one.pk,
            "expiring": one.expires is not None,
            "expires": moment(one.expires) if one.expires is not None else None,
            "user": people_shown.get(one.user),
            "application": shown.get(one.application),
            "permissions": " ".join(one.scopes),
        }
        for one in records
    ]
