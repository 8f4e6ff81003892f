"""The words that all doors share: credentials, identity, decision, and each outcome as every protocol says it.

The table is DESIGN D9. A door turns a `Decision` into its own answer through these maps and nothing else.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from protocols.link.messages import Challenge, IdentityRecord, PasswordEnd, ReplyAttribute, Reuse, VisitorRequest
from rules.reasons import REASONS, Outcome

Identity = IdentityRecord


@dataclass(slots=True, unsafe_hash=True)
class Password:
    """A name and a password, as typed. Never changed; not frozen, as it is made for every request, and freezing costs
    three times as much."""

    username: str
    password: str = field(repr=False)

    @property
    def proof(self) -> dict[str, Any]:
        return {"kind": "password", "password": self.password}


class Bearer(Password):
    """An access token (RFC 6750). It is remembered as passwords are, under a name that says nothing of whose it is."""

    __slots__ = ()

    def __init__(self, token: str) -> None:
        super().__init__(f"token-{sha256(token.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}", token)

    @property
    def proof(self) -> dict[str, Any]:
        return {"kind": "bearer", "token": self.password}


@dataclass(frozen=True, slots=True)
class Chap:
    """RFC 1994: ``response`` is 16 octets, ``challenge`` what the NAS sent the peer."""

    username: str
    identifier: int
    challenge: bytes
    response: bytes = field(repr=False)

    @property
    def proof(self) -> dict[str, Any]:
        told = {"challenge": self.challenge.hex(), "response": self.response.hex()}
        return {"kind": "chap", "identifier": self.identifier, **told}


@dataclass(frozen=True, slots=True)
class MsChapV2:
    """RFC 2759: both challenges are 16 octets, the response 24. ``name`` is what the peer hashed: the name without a
    domain, in the spelling that it sent."""

    username: str
    name: str
    authenticator_challenge: bytes
    peer_challenge: bytes
    nt_response: bytes = field(repr=False)

    @property
    def proof(self) -> dict[str, Any]:
        return {
            "kind": "mschapv2",
            "authenticator_challenge": self.authenticator_challenge.hex(),
            "peer_challenge": self.peer_challenge.hex(),
            "nt_response": self.nt_response.hex(),
            "name": self.name,
        }


@dataclass(frozen=True, slots=True)
class CertificateProof:
    """A certificate whose key the peer has shown to have; ``chain`` is DER, the leaf first. The certificate says who
    it is; ``username`` is what the peer called itself."""

    username: str
    chain: tuple[bytes, ...]

    @property
    def proof(self) -> dict[str, Any]:
        return {"kind": "certificate", "chain": [b64encode(der).decode() for der in self.chain]}


@dataclass(frozen=True, slots=True)
class Device:
    """Nothing but a hardware address, ``aa:bb:cc:dd:ee:ff``: whoever can see it can claim it."""

    username: str
    address: str

    @property
    def proof(self) -> dict[str, Any]:
        return {"kind": "device", "address": self.address}


@dataclass(frozen=True, slots=True)
class ChallengeReply:
    """What somebody answered to the challenge of an earlier decision."""

    username: str
    state: str = field(repr=False)
    response: str = field(repr=False)

    @property
    def proof(self) -> dict[str, Any]:
        return {"kind": "reply", "state": self.state, "response": self.response}


Credentials = Password | Chap | MsChapV2 | CertificateProof | Device | ChallengeReply


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Where a question came from."""

    protocol: str
    """``ldap``, ``radius`` or ``proxy``."""
    peer: str
    attributes: dict[str, str] = field(default_factory=dict)
    can_ask: bool = False
    """A challenge can be put to whoever asks, and the reply be brought back."""
    visitor: VisitorRequest | None = None


@dataclass(frozen=True, slots=True)
class Grounds:
    """What being let in stands on, beside the directory."""

    not_after: float = math.inf
    """When the credential ends, or a policy's yes."""
    words: Mapping[str, bool] = field(default_factory=dict)
    """`protocols.link.messages.Reuse.words`."""
    ends_with: tuple[str, ...] = ()
    """`protocols.link.messages.Authenticated.ends_with`."""


