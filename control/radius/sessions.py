"""Who is on which port or SSID since when, and how much went through: what NAS tell in their accounting.

Verbs over a transaction. An outpost reports what a NAS says; every text is cut, every number bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from control.outposts.serving import served
from control.radius.provider import networks
from control.records import Provider, RadiusOrder, RadiusSession, User
from control.store.interface import Query, Transaction
from protocols.radius.accounting import OF_TUNNELS
from protocols.radius.devices import hardware_address
from protocols.radius.realms import without_realm
from protocols.radius.session_names import LONGEST
from rules.names import LONGEST_NAME, is_possible_name, shown

ACCOUNTING = "accounting"
"""Kind of an outpost's report: `protocols.radius.accounting.Accounted.told`, and ``at``, when it was so."""
KEPT_SECONDS = 90 * 86_400.0
"""After what was told last: a quarter of a year, for whoever has to find out who it was."""
DOUBTED_SECONDS = 86_400.0
"""Without a word of its NAS, after which a session keeps nobody else out: its end may have been lost."""
MOST = 2**62
"""Octets or seconds."""
TEXTS = ("username", "calling_station", "called_station", "ssid", "port", "framed_ip", "credential", "cause")
COUNTS = ("seconds", "input_octets", "output_octets")
OF_SESSIONS = frozenset({"start", "interim", "stop"})
OF_NO_SESSION = frozenset({*OF_TUNNELS.values(), "failed"})
REBOOTED = {"on": "NAS-Reboot", "off": "Admin-Reboot"}
"""Why all sessions of a NAS end, that says so of itself."""


@dataclass(frozen=True, slots=True)
class _Told:
    status: str
    nas: str
    nas_name: str
    session: str
    at: float
    facts: dict[str, Any]
    """Fields of the record."""


@dataclass(frozen=True, slots=True)
class _Whose:
    """Who tells, and of which providers' sessions they may."""

    outpost: str
    providers: frozenset[int]

    def may_tell_of(self, session: RadiusSession) -> bool:
        return session.outpost == self.outpost or session.provider in self.providers


def told(tx: Transaction, outpost: str, instance: str, body: Mapping[str, Any]) -> bool:
    """Told twice, it is one row; told late, it changes nothing that came after it. False for what is about no session,
    but about a tunnel or an attempt that failed, or about one of others: then nothing is kept.

    An outpost tells of sessions at providers that it serves, and of those of which it has told before: whoever has
    stolen the token of another one ends nobody's, and fills nobody's places.
    """
    if str(body.get("status")) in OF_NO_SESSION:
        return False
    this, whose = _read(tx, body), _Whose(outpost, served(tx, outpost))
    if this.status in REBOOTED:
        _restarted(tx, this, whose)
    elif this.session and this.status in OF_SESSIONS:
        where = {"outpost": outpost, "instance": instance, "expires": tx.now + KEPT_SECONDS}
        return _of_session(tx, this, where, whose)
    return True


def live_of(tx: Transaction, users: list[int] | None = None) -> list[RadiusSession]:
    """Sessions that go on, as far as we know: of these users, or of everybody."""
    within = {} if users is None else {"user": users}
    return tx.select(RadiusSession, Query(equal={"live": True}, within=within))


def limit_of(provider: Provider) -> int:
    """Live sessions that one user may have; 0: as many as they like."""
    return int(provider.settings.get("session_limit", 0)) if provider.kind == "radius" else 0


def is_full(tx: Transaction, provider: Provider, user: int, calling_station: str) -> bool:
    """Has the user as many live sessions as they may? A device that comes again takes no further place."""
    limit = limit_of(provider)
    if not limit:
        return False
    here = [
        one for one in live_of(tx, [user]) if one.provider == provider.pk and one.last_told > tx.now - DOUBTED_SECONDS
    ]
    device = _device(calling_station)
    return sum(not device or _device(one.calling_station) != device for one in here) >= limit


def _device(calling_station: str) -> str:
    """However its NAS writes a hardware address: another one may write it in another way."""
    return hardware_address(calling_station) or calling_station


def _of_session(tx: Transaction, this: _Told, where: dict[str, Any], whose: _Whose) -> bool:
    """False: it is not for this outpost to tell."""
    known = tx.find(RadiusSession, nas=this.nas, nas_name=this.nas_name, session=this.session, former="")
    if this.facts["provider"] not in whose.providers and (known is None or known.outpost != whose.outpost):
        return False
    if known is not None and not whose.may_tell_of(known):
        return False
    facts = {**this.facts, **where}
    if known is not None and (former := _former(tx, known, this)) is not None:
        _last_counts(tx, former, facts)
        return True
    if known is not None and this.status == "start" and _is_another(known, this):
        _is_over(tx, known)
        known = None
    if known is None:
        started = said_at(this.at - this.facts.get("seconds", 0), tx.now)
        known = tx.insert(
            RadiusSession(this.nas, this.nas_name, this.session, started=started, last_told=this.at, **facts)
        )
    elif known.ended is None or _goes_on(known, this):
        known = tx.update(_later(known, this, facts))
    if this.status == "stop" and known.live:
        tx.update(replace(known, live=False, ended=this.at))
    elif this.status == "stop":
        _last_counts(tx, known, facts)
    return True


