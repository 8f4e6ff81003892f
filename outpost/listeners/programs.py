"""Callers without a browser, at the forward-auth door: a password or a token comes with each of their requests."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.internet.defer import Deferred

from outpost.authentication import Authentication
from outpost.listeners.asking import Asking
from outpost.listeners.identity_lines import IdentityLines, Lines
from outpost.listeners.refusing import BAD_TOKEN, CHALLENGE, Refusing
from outpost.listeners.repeated import Repeated, without_session
from outpost.listeners.site_rules import SiteRules
from outpost.outcome import Bearer, Circumstances, Decision, Identity, Password
from outpost.telemetry import Telemetry
from protocols.proxy.conventions import keeps_out
from protocols.proxy.decision import Realm
from protocols.proxy.headers import Unwritable
from rules.access import CLOSED, Level

NO_LINES = Lines(b"", 0.0)


class Programs:
    def __init__(
        self,
        authentication: Authentication,
        rules: SiteRules,
        lines: IdentityLines,
        refusing: Refusing,
        telemetry: Telemetry,
        repeated: Repeated,
    ) -> None:
        self._authentication = authentication
        self._rules = rules
        self._lines = lines
        self._refusing = refusing
        self._telemetry = telemetry
        self._repeated = repeated

    def attempt(self, asking: Asking, realm: Realm | None, credentials: Password) -> None:
        """``realm``: whose sessions would have counted before them."""
        known = self._authentication.known(credentials, asking.site.provider, asking.client)
        if known is not None:
            standing = self._authentication.standing(credentials, asking.site.provider, asking.client)
            self._answer(asking, realm, credentials, asking.seen_from, known, standing)
        else:
            Deferred.fromCoroutine(self._prove(asking, realm, credentials))

    async def _prove(self, asking: Asking, realm: Realm | None, credentials: Password) -> None:
        try:
            circumstances = asking.circumstances
            decision = await self._authentication.authenticate(credentials, asking.site.provider, circumstances)
            self._answer(asking, realm, credentials, circumstances, decision)
        except Exception:
            self._refusing.fault(asking.exchange)

    def _answer(
        self,
        asking: Asking,
        realm: Realm | None,
        credentials: Password,
        circumstances: Circumstances,
        decision: Decision,
        standing: Callable[[], bool] | None = None,
    ) -> None:
        """``standing``: asks whether the same would be said of these credentials again, if that can be known."""
        identity, exchange = decision.identity, asking.exchange
        if identity is None:
            challenge = BAD_TOKEN if isinstance(credentials, Bearer) else CHALLENGE
            self._refusing.refuse(exchange, credentials.username, circumstances, decision, challenge)
            return
        refusal, lines = self._shown(asking, identity)
        if refusal:
            self._refusing.refuse(exchange, identity.username, circumstances, Decision(refusal, id=decision.id))
            return
        self._telemetry.decided(identity.username, circumstances, decision)
        exchange.identity, exchange.grounds = identity, decision.grounds
        status = asking.convention.allowed
        if standing is None or self._rules.targets_matter(asking.site):
            exchange.respond(status, lines.octets)
        else:
            fresh = partial(self._is_fresh, lines, standing)
            again = without_session(realm, lines.octets, fresh)
            self._repeated.respond(exchange, status, lines.octets, b"", "accepted", again)

    def _is_fresh(self, lines: Lines, standing: Callable[[], bool]) -> bool:
        return not self._lines.are_old(lines) and standing()

    def _shown(self, asking: Asking, identity: Identity) -> tuple[str, Lines]:
        """Why somebody with good credentials may not in all the same, or else their headers."""
        level = self._rules.level(asking, identity)
        if level in CLOSED:
            return CLOSED[level], NO_LINES
        if level is Level.SECOND_FACTOR:
            return "second_factor_needed", NO_LINES
        if asking.convention.restricts and keeps_out(asking.query, identity):
            return "restricted_by_proxy", NO_LINES
        try:
            return "", self._lines.of(asking.site, identity, asking.convention)
        except Unwritable:
            return "identity_too_long", NO_LINES
