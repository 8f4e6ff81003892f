"""Access-Challenge for a password that needs a second factor (RFC 2865 section 4.4): a question, and what comes back.

A State with our mark names a challenge of control's, which is good once, for the same name, NAS and device. Any other
State means nothing here.
"""

from __future__ import annotations

from outpost.outcome import ChallengeReply
from protocols.link.messages import Challenge
from protocols.radius.dictionary import PROMPT, REPLY_MESSAGE, STATE
from protocols.radius.packet import MAX_VALUE, attribute
from protocols.radius.request import AccessRequested

MARK = b"outpost:"
ECHO = bytes((0, 0, 0, 1))
"""The reply is good once: whoever types it may see it."""


def asked(challenge: Challenge) -> bytes:
    """Encoded attributes of the Access-Challenge."""
    message = challenge.message.encode()[:MAX_VALUE].decode("utf-8", "ignore").encode()
    state = attribute(STATE, MARK + challenge.state.encode())
    return state + (attribute(REPLY_MESSAGE, message) if message else b"") + attribute(PROMPT, ECHO)


def replied(requested: AccessRequested) -> ChallengeReply | None:
    """Is the password in truth the reply to a challenge?"""
    state = requested.request.packet.get(STATE) or b""
    if not state.startswith(MARK):
        return None
    secret = state.removeprefix(MARK).decode("ascii", "replace")
    return ChallengeReply(requested.username, secret, requested.password)
