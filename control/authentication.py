"""Prove, then admit: the one question that every door asks (DESIGN D8, D9).

*Prove* is a table by kind of proof. *Admit* always runs: is the account good, may it use the application. Whatever
goes wrong on the way denies.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from control import logins, reputation, tries
from control.last_tries import LastTries
from control.mappings import doors
from control.mappings.answers import Mappings, leave_events
from control.mappings.doors import Mapped
from control.mappings.facts import uid_of
from control.outposts.serving import knows
from control.passwords.hashing import Busy
from control.policies.asking import Asking
from control.policies.judge import NOBODY, REFUSED, Decided, Judge, events, narrowest, traced
from control.policies.kinds.kind import LASTING
from control.radius import sessions as radius_sessions
from control.records import Application, Event, Outpost, Provider, User
from control.store.interface import NotFound, Overloaded, Store, Transaction, Unavailable
from control.verbs import system
from control.verbs.fields import seconds
from control.verbs.rights import closure
from control.verbs.secret_attributes import not_for
from protocols.link.messages import (
    AccessSaid,
    AskAccess,
    Authenticate,
    Authenticated,
    Challenge,
    IdentityRecord,
    NetworkHash,
    PasswordEnd,
    ReplyAttribute,
    Reuse,
)
from rules import attributes, validity
from rules.claimed import instead
from rules.names import is_possible_name, shown
from rules.places import place
from rules.reasons import REASONS, Outcome
from rules.secret_attributes import without

log = logging.getLogger(__name__)

PROTOCOLS = frozenset({"ldap", "radius", "proxy"})

MOST_ATTRIBUTES = 20
"""Of a request, in an event: doors send fewer than ten."""

STATIC = LASTING
"""Bindings to users and groups depend on the directory alone, and the outpost has that (D13)."""

ONE_PAGE = Reuse(seconds=30.0, peer_only=True)
"""For a session, a yes that holds for one moment: a page is a hundred requests, and they are asked about once."""
AT_ONCE = Reuse(seconds=2.0, peer_only=True)
"""A no: who is let in after all waits no longer than this."""


@dataclass(frozen=True, slots=True)
class Proved:
    """Whose credentials they were; ``reason`` is ``accepted``, or why they prove nothing.

    ``user`` may be set with a refusal, for the event.
    """

    reason: str
    user: int | None = None
    version: int = 0
    """The account's ``credential_version`` when its credential was checked."""
    reuse: Reuse | None = STATIC
    """As far as the credential allows it: nothing, where a one-time code was used up."""
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    """`Authenticated.keys`."""
    reply: tuple[ReplyAttribute, ...] = ()
    """What a RADIUS answer has for these credentials alone."""
    challenge: Challenge | None = None
    """With a reason whose outcome is *challenged*."""
    ends: float | None = None
    """When an accepted password, token or certificate will be good no more; None: never."""
    ends_with: tuple[str, ...] = ()
    """`Authenticated.ends_with`."""
    network_hash: NetworkHash | None = None
    """`Authenticated.network_hash`."""


Prove = Callable[[Provider, Authenticate], Awaitable[Proved]]


@dataclass(frozen=True, slots=True)
class Admitted:
    """Whether whoever proved something is let in, as things stood at ``revision``."""

    reason: str
    revision: int
    asking: Asking
    access: Decided = REFUSED
    mapped: Mapped = field(default_factory=Mapped)
    """What the provider's property mappings add, if so."""
    counted: bool = False
    """How many sessions the user has counts, so that it has to be asked each time."""
    identity: IdentityRecord | None = None


