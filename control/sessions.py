"""Browser sessions: who a cookie belongs to, and for how long.

The cookie is 32 random bytes; the store knows only its SHA-256. A session without a user holds the state of a flow
until somebody has signed in. Signing in always makes a new session, and so does showing in a flow who one is, so that
a cookie planted before opens nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from control import endings, logins
from control.expression.http import HttpFacts
from control.records import (
    Authenticator,
    Event,
    Session,
    User,
)
from control.records.sessions import AUTHENTICATED, BY_TOKEN, KEPT, METHOD, WORKED
from control.store.interface import NotFound, Query, Transaction
from rules import validity
from rules.places import place

COOKIE_BYTES = 32
"""256 bits: cannot be guessed."""
LONGEST_COOKIE = 64
"""Ours have 43 characters; nothing longer is looked up."""
SIGNED_IN_SECONDS = 14 * 24 * 3600.0
"""The longest that one sign-in lasts; the browser forgets the cookie when it closes."""
LONGEST_SECONDS = 400 * 24 * 3600.0
"""Whatever a stage says: browsers keep no cookie for longer."""
IDLE_SECONDS = 3 * 24 * 3600.0
"""Signed in, but unused for this long: over."""
ANONYMOUS_SECONDS = 3600.0
"""Time enough to find a password; short, because strangers make these rows."""
MOST_ANONYMOUS = 20_000
"""Strangers cannot fill the store: beyond this the oldest go."""
SWEPT_AT_ONCE = 20
"""Old rows deleted with each new one, so that the table shrinks by itself and no request waits long."""
RECENT_SECONDS = 900.0
"""So long after a sign-in, or a second factor, somebody may change what they sign in with, or anything by a right that
they hold: a browser that was left open is not enough."""
AT_WORK_SECONDS = 3600.0
"""Who is at work in the console is not interrupted: each change lets the sign-in count for RECENT_SECONDS more, but for
no longer than this, so that a stolen cookie that is kept busy does not change things for days."""
TOUCH_SECONDS = 60.0
"""Activity is written at most this often."""
LONGEST_USER_AGENT = 256
"""Characters of the User-Agent header that are kept."""
MOST_DATA_BYTES = 64 * 1024
"""Of JSON in one session: a flow of fifty stages and a long address fit; strangers' rows stay small."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A valid session, and its user once signed in."""

    session: Session
    user: User | None


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a browser speaks from, for the session list and the events."""

    client_ip: str = ""
    user_agent: str = ""
    http: HttpFacts | None = None
    """The request, for expressions."""
    device: str = field(default="", repr=False)
    """The cookie of a browser in which somebody has signed in before (`control.known_devices`)."""


@dataclass(frozen=True, slots=True)
class Stay:
    """For how long somebody signs in, and on what terms."""

    seconds: float = 0.0
    """0: as usual, until the browser closes."""
    alone: bool = False
    """Their other sessions end."""
    bound: str = ""
    """``network`` or ``address``: the session opens nothing elsewhere."""
    device: float = 0.0
    """Seconds that the browser is known afterwards."""
    token: str = ""
    """pk of the device's that was shown instead of the password."""
    until: float = math.inf
    """When that ends."""


USUAL = Stay()


@dataclass(frozen=True, slots=True)
class Fresh:
    """Randomness for one new session."""

    cookie: str = field(repr=False)
    csrf: str = field(repr=False)


def fresh(random: bytes) -> Fresh:
    """Cookie and CSRF token out of twice COOKIE_BYTES random bytes."""
    if len(random) != 2 * COOKIE_BYTES:
        raise ValueError(f"{2 * COOKIE_BYTES} random bytes are needed")
    return Fresh(_text(random[:COOKIE_BYTES]), _text(random[COOKIE_BYTES:]))


def _text(random: bytes) -> str:
    return base64.urlsafe_b64encode(random).rstrip(b"=").decode()


def key_of(cookie: str) -> str:
    """The session's pk: SHA-256 hex of its cookie."""
    return hashlib.sha256(cookie.encode("utf-8", "surrogateescape")).hexdigest()


