"""Who a browser's cookie belongs to, and whether that still holds (DESIGN D15).

The cookie says who has signed in, and when. Whether the session was ended, the account is good and the application
lets the person in is asked of the snapshot each time it has changed; so what an administrator does is in force with
the snapshot that brings it, and a restart forgets nobody.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

from outpost.bounded import Bounded
from outpost.directory.snapshot import Directory, Snapshot
from outpost.kept.credential_cache import told_of, verdict
from outpost.outcome import Identity
from protocols.link.messages import BrowserSessionRecord, ProviderRecord, Reuse, UserRecord, sign_in_of
from protocols.proxy.decision import Realm
from protocols.proxy.headers import Unwritable, token_field
from protocols.proxy.http1 import field_lines
from protocols.proxy.login_state import BrowserSession
from rules import validity

SESSION = "session"
"""What session cookies are sealed for."""
MOST_KNOWN = 20_000
"""Cookies that are kept opened; some 15 MB when full."""
MOST_SEEN = 1 << 14
"""Cookies that are known to have been opened lately; 128 kB, which stay in a core's own cache."""
ASK_SECONDS = 300.0
"""Control is asked about a session in use this often: it then knows that it is in use."""
MOST_TOKENS = 20_000
"""Access tokens that are kept for X-Authentik-Jwt; about 1.5 kB each."""
NO_TOKEN = field_lines([token_field("")])


@dataclass(frozen=True, slots=True)
class PoliciesSaid:
    """What control answered, and how it may be used again."""

    reason: str
    peer: str
    at: float
    reuse: Reuse
    strict: bool


class Word(NamedTuple):
    """Control's last one about a session at a provider."""

    token: bytes | None = NO_TOKEN
    """The header line that tells the access token, ready to be said; None: the token is too long for one."""
    until: float = 0.0
    ask_at: float = 0.0


NO_WORD = Word()
Wanted = tuple[str, ...]
"""From where somebody wants what: address, host, path and method. Empty: from anywhere, whatever it is."""


class Judged(NamedTuple):
    """What users and groups say of somebody at a provider, however many sessions they have: of `Known`."""

    reason: str
    identity: Identity | None
    candidate: Identity | None


@dataclass(slots=True)
class Known:
    """A cookie that was opened, at one site, and what it leads to on one snapshot."""

    session: BrowserSession
    sid: str
    provider: int
    snapshot: Snapshot
    until: float
    """Until when it counts by control's last word."""
    ask_at: float
    """When control is to be asked again."""
    value: bytes = field(repr=False)
    """The cookie."""
    realm: Realm
    """Where it has opened."""
    begins: float = field(init=False)
    """From when, and until just before when, account and session are good on that snapshot."""
    ends: float = field(init=False)
    reason: str = field(init=False)
    """``accepted``; a reason why the person may not in, or may not yet; or empty: the session counts no more."""
    identity: Identity | None = field(init=False)
    """With ``accepted``."""
    candidate: Identity | None = field(init=False)
    """With ``policy_needed``: whom users and groups do not refuse, and policies have to be asked about."""
    said: dict[Wanted, PoliciesSaid] = field(init=False)
    """By those, of this candidate."""