def _is_another(known: RadiusSession, this: _Told) -> bool:
    """Is this start that of a session to which its NAS has given a name once more? It may have lost the end of the
    other one, with all that it knew."""
    if known.ended is not None:
        return this.at > known.ended
    told = {name: this.facts.get(name) or getattr(known, name) for name in ("user", "calling_station")}
    return this.at > known.last_told and any(
        getattr(known, name) not in (value, None, "") for name, value in told.items()
    )


def _former(tx: Transaction, known: RadiusSession, this: _Told) -> RadiusSession | None:
    """The one before, if what its NAS has held back is about that one: told of before the other one began, or the end
    of another person's."""
    user = this.facts["user"]
    is_late = this.at < known.started
    if not is_late and (this.status != "stop" or user in (None, known.user)):
        return None
    whose = {} if user is None else {"user": user}
    alike = {"nas": this.nas, "nas_name": this.nas_name, "session": this.session, **whose}
    former = [one for one in tx.select(RadiusSession, Query(equal=alike)) if one.former]
    return max(former, key=lambda one: one.last_told, default=None)


def _is_over(tx: Transaction, known: RadiusSession) -> None:
    """Its NAS calls another one so now, to which an order would go."""
    for order in tx.select(RadiusOrder, Query(equal={"session": known.pk})):
        tx.delete(order)
    ended = known.last_told if known.ended is None else known.ended
    tx.update(replace(known, former=known.pk, live=False, ended=ended))


def _goes_on(known: RadiusSession, this: _Told) -> bool:
    """It was thought to have ended. An interim that is sent again after the stop counts less seconds than that."""
    later = known.ended is not None and this.at > known.ended
    return later and this.status == "interim" and this.facts.get("seconds", 0) >= known.seconds


def _later(known: RadiusSession, this: _Told, facts: dict[str, Any]) -> RadiusSession:
    """Counts only go up: what comes late is no news."""
    counts = {name: max(getattr(known, name), facts.get(name, 0)) for name in COUNTS}
    user = facts.get("user") or known.user
    return replace(
        known,
        **{**facts, **counts, "user": user, "last_told": max(known.last_told, this.at)},
        live=True,
        ended=None,
    )


def _last_counts(tx: Transaction, known: RadiusSession, facts: dict[str, Any]) -> None:
    """We knew before the NAS has told that it was over."""
    counts = {name: max(getattr(known, name), facts.get(name, 0)) for name in COUNTS}
    cause = facts.get("cause") or known.cause
    if any(getattr(known, name) != count for name, count in counts.items()) or cause != known.cause:
        tx.update(replace(known, **counts, cause=cause))


def _restarted(tx: Transaction, this: _Told, whose: _Whose) -> None:
    """Accounting-On and -Off: whatever it had has ended."""
    named = {"nas_name": this.nas_name} if this.nas_name else {}
    for session in tx.select(RadiusSession, Query(equal={"live": True, "nas": this.nas, **named})):
        if session.last_told <= this.at and whose.may_tell_of(session):
            tx.update(replace(session, live=False, ended=this.at, cause=REBOOTED[this.status]))


def _read(tx: Transaction, body: Mapping[str, Any]) -> _Told:
    at = body.get("at")
    facts: dict[str, Any] = {name: shown(value) for name in TEXTS if isinstance(value := body.get(name), str) and value}
    facts |= {name: min(max(value, 0), MOST) for name in COUNTS if type(value := body.get(name)) is int}
    provider = body.get("provider")
    facts["provider"] = provider if type(provider) is int and 0 <= provider < MOST else 0
    facts["user"] = _user(tx, body)
    return _Told(
        status=str(body.get("status")),
        nas=_name(body.get("nas", ""), LONGEST_NAME),
        nas_name=_name(body.get("nas_name", ""), LONGEST_NAME),
        session=_name(body.get("session", ""), LONGEST),
        at=said_at(at, tx.now) if isinstance(at, int | float) else tx.now,
        facts=facts,
    )


def _name(told: object, most: int) -> str:
    """``most``: octets, which are what an index has room for. No NAS says more."""
    name = str(told)
    return (name if name.isprintable() else shown(name)).encode()[:most].decode(errors="ignore")


def said_at(time: float, now: float) -> float:
    """When something was, as an outpost says: nothing is still to come, and calendars have a beginning."""
    return now if time != time else float(max(0.0, min(time, now)))


def _user(tx: Transaction, body: Mapping[str, Any]) -> int | None:
    """By the Class of our answer; a NAS that does not send it back is believed about the name."""
    pk, name = body.get("user"), body.get("username")
    if type(pk) is int and 0 < pk < MOST:
        return pk if tx.find(User, pk=pk) is not None else None
    if not isinstance(name, str) or not is_possible_name(name):
        return None
    for told in dict.fromkeys((name, without_realm(name, _realms(tx, body.get("provider"))))):
        if found := tx.select(User, Query(alike={"username": told}, limit=1)):
            return found[0].pk
    return None


def _realms(tx: Transaction, provider: object) -> frozenset[str]:
    """Which a provider takes off names at the login, too."""
    found = tx.find(Provider, pk=provider) if type(provider) is int and 0 < provider < MOST else None
    listed = networks(found.settings.get("stripped_realms", "")) if found is not None else ()
    return frozenset(map(str.lower, listed))
