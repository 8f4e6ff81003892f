"""What `outpost tail` shows: events and knocks as they come, from every outpost, chosen and written down.

Pure but for the store that is asked; the command does the waiting and the printing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from control.records import Event, Knock
from control.store.interface import Query, Transaction
from rules.knocks import KINDS

PAGE = 200
"""Events that are asked for at once; more are asked for until known ones come."""
MOST_NEW = 5000
"""Of one look: whoever follows a flood sees its newest end."""
REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is shown; "" does not choose."""

    user: str = ""
    nas: str = ""
    host: str = ""
    application: str = ""
    """Slug or name, or the pk of its provider."""
    reason: str = ""

    def includes(self, line: dict[str, Any]) -> bool:
        return all(
            not wanted or wanted.casefold() in {str(value).casefold() for value in values}
            for wanted, values in (
                (self.user, (line["user"],)),
                (self.nas, (line["request"].get("nas"), line["peer"])),
                (self.host, (line["request"].get("host"),)),
                (self.application, (line["application"], line["provider"])),
                (self.reason, (line["reason"], line["action"])),
            )
        )


class Tail:
    """Remembers what has been shown."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._seen: dict[str, None] = {}

    def look(self, tx: Transaction) -> list[dict[str, Any]]:
        """What is new and wanted, oldest first."""
        lines = [*(event_line(event) for event in self._events(tx)), *(knock_line(knock) for knock in self._knocks(tx))]
        while len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return sorted((line for line in lines if self._wanted.includes(line)), key=lambda line: line["time"])

    def _events(self, tx: Transaction) -> Iterator[Event]:
        for offset in range(0, MOST_NEW, PAGE):
            page = tx.select(Event, Query(ordering=("-created",), offset=offset, limit=PAGE))
            new = [event for event in page if event.pk not in self._seen]
            self._seen.update(dict.fromkeys(event.pk for event in new))
            yield from new
            if len(new) < PAGE:
                return

    def _knocks(self, tx: Transaction) -> Iterator[Knock]:
        for knock in tx.select(Knock, Query(ordering=("-last",), limit=PAGE)):
            key = f"{knock.pk} {knock.last}"
            if key not in self._seen:
                self._seen[key] = None
                yield knock


def event_line(event: Event) -> dict[str, Any]:
    """Who, what, from where, and why."""
    context = event.context
    application = context.get("authorized_application") or {}
    request = context.get("request")
    return {
        "time": event.created,
        "action": event.action,
        "user": event.user.get("username") or context.get("username") or "",
        "peer": event.client_ip,
        "protocol": context.get("protocol", ""),
        "application": application.get("slug", "") if isinstance(application, dict) else "",
        "provider": context.get("provider", ""),
        "reason": context.get("reason", ""),
        "message": context.get("explanation", "") or _changed(context),
        "id": context.get("request_id", ""),
        "request": request if isinstance(request, dict) else {},
    }


def knock_line(knock: Knock) -> dict[str, Any]:
    return {
        "time": knock.last,
        "action": "knock",
        "user": "",
        "peer": knock.detail.get("peer", ""),
        "protocol": "",
        "application": "",
        "provider": knock.detail.get("provider", ""),
        "reason": knock.kind,
        "message": KINDS.get(knock.kind, "{what}").format(what=knock.what),
        "id": "",
        "request": {name: knock.what for name in ("nas", "host") if knock.kind.startswith(name)},
    }


def _changed(context: dict[str, Any]) -> str:
    """Of a change: what it was about, and which fields differ."""
    model = context.get("model")
    if not isinstance(model, dict):
        return ""
    fields = ", ".join(sorted(context.get("diff") or ()))
    return f"{model.get('model_name', '')} {model.get('name', '')}" + (f" ({fields})" if fields else "")


def as_text(line: dict[str, Any]) -> str:
    time = datetime.fromtimestamp(line["time"], UTC).astimezone().strftime("%H:%M:%S")
    where = " ".join(str(part) for part in (line["protocol"], line["peer"], line["request"].get("host", "")) if part)
    about = line["application"] or (f"provider {line['provider']}" if line["provider"] else "")
    parts = [
        time,
        f"{line['action']:<14}",
        line["user"],
        where and f"from {where}",
        about and f"to {about}",
        line["reason"],
    ]
    said = "  ".join(part for part in parts if part)
    told = f"{said}  {line['message']}" if line["message"] else said
    return "".join(character if character.isprintable() else "?" for character in told)


def as_json(line: dict[str, Any]) -> str:
    return json.dumps(line)
