"""A browser's way to control and back: begun, finished, ended (DESIGN D15, D24).

`state` is sealed, and bound to the browser by one cookie that all tabs share. Whoever comes back with a state that
cannot be used is never signed in by it; if it is ours, the sign-in begins anew, as the very person at the browser.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qsl

from outpost.authentication import LinkAway
from outpost.browsers.circles import Circles
from outpost.browsers.sessions import SESSION, BrowserSessions
from outpost.outcome import Decision
from protocols.link.messages import BrowserSessionRecord, CodeRedeemed, EndSession, RedeemCode, SessionEnded
from protocols.proxy.cookies import values
from protocols.proxy.decision import HostTable, Realm, Site
from protocols.proxy.login_state import (
    BROWSER_BYTES,
    SEED_BYTES,
    STATE_SECONDS,
    BrowserSession,
    LoginState,
    browser_digest,
)
from protocols.proxy.redirects import CALLBACK, authorize_url
from protocols.proxy.sealed import NONCE_BYTES
from protocols.proxy.trust import NONE, Headers
from rules.reasons import REASONS, Outcome

STATE = "state"
"""What states are sealed for."""
MOST_TRIES = 2
"""Times that one sign-in begins anew by itself; after that a page says what is wrong, instead of a circle."""
MOST_PARAMETERS = 20
"""Of an answer from control, which has four."""
LONGEST_CODE = 512
"""Ours have 43 characters."""
LONGEST_USER_AGENT = 256

_BROWSER_COOKIE = re.compile(rb"[A-Za-z0-9_-]{22}")

Cookie = tuple[bytes, bytes]


class Link(Protocol):
    """What signing in needs of the link. Both raise LinkAway."""

    def redeem(self, question: RedeemCode) -> Awaitable[CodeRedeemed]: ...

    def end_session(self, question: EndSession) -> Awaitable[SessionEnded]: ...


@dataclass(frozen=True, slots=True)
class Go:
    """The browser goes elsewhere."""

    url: str
    cookies: tuple[Cookie, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Something has to be said to a person."""

    status: int
    title: str
    sentence: str
    link: tuple[str, str] | None = None
    """Address and words of what to do next."""
    decision: Decision | None = None
    """For the log."""


