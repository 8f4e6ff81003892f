"""Events and browser sessions."""

from __future__ import annotations

from collections.abc import Sequence

from control.records import Event, Session
from control.store.interface import Transaction
from control.verbs import system
from control.verbs.fields import seconds
from control.web.admin_api.resource import View
from control.web.admin_api.shapes.parts import Body, moment


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
