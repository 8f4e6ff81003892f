"""What people read of an event: a sentence, and the bodies that are posted to URLs, by authentik's names."""

from __future__ import annotations

import json
from typing import Any

from control.records import Event, User

LONGEST_BODY = 2000
"""Characters of a sentence about an event."""
LONGEST_TITLE, LONGEST_VALUE = 255, 1024
"""Characters of what stands in a chat's table."""
MOST_FIELDS = 20
COLOURS = {"notice": "#2e7d32", "warning": "#f9a825", "alert": "#c62828"}


def sentence(event: Event) -> str:
    """Who, what, from where, and why."""
    who = event.user.get("username") or event.context.get("username") or ""
    where = f" from {event.client_ip}" if event.client_ip else ""
    model = event.context.get("model")
    about = f" {model.get('model_name')} “{model.get('name')}”" if isinstance(model, dict) else ""
    why = event.context.get("message") or event.context.get("explanation") or event.context.get("reason") or ""
    head = event.action.replace("_", " ").capitalize() + about + (f" by {who}" if who else "") + where
    return f"{head}: {why}"[:LONGEST_BODY] if why else f"{head}."[:LONGEST_BODY]


def generic(body: str, severity: str, user: User | None, event: Event | None) -> bytes:
    """authentik's default body."""
    told: dict[str, Any] = {
        "body": body,
        "severity": severity,
        "user_email": user.email if user is not None else "",
        "user_username": user.username if user is not None else "",
    }
    if event is not None:
        told |= {"event_user_email": event.user.get("email", ""), "event_user_username": event.user.get("username", "")}
    return json.dumps(told).encode()


def _literal(text: str) -> str:
    """Strangers choose names that they try: in angle brackets, Slack reads links under other words, and calls."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def slack(body: str, severity: str, user: User | None, event: Event | None) -> bytes:
    """As Slack, Mattermost and Discord's ``/slack`` take it."""
    body = _literal(body)
    fields = [{"title": "Severity", "value": severity, "short": True}]
    if user is not None:
        fields.append({"title": "Dispatched for user", "value": _literal(user.username), "short": True})
    for name, value in (event.context if event is not None else {}).items():
        if isinstance(value, str) and value and len(fields) < MOST_FIELDS:
            told = _literal(value[:LONGEST_VALUE])
            fields.append({"title": _literal(name[:LONGEST_TITLE]), "value": told, "short": False})
    attachment = {
        "author_name": "Outpost",
        "title": _literal(event.action) if event is not None else body,
        "text": body,
        "fallback": body,
        "color": COLOURS[severity],
        "fields": fields,
    }
    return json.dumps({"username": "Outpost", "attachments": [attachment]}).encode()


BODIES = {"webhook": generic, "webhook_slack": slack}
"""Mode of a transport to what is posted."""
