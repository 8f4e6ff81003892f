"""Orders to NAS about sessions that they have: who has to go, what an administrator asks for, what became of it.

Verbs over a transaction. An order is a record of the directory, so that whoever follows wakes; outposts of control's
own are told of it over the link (`control.link`), and report what the NAS said.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from control.authentication import admits_still
from control.radius_sessions import live_of
from control.records import Event, RadiusOrder, RadiusSession, User
from control.store.interface import Query, Transaction
from protocols.link.messages import ChangeSession, ReplyAttribute
from protocols.radius.orders import COA, DISCONNECT, NOT_FOUND
from rules import validity
from rules.names import shown

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
USERS_AT_ONCE = 500
"""In one query."""
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
        if session is not None and (order.instance == instance or order.created + PATIENCE <= tx.now):
            found.append(_frame(order, session))
    return found


def concluded(tx: Transaction, outpost: str, body: Mapping[str, Any]) -> None:
    """An outpost's report."""
    order = tx.find(RadiusOrder, pk=str(body.get("order", "")))
    outcome, cause = str(body.get("outcome")), shown(str(body.get("cause", "")))
    if order is not None and order.outpost == outpost and outcome in OUTCOMES:
        _conclude(tx, order, outcome, cause)


def unwelcome(tx: Transaction, users: Collection[int] | None = None) -> list[tuple[RadiusSession, str]]:
    """Sessions of people who would not be let in again now, and why not: of these users, or of everybody.

    Whoever was signed out everywhere has to come again for what began before.
    """
    found: list[tuple[RadiusSession, str]] = []
    reasons: dict[tuple[int, int], str] = {}
    for session in live_of(tx, None if users is None else sorted(users)):
        if session.user is None or (session.order == DISCONNECT and session.outcome):
            continue
        key = (session.user, session.provider)
        if key not in reasons:
            reasons[key] = admits_still(tx, session.provider, session.user, tx.now)
        user = tx.find(User, pk=session.user)
        if reasons[key] != "accepted":
            found.append((session, reasons[key]))
        elif user is not None and session.started < user.sessions_not_before:
            found.append((session, "signed_out"))
    return found


def worth_a_look(tx: Transaction, seconds: float) -> set[int]:
    """Users with sessions that may have to end although nothing was changed: their account is good no more, or the NAS
    has told of the session in these last seconds (it may have begun, or been heard of, after the change)."""
    found: set[int] = set()
    every: set[int] = set()
    for session in live_of(tx):
        if session.user is not None:
            (found if session.last_told > tx.now - seconds else every).add(session.user)
    others = sorted(every - found)
    for at in range(0, len(others), USERS_AT_ONCE):
        users = tx.select(User, Query(within={"pk": others[at : at + USERS_AT_ONCE]}))
        found |= {user.pk for user in users if validity.refusal(user, tx.now) is not None}
    return found


def end_unwelcome(tx: Transaction, users: Collection[int] | None = None) -> int:
    """How many sessions were asked to end."""
    found = unwelcome(tx, users)
    for session, why in found:
        ask(tx, session, DISCONNECT, why)
    return len(found)


def overdue(tx: Transaction) -> list[RadiusOrder]:
    """Orders that nobody has carried: their outpost is away."""
    return [order for order in tx.select(RadiusOrder) if order.created + GIVEN_UP <= tx.now]


def give_up(tx: Transaction) -> None:
    for order in overdue(tx):
        _conclude(tx, order, "unanswered", "the outpost is away")


def _conclude(tx: Transaction, order: RadiusOrder, outcome: str, cause: str) -> None:
    session = tx.find(RadiusSession, pk=order.session)
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
        attributes=tuple(ReplyAttribute(**one) for one in order.attributes),
    )
