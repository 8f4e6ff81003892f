"""Events, who is told of them, and what they have been told."""

from __future__ import annotations

from typing import Any

from control.records import Event, Notification, NotificationRule, NotificationTransport
from control.store.interface import Transaction
from control.verbs import notifications as verbs
from control.verbs.tokens import Random
from control.web.admin_api.callers import Caller, auditors, people
from control.web.admin_api.lists import Narrowed, any_of, flag, text
from control.web.admin_api.resource import Resource
from control.web.admin_api.shapes import activity, notifications


def resources(random: Random) -> list[Resource[Any]]:
    return [EVENTS, RULES, TRANSPORTS, NOTIFICATIONS]


EVENTS = Resource(
    "events/events",
    Event,
    "Event",
    activity.events,
    ordering=("-created",),
    readers=auditors,
    filters={
        "action": text("action"),
        "actions": any_of("action"),
        "app": text("app"),
        "client_ip": text("client_ip"),
    },
)

RULES = Resource(
    "events/rules",
    NotificationRule,
    "NotificationRule",
    notifications.rules,
    fields=verbs.RuleFields,
    readers=auditors,
    filters={
        "name": text("name"),
        "severity": text("severity"),
        "destination_group": text("destination_group"),
    },
    create=verbs.create_rule,
    update=verbs.update_rule,
    delete=verbs.delete_rule,
)

TRANSPORTS = Resource(
    "events/transports",
    NotificationTransport,
    "NotificationTransport",
    notifications.transports,
    fields=verbs.TransportFields,
    filters={"name": text("name"), "mode": text("mode"), "send_once": flag("send_once")},
    create=verbs.create_transport,
    update=verbs.update_transport,
    delete=verbs.delete_transport,
)
"""For superusers alone: who has a URL may post there."""


def _own(tx: Transaction, caller: Caller) -> Narrowed:
    return {"user": [caller.user.pk]}


NOTIFICATIONS = Resource(
    "events/notifications",
    Notification,
    "Notification",
    notifications.notifications,
    fields=verbs.NotificationFields,
    ordering=("-created",),
    filters={"severity": text("severity"), "seen": flag("seen"), "event": text("event")},
    readers=people,
    sees=_own,
    writers=people,
    update=verbs.update_notification,
    delete=verbs.delete_notification,
)