class SigningIn:
    """``control_url``: where browsers reach control. ``new_id`` gives a fresh correlation id."""

    def __init__(
        self,
        link: Link,
        sessions: BrowserSessions,
        control_url: Callable[[], str],
        now: Callable[[], float],
        random: Callable[[int], bytes],
        new_id: Callable[[], str],
    ) -> None:
        self._link = link
        self._sessions = sessions
        self._control_url = control_url
        self._now = now
        self._random = random
        self._new_id = new_id
        self._circles = Circles()

    def begin(
        self,
        realm: Realm,
        site: Site,
        headers: Headers,
        url: str,
        tries: int = 0,
        callback: str = CALLBACK,
        max_age: int = 0,
    ) -> Go:
        """Off to control; ``url`` is where the person wants to be afterwards, ``callback`` where the answer comes.
        ``max_age``: seconds since a second factor must have been shown then; 0: none is needed."""
        cookie = _browser(realm, headers) or urlsafe_b64encode(self._random(BROWSER_BYTES)).rstrip(b"=")
        seed, now = self._random(SEED_BYTES), self._now()
        login = LoginState(browser_digest(cookie), seed, site.provider, now, tries, url, max_age)
        state = realm.sealer.seal(STATE, login.packed(), self._random(NONCE_BYTES))
        to = authorize_url(self._control_url(), site.client_id, site.external_host + callback, state, login)
        return Go(to, (realm.jar.setting(realm.jar.browser, cookie, int(STATE_SECONDS)),))

    async def finish(
        self,
        table: HostTable,
        realm: Realm,
        site: Site,
        headers: Headers,
        query: str,
        client: str,
        callback: str = CALLBACK,
    ) -> Go | Page:
        """Control's answer has come back with a browser (RFC 6749, 4.1.2), at ``callback``."""
        said = _parameters(query)
        login = self._login(realm, site, said.get("state", ""))
        known = self._sessions.find(realm, site.provider, values(headers, realm.jar.session))
        home = f"{site.external_host}/"
        if login is None:
            return Go(home) if known is not None else _unusable(home)
        enough = known is not None and (not login.max_age or known.session.is_recent(login.max_age, self._now()))
        if not self._is_same_browser(realm, headers, login):
            return Go(login.url) if enough else self._anew(realm, site, headers, login, callback)
        if "error" in said:
            return _refused(said["error"], home)
        code = said.get("code", "")
        if not code or len(code) > LONGEST_CODE:
            return _unusable(home)
        return await self._redeem(realm, site, headers, login, code, client, known is not None, enough, callback)

    async def _redeem(
        self,
        realm: Realm,
        site: Site,
        headers: Headers,
        login: LoginState,
        code: str,
        client: str,
        known: bool,
        enough: bool,
        callback: str,
    ) -> Go | Page:
        question = RedeemCode(
            id=self._new_id(),
            provider=site.provider,
            code=code,
            redirect_uri=site.external_host + callback,
            verifier=login.verifier,
            nonce=login.nonce,
            control_url=self._control_url(),
            peer=client,
            user_agent=b" ".join(headers.get(b"user-agent", NONE)).decode("latin-1")[:LONGEST_USER_AGENT],
        )
        try:
            answer = await self._link.redeem(question)
        except LinkAway:
            return _not_now(Decision("control_away", id=question.id), login.url)
        if answer.id != question.id:
            raise ValueError("control answered another question")
        outcome = REASONS[answer.reason].outcome
        if outcome is Outcome.ACCEPTED and answer.session is not None:
            if self._circles.closes(login.browser, login.url, self._now()):
                return _in_a_circle(realm, site, login.url, known)
            return self._signed_in(realm, site, login, answer.session)
        if outcome is Outcome.UNAVAILABLE:
            return _not_now(Decision(answer.reason, id=question.id), login.url)
        if outcome is Outcome.NOT_ALLOWED:
            return _not_yours(Decision(answer.reason, id=question.id), site)
        # a code comes twice with every reload and with the back button
        return Go(login.url) if enough else self._anew(realm, site, headers, login, callback)

    def _signed_in(self, realm: Realm, site: Site, login: LoginState, record: BrowserSessionRecord) -> Go | Page:
        sid = bytes.fromhex(record.sid)
        session = BrowserSession(sid, record.user, record.signed_in, record.expires, record.second_factor, record.until)
        if login.max_age and not session.is_recent(login.max_age, self._now()):
            return _not_recent(login.url)
        self._sessions.remember(session, site.provider, record.access_token, record.until or record.expires)
        sealed = realm.sealer.seal(SESSION, session.packed(), self._random(NONCE_BYTES))
        seconds = max(int(session.expires - self._now()), 1)
        return Go(login.url, (realm.jar.setting(realm.jar.session, sealed, seconds),))

    async def leave(self, realm: Realm, site: Site, headers: Headers, client: str) -> Go:
        """Ends the session, here at once and everywhere by control; then control's page says so."""
        session = self._sessions.opened(realm, values(headers, realm.jar.session))
        if session is not None:
            self._sessions.end(session)
            sid = session.sid.hex()
            with suppress(LinkAway):  # control's own page, where the browser goes now, ends it when control is back
                await self._link.end_session(EndSession(self._new_id(), site.provider, sid, session.user, client))
        forgotten = realm.jar.setting(realm.jar.session, b"", 0)
        return Go(f"{self._control_url().rstrip('/')}/application/o/{site.application}/end-session/", (forgotten,))

    def _anew(self, realm: Realm, site: Site, headers: Headers, login: LoginState, callback: str) -> Go | Page:
        if login.tries >= MOST_TRIES:
            return Page(
                400,
                "Signing in does not work",
                "This browser does not bring back the cookie that the sign-in gave it. Allow cookies for this site; "
                "if they are allowed, the reverse proxy in front of it loses the Set-Cookie header.",
                (login.url, "Try again"),
            )
        return self.begin(realm, site, headers, login.url, login.tries + 1, callback, login.max_age)

    def _login(self, realm: Realm, site: Site, state: str) -> LoginState | None:
        """What the state says, if it was made here for this application."""
        content = realm.sealer.open(STATE, state.encode("utf-8", "replace"))
        try:
            login = LoginState.unpacked(content) if content is not None else None
        except ValueError:
            return None
        return login if login is not None and login.provider == site.provider else None

    def _is_same_browser(self, realm: Realm, headers: Headers, login: LoginState) -> bool:
        if not 0 <= self._now() - login.begun <= STATE_SECONDS:
            return False
        return any(
            hmac.compare_digest(browser_digest(cookie), login.browser) for cookie in values(headers, realm.jar.browser)
        )


