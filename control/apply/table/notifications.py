"""Who is told of which events, and by what way."""

from __future__ import annotations

from typing import Any

from control.apply.sections import Given, Section
from control.apply.table.deciding import BINDINGS
from control.records import NotificationRule, NotificationTransport
from control.store.interface import Transaction
from control.verbs import notifications


def _transport(tx: Transaction, transport: Any) -> Given:
    return {name: getattr(transport, name) for name in notifications.TransportFields.model_fields}


def _rule(tx: Transaction, rule: Any) -> Given:
    return {name: getattr(rule, name) for name in notifications.RuleFields.model_fields}


TRANSPORTS = Section(
    "notification_transports",
    "notification transport",
    NotificationTransport,
    lambda tx, kind, given, random: notifications.create_transport(tx, given),
    notifications.update_transport,
    notifications.delete_transport,
    _transport,
    fields=notifications.TransportFields,
    references=dict.fromkeys(notifications.MAPPINGS, "property_mappings"),
    secrets=frozenset({"webhook_url"}),
    last=True,
)

RULES = Section(
    "notification_rules",
    "notification rule",
    NotificationRule,
    lambda tx, kind, given, random: notifications.create_rule(tx, given),
    notifications.update_rule,
    notifications.delete_rule,
    _rule,
    fields=notifications.RuleFields,
    references={"transports": "notification_transports", "destination_group": "groups"},
    parts=(BINDINGS,),
)
