"""Events: who did what, and why somebody was not let in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from control.records import Event
from control.store.interface import Transaction
from control.web.admin_api.table.events import EVENTS
from control.web.console.cells import Body, Cell, Column, minutes, text
from control.web.console.sections import Around, Choice, Section
from rules.reasons import REASONS

ACTIONS = (
    "login",
    "login_failed",
    "logout",
    "authorize_application",
    "secret_view",
    "model_created",
    "model_updated",
    "model_deleted",
    "configuration_error",
    "suspicious_request",
)
TONES = {"login": "good", "login_failed": "wrong", "configuration_error": "wrong", "suspicious_request": "wrong"}


def what(body: Body) -> str:
    """One line on what the event is about."""
    context = body["context"]
    reason = context.get("reason")
    if isinstance(reason, str) and reason in REASONS:
        return REASONS[reason].operator
    for name in ("message", "model", "secret", "application"):
        found = context.get(name)
        if isinstance(found, str) and found:
            return found
        if isinstance(found, dict):
            words = [str(found.get(key, "")) for key in ("model_name", "name")]
            return " ".join(word for word in words if word)
    return ", ".join(f"{name}: {value}" for name, value in context.items() if isinstance(value, str))[:200]


def who(body: Body) -> str:
    return str(body["user"].get("username") or body["context"].get("username") or "")


def action(body: Body) -> Cell:
    return Cell(body["action"].replace("_", " "), to=".", tone=TONES.get(body["action"], "quiet"))


def _beside(tx: Transaction, event: Event, around: Around) -> Mapping[str, Any]:
    reason = event.context.get("reason")
    known = REASONS.get(reason) if isinstance(reason, str) else None
    return {
        "reason": known.operator if known is not None else "",
        "context": yaml.safe_dump(event.context, allow_unicode=True, sort_keys=False) if event.context else "",
        "when": minutes(event.created),
    }


LOG = Section(
    path="events/log",
    title="Logs",
    one="event",
    about="Who signed in, who changed what, and why somebody was not let in.",
    resource=lambda random: EVENTS,
    columns=(
        Column("Time", lambda body: Cell(minutes(body["created"])), "created"),
        Column("Action", action, "action"),
        Column("User", lambda body: Cell(who(body))),
        Column("What", lambda body: Cell(what(body))),
        Column("Client", text("client_ip"), "client_ip"),
    ),
    name=lambda body: body["action"].replace("_", " "),
    beside=_beside,
    template="console/event.html",
    choices=(Choice("action", "Action", tuple((name, name.replace("_", " ")) for name in ACTIONS)),),
    empty="Nothing has happened yet that fits.",
)
