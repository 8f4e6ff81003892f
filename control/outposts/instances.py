"""The running processes of outposts: when they were last seen, and what they report (verbs over a transaction)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from control import knocks, logins, tries
from control.outposts.serving import served
from control.radius import orders as radius_orders
from control.radius import pins as radius_pins
from control.radius import sessions as radius_sessions
from control.records import Event, Instance, User
from control.store.interface import Query, Transaction
from protocols.errors import RemoteProtocolError
from protocols.link.messages import Hello, Report, Reports
from rules.knocks import KNOCK, KNOCK_ANSWERED, THROTTLED
from rules.names import is_possible_name, shown

LOST_SECONDS = 24 * 3600.0
"""A process unseen for so long is not listed any more; most outposts keep their id, containers make new ones."""

PRESENT_SECONDS = 40.0
"""One that follows is seen at every heartbeat, each 15 seconds."""

MOST_FIELDS = 30
"""Of a report's body; most of ours have five."""
MOST_REVISION = 2**63
"""What a database keeps as a number."""

LOGINS = "logins"
"""Of people whom an outpost knew: they are believed where it serves the provider."""
ACTIONS = {
    LOGINS: "login",
    "reports_lost": "outpost_reports_lost",
    radius_sessions.ACCOUNTING: "radius_accounting",
}
"""Kind of a report to an event's action: an outpost cannot write any event that it likes."""
OTHER = "outpost_report"
KEPT = {
    KNOCK: knocks.reported,
    KNOCK_ANSWERED: knocks.reported_answered,
    THROTTLED: tries.reported,
    radius_orders.REPORT: radius_orders.concluded,
    radius_pins.REPORT: radius_pins.reported,
}
"""Kinds of reports that are no events, and the verb that keeps them."""


def seen(tx: Transaction, outpost: str, hello: Hello, revision: int) -> None:
    """An outpost process is there, and has this revision. Raises RemoteProtocolError for a hello that names nobody."""
    if not (is_possible_name(hello.instance) and 0 <= revision < MOST_REVISION):
        raise RemoteProtocolError("a hello names an instance and a revision")
    known = _find(tx, hello.instance, outpost)
    present = replace(
        known or Instance(hello.instance, outpost),
        hostname=shown(hello.hostname),
        version=shown(hello.version),
        last_seen=tx.now,
        revision=revision,
    )
    if known is None:
        tx.insert(present)
    else:
        tx.update(present)


def of_outpost(tx: Transaction, outpost: str) -> list[Instance]:
    """Those seen lately, the latest first."""
    found = tx.select(Instance, Query(equal={"outpost": outpost}, ordering=("-last_seen",)))
    return [instance for instance in found if instance.last_seen > tx.now - LOST_SECONDS]


def behind(tx: Transaction, revision: int) -> list[Instance]:
    """Those that are there and have not said yet that this revision, or a later one, is in force at them."""
    return [
        instance
        for instance in tx.select(Instance)
        if instance.last_seen > tx.now - PRESENT_SECONDS and instance.revision < revision
    ]


def take(tx: Transaction, outpost: str, reports: Reports) -> int:
    """Keeps what was not kept before; the number of the last report that is. In one transaction, so exactly once."""
    if not is_possible_name(reports.instance):
        raise RemoteProtocolError("reports name the instance that they come from")
    instance = _find(tx, reports.instance, outpost)
    if instance is None:
        instance = tx.insert(Instance(reports.instance, outpost, last_seen=tx.now))
    taken = instance.reported
    for report in reports.reports:
        if report.number <= taken:
            continue
        _keep(tx, outpost, instance.pk, report)
        taken = report.number
    if not 0 <= reports.revision < MOST_REVISION:
        raise RemoteProtocolError("a revision is a number that a store can have given")
    revision = reports.revision or instance.revision
    if (taken, revision) != (instance.reported, instance.revision):
        tx.update(replace(instance, reported=taken, revision=revision, last_seen=tx.now))
    return taken


def _find(tx: Transaction, pk: str, outpost: str) -> Instance | None:
    """Raises RemoteProtocolError when another outpost has this id: nobody reports in another's name."""
    instance = tx.find(Instance, pk=pk)
    if instance is not None and instance.outpost != outpost:
        raise RemoteProtocolError("this is the instance of another outpost")
    return instance


def _keep(tx: Transaction, outpost: str, instance: str, report: Report) -> None:
    """Whatever a report holds, it is kept, cut to size: one that could not be would hold up all behind it."""
    if (keep := KEPT.get(report.kind)) is not None:
        keep(tx, outpost, report.body)
        return
    if report.kind == radius_sessions.ACCOUNTING and radius_sessions.told(tx, outpost, instance, report.body):
        return
    provider = report.body.get("provider")
    is_served = type(provider) is int and provider in served(tx, outpost)
    action = ACTIONS.get(report.kind, OTHER) if is_served or report.kind != LOGINS else OTHER
    pk = report.body.get("user")
    user = tx.find(User, pk=pk) if type(pk) is int and 0 < pk < MOST_REVISION and is_served else None
    time = radius_sessions.said_at(report.time, tx.now)
    if user is not None and report.kind == LOGINS:
        logins.remember(tx, user.pk, time, str(report.body.get("peer", "")))
    tx.insert(
        Event(
            action=action,
            app="outpost",
            context={**_cut(report.body), "outpost": outpost, "report": shown(report.kind)},
            user={"pk": user.pk, "username": user.username, "email": user.email} if user is not None else {},
            client_ip=shown(str(report.body.get("peer", report.body.get("nas", "")))),
            created=time,
        )
    )


def _cut(body: dict[str, Any]) -> dict[str, Any]:
    """Numbers, truth values and short texts under short names."""
    kept: dict[str, Any] = {}
    for name, value in list(body.items())[:MOST_FIELDS]:
        if isinstance(value, bool | None) or (isinstance(value, int) and abs(value) < MOST_REVISION):
            kept[shown(name)] = value
        else:
            kept[shown(name)] = shown(str(value))
    return kept