def uuid_of(session: str) -> str:
    """What people and the API call the session with this pk."""
    return str(UUID(bytes=hashlib.sha256(f"uuid:{session}".encode()).digest()[:16], version=4))


def find(tx: Transaction, cookie: str, address: str = "") -> Visit | None:
    """The session of this cookie, if it still counts: not expired, not idle, not revoked, its user in good standing,
    and shown from where it is bound to."""
    if not cookie or len(cookie) > LONGEST_COOKIE:
        return None
    session = tx.find(Session, pk=key_of(cookie))
    if session is None or session.expires <= tx.now or session.bound_to not in ("", address, place(address)):
        return None
    if session.user is None:
        return Visit(session, None)
    user = tx.find(User, pk=session.user)
    return Visit(session, user) if user is not None and is_good(session, user, tx.now) else None


def is_good(session: Session, user: User, now: float) -> bool:
    """Does this session of the user's still open anything?"""
    if session.expires <= now or session.created < user.sessions_not_before:
        return False
    return (session.lasting or now - session.last_used < IDLE_SECONDS) and validity.refusal(user, now) is None


def begin(tx: Transaction, new: Fresh, caller: Caller, data: dict[str, Any]) -> Session:
    """A session for somebody who has not signed in. Raises ValueError if the data is too much."""
    _check_size(data)
    _sweep(tx)
    return tx.insert(_session(tx.now, new, caller, None, ANONYMOUS_SECONDS, data))


def sign_in(
    tx: Transaction,
    old: Session | None,
    new: Fresh,
    user: int,
    version: int,
    method: str,
    caller: Caller,
    second_factor: bool = False,
    stay: Stay = USUAL,
    known_device: bool = False,
) -> Session:
    """A new session for ``user``, who proved the credential of this ``version``, and perhaps showed a second factor;
    the old session ends. Its CSRF token goes on if it was theirs, so that a form that is still open can be sent.

    Raises NotFound when the user is gone, PermissionError when account or credential are not good (any more).
    """
    account = tx.get(User, user)
    if account.credential_version != version:
        raise PermissionError("credential_changed")
    if (refusal := validity.refusal(account, tx.now)) is not None:
        raise PermissionError(refusal)
    if old is not None:
        endings.end(tx, old)
    if stay.alone:
        endings.end_all(tx, user)
    _sweep(tx)
    lifetime = min(min(stay.seconds, LONGEST_SECONDS) or SIGNED_IN_SECONDS, stay.until - tx.now)
    shown = {METHOD: method, BY_TOKEN: stay.token} if stay.token else {METHOD: method}
    made = _session(tx.now, new, caller, user, lifetime, shown)
    made = replace(made, lasting=stay.seconds > 0, bound_to=_bound(stay, caller))
    if old is not None and old.user == user:
        made = replace(made, csrf=old.csrf)
    session = tx.insert(replace(made, second_factor=tx.now) if second_factor else made)
    logins.remember(tx, user, tx.now, caller.client_ip)
    how = {"auth_method": method, "auth_method_args": {"known_device": known_device}}
    _leave_event(tx, "login", account, caller, how)
    return session


def _bound(stay: Stay, caller: Caller) -> str:
    return {"network": place(caller.client_ip), "address": caller.client_ip}.get(stay.bound, "")


def factor_shown(tx: Transaction, session: Session, factors: Sequence[int]) -> bool:
    """Whoever has signed in has shown these second factors again: the session stays, and so does what it has opened.

    False if one is newer than the session. Who comes upon somebody's browser must not get further by setting one up.
    """
    found = tx.select(Authenticator, Query(within={"pk": list(factors)}))
    current = tx.find(Session, pk=session.pk)
    if current is None or any(factor.created >= current.created for factor in found):
        return False
    tx.update(replace(current, data=_kept(current), last_used=tx.now, second_factor=tx.now))
    return True


def sign_out(tx: Transaction, visit: Visit, caller: Caller) -> None:
    endings.end(tx, visit.session)
    if visit.user is not None:
        _leave_event(tx, "logout", visit.user, caller, {})


