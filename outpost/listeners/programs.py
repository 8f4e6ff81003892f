"""Callers without a browser, at the forward-auth door: a password or a token comes with each of their requests."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from outpost.authentication import Authentication
from outpost.listeners.asking import Asking
from outpost.listeners.identity_lines import ALLOWED, IdentityLines
from outpost.listeners.refusing import BAD_TOKEN, CHALLENGE, Refusing
from outpost.listeners.repeated import Repeated
from outpost.listeners.site_rules import SiteRules
from outpost.outcome import Bearer, Circumstances, Decision, Identity, Password
from outpost.telemetry import Telemetry
from protocols.proxy.conventions import keeps_out
from protocols.proxy.headers import Unwritable
from rules.access import CLOSED, Level


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

    def attempt(self, asking: Asking, credentials: Password) -> None:
        known = self._authentication.known(credentials, asking.site.provider, asking.client)
        if known is not None:
            standing = self._authentication.standing(credentials, asking.site.provider, asking.client)
            self._answer(asking, credentials, asking.seen_from, known, standing)
        else:
            Deferred.fromCoroutine(self._prove(asking, credentials))

    async def _prove(self, asking: Asking, credentials: Password) -> None:
        try:
            circumstances = asking.circumstances
            decision = await self._authentication.authenticate(credentials, asking.site.provider, circumstances)
            self._answer(asking, credentials, circumstances, decision)
        except Exception:
            self._refusing.fault(asking.exchange)

    def _answer(
        self,
        asking: Asking,
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
        refusal, fields = self._shown(asking, identity)
        if refusal:
            self._refusing.refuse(exchange, identity.username, circumstances, Decision(refusal, id=decision.id))
            return
        self._telemetry.decided(identity.username, circumstances, decision)
        status, lines = asking.convention.allowed, ALLOWED + fields
        exchange.identity = identity
        if standing is None or self._rules.targets_matter(asking.site):
            exchange.respond(status, lines)
        else:
            self._repeated.respond(exchange, status, lines, b"", "accepted", standing, self._lines.until(asking.site))

    def _shown(self, asking: Asking, identity: Identity) -> tuple[str, bytes]:
        """Why somebody with good credentials may not in all the same, or else their headers."""
        level = self._rules.level(asking, identity)
        if level in CLOSED:
            return CLOSED[level], b""
        if level is Level.SECOND_FACTOR:
            return "second_factor_needed", b""
        if asking.convention.restricts and keeps_out(asking.query, identity):
            return "restricted_by_proxy", b""
        try:
            return "", self._lines.of(asking.site, identity, asking.convention)
        except Unwritable:
            return "identity_too_long", b""