def _browser(realm: Realm, headers: Headers) -> bytes | None:
    found = values(headers, realm.jar.browser)
    return found[0] if found and _BROWSER_COOKIE.fullmatch(found[0]) else None


def _parameters(query: str) -> dict[str, str]:
    """Of each name the only value; a name that is there twice is as if it were not."""
    try:
        pairs = parse_qsl(query, max_num_fields=MOST_PARAMETERS)
    except ValueError:
        return {}
    names = [name for name, _ in pairs]
    return {name: value for name, value in pairs if names.count(name) == 1}


# --- pages ---------------------------------------------------------------------------------------------------------


def _unusable(home: str) -> Page:
    sentence = "This sign-in was begun elsewhere or has been changed on its way, so it signs nobody in."
    return Page(400, "That did not work", sentence, (home, "Sign in again"))


def _refused(error: str, home: str) -> Page:
    if error == "access_denied":
        return Page(403, "Not signed in", "The sign-in was refused.", (home, "Try again"))
    return Page(400, "That did not work", "The sign-in could not be finished.", (home, "Try again"))


def _not_now(decision: Decision, url: str) -> Page:
    sentence = "Nobody can be let in at the moment. Try again shortly."
    return Page(503, "Not at the moment", sentence, (url, "Try again"), decision)


def _in_a_circle(realm: Realm, site: Site, url: str, comes_back: bool) -> Page:
    """``comes_back``: the session's cookie came along with control's answer, so that the browser keeps it."""
    cookie = realm.jar.session.decode()
    if comes_back:
        why = (
            f"The browser brings the cookie {cookie}, but the reverse proxy does not hand it on when it asks the "
            "outpost about a request. Whoever runs it must let Cookie through to the address that it asks at."
        )
    else:
        where = f"below {realm.jar.domain}" if realm.jar.domain else f"at {site.external_host}"
        why = (
            f"The browser does not bring back the cookie {cookie}. Either the reverse proxy loses Set-Cookie, or the "
            f"application is opened somewhere else than {where}, which is what its provider says."
        )
    return Page(400, "Signed in, and asked again", why, (url, "Try again"))


def _not_recent(url: str) -> Page:
    """Control has let somebody come back whose second factor is not recent here: better a page than a circle."""
    sentence = (
        "Your second factor was asked for, and still counts as too old here. The clocks of the server and of this "
        "outpost differ, or the server is of another version. Tell your administrator."
    )
    return Page(403, "Second factor", sentence, (url, "Try again"))


def _not_yours(decision: Decision, site: Site) -> Page:
    sentence = f"Your account may not use {site.application_name}. Ask your administrator."
    return Page(403, "Access denied", sentence, None, decision)


def not_open(site: Site, sign_out: str) -> Page:
    """Somebody has signed in, and this application is not for them."""
    sentence = f"You are signed in, and your account may not use {site.application_name}. Ask your administrator."
    return Page(403, "Access denied", sentence, (sign_out, "Sign out, to sign in as somebody else"))