def login_failed(tx: Transaction, username: str, user: int | None, reason: str, caller: Caller) -> None:
    """Leaves an event; ``reason`` is a code of `rules.reasons`."""
    account = tx.find(User, pk=user or 0)
    _leave_event(tx, "login_failed", account, caller, {"username": username, "reason": reason})


def touch(tx: Transaction, session: Session) -> None:
    """Remembers that the session is in use."""
    try:
        current = tx.get(Session, session.pk)
    except NotFound:
        return
    tx.update(replace(current, last_used=tx.now))


def is_due(session: Session, now: float) -> bool:
    return now - session.last_used >= TOUCH_SECONDS


def is_recent(session: Session, now: float) -> bool:
    proved = max(session.authenticated, session.second_factor)
    worked = session.worked if now - proved < AT_WORK_SECONDS else 0.0
    return not session.token and now - max(proved, worked) < RECENT_SECONDS


def at_work(tx: Transaction, session: Session) -> None:
    """An administrator changes something in it. One that is not recent any more does not become so."""
    current = tx.find(Session, pk=session.pk)
    if current is not None and is_recent(current, tx.now):
        tx.update(replace(current, data={**current.data, WORKED: tx.now}, last_used=tx.now))


def backdate(tx: Transaction, session: Session, authenticated: float) -> None:
    """Whoever has signed in has shown elsewhere who they are, at this moment."""
    tx.update(replace(session, data={**session.data, AUTHENTICATED: authenticated}))


def _kept(session: Session) -> dict[str, Any]:
    return {name: value for name, value in session.data.items() if name in KEPT}


def keep(tx: Transaction, session: Session, data: dict[str, Any]) -> bool:
    """Stores the session's data; False if the session has ended meanwhile. Raises ValueError if it is too much."""
    _check_size(data)
    try:
        current = tx.get(Session, session.pk)
    except NotFound:
        return False
    tx.update(replace(current, data={**data, **_kept(current)}, last_used=tx.now))
    return True


def revoke(tx: Transaction, pk: str) -> None:
    """Ends somebody's session from outside of it, and leaves an event. Raises NotFound."""
    session = tx.get(Session, pk)
    endings.end(tx, session)
    user = tx.find(User, pk=session.user) if session.user is not None else None
    _leave_event(tx, "logout", user, Caller(), {"session": session.uuid, "from_outside": True})


def end_unwelcome(tx: Transaction, user: User) -> None:
    """Those that open nothing any more, after the user has changed."""
    for session in tx.select(Session, Query(equal={"user": user.pk})):
        if not is_good(session, user, tx.now):
            endings.end(tx, session)


def _session(
    now: float, new: Fresh, caller: Caller, user: int | None, lifetime: float, data: dict[str, Any]
) -> Session:
    pk = key_of(new.cookie)
    return Session(
        pk=pk,
        user=user,
        data=data,
        csrf=new.csrf,
        created=now,
        last_used=now,
        expires=now + lifetime,
        client_ip=caller.client_ip,
        user_agent=caller.user_agent[:LONGEST_USER_AGENT],
        uuid=uuid_of(pk),
        signed_in=user is not None,
    )


def _check_size(data: dict[str, Any]) -> None:
    if len(json.dumps(data).encode()) > MOST_DATA_BYTES:
        raise ValueError(f"a session holds at most {MOST_DATA_BYTES} bytes")


def _sweep(tx: Transaction) -> None:
    oldest = tx.select(Session, Query(ordering=("expires",), limit=SWEPT_AT_ONCE))
    crowd = Query(equal={"user": None}, ordering=("-created",), offset=MOST_ANONYMOUS, limit=SWEPT_AT_ONCE)
    gone = {session.pk: session for session in oldest if session.expires <= tx.now}
    gone.update({session.pk: session for session in tx.select(Session, crowd)})
    for session in gone.values():
        tx.delete(session)


def _leave_event(tx: Transaction, action: str, user: User | None, caller: Caller, context: dict[str, Any]) -> None:
    tx.insert(
        Event(
            action=action,
            app="flows",
            context=context,
            user={"pk": user.pk, "username": user.username, "email": user.email} if user is not None else {},
            client_ip=caller.client_ip,
            created=tx.now,
        )
    )
