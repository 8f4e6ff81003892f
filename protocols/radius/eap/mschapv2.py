"""EAP-MSCHAPv2 (draft-kamath-pppext-eap-mschapv2-02), as its server."""

from __future__ import annotations

from enum import IntEnum
from struct import pack

from protocols.errors import RemoteProtocolError
from protocols.radius.eap.packet import Type
from protocols.radius.eap.steps import Ask, Failed, Say, Step, Succeeded, Verdict
from protocols.radius.mppe import Keys
from protocols.radius.mschapv2 import error_code
from protocols.radius.offers import MsChapV2Offer, typed_name, without_domain

CHALLENGE_SIZE = 16
RESPONSE_SIZE = 49
HEADER = 4  # op code, identifier, two octets of length
SERVER_NAME = b"outpost"
REFUSED = "E={code} R=0 C={challenge} V=3 M=Wrong name or network password"
"""RFC 2759 section 6: R=0, no further attempt in this conversation."""


class Op(IntEnum):
    CHALLENGE = 1
    RESPONSE = 2
    SUCCESS = 3
    FAILURE = 4


class MsChapV2:
    """``challenge``: 16 random octets. ``with_keys``: outside a tunnel, the keys of the link come from here."""

    type = Type.MSCHAPV2
    can_ask = False

    def __init__(self, identity: str, challenge: bytes, with_keys: bool = False) -> None:
        self._identity = identity
        self._challenge = challenge
        self._with_keys = with_keys
        self._identifier = challenge[0]
        self._expected = Op.RESPONSE
        self._refusal = ""
        self._keys: Keys | None = None

    def start(self) -> Step:
        value = bytes((CHALLENGE_SIZE,)) + self._challenge + SERVER_NAME
        return Say(self._message(Op.CHALLENGE, value))

    def receive(self, data: bytes) -> Step:
        if not data or data[0] != self._expected:
            raise RemoteProtocolError(f"EAP-MSCHAPv2 {data[:1].hex() or 'nothing'} instead of {self._expected.name}")
        match self._expected:
            case Op.SUCCESS:
                return Succeeded(self._keys)
            case Op.FAILURE:
                return Failed(self._refusal)
            case _:
                return Ask(self._response(data))

    def decided(self, verdict: Verdict) -> Step:
        if not verdict.accepted or not verdict.authenticator_response:
            self._expected = Op.FAILURE
            self._refusal = "unsupported_proof" if verdict.accepted else verdict.reason
            code, challenge = error_code(self._refusal), self._challenge.hex().upper()
            return Say(self._message(Op.FAILURE, REFUSED.format(code=code, challenge=challenge).encode()))
        self._expected = Op.SUCCESS
        if self._with_keys:
            self._keys = verdict.keys
        return Say(self._message(Op.SUCCESS, f"{verdict.authenticator_response} M=Welcome".encode()))

    def _response(self, data: bytes) -> MsChapV2Offer:
        """Op code, identifier, length, size of the value, the value, the name."""
        if len(data) < HEADER + 1 + RESPONSE_SIZE or data[HEADER] != RESPONSE_SIZE:
            raise RemoteProtocolError("an EAP-MSCHAPv2 response of another size than 49 octets")
        if data[2] << 8 | data[3] != len(data):
            raise RemoteProtocolError("an EAP-MSCHAPv2 response whose MS-Length is not its length")
        if data[1] != self._identifier:
            raise RemoteProtocolError("an EAP-MSCHAPv2 response to another challenge")
        value, name = data[HEADER + 1 : HEADER + 1 + RESPONSE_SIZE], data[HEADER + 1 + RESPONSE_SIZE :]
        username = typed_name(name)
        if not username:
            raise RemoteProtocolError("an EAP-MSCHAPv2 response without a name")
        peer_challenge, nt_response = value[:16], value[24:48]
        if peer_challenge == self._challenge:
            raise RemoteProtocolError("an EAP-MSCHAPv2 response with our own challenge as the peer's")
        return MsChapV2Offer(without_domain(username), self._challenge, peer_challenge, nt_response)

    def _message(self, op: Op, value: bytes) -> bytes:
        return pack("!BBH", op, self._identifier, HEADER + len(value)) + value
