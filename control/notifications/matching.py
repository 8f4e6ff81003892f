"""Asks rules about events that are new, and writes down who is to hear of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from control.notifications import APP
from control.notifications.wording import sentence
from control.policies.asking import Asking
from control.policies.judge import Judge, events
from control.records import (
    Binding,
    Event,
    Group,
    Letter,
    Notification,
    NotificationDelivery,
    NotificationRule,
    NotificationTransport,
    UntoldEvent,
    User,
)
from control.repeating import Repeating
from control.store.interface import Query, Store, StoreTrouble, Transaction
from rules.groups import ancestors

REST = 0.5
"""Seconds between looks."""
AT_ONCE = 50
"""Events of one look."""
MOST_PEOPLE = 1000
"""Who are told of one event by one rule."""
MOST_WAITING = 10_000
"""Deliveries: while a URL does not answer, no table grows for it."""
KEPT = 90 * 86_400.0
"""Seconds that a notification stays in a person's list."""

Mail = Callable[[Transaction, NotificationTransport, User, str, Event], None]
"""Queues one letter with this sentence. Raises CannotMail."""
Tell = Callable[[Transaction, Event], None]
"""Tells whose account it is what was done to it, where that is what the event says."""

log = logging.getLogger(__name__)


class CannotMail(Exception):
    """The text is a sentence for the operator."""


class NoServer(CannotMail):
    """Mail is not set up: the rules that every store begins with would like to write, and nothing is wrong."""


@dataclass(frozen=True, slots=True)
class Match:
    rule: NotificationRule
    event: Event


@dataclass(frozen=True, slots=True)
class Looked:
    untold: Sequence[UntoldEvent] = ()
    events: Sequence[Event] = ()
    matches: Sequence[Match] = ()
    traces: Sequence[Event] = ()


class Matching:
    def __init__(self, store: Store, judge: Judge, mail: Mail, tell_owner: Tell) -> None:
        self._store = store
        self._judge = judge
        self._mail = mail
        self._tell_owner = tell_owner
        self.work = Repeating("asking rules about events", self.look, lambda: asyncio.sleep(REST))

    async def look(self) -> None:
        """Policies may take their time: they are asked beside the one thread that writes."""
        looked = await self._store.read(self._ask)
        if looked.untold:
            await self._store.write(lambda tx: self._tell(tx, looked))

    # --- which -----------------------------------------------------------------------------------------------------

    def _ask(self, tx: Transaction) -> Looked:
        untold = tx.select(UntoldEvent, Query(ordering=("created",), limit=AT_ONCE))
        if not untold:
            return Looked()
        found = tx.select(Event, Query(within={"pk": [one.pk for one in untold]}, ordering=("created",)))
        rules, matches, traces = tx.select(NotificationRule), list[Match](), list[Event]()
        for event in found:
            for rule in () if _is_own(tx, event) else rules:
                if self._passes(tx, rule, event, traces):
                    matches.append(Match(rule, event))
        return Looked(untold, found, matches, traces)

    def _passes(self, tx: Transaction, rule: NotificationRule, event: Event, traces: list[Event]) -> bool:
        if not rule.transports or not (rule.destination_group or rule.destination_event_user):
            return False
        if not tx.count(Binding, Query(equal={"target": rule.pk, "enabled": True})):
            return False
        asking = Asking(about(tx, event), tx.now, event.client_ip, context={"event": event})
        try:
            decided = self._judge.decide(tx, rule, asking)
        except StoreTrouble:
            raise
        except Exception:
            log.exception("the rule %r cannot be asked", rule.name, extra={"fields": {"event": "fault"}})
            return False
        traces += [replace(trace, app=APP) for trace in events(decided, asking)]
        return decided.passing

    # --- to whom ---------------------------------------------------------------------------------------------------

    def _tell(self, tx: Transaction, looked: Looked) -> None:
        """What another control process has told meanwhile is left alone."""
        mine = set()
        for untold in looked.untold:
            current = tx.find(UntoldEvent, pk=untold.pk)
            if current is not None:
                tx.delete(current)
                mine.add(current.pk)
        for trace in looked.traces:
            tx.insert(trace)
        for event in looked.events:
            if event.pk in mine:
                self._tell_owner(tx, event)
        for match in looked.matches:
            if match.event.pk in mine:
                self._send(tx, match)

    def _send(self, tx: Transaction, match: Match) -> None:
        people = list(_people(tx, match))
        for transport in tx.select(NotificationTransport, Query(within={"pk": match.rule.transports})):
            for user in people[:1] if transport.send_once else people:
                self._send_to(tx, transport, match, user)

    def _send_to(self, tx: Transaction, transport: NotificationTransport, match: Match, user: User) -> None:
        body, event, severity = sentence(match.event), match.event, match.rule.severity
        if transport.mode == "local":
            keep(tx, user, body, severity, event.pk)
        elif transport.mode == "email":
            try:
                self._mail(tx, transport, user, body, event)
            except NoServer:
                log.info("%s is not told by mail: no mail server is set", user.username)
            except CannotMail as error:
                log.error("%s is not told by mail: %s", user.username, error)
        elif tx.count(NotificationDelivery) < MOST_WAITING:
            tx.insert(
                NotificationDelivery(
                    transport.pk, body, severity=severity, user=user.pk, event=event.pk, due=tx.now, created=tx.now
                )
            )
        else:
            log.error("Too much waits for the URLs of notifications; look at why they do not answer")


def _is_own(tx: Transaction, event: Event) -> bool:
    """It comes of telling, as does what became of our own letters: telling of these would go round for ever."""
    letter = tx.find(Letter, pk=str(event.context.get("letter"))) if event.app == "mail" else None
    return event.app == APP or (letter is not None and letter.purpose == APP)


def keep(tx: Transaction, user: User, body: str, severity: str, event: str | None) -> Notification:
    """In the person's own list."""
    return tx.insert(Notification(user.pk, body, severity=severity, event=event, created=tx.now, expires=tx.now + KEPT))


def _people(tx: Transaction, match: Match) -> Iterator[User]:
    """Active ones, each once: the members of the group and of those below it, and whom the event is about."""
    pks: dict[int, None] = {}
    if match.rule.destination_group is not None:
        parents = {group.pk: group.parents for group in tx.select(Group)}
        below = [
            pk for pk in parents if match.rule.destination_group in ancestors([pk], lambda one: parents.get(one, ()))
        ]
        for members in tx.members_of(below).values():
            pks |= dict.fromkeys(sorted(members))
    whose = about(tx, match.event) if match.rule.destination_event_user else None
    if whose is not None:
        pks[whose.pk] = None
    chosen = list(pks)[:MOST_PEOPLE]
    yield from (user for user in tx.select(User, Query(within={"pk": chosen})) if user.is_active)


def about(tx: Transaction, event: Event) -> User | None:
    """Whose event it is, if they are still there."""
    pk = event.user.get("pk")
    return tx.find(User, pk=pk) if isinstance(pk, int) and pk > 0 else None
