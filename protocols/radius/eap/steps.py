"""What a method, or a whole EAP conversation, wants done next, and what it is told of a decision."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from protocols.radius.mppe import Keys
from protocols.radius.offers import Offer


@dataclass(slots=True)
class Say:
    """Send a Request with these octets: of a method its type data, of a conversation a whole EAP packet. Never changed;
    not frozen, as `protocols.radius.packet.Packet` is not."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Ask:
    """Decide about ``offer``, and go on with `decided`."""

    offer: Offer


@dataclass(frozen=True, slots=True)
class Succeeded:
    """``keys``: None inside a tunnel, where they would be used for nothing.

    ``session_id``: of the new TLS session that stands on this, if it can be resumed; else empty.
    """

    keys: Keys | None = None
    session_id: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Failed:
    reason: str
    """A code of `rules.reasons`."""
    text: str = ""
    """Details for the operator."""


Step = Say | Ask | Succeeded | Failed


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided about an offer. ``reason``: a code of `rules.reasons`."""

    accepted: bool
    reason: str
    authenticator_response: str = ""
    """``S=`` and 40 hex digits (RFC 2759 section 8.7), for the peer to see that we know its password."""
    keys: Keys | None = None
    """Of the link, after MS-CHAPv2 (RFC 3079 section 3)."""
    state: str = ""
    """Not empty: neither accepted nor refused, but asked for more; it names the challenge."""
    prompt: str = ""
    """The question to the person, with ``state``."""
    grant: object = field(default=None, repr=False)
    """Comes back when all ends well: what the decision was."""


class Method(Protocol):
    """One EAP method in one conversation, as its server. Any RemoteProtocolError that it raises ends it in failure."""

    @property
    def type(self) -> int: ...

    @property
    def can_ask(self) -> bool:
        """After a verdict with a state, the person can be asked, and their answer becomes a `ReplyOffer`."""

    def start(self) -> Step: ...

    def receive(self, data: bytes) -> Step:
        """``data``: of a Response of this type."""

    def decided(self, verdict: Verdict) -> Step:
        """After `Ask`."""
