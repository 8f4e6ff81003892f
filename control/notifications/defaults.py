"""The transports and rules that every store begins with, under authentik's names: administrators hear of
what is broken.

They are made once: whoever deletes one does not find it there again.
"""

from __future__ import annotations

from dataclasses import replace

from control.records import Binding, NotificationRule, NotificationTransport, Policy, Setting
from control.store.interface import Transaction
from control.verbs import notifications, policies

MADE = "default_notifications"
"""The setting that says that it has been done."""
MATCHES = {
    "default-match-configuration-error": "configuration_error",
    "default-match-policy-exception": "policy_exception",
    "default-match-property-mapping-exception": "property_mapping_exception",
    "default-match-update": "update_available",
}
"""Policy to the action of the events that it matches."""
RULES = {
    "default-notify-configuration-error": ("default-match-configuration-error",),
    "default-notify-exception": ("default-match-policy-exception", "default-match-property-mapping-exception"),
    "default-notify-update": ("default-match-update",),
}
TRANSPORTS = {"default-email-transport": "email", "default-local-transport": "local"}
MANAGED = "goauthentik.io/events/{}"


def ensure_notifications(tx: Transaction, administrators: str | None) -> None:
    """``administrators``: pk of the group that is told. What has one of the names already stays as it is."""
    if tx.find(Setting, pk=MADE) is not None:
        return
    tx.insert(Setting(MADE, True))
    if administrators is None:
        return
    ways = [_transport(tx, name, mode) for name, mode in TRANSPORTS.items()]
    matches = {name: _policy(tx, name, action) for name, action in MATCHES.items()}
    for name, wanted in RULES.items():
        if tx.find(NotificationRule, name=name) is not None:
            continue
        given = {"name": name, "severity": "alert", "transports": [way.pk for way in ways]}
        rule = notifications.create_rule(tx, {**given, "destination_group": administrators})
        tx.update(replace(rule, managed=MANAGED.format(name)))
        for match in wanted:
            tx.insert(Binding(rule.pk, policy=matches[match].pk, managed=MANAGED.format(name)))


def _transport(tx: Transaction, name: str, mode: str) -> NotificationTransport:
    made = tx.find(NotificationTransport, name=name)
    if made is not None:
        return made
    created = notifications.create_transport(tx, {"name": name, "mode": mode})
    return tx.update(replace(created, managed=MANAGED.format(name)))


def _policy(tx: Transaction, name: str, action: str) -> Policy:
    made = tx.find(Policy, name=name)
    if made is not None:
        return made
    created = policies.create(tx, "event_matcher", {"name": name, "action": action})
    return tx.update(replace(created, managed=MANAGED.format(name)))
