"""Orders to NAS about sessions that they have: who has to go, what an administrator asks for, what became of it.

Verbs over a transaction. An order is a record of the directory, so that whoever follows wakes; outposts of control's
own are told of it over the link (`control.outposts.link`), and report what the NAS said.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from control.policies.asking import Asking
from control.policies.judge import Judge
from control.radius import credentials as radius_credentials
from control.radius.provider import reply_attribute
from control.radius.sessions import live_of
from control.records import Application, Binding, Event, Policy, Provider, RadiusOrder, RadiusSession, User
from control.store.interface import Query, Transaction
from protocols.link.messages import ChangeSession
from protocols.radius.orders import COA, DISCONNECT, NOT_FOUND
from rules import validity
from rules.names import shown
from rules.places import is_address

REPORT = "radius_order"
"""Kind of an outpost's report: ``order``, ``outcome`` and ``cause``."""
OUTCOMES = frozenset({"acknowledged", "refused", "unanswered"})
ASKED = "asked"
BY_HAND = "by_hand"
"""Why: an administrator wants it."""
PATIENCE = 10.0
"""Seconds after which another process of the outpost takes over an order from the one that knows the NAS."""
GIVEN_UP = 600.0
"""Seconds after which nobody carries an order any more."""
AGAIN = (30.0, 120.0, 600.0, 3600.0)
"""Seconds after which a NAS that has not answered is told once more: it may have been away."""
USERS_AT_ONCE = 500
"""In one query."""
RESTLESS = frozenset({"reputation"})
"""Kinds of policies that say something else whenever somebody guesses: they decide about logins, and end nothing."""
CAUSE = "Admin-Reset"
"""Acct-Terminate-Cause of a session that its NAS has ended because we said so."""


def ask(
    tx: Transaction, session: RadiusSession, kind: str, why: str, attributes: Sequence[Mapping[str, Any]] = ()
) -> RadiusOrder:
    """``why``: a reason's code, or a word for an administrator's wish."""
    for old in tx.select(RadiusOrder, Query(equal={"session": session.pk})):
        tx.delete(old)
    tx.update(replace(session, order=kind, outcome=ASKED, why=why))
    return tx.insert(
        RadiusOrder(
            session=session.pk,
            kind=kind,
            why=why,
            outpost=session.outpost,
            instance=session.instance,
            attributes=tuple(dict(one) for one in attributes),
            created=tx.now,
        )
    )


def pending(tx: Transaction, outpost: str, instance: str) -> list[ChangeSession]:
    """What this process of the outpost is to carry: its own orders, and those that another has left lying."""
    found = []
    for order in tx.select(RadiusOrder, Query(equal={"outpost": outpost}, ordering=("created",))):
        session = tx.find(RadiusSession, pk=order.session)
        since = max(order.created, order.due)
        if session is not None and since <= tx.now and (order.instance == instance or since + PATIENCE <= tx.now):
            found.append(_frame(order, session))
    return found


def concluded(tx: Transaction, outpost: str, body: Mapping[str, Any]) -> None:
    """An outpost's report."""
    order = tx.find(RadiusOrder, pk=str(body.get("order", "")))
    outcome, cause = str(body.get("outcome")), shown(str(body.get("cause", "")))
    if order is not None and order.outpost == outpost and outcome in OUTCOMES:
        _conclude(tx, order, outcome, cause)


def unwelcome(tx: Transaction, judge: Judge, users: Collection[int] | None = None) -> list[tuple[RadiusSession, str]]:
    """Sessions of people who would not be let in again now, and why not: of these users, or of everybody.

    Whoever was signed out everywhere has to come again for what began before.
    """
    doors = cache(lambda provider: (tx.find(Provider, pk=provider), tx.find(Application, provider=provider)))
    found: list[tuple[RadiusSession, str]] = []
    for session in live_of(tx, None if users is None else sorted(users)):
        if session.user is None or (session.order == DISCONNECT and session.outcome):
            continue
        why = _refusal(tx, session, *doors(session.provider), judge)
        if why is not None:
            found.append((session, why))
    return found


def _refusal(
    tx: Transaction, session: RadiusSession, provider: Provider | None, application: Application | None, judge: Judge
) -> str | None:
    """Why somebody who was let in may not stay where they are, a code of `rules.reasons`."""
    if provider is None or application is None:
        return "unknown_provider"
    user = tx.find(User, pk=session.user)
    if user is None:
        return "unknown_user"
    if (refusal := validity.refusal(user, tx.now)) is not None:
        return refusal
    said = judge.decide(tx, application, _asking(session, user, tx.now))
    if not said.passing and not said.answers:
        return said.reason  # users and groups have said it alone
    if session.started < user.sessions_not_before:
        return "signed_out"
    if session.credential and (why := radius_credentials.refusal(tx, provider, session.credential)) is not None:
        return why
    denies = [one for one in said.answers if not one.passing]
    # A policy that is broken lets nobody in; whoever is in already stays until one says no.
    if said.passing or any(one.fault or one.policy.kind in RESTLESS for one in denies):
        return None
    return said.reason


