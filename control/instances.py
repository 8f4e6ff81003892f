"""The running processes of outposts: when they were last seen, and what they report (verbs over a transaction)."""

from __future__ import annotations

from dataclasses import replace

from control.records import Event, Instance, Login, User
from control.store.interface import NotFound, Query, Transaction
from protocols.link.messages import Hello, Report, Reports

LOST_SECONDS = 24 * 3600.0
"""A process unseen for so long is not listed any more; most outposts keep their id, containers make new ones."""

ACTIONS = {"logins": "login", "reports_lost": "outpost_reports_lost"}
"""Kind of a report to an event's action: an outpost cannot write any event that it likes."""
OTHER = "outpost_report"


def seen(tx: Transaction, outpost: str, hello: Hello, revision: int) -> None:
    """An outpost process is there, and has this revision."""
    known = _find(tx, hello.instance, outpost)
    present = replace(
        known or Instance(hello.instance, outpost),
        hostname=hello.hostname,
        version=hello.version,
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


def take(tx: Transaction, outpost: str, reports: Reports) -> int:
    """Keeps what was not kept before; the number of the last report that is. In one transaction, so exactly once."""
    instance = _find(tx, reports.instance, outpost)
    if instance is None:
        instance = tx.insert(Instance(reports.instance, outpost, last_seen=tx.now))
    taken = instance.reported
    for report in reports.reports:
        if report.number <= taken:
            continue
        _keep(tx, outpost, report)
        taken = report.number
    if taken != instance.reported:
        tx.update(replace(instance, reported=taken))
    return taken


def _find(tx: Transaction, pk: str, outpost: str) -> Instance | None:
    """Raises NotFound when another outpost has this id: nobody reports in another's name."""
    instance = tx.find(Instance, pk=pk)
    if instance is not None and instance.outpost != outpost:
        raise NotFound("an instance of another outpost")
    return instance


def _keep(tx: Transaction, outpost: str, report: Report) -> None:
    pk = report.body.get("user")
    user = tx.find(User, pk=pk) if type(pk) is int else None
    if user is not None and report.kind == "logins":
        _remember_login(tx, Login(user.pk, report.time))
    tx.insert(
        Event(
            action=ACTIONS.get(report.kind, OTHER),
            app="outpost",
            context={**report.body, "outpost": outpost, "report": report.kind},
            user={"pk": user.pk, "username": user.username, "email": user.email} if user is not None else {},
            client_ip=str(report.body.get("peer", "")),
            created=report.time,
        )
    )


def _remember_login(tx: Transaction, login: Login) -> None:
    known = tx.find(Login, pk=login.pk)
    if known is None:
        tx.insert(login)
    elif known.last_login < login.last_login:
        tx.update(login)
