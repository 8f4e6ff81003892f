"""How the forward-auth door says no: a status that every caller passes on, a sentence, and a line for the operator."""

from __future__ import annotations

from outpost.listeners.exchange import Exchange
from outpost.outcome import HTTP_STATUS, Circumstances, Decision
from outpost.telemetry import Telemetry
from protocols.proxy.http1 import field_lines
from rules.reasons import Outcome

NGINX_STATUS: dict[Outcome, int] = {**HTTP_STATUS, Outcome.THROTTLED: 403}
"""nginx turns all but 2xx, 401 and 403 into 500."""

PLAIN = field_lines(
    [
        (b"Content-Type", b"text/plain; charset=utf-8"),
        (b"X-Content-Type-Options", b"nosniff"),
        (b"Cache-Control", b"no-store"),
    ]
)
CHALLENGE = field_lines([(b"WWW-Authenticate", b'Basic realm="Sign in", charset="UTF-8"')])
BAD_TOKEN = field_lines([(b"WWW-Authenticate", b'Bearer error="invalid_token"')])


class Refusing:
    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def refuse(
        self,
        exchange: Exchange,
        username: str,
        circumstances: Circumstances,
        decision: Decision,
        challenge: bytes = b"",
    ) -> None:
        """Only who brought credentials is asked for others: a browser would open its own dialogue on every 401."""
        self._telemetry.decided(username, circumstances, decision)
        status = NGINX_STATUS[decision.outcome]
        body = decision.diagnostic.encode() + b"\n"
        exchange.respond(status, PLAIN + challenge if status == 401 else PLAIN, body)

    def fault(self, exchange: Exchange) -> None:
        """Closes the door first: a fault must not become a 2xx, nor telling about it a hanging request."""
        try:
            exchange.fail()
        finally:
            self._telemetry.fault("forward_auth")
