"""Notification rules, their transports, and what people have been told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints

from control.records import Group, Notification, NotificationRule, NotificationTransport, PropertyMapping
from control.store.interface import Query, Transaction
from control.verbs.fields import Fields, Invalid, Name, Text, Uuid, existing, overlaid, parse, unique
from control.verbs.property_mappings import KINDS, NOTIFICATION

POSTING = frozenset({"webhook", "webhook_slack"})
"""Modes that need a URL."""
PREFIX = "authentik Notification: "
MAPPINGS = ("webhook_mapping_body", "webhook_mapping_headers")
"""Fields of the mode webhook; the body that chats understand is always the same."""
MOST_TRANSPORTS = 20
"""Of one rule."""


def _url(url: str) -> str:
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # raises ValueError for a bad one
    except ValueError:
        raise ValueError("Enter a valid URL.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not all("!" <= one <= "~" for one in url):
        raise ValueError("Enter a valid URL, such as https://chat.example.com/hooks/abc.")
    return url


class TransportFields(Fields):
    name: Name
    mode: Literal["local", "webhook", "webhook_slack", "email"] = "local"
    webhook_url: Annotated[str, Field(max_length=2048), AfterValidator(_url)] = ""
    email_subject_prefix: Annotated[str, StringConstraints(strip_whitespace=False, max_length=255)] = PREFIX
    email_template: Text = "email/event_notification.html"
    webhook_mapping_body: Uuid | None = None
    webhook_mapping_headers: Uuid | None = None
    send_once: bool = False


class RuleFields(Fields):
    name: Name
    transports: Annotated[list[Uuid], Field(max_length=MOST_TRANSPORTS)] = Field(default_factory=list)
    severity: Literal["notice", "warning", "alert"] = "notice"
    destination_group: Uuid | None = None
    destination_event_user: bool = False


class NotificationFields(Fields):
    seen: bool = False


def create_transport(tx: Transaction, given: Mapping[str, Any]) -> NotificationTransport:
    """Raises Invalid."""
    fields = _checked(tx, parse(TransportFields, given))
    with unique():
        return tx.insert(NotificationTransport(**fields.model_dump()))


def update_transport(tx: Transaction, pk: str, given: Mapping[str, Any], partial: bool = True) -> NotificationTransport:
    """Raises Invalid, NotFound."""
    transport = tx.get(NotificationTransport, pk)
    current = {name: getattr(transport, name) for name in TransportFields.model_fields}
    fields = _checked(tx, overlaid(TransportFields, current, given, partial))
    with unique():
        return tx.update(replace(transport, **fields.model_dump()))


def delete_transport(tx: Transaction, pk: str) -> None:
    """With what waits for it. Raises NotFound."""
    tx.delete(tx.get(NotificationTransport, pk))


def create_rule(tx: Transaction, given: Mapping[str, Any]) -> NotificationRule:
    """Raises Invalid."""
    fields = parse(RuleFields, given)
    _exist(tx, fields)
    with unique():
        return tx.insert(NotificationRule(**_stored(fields)))


def update_rule(tx: Transaction, pk: str, given: Mapping[str, Any], partial: bool = True) -> NotificationRule:
    """Raises Invalid, NotFound."""
    rule = tx.get(NotificationRule, pk)
    current = {name: getattr(rule, name) for name in RuleFields.model_fields} | {"transports": list(rule.transports)}
    fields = overlaid(RuleFields, current, given, partial)
    _exist(tx, fields)
    with unique():
        return tx.update(replace(rule, **_stored(fields)))


def delete_rule(tx: Transaction, pk: str) -> None:
    """With its bindings. Raises NotFound."""
    tx.delete(tx.get(NotificationRule, pk))


def update_notification(tx: Transaction, pk: str, given: Mapping[str, Any], partial: bool = True) -> Notification:
    """Raises Invalid, NotFound."""
    notification = tx.get(Notification, pk)
    fields = overlaid(NotificationFields, {"seen": notification.seen}, given, partial)
    return tx.update(replace(notification, seen=fields.seen))


def delete_notification(tx: Transaction, pk: str) -> None:
    """Raises NotFound."""
    tx.delete(tx.get(Notification, pk))


def all_seen(tx: Transaction, user: int) -> None:
    for notification in tx.select(Notification, Query(equal={"user": user, "seen": False})):
        tx.update(replace(notification, seen=True))


def _checked(tx: Transaction, fields: TransportFields) -> TransportFields:
    if fields.mode in POSTING and not fields.webhook_url:
        raise Invalid({"webhook_url": ["Say where to post to."]})
    for name in MAPPINGS:
        pk = getattr(fields, name)
        for mapping in existing(tx, PropertyMapping, name, [pk] if pk is not None else []):
            if mapping.kind != NOTIFICATION:
                raise Invalid({name: [f"“{mapping.name}” is no {KINDS[NOTIFICATION].label}."]})
    return fields


def _exist(tx: Transaction, fields: RuleFields) -> None:
    existing(tx, NotificationTransport, "transports", fields.transports)
    if fields.destination_group is not None:
        existing(tx, Group, "destination_group", [fields.destination_group])


def _stored(fields: RuleFields) -> dict[str, Any]:
    return fields.model_dump() | {"transports": tuple(dict.fromkeys(fields.transports))}
