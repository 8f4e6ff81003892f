"""Events."""

from __future__ import annotations

from collections.abc import Sequence

from control.records import Event
from control.store.interface import Transaction
from control.web.admin_api.resource import View
from control.web.admin_api.shapes.parts import Body, moment


def events(tx: Transaction, records: Sequence[Event], view: View) -> list[Body]:
    return [
        {
            "pk": event.pk,
            "user": event.user,
            "action": event.action,
            "app": event.app,
            "context": event.context,
            "client_ip": event.client_ip or None,
            "created": moment(event.created),
            "expires": moment(event.expires),
            "brand": {},
        }
        for event in records
    ]