class Authentication:
    """``prove`` maps the ``kind`` of a proof to what checks it; ``judge`` decides bindings."""

    def __init__(
        self, store: Store, prove: Mapping[str, Prove], now: Callable[[], float], judge: Judge | None = None
    ) -> None:
        self.logins: Counter[tuple[str, str, str]] = Counter()
        """(protocol, outcome, reason) to how often; what an outpost calls a protocol and is none, is ``other``."""
        self._store = store
        self._prove = prove
        self._now = now
        self._mappings = Mappings()
        self._judge = judge or Judge()
        self._last_tries = LastTries()

    async def answer(self, outpost: str, question: Authenticate, remote: bool = False) -> Authenticated:
        """Any exception denies. Raises Unavailable alone: then nobody at control can answer.

        ``remote``: whoever has the outpost's token may be somebody else. Of people whom the outpost does not know they
        hear what they hear of a name that nobody has; our log and events say what it was.
        """
        answer, user = await self._answer_or_unavailable(outpost, question)
        protocol = question.protocol if question.protocol in PROTOCOLS else "other"
        self.logins[protocol, str(answer.outcome), answer.reason] += 1
        if answer.outcome is not Outcome.ACCEPTED:
            _tell(outpost, question, answer.reason)
        if remote and answer.outcome is Outcome.BAD_CREDENTIALS:
            known = await self._known(question, user)
            return answer if known or user == NOBODY else replace(answer, reason="unknown_user")
        return answer

    async def _known(self, question: Authenticate, user: int) -> bool:
        """To the outpost; no, whatever goes wrong. Raises Unavailable alone."""
        try:
            return await self._store.read(lambda tx: knows(tx, question.provider, user))
        except Unavailable:
            raise
        except Exception:
            log.exception("answer to %s failed", question.id, extra={"fields": {"event": "fault", "id": question.id}})
            return False

    async def access(self, outpost: str, question: AskAccess) -> AccessSaid:
        """Whether somebody who signed in at a proxy may in. Any exception denies. Raises Unavailable alone."""
        try:
            asking, access = await self._store.read(lambda tx: self._access(tx, outpost, question))
            if traces := events(access, asking):
                await self._store.write(lambda tx: [tx.insert(trace) for trace in traces])
        except Unavailable:
            raise
        except Overloaded:
            return AccessSaid(question.id, "busy", AT_ONCE)
        except Exception:
            told = {"event": "fault", "id": question.id}
            log.exception("access %s failed", question.id, extra={"fields": told})
            return AccessSaid(question.id, "internal_error", AT_ONCE)
        if not access.passing:
            return AccessSaid(question.id, access.reason, AT_ONCE)
        if access.reuse is None:
            return AccessSaid(question.id, "accepted", ONE_PAGE)
        return AccessSaid(question.id, "accepted", access.reuse, strict=False)

    def _access(self, tx: Transaction, outpost: str, question: AskAccess) -> tuple[Asking, Decided]:
        told = {**question.attributes, "protocol": "proxy"}
        user = tx.find(User, pk=question.user)
        asking = Asking(user, self._now(), question.peer, attributes=told, visitor=question.visitor)
        application = tx.find(Application, provider=question.provider)
        if application is None or served_provider(tx, outpost, question.provider) is None:
            return asking, REFUSED
        if asking.user is None or validity.refusal(asking.user, asking.now) is not None:
            return asking, REFUSED
        return asking, self._judge.decide(tx, application, asking)

    async def _answer_or_unavailable(self, outpost: str, question: Authenticate) -> tuple[Authenticated, int]:
        """And whose credentials it was about: `NOBODY`, if nobody's."""
        try:
            return await self._answer(outpost, question)
        except Unavailable:
            raise
        except (Busy, Overloaded):
            return Authenticated(question.id, Outcome.UNAVAILABLE, "busy", 0), NOBODY
        except Exception:
            told = {"event": "fault", "id": question.id}
            log.exception("authentication %s failed", question.id, extra={"fields": told})
            return Authenticated(question.id, Outcome.UNAVAILABLE, "internal_error", 0), NOBODY

    async def _answer(self, outpost: str, question: Authenticate) -> tuple[Authenticated, int]:
        where = place(question.peer, question.attributes.get("calling_station", ""))
        if not is_possible_name(question.username):
            return await self._told(outpost, question, Proved("impossible_name"), where), NOBODY
        question = self._last_tries.believed(question, where)
        provider, held_up = await self._store.read(lambda tx: _begin(tx, outpost, question, where))
        if provider is None:
            proved = Proved("unknown_provider")
        elif held_up is not None:
            proved = Proved(held_up)
        elif (prove := self._prove.get(str(question.proof.get("kind")))) is None:
            proved = Proved("unsupported_proof")
        else:
            proved = await prove(provider, question)
        answer = await self._told(outpost, question, proved, where)
        self._last_tries.settled(question, where, REASONS[answer.reason].outcome)
        return answer, proved.user or NOBODY

    async def _told(self, outpost: str, question: Authenticate, proved: Proved, where: str) -> Authenticated:
        # Expressions may take their time: they run beside the one thread that writes.
        admitted = await self._store.read(lambda tx: self._admit(tx, question, proved))
        return await self._store.write(lambda tx: self._conclude(tx, outpost, question, proved, admitted, where))

    def _admit(self, tx: Transaction, question: Authenticate, proved: Proved) -> Admitted:
        asking = asking_of(question, self._now())
        if REASONS[proved.reason].outcome is not Outcome.ACCEPTED:
            return Admitted(proved.reason, tx.revision().number, asking)
        admitted = admit(tx, question.provider, proved, asking, self._judge)
        user = admitted.asking.user
        if admitted.reason != "accepted" or user is None:
            return admitted
        provider = tx.get(Provider, question.provider)
        if radius_sessions.is_full(tx, provider, user.pk, question.attributes.get("calling_station", "")):
            return replace(admitted, reason="too_many_sessions")
        mapped = doors.mapped(tx, provider, user, question, self._mappings)
        counted = radius_sessions.limit_of(provider) > 0
        told = replace(identity(tx, user, question.provider), **instead(mapped.claims))
        return replace(admitted, mapped=mapped, counted=counted, identity=told)

    def _conclude(
        self, tx: Transaction, outpost: str, question: Authenticate, proved: Proved, admitted: Admitted, where: str
    ) -> Authenticated:
        reason, access, mapped = admitted.reason, admitted.access, admitted.mapped
        user = tx.find(User, pk=proved.user or 0)  # asked for nobody, too: it costs the same
        if REASONS[reason].outcome is Outcome.ACCEPTED:  # the account may have been changed since
            reason = _account_refusal(user, proved, self._now()) or reason
        for trace in events(access, admitted.asking):
            tx.insert(trace)
        if REASONS[reason].outcome is Outcome.ACCEPTED and mapped.broken:
            reason = "mapping_failed" if mapped.refused else reason
            leave_events(tx, mapped.broken, "outpost", question.provider, user, shown(question.peer))
        accepted = REASONS[reason].outcome is Outcome.ACCEPTED
        tx.insert(_event(outpost, question, reason, user, self._now(), access))
        if is_possible_name(question.username):
            tries.count(tx, question.username, where, reason, question.again)
            reputation.count_reason(tx, question.username, question.peer, reason)
        if accepted and user is not None:
            logins.remember(tx, user.pk, self._now(), question.peer)
        each_time = mapped.asked_each_time or admitted.counted
        reuse = narrowest((proved.reuse, access.reuse)) if accepted and not each_time else None
        return Authenticated(
            id=question.id,
            outcome=REASONS[reason].outcome,
            reason=reason,
            revision=admitted.revision,
            identity=admitted.identity if accepted else None,
            reuse=reuse,
            reply=_together(mapped.reply, proved.reply) if accepted else (),
            keys=dict(proved.keys) if accepted else {},
            challenge=proved.challenge if REASONS[reason].outcome is Outcome.CHALLENGED else None,
            password_end=_password_end(tx, proved.ends) if accepted else None,
            ends_with=proved.ends_with if accepted else (),
            network_hash=proved.network_hash if reuse is not None else None,
        )


