"""EAP-GTC (RFC 3748 section 5.6): a question in words, an answer in words. In tunnels only: it hides nothing."""

from __future__ import annotations

from protocols.errors import RemoteProtocolError
from protocols.radius.eap.packet import Type
from protocols.radius.eap.steps import Ask, Failed, Say, Step, Succeeded, Verdict
from protocols.radius.offers import PasswordOffer, ReplyOffer, printable

PROMPT = b"Password: "
MAX_PROMPT = 1000  # octets: fits into any tunnel's message


class Gtc:
    type = Type.GTC
    can_ask = True

    def __init__(self, identity: str) -> None:
        self._identity = identity
        self._state = ""

    def start(self) -> Step:
        return Say(PROMPT)

    def receive(self, data: bytes) -> Step:
        text = printable(data)
        if not text:
            raise RemoteProtocolError("an EAP-GTC answer that is no text")
        if self._state:
            return Ask(ReplyOffer(self._identity, self._state, text))
        return Ask(PasswordOffer(self._identity, text))

    def decided(self, verdict: Verdict) -> Step:
        if verdict.state:
            self._state = verdict.state
            return Say((verdict.prompt or "Code: ").encode()[:MAX_PROMPT])
        return Succeeded() if verdict.accepted else Failed(verdict.reason)