class BrowserSessions:
    """``now`` gives seconds since the epoch."""

    def __init__(self, directory: Directory, now: Callable[[], float]) -> None:
        self._directory = directory
        self._now = now
        self._known: Bounded[tuple[int, bytes], Known] = Bounded(MOST_KNOWN)
        self._seen = array("q", bytes(8 * MOST_SEEN))
        """Hashes of cookies that were opened, each at the place that it says."""
        self._ended: dict[str, float] = {}
        """Sessions that ended here, and until when that matters: control's word takes a moment to come back."""
        self._words: Bounded[tuple[str, int], Word] = Bounded(MOST_TOKENS)
        self._judged: Bounded[tuple[int, int], Judged] = Bounded(MOST_KNOWN)
        """By provider and user, on the snapshot ``_judged_on``."""
        self._judged_on = directory.current

    def find(self, realm: Realm, provider: int, cookies: Sequence[bytes]) -> Known | None:
        """The first of these cookies that opens and counts; its ``reason`` says whether the person may in."""
        for value in cookies:
            place = provider, value
            known = self._known.get(place)
            if known is not None and known.realm is not realm:  # set up anew: perhaps with other secrets
                del self._known[place]
                known = None
            if known is None:
                known = self._opened(realm, provider, value)
                if known is None:
                    continue
            if known.snapshot is not self._directory.current:
                self._decide(known)
            if known.reason and known.begins <= self._now() < known.ends:
                return known
        return None

    def still_opens(self, realm: Realm, known: Known) -> bool:
        """Is its cookie good for these secrets? They may have been set anew since it was opened."""
        if known.realm is not realm:
            if _session(realm, known.value) is None:
                return False
            known.realm = realm
        return True

    def still_counts(self, known: Known) -> bool:
        """Of somebody who was let in by it: may they, or may they by what policies say, go on?"""
        if known.snapshot is not self._directory.current:
            self._decide(known)
        if (known.identity or known.candidate) is None or known.sid in self._ended:
            return False
        return known.begins <= self._now() < known.ends

    def settled(self, known: Known) -> Identity | None:
        """Who was found, if neither control nor policies have to be asked about them first."""
        now = self._now()
        return known.identity if now < known.ask_at and now < known.until else None

    def renewed(self, known: Known, session: BrowserSessionRecord) -> None:
        """Control's word about it."""
        token = _token_line(session.access_token) if session.access_token else self.token(known)
        self._remember(known.session, known.provider, token, session.until)

    def put_off(self, known: Known, seconds: float) -> None:
        """Control had no word: it is asked again, but not at once."""
        place = known.sid, known.provider
        self._words[place] = self._words.get(place, NO_WORD)._replace(ask_at=self._now() + seconds)

    def look_again(self, known: Known) -> None:
        """At what control has said last."""
        word = self._words.get((known.sid, known.provider), NO_WORD)
        known.until, known.ask_at = max(known.until, word.until), word.ask_at

    def refuse(self, known: Known) -> None:
        """Control does not let it go on."""
        self._words.pop((known.sid, known.provider), None)
        known.reason, known.identity, known.candidate = "", None, None
        known.until = 0.0
        self._known[known.provider, known.value] = known

    def remember(self, session: BrowserSession, provider: int, token: str, until: float) -> None:
        """The access token that came with a sign-in at this provider, and until when both are good."""
        self._remember(session, provider, _token_line(token), until)

    def _remember(self, session: BrowserSession, provider: int, token: bytes | None, until: float) -> None:
        self._words[session.sid.hex(), provider] = Word(token, until, min(until, self._now() + ASK_SECONDS))

    def token(self, known: Known) -> bytes | None:
        """`Word.token` of the session; `NO_TOKEN` if there is none here."""
        return self._words.get((known.sid, known.provider), NO_WORD).token

    def end(self, session: BrowserSession) -> None:
        """At once, here; control tells everybody else."""
        now = self._now()
        if len(self._ended) >= MOST_KNOWN:
            self._ended = {sid: expires for sid, expires in self._ended.items() if expires > now}
        self._ended[session.sid.hex()] = session.expires
        for known in self._known.values():
            if known.session.sid == session.sid:
                known.reason, known.identity, known.candidate = "", None, None

    def opened(self, realm: Realm, cookies: Sequence[bytes]) -> BrowserSession | None:
        """What the first cookie says that can be read, whether or not it still counts."""
        for value in cookies:
            session = _session(realm, value)
            if session is not None:
                return session
        return None

    def _opened(self, realm: Realm, provider: int, value: bytes) -> Known | None:
        session = _session(realm, value)
        if session is None or self._now() >= session.expires:
            return None
        sid, said = session.sid.hex(), session.until or session.expires
        word = self._words.get((sid, provider), NO_WORD)
        until = max(word.until, said)
        known = Known(session, sid, provider, self._directory.current, until, word.ask_at, value, realm)
        self._decide(known)
        place = provider, value
        if known.candidate is not None or self._comes_again(place):
            self._known[place] = known
        return known

    def _comes_again(self, place: tuple[int, bytes]) -> bool:
        """Was this cookie opened a while ago? To keep what is found of one costs more than to open it, most of all
        where many are each seen once in an hour."""
        mark = hash(place)
        at = mark % MOST_SEEN
        if self._seen[at] == mark:
            return True
        self._seen[at] = mark
        return False

    def _decide(self, known: Known) -> None:
        """On the snapshot as it is now."""
        snapshot = self._directory.current
        known.snapshot, known.reason, known.identity, known.candidate = snapshot, "", None, None
        known.begins, known.ends, known.said = inf, -inf, {}
        user = snapshot.users.get(known.session.user)
        provider = snapshot.providers.get(known.provider)
        if user is None or provider is None or known.sid in self._ended or _has_ended(known, snapshot):
            return
        if known.session.signed_in < user.sessions_not_before:
            return
        known.begins, until = validity.period(user)
        known.ends = min(until, known.session.expires)
        known.reason, known.identity, known.candidate = self._judge(user, provider, snapshot)

    def _judge(self, user: UserRecord, provider: ProviderRecord, snapshot: Snapshot) -> Judged:
        if self._judged_on is not snapshot:
            self._judged.clear()
            self._judged_on = snapshot
        place = provider.pk, user.pk
        judged = self._judged.get(place)
        if judged is None:
            judged = self._judged[place] = _judged(user, provider, snapshot)
        return judged


def _has_ended(known: Known, snapshot: Snapshot) -> bool:
    """Everywhere, or at this provider."""
    ended = snapshot.ended
    return bool(ended) and (known.sid in ended or sign_in_of(known.sid, known.provider) in ended)


def _token_line(token: str) -> bytes | None:
    try:
        return field_lines([token_field(token)])
    except Unwritable:
        return None


def _session(realm: Realm, value: bytes) -> BrowserSession | None:
    content = realm.sealer.open(SESSION, value)
    try:
        return BrowserSession.unpacked(content) if content is not None else None
    except ValueError:
        return None


def _judged(user: UserRecord, provider: ProviderRecord, snapshot: Snapshot) -> Judged:
    admitted = verdict(provider, user.pk, snapshot)
    if admitted is None:
        return Judged("policy_needed", None, _identity(user, snapshot, provider))
    if admitted:
        return Judged("accepted", _identity(user, snapshot, provider), None)
    return Judged("no_binding", None, None)


def _identity(user: UserRecord, snapshot: Snapshot, provider: ProviderRecord) -> Identity:
    return Identity(
        user=user.pk,
        uuid=user.uuid,
        uid=user.uid,
        username=user.username,
        credential_version=user.credential_version,
        **told_of(user, snapshot, provider),
    )