def _asking(session: RadiusSession, user: User, now: float) -> Asking:
    """As at the login, as far as the NAS has told of it (`protocols.radius.request.Request.attributes`).

    A NAS that has no name is known by the address that it gives itself (`protocols.radius.accounting`)."""
    told = {
        "protocol": "radius",
        "nas": session.nas if is_address(session.nas_name) else session.nas_name or session.nas,
        "calling_station": session.calling_station,
        "called_station": session.called_station,
        "ssid": session.ssid,
    }
    attributes = {name: value for name, value in told.items() if value}
    return Asking(user, now, session.nas, session.username, attributes)


def worth_a_look(tx: Transaction, seconds: float) -> set[int]:
    """Users with sessions that may have to end although nothing was changed: their account or certificate is good no
    more, the application has hours, or the NAS has told of the session in these last seconds (it may have begun, or
    been heard of, after the change)."""
    found: set[int] = set()
    every: set[int] = set()
    hours = _with_hours(tx)
    for session in live_of(tx):
        if session.user is None:
            continue
        ends = radius_credentials.ends(session.credential)
        look = (
            session.last_told > tx.now - seconds or session.provider in hours or (ends is not None and ends <= tx.now)
        )
        (found if look else every).add(session.user)
    others = sorted(every - found)
    for at in range(0, len(others), USERS_AT_ONCE):
        users = tx.select(User, Query(within={"pk": others[at : at + USERS_AT_ONCE]}))
        found |= {user.pk for user in users if validity.refusal(user, tx.now) is not None}
    return found


def _with_hours(tx: Transaction) -> set[int]:
    """Providers whose applications have a policy that says something else at another hour."""
    timed = [policy.pk for policy in tx.select(Policy, Query(equal={"kind": "time"}))]
    targets = [line.target for line in tx.select(Binding, Query(within={"policy": timed}))] if timed else []
    found = tx.select(Application, Query(within={"pk": targets})) if targets else []
    return {one.provider for one in found if one.provider is not None}


def end_unwelcome(tx: Transaction, judge: Judge, users: Collection[int] | None = None) -> int:
    """How many sessions were asked to end."""
    found = unwelcome(tx, judge, users)
    for session, why in found:
        ask(tx, session, DISCONNECT, why)
    return len(found)


def overdue(tx: Transaction) -> list[RadiusOrder]:
    """Orders that nobody has carried: their outpost is away. And those that need no carrying any more."""
    return [
        order
        for order in tx.select(RadiusOrder)
        if max(order.created, order.due) + GIVEN_UP <= tx.now or (order.rounds and not _goes_on(tx, order))
    ]


def _goes_on(tx: Transaction, order: RadiusOrder) -> bool:
    session = tx.find(RadiusSession, pk=order.session)
    return session is not None and session.live


def give_up(tx: Transaction) -> None:
    for order in overdue(tx):
        if order.rounds and not _goes_on(tx, order):
            tx.delete(order)
        else:
            _conclude(tx, order, "unanswered", "the outpost is away")


def _conclude(tx: Transaction, order: RadiusOrder, outcome: str, cause: str) -> None:
    session = tx.find(RadiusSession, pk=order.session)
    again = outcome == "unanswered" and order.rounds < len(AGAIN) and session is not None and session.live
    if again:
        tx.update(replace(order, rounds=order.rounds + 1, due=tx.now + AGAIN[order.rounds]))
    else:
        tx.delete(order)
    if session is None:
        return
    changed = replace(session, outcome=outcome, why=cause or session.why)
    if order.kind == DISCONNECT and session.live and (outcome == "acknowledged" or cause == NOT_FOUND):
        changed = replace(changed, live=False, ended=tx.now, cause=CAUSE if outcome == "acknowledged" else "")
    tx.update(changed)
    user = tx.find(User, pk=session.user) if session.user is not None else None
    tx.insert(
        Event(
            action=f"radius_{order.kind}",
            app="radius",
            context={
                "outcome": outcome,
                "cause": cause,
                "why": order.why,
                "again": AGAIN[order.rounds] if again else None,
                **{name: getattr(session, name) for name in ("nas", "nas_name", "session", "calling_station", "port")},
            },
            user={"pk": user.pk, "username": user.username, "email": user.email} if user is not None else {},
            client_ip=session.nas,
            created=tx.now,
        )
    )


def _frame(order: RadiusOrder, session: RadiusSession) -> ChangeSession:
    return ChangeSession(
        pk=order.pk,
        kind="coa" if order.kind == COA else "disconnect",
        nas=session.nas,
        nas_name=session.nas_name,
        session=session.session,
        calling_station=session.calling_station,
        attributes=tuple(map(reply_attribute, order.attributes)),
    )
