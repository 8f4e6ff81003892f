"""The lines that directory changes leave: change log, revision, chained hash, audit events (DESIGN D5)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select, update

from control.records import (
    OWNERS_HEAR,
    Binding,
    Event,
    Group,
    NotificationRule,
    Policy,
    Record,
    UntoldEvent,
    User,
)
from control.records.models import CLEANSED, model_of
from control.store.interface import Actor, LoggedChange
from control.store.sql.questions import provider_settings
from control.store.sql.rows import Rows, canonical, pk_of
from control.store.sql.schema import RECORD_TABLES, change_log, head, revision
from rules.secret_attributes import keys, masked


def _bound_to_rules() -> Select[Any]:
    """What the bindings of notification rules ask: negated, and of a policy its kind and settings."""
    rule, line, policy = (RECORD_TABLES[kind].table for kind in (NotificationRule, Binding, Policy))
    asked = select(line.c.negate, policy.c.kind, policy.c.settings)
    asked = asked.select_from(line.outerjoin(policy, policy.c.pk == line.c.policy))
    return asked.where(line.c.target.in_(select(rule.c.pk)), line.c.enabled)  # rules are few, bindings may be many


_BOUND_TO_RULES = _bound_to_rules()
"""Made once: it is asked with every commit that leaves an event."""


_PASSWORD_ATTRIBUTES = provider_settings("basic_auth_password_attribute")


class Journal:
    """What one transaction changed, in order; written together by `finish`."""

    def __init__(
        self, connection: Connection, rows: Rows, actor: Actor, now: float, new_uuid: Callable[[], str]
    ) -> None:
        self._connection = connection
        self._rows = rows
        self._actor = actor
        self._now = now
        self._new_uuid = new_uuid
        self._changes: list[LoggedChange] = []
        self._change_events: list[str] = []
        self._unwritten: list[Event] = []
        self._left: list[Event] = []

    def created(self, record: Record) -> None:
        changed = self._readable(record, difference(None, record))
        self._note(LoggedChange(0, record.TABLE, pk_of(record)), "model_created", record, changed)

    def updated(self, before: Record, after: Record) -> None:
        changed = self._readable(after, difference(before, after))
        changed.pop("last_updated", None)
        self._note(LoggedChange(0, after.TABLE, pk_of(after)), "model_updated", after, changed)

    def deleted(self, record: Record) -> None:
        self._note(LoggedChange(0, record.TABLE, pk_of(record), removed=True), "model_deleted", record, {})

    def members(self, group: Group, joined: tuple[int, ...], left: tuple[int, ...]) -> None:
        line = LoggedChange(0, "members", group.pk, joined=joined, left=left)
        self._note(line, "model_updated", group, {"members": {"joined": list(joined), "left": list(left)}})

    def _readable(self, record: Record, changed: dict[str, Any]) -> dict[str, Any]:
        """Auditors read events: passwords for applications among somebody's attributes are no affair of theirs."""
        if "attributes" not in changed or not isinstance(record, User | Group):
            return changed
        secret = keys(self._connection.execute(_PASSWORD_ATTRIBUTES, {"kind": "proxy"}).scalars())
        both = {name: value and masked(value, secret) for name, value in changed["attributes"].items()}
        return {**changed, "attributes": both}

    def event_left(self, event: Event) -> None:
        """Rules may want to hear of it."""
        self._left.append(event)

    def write_events(self) -> None:
        """So that whoever reads events in this transaction finds them."""
        if self._unwritten:
            rows = [self._rows.row(canonical(event)) for event in self._unwritten]
            self._connection.execute(insert(RECORD_TABLES[Event].table), rows)
            self._left += self._unwritten
            self._unwritten.clear()

    def finish(self) -> int | None:
        """The new revision's number; None if the directory is as before."""
        self.write_events()
        self._note_untold()
        if not self._changes:
            return None
        before = self._connection.execute(select(head.c.number, head.c.chain)).one()
        number = before.number + 1
        chain = next_chain(before.chain, self._changes, self._change_events)
        last_line = self._connection.execute(select(func.max(change_log.c.seq))).scalar() or 0
        lines = [_line(last_line + index, number, change) for index, change in enumerate(self._changes, 1)]
        self._connection.execute(insert(change_log), lines)
        self._connection.execute(insert(revision), {"number": number, "chain": chain, "created": self._now})
        self._connection.execute(update(head), {"number": number, "chain": chain})
        return int(number)

    def _note_untold(self) -> None:
        """Only what a rule may want: most events are logins, and few want to hear of each."""
        wanted = self._wanted() if self._left else frozenset()
        rows = [
            {"pk": event.pk, "created": self._now} for event in self._left if wanted is None or event.action in wanted
        ]
        if rows:
            self._connection.execute(insert(RECORD_TABLES[UntoldEvent].table), rows)

    def _wanted(self) -> frozenset[str] | None:
        """Actions without which no rule passes an event; None: a rule asks more than for the action."""
        actions = set[str]()
        for negate, kind, settings in self._connection.execute(_BOUND_TO_RULES):
            action = settings.get("action") if kind == "event_matcher" and not negate else None
            if action is None:
                return None
            actions.add(action)
        return OWNERS_HEAR | actions

    def _note(self, line: LoggedChange, action: str, record: Record, changed: Mapping[str, Any]) -> None:
        if not record.DIRECTORY:
            return
        if record.QUIET:
            self._changes.append(line)
            return
        model = model_of(record)
        event = Event(
            action=action,
            pk=self._new_uuid(),
            app=model["app"],
            context={"model": model, "diff": changed} if changed else {"model": model},
            user=dict(self._actor.user),
            client_ip=self._actor.client_ip,
            created=self._now,
        )
        self._changes.append(line)
        self._change_events.append(event.pk)
        self._unwritten.append(event)


def difference(before: Record | None, after: Record) -> dict[str, Any]:
    """field: ``{"previous_value", "new_value"}`` for every field that differs; secret and hidden values cleansed."""
    found = {}
    for field in fields(after):  # type: ignore[arg-type]
        old, new = getattr(before, field.name, None), getattr(after, field.name)
        if old == new:
            continue
        if field.name in after.SECRETS or field.name in after.HIDDEN:
            old, new = old and CLEANSED, new and CLEANSED
        found[field.name] = {"previous_value": old, "new_value": new}
    return found


def next_chain(chain: str, changes: Sequence[LoggedChange], events: Sequence[str]) -> str:
    """SHA-256 hex over the chain before and this revision's lines. ``events`` are the pks of their audit events:
    random, so that a restored store that takes another way never arrives at the same chain. Quiet records have random
    pks themselves."""
    lines = [[c.kind, c.pk, c.removed, c.joined, c.left] for c in changes]
    return hashlib.sha256(json.dumps([chain, lines, list(events)]).encode()).hexdigest()


def _line(seq: int, number: int, change: LoggedChange) -> dict[str, Any]:
    return {
        "seq": seq,
        "revision": number,
        "kind": change.kind,
        "pk": change.pk,
        "removed": change.removed,
        "joined": change.joined,
        "left": change.left,
    }
