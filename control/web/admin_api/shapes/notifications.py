"""Rules, their transports, and what people have been told."""

from __future__ import annotations

from collections.abc import Sequence

from control.records import Event, Group, Notification, NotificationRule, NotificationTransport
from control.store.interface import Transaction
from control.web.admin_api.resource import View
from control.web.admin_api.shapes.activity import events
from control.web.admin_api.shapes.parts import Body, by_pk, moment
from control.web.admin_api.shapes.people import groups

MODES = {
    "local": "authentik inbuilt notifications",
    "webhook": "Generic Webhook",
    "webhook_slack": "Slack Webhook (Slack/Discord)",
    "email": "Email",
}
"""authentik's words."""


def transports(tx: Transaction, records: Sequence[NotificationTransport], view: View) -> list[Body]:
    return [
        {
            "pk": one.pk,
            "name": one.name,
            "mode": one.mode,
            "mode_verbose": MODES[one.mode],
            "webhook_url": one.webhook_url,
            "webhook_ca": None,
            "webhook_mapping_body": one.webhook_mapping_body,
            "webhook_mapping_headers": one.webhook_mapping_headers,
            "email_subject_prefix": one.email_subject_prefix,
            "email_template": one.email_template,
            "send_once": one.send_once,
        }
        for one in records
    ]


def rules(tx: Transaction, records: Sequence[NotificationRule], view: View) -> list[Body]:
    told = groups(tx, list(by_pk(tx, Group, {rule.destination_group for rule in records}).values()), view)
    crowds = {body["pk"]: body for body in told}
    return [
        {
            "pk": rule.pk,
            "name": rule.name,
            "transports": list(rule.transports),
            "severity": rule.severity,
            "destination_group": rule.destination_group,
            "destination_group_obj": crowds.get(rule.destination_group),
            "destination_event_user": rule.destination_event_user,
        }
        for rule in records
    ]


def notifications(tx: Transaction, records: Sequence[Notification], view: View) -> list[Body]:
    found = list(by_pk(tx, Event, {one.event for one in records}).values())
    happened = {body["pk"]: body for body in events(tx, found, view)}
    return [
        {
            "pk": one.pk,
            "severity": one.severity,
            "body": one.body,
            "hyperlink": None,
            "hyperlink_label": None,
            "created": moment(one.created),
            "event": happened.get(one.event),
            "seen": one.seen,
        }
        for one in records
    ]
