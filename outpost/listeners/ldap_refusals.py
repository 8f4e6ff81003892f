"""What the LDAP door tells the operator of refusals that nobody else has decided: every one has its reason."""

from __future__ import annotations

from outpost.listeners.ldap_binds import Bound
from outpost.outcome import LDAP_REQUEST_REFUSED, Circumstances, Decision
from outpost.telemetry import Telemetry
from protocols.ldap.events import Answered
from protocols.ldap.result import Result


class Refusals:
    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def answered(self, event: Answered, bound: Bound | None, circumstances: Circumstances) -> None:
        """By the protocol's rules alone."""
        if event.refused is None:
            return
        if event.name is None:
            self.request(event.refused, bound, circumstances)
            return
        reason = event.refused.reason or LDAP_REQUEST_REFUSED.get(event.refused.code, "impossible_request")
        self._telemetry.decided(event.name, circumstances, Decision(reason))

    def request(self, result: Result, bound: Bound | None, circumstances: Circumstances) -> None:
        """One that is no bind. Most codes that are not success are answers, and nobody need hear of them."""
        reason = result.reason or LDAP_REQUEST_REFUSED.get(result.code)
        if reason is not None:
            username = "" if bound is None else bound.identity.username
            self._telemetry.refused(username, circumstances, Decision(reason))
