"""Lets in whoever has a session that counts at the application: with all headers about them, and the same again."""

from __future__ import annotations

from functools import partial

from outpost.browsers.sessions import BrowserSessions, Known
from outpost.listeners.asking import Asking
from outpost.listeners.identity_lines import IdentityLines
from outpost.listeners.refusing import Refusing
from outpost.listeners.repeated import Repeated
from outpost.listeners.site_rules import SiteRules
from outpost.outcome import Decision, Identity
from outpost.telemetry import Telemetry
from protocols.proxy.conventions import Convention, keeps_out
from protocols.proxy.cookies import values_in
from protocols.proxy.decision import Realm, Site
from protocols.proxy.headers import Unwritable


class Admitting:
    def __init__(
        self,
        sessions: BrowserSessions,
        rules: SiteRules,
        lines: IdentityLines,
        refusing: Refusing,
        telemetry: Telemetry,
        repeated: Repeated,
    ) -> None:
        self._sessions = sessions
        self._rules = rules
        self._lines = lines
        self._refusing = refusing
        self._telemetry = telemetry
        self._repeated = repeated

    def admit(self, asking: Asking, known: Known, identity: Identity) -> None:
        exchange, site, convention = asking.exchange, asking.site, asking.convention
        try:
            lines = self._told(site, convention, known, identity)
        except Unwritable:
            self._refuse(asking, identity, "identity_too_long")
            return
        if convention.restricts and keeps_out(asking.query, identity):
            self._refuse(asking, identity, "restricted_by_proxy")
            return
        self._telemetry.decisions["proxy", "accepted"] += 1
        exchange.identity = identity
        exchange.known = known
        if known.identity is None or self._rules.ask_about_targets(site):
            exchange.respond(convention.allowed, lines)
        else:
            again = partial(self._again, site, known.realm, convention, asking.query)
            self._repeated.respond(exchange, convention.allowed, lines, b"", "accepted", again)

    def _told(self, site: Site, convention: Convention, known: Known, identity: Identity) -> bytes:
        """Raises Unwritable."""
        return self._lines.of_session(site, identity, convention, self._sessions.token(known))

    def _again(self, site: Site, realm: Realm, convention: Convention, query: str, cookie: bytes) -> bytes | None:
        """`outpost.listeners.repeated.Again`, where no rule looks at targets: anybody's session may come with it."""
        known = self._sessions.find(realm, site.provider, values_in(cookie, realm.jar.session))
        if known is None or (identity := self._sessions.settled(known)) is None:
            return None
        if convention.restricts and keeps_out(query, identity):
            return None
        try:
            return self._told(site, convention, known, identity)
        except Unwritable:
            return None

    def _refuse(self, asking: Asking, identity: Identity, reason: str) -> None:
        self._refusing.refuse(asking.exchange, identity.username, asking.seen_from, Decision(reason))
