"""Errors have a side: theirs, or ours (as in h11)."""

from __future__ import annotations


class ProtocolError(Exception):
    """Base of the errors that the languages raise."""


class LocalProtocolError(ProtocolError):
    """We tried something that the protocol does not allow: a bug of ours."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the protocol.

    ``reason`` is a code of `rules.discards`; ``answer`` holds the bytes to send before closing, which may be empty.
    The text is for the operator and never goes to the peer.
    """

    def __init__(self, text: str, reason: str = "malformed", answer: bytes = b"") -> None:
        super().__init__(text)
        self.reason = reason
        self.answer = answer