def _password_end(tx: Transaction, ends: float | None) -> PasswordEnd | None:
    return None if ends is None else PasswordEnd(ends, ends - seconds(system.read(tx).password_warning))


def _together(first: tuple[ReplyAttribute, ...], then: tuple[ReplyAttribute, ...]) -> tuple[ReplyAttribute, ...]:
    """What the first names, it says all values of."""
    named = {one.name.lower() for one in first}
    return (*first, *(one for one in then if one.name.lower() not in named))


def _tell(outpost: str, question: Authenticate, reason: str) -> None:
    """The outpost's log has a line with the same id."""
    told = {
        "event": "login_refused",
        "id": question.id,
        "protocol": question.protocol,
        "peer": shown(question.peer),
        "username": shown(question.username),
        "provider": question.provider,
        "outpost": outpost,
        "reason": reason,
    }
    log.info(
        "login of %r over %s refused: %s [%s]",
        shown(question.username),
        question.protocol,
        reason,
        question.id,
        extra={"fields": told},
    )


def _begin(tx: Transaction, outpost: str, question: Authenticate, where: str) -> tuple[Provider | None, str | None]:
    """The provider that is asked about, and why nothing may be tried now."""
    provider = served_provider(tx, outpost, question.provider)
    return provider, tries.refusal(tx, question.username, where, question.known_good)


