"""What is posted to URLs: authentik's body, a chat's, or what webhook mappings say."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from control.expression.environment import Asked
from control.expression.faults import Fault
from control.expression.people import Facts, PersonFacts, thing
from control.mappings.answers import Broken, Mappings
from control.mappings.facts import event_facts
from control.notifications.wording import BODIES
from control.people import person_facts
from control.records import Event, NotificationTransport, PropertyMapping, User
from control.store.interface import Transaction

LARGEST = 65_536
"""Characters of a body that a mapping makes, as JSON."""
MOST_LINES, LONGEST_LINE = 20, 4_096
"""Header lines that a mapping makes, and characters of one."""
NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
"""RFC 9110, section 5.6.2."""
VALUE = re.compile(r"[\t\x20-\x7e]*")
OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"})
"""They say how the message is framed, which is nobody else's business."""


@dataclass(frozen=True, slots=True)
class Telling:
    """Everything that a message is made of, read from the store."""

    transport: NotificationTransport
    body: str
    severity: str
    user: User | None = None
    person: PersonFacts | None = None
    event: Event | None = None
    body_mapping: PropertyMapping | None = None
    header_mapping: PropertyMapping | None = None


@dataclass(frozen=True, slots=True)
class Message:
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    broken: tuple[Broken, ...] = ()
    """Mappings that failed: the usual body goes out without them, so that somebody hears of the event."""


def telling(
    tx: Transaction, transport: NotificationTransport, body: str, severity: str, user: User | None, event: Event | None
) -> Telling:
    person, body_mapping, header_mapping = None, None, None
    if transport.mode == "webhook":
        body_mapping = tx.find(PropertyMapping, pk=transport.webhook_mapping_body or "")
        header_mapping = tx.find(PropertyMapping, pk=transport.webhook_mapping_headers or "")
    if user is not None and (body_mapping or header_mapping):
        person = person_facts(tx, user)
    return Telling(transport, body, severity, user, person, event, body_mapping, header_mapping)


def message(told: Telling, run: Mappings) -> Message:
    """Mappings may take their time: call it beside the thread that writes."""
    broken: list[Broken] = []

    def said(mapping: PropertyMapping | None, unfit: Callable[[Any], Fault | None]) -> Any:
        """None: nothing of its own."""
        if mapping is None:
            return None
        found = run.ask(mapping, Asked(told.person), {"notification": thing(_notification(told))})
        fault = found.fault or unfit(found.value)
        if fault is not None:
            broken.append(Broken(mapping, fault))
        return found.value if fault is None else None

    body, headers = said(told.body_mapping, _unfit_body), said(told.header_mapping, _unfit_headers)
    usual = BODIES[told.transport.mode](told.body, told.severity, told.user, told.event)
    return Message(usual if body is None else json.dumps(body).encode(), headers or {}, tuple(broken))


def _notification(told: Telling) -> Facts:
    event = event_facts(told.event) if told.event is not None else None
    return Facts(
        "Notification",
        {
            "body": told.body,
            "severity": told.severity,
            "seen": False,
            "user": told.person,
            "event": event,
            "created": event.fields["created"] if event is not None else None,
        },
        told.body,
    )


def _unfit_body(value: Any) -> Fault | None:
    if len(json.dumps(value)) > LARGEST:
        return Fault(1, 1, f"It returned more than {LARGEST} characters, which there is no room for.")
    return None


def _unfit_headers(value: Any) -> Fault | None:
    """Why these are no header lines."""
    if value is None:
        return None
    if not isinstance(value, dict) or len(value) > MOST_LINES:
        return Fault(1, 1, f"It returns a dictionary of at most {MOST_LINES} header lines, or None.")
    for name, text in value.items():
        if NAME.fullmatch(name) is None or name.lower() in OURS:
            return Fault(1, 1, f"{name!r} is no header that can be chosen.")
        if not isinstance(text, str) or len(text) > LONGEST_LINE or VALUE.fullmatch(text) is None:
            return Fault(1, 1, f"The value of {name!r} is no line of printable ASCII.")
    return None
