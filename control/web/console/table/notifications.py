"""Who is told of which events, and by what way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control.records import NotificationRule, NotificationTransport
from control.store.interface import Transaction
from control.verbs import notifications
from control.verbs.property_mappings import NOTIFICATION
from control.web.admin_api.shapes.notifications import MODES
from control.web.admin_api.table.events import RULES, TRANSPORTS
from control.web.console import pickable
from control.web.console.cells import Body, Cell, Column
from control.web.console.sections import ROOT, Around, Form, Section, made_by
from control.web.console.table.applications import bound, with_subjects

TONES = {"notice": "quiet", "warning": "warn", "alert": "wrong"}


def _beside_rule(tx: Transaction, rule: NotificationRule, around: Around) -> Mapping[str, Any]:
    told = with_subjects(tx, bound(tx, rule.pk), around.view)
    return {"bindings": told, "unbound": "Nobody is told anything yet: bind a policy that says of which events."}


def _group(body: Body) -> Cell:
    crowd = body["destination_group_obj"]
    if crowd is None:
        return Cell("", tone="")
    return Cell(crowd["name"], to=f"{ROOT}/identity/groups/{crowd['pk']}/")


TOLD = Section(
    path="events/rules",
    title="Notification rules",
    one="notification rule",
    about="Who is told of which events. Its bindings choose the events; without any, nobody is told.",
    resource=lambda random: RULES,
    columns=(
        Column("Name", lambda body: Cell(body["name"], to="."), "name"),
        Column("Severity", lambda body: Cell(body["severity"], tone=TONES[body["severity"]]), "severity"),
        Column("Group", _group),
        Column("Transports", lambda body: Cell(str(len(body["transports"])))),
    ),
    name=lambda body: body["name"],
    forms={
        "": Form(
            notifications.RuleFields,
            first=("name", "transports", "severity", "destination_group", "destination_event_user"),
            pickers={"transports": pickable.TRANSPORTS, "destination_group": pickable.GROUPS},
            create=made_by(lambda random: RULES),
        )
    },
    beside=_beside_rule,
    template="console/bound.html",
    empty="Make a transport first, then a rule that uses it.",
)


def _using(tx: Transaction, transport: NotificationTransport) -> list[NotificationRule]:
    return [rule for rule in tx.select(NotificationRule) if transport.pk in rule.transports]


def _affects(tx: Transaction, transport: NotificationTransport) -> list[str]:
    using = [rule.name for rule in _using(tx, transport)]
    return [f"These rules go on without it: {', '.join(sorted(using)[:10])}."] if using else []


WAYS = Section(
    path="events/transports",
    title="Notification transports",
    one="notification transport",
    about="How people are told: in a list of their own, by mail, or by a URL that something else listens at.",
    resource=lambda random: TRANSPORTS,
    columns=(
        Column("Name", lambda body: Cell(body["name"], to="."), "name"),
        Column("Mode", lambda body: Cell(MODES[body["mode"]]), "mode"),
    ),
    name=lambda body: body["name"],
    forms={
        "": Form(
            notifications.TransportFields,
            first=("name", "mode", "webhook_url"),
            pickers=dict.fromkeys(notifications.MAPPINGS, pickable.of_kind(NOTIFICATION)),
            secrets=frozenset({"webhook_url"}),
            optional=frozenset({"webhook_url"}),
            create=made_by(lambda random: TRANSPORTS),
        )
    },
    affects=_affects,
    beside=lambda tx, transport, around: {"rules": _using(tx, transport)},
    template="console/transport.html",
    revealed={"webhook_url": lambda tx, transport: str(transport.webhook_url)},
    empty="Make one for mail, or for a chat.",
)