def served_provider(tx: Transaction, outpost: str, provider: int) -> Provider | None:
    """The provider, if this outpost serves it and it has an application."""
    try:
        if provider not in tx.get(Outpost, outpost).providers or tx.find(Application, provider=provider) is None:
            return None
        return tx.get(Provider, provider)
    except NotFound:
        return None


def admit(tx: Transaction, provider: int, proved: Proved, asking: Asking, judge: Judge) -> Admitted:
    """``accepted``, or why whoever proved this is not let in through the provider. ``asking`` need name no user.

    Checking a password takes time: it may have been changed since, and then it proves nothing any more.
    """
    revision = tx.revision().number
    application = tx.find(Application, provider=provider)
    if application is None:
        return Admitted("unknown_provider", revision, asking)
    account = tx.find(User, pk=proved.user or 0)
    if (refusal := _account_refusal(account, proved, asking.now)) is not None:
        return Admitted(refusal, revision, asking)
    asking = replace(asking, user=account)
    access = judge.decide(tx, application, asking)
    return Admitted(access.reason, revision, asking, access)


def _account_refusal(account: User | None, proved: Proved, now: float) -> str | None:
    if account is None:
        return "unknown_user"
    if account.credential_version != proved.version:
        return "credential_changed"
    return validity.refusal(account, now)


def asking_of(question: Authenticate, now: float) -> Asking:
    """What policies are told of a question at a door."""
    told = {**question.attributes, "protocol": question.protocol}
    return Asking(None, now, question.peer, question.username, told, visitor=question.visitor)


def identity(tx: Transaction, user: User, provider: int) -> IdentityRecord:
    """As this provider tells of them."""
    teller = tx.get(Provider, provider)
    nested, merged = bool(teller.settings.get("nested_groups")), attributes.merged
    direct = tx.groups_of([user.pk]).get(user.pk, [])
    every = closure(tx, user.pk)
    return IdentityRecord(
        user=user.pk,
        uuid=user.uuid,
        uid=uid_of(user.pk, tx.install_id),
        username=user.username,
        name=user.name,
        email=user.confirmed_email,
        credential_version=user.credential_version,
        is_superuser=any(group.is_superuser for group in every),
        groups=tuple(group.name for group in every if nested or group.pk in direct),
        attributes=without(merged((group.attributes for group in every), user.attributes), not_for(tx, teller)),
    )


def _event(outpost: str, question: Authenticate, reason: str, user: User | None, now: float, access: Decided) -> Event:
    accepted = REASONS[reason].outcome is Outcome.ACCEPTED
    return Event(
        action="login" if accepted else "login_failed",
        app="outpost",
        context={
            "username": shown(question.username),
            "reason": reason,
            "explanation": REASONS[reason].operator,
            "provider": question.provider,
            "outpost": outpost,
            "protocol": shown(question.protocol),
            "request_id": shown(question.id),
            **({"request": _shortened(question.attributes)} if question.attributes else {}),
            **({"policies": traced(access.answers)} if access.answers and not accepted else {}),
        },
        user={"pk": user.pk, "username": user.username, "email": user.email} if user is not None else {},
        client_ip=shown(question.peer),
        created=now,
    )


def _shortened(request: dict[str, str]) -> dict[str, str]:
    """What a stranger may fill: a path is as long as a browser likes."""
    return {shown(name): shown(value) for name, value in list(request.items())[:MOST_ATTRIBUTES]}