NO_MORE = Grounds()
"""Than the directory."""


def _grounds(reuse: Reuse | None, end: PasswordEnd | None, ends_with: tuple[str, ...]) -> Grounds:
    if reuse is None and end is None and not ends_with:
        return NO_MORE
    ends = [] if end is None else [end.at]
    if reuse is not None and reuse.not_after is not None:
        ends.append(reuse.not_after)
    return Grounds(min(ends, default=math.inf), {} if reuse is None else reuse.words, ends_with)


@dataclass(frozen=True, slots=True)
class Decision:
    """The pipeline's answer. ``identity`` is set exactly when accepted; ``challenge`` only when challenged.

    A challenged decision without a challenge can only be told: the door could not ask.
    """

    reason: str
    identity: Identity | None = None
    id: str = ""
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    """`protocols.link.messages.Authenticated.keys`."""
    challenge: Challenge | None = None
    reply: tuple[ReplyAttribute, ...] = ()
    """What property mappings add to a RADIUS answer."""
    reuse: Reuse | None = None
    """How an accepted decision may be used once more without asking; None: not at all."""
    password_end: PasswordEnd | None = None
    """`protocols.link.messages.Authenticated.password_end`."""
    ends_with: tuple[str, ...] = ()
    """`protocols.link.messages.Authenticated.ends_with`."""
    grounds: Grounds = field(init=False, repr=False, compare=False)
    """Of an accepted decision, for as long as somebody stays in by it. Worked out once: whoever is known comes in by
    the same decision again and again."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "grounds", _grounds(self.reuse, self.password_end, self.ends_with))
        outcome = self.outcome
        if (self.identity is not None) != (outcome is Outcome.ACCEPTED):
            raise ValueError("an identity belongs to an accepted decision, and only to one")
        if self.keys and outcome is not Outcome.ACCEPTED:
            raise ValueError("keys belong to an accepted decision")
        if self.challenge is not None and outcome is not Outcome.CHALLENGED:
            raise ValueError("a challenge belongs to a challenged decision")

    @property
    def outcome(self) -> Outcome:
        return REASONS[self.reason].outcome

    def password_left(self, now: float) -> int | None:
        """Seconds until the password ends, if it is time to say so."""
        end = self.password_end
        return int(end.at - now) if end is not None and end.warned_from <= now < end.at else None

    @property
    def diagnostic(self) -> str:
        """What the stranger hears, with the id under which the operator finds the rest."""
        sentence = REASONS[self.reason].stranger
        return f"{sentence} ({self.id})" if self.id else sentence


LDAP_RESULT_CODE: dict[Outcome, int] = {
    Outcome.ACCEPTED: 0,
    Outcome.BAD_CREDENTIALS: 49,
    Outcome.CHALLENGED: 49,
    Outcome.NOT_ALLOWED: 50,
    Outcome.THROTTLED: 49,
    Outcome.UNAVAILABLE: 52,
}

LDAP_REQUEST_REFUSED: dict[int, str] = {
    1: "impossible_request",
    2: "impossible_request",
    7: "unsupported_proof",
    11: "too_large_request",
    12: "unserved_control",
    13: "tls_required",
    34: "no_dn",
    53: "impossible_request",
    60: "impossible_request",
}
"""Why a request other than a login is refused, where the refusal does not say it itself: by LDAP's result code. Other
codes are answers (there is no such entry; the comparison is false), not refusals."""

RADIUS_CODE: dict[Outcome, int | None] = {
    Outcome.ACCEPTED: 2,
    Outcome.BAD_CREDENTIALS: 3,
    Outcome.CHALLENGED: 11,
    Outcome.NOT_ALLOWED: 3,
    Outcome.THROTTLED: 3,
    Outcome.UNAVAILABLE: None,
}
"""None is silence: the NAS asks its next server."""

HTTP_STATUS: dict[Outcome, int] = {
    Outcome.ACCEPTED: 200,
    Outcome.BAD_CREDENTIALS: 401,
    Outcome.CHALLENGED: 401,
    Outcome.NOT_ALLOWED: 403,
    Outcome.THROTTLED: 429,
    Outcome.UNAVAILABLE: 503,
}
