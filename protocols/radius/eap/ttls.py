"""EAP-TTLSv0 (RFC 5281): PAP, CHAP, MS-CHAPv2 or EAP in the tunnel, as Diameter AVPs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from struct import pack

from protocols.errors import RemoteProtocolError
from protocols.radius.chap import (
    CHAP_PASSWORD_SIZE,
    MS_CHAP2_RESPONSE,
    MS_CHAP2_SUCCESS,
    MS_CHAP_CHALLENGE,
    MS_CHAP_RESPONSE,
    MS_RESPONSE_SIZE,
)
from protocols.radius.dictionary import CHAP_CHALLENGE, CHAP_PASSWORD, EAP_MESSAGE, USER_NAME, USER_PASSWORD
from protocols.radius.eap.channel import Channel
from protocols.radius.eap.conversation import Conversation
from protocols.radius.eap.packet import Type
from protocols.radius.eap.steps import Ask, Failed, Say, Step, Succeeded, Verdict
from protocols.radius.eap.tunnel import Tunnel
from protocols.radius.offers import (
    ChapOffer,
    MsChapV2Offer,
    Offer,
    PasswordOffer,
    printable,
    typed_name,
    without_domain,
)
from protocols.radius.vendor import MICROSOFT

VENDOR, MANDATORY = 0x80, 0x40
HEADER, VENDOR_OCTETS = 8, 4
MOST_AVPS = 32  # a login has three
CHALLENGE_LABEL = b"ttls challenge"

Number = tuple[int, int]
"""Vendor, or 0, and code."""

KNOWN: frozenset[Number] = frozenset(
    {
        (0, USER_NAME),
        (0, USER_PASSWORD),
        (0, CHAP_PASSWORD),
        (0, CHAP_CHALLENGE),
        (0, EAP_MESSAGE),
        (MICROSOFT, MS_CHAP_RESPONSE),
        (MICROSOFT, MS_CHAP_CHALLENGE),
        (MICROSOFT, MS_CHAP2_RESPONSE),
    }
)
PROOFS: frozenset[Number] = frozenset(
    {
        (0, USER_PASSWORD),
        (0, CHAP_PASSWORD),
        (0, EAP_MESSAGE),
        (MICROSOFT, MS_CHAP_RESPONSE),
        (MICROSOFT, MS_CHAP2_RESPONSE),
    }
)


@dataclass(frozen=True, slots=True)
class Challenges:
    """What TLS says the peer has to answer; nobody sends it (RFC 5281 section 11.1)."""

    challenge: bytes
    identifier: int


class Ttls(Tunnel):
    type = Type.TTLS
    label = b"ttls keying material"

    _conversation: Conversation | None = None

    @property
    def can_ask(self) -> bool:
        return self._conversation is not None and self._conversation.can_ask

    _identifier: int | None = None
    """Of an MS-CHAPv2 exchange."""

    def _begin(self, channel: Channel) -> Step:
        self._after = self._tunnelled
        octets = channel.read()
        return self._in_tunnel(octets) if octets else self._flush()

    def _resumed(self, verdict: Verdict) -> Step:
        return self._succeeded() if verdict.accepted else Failed(verdict.reason)

    def _in_tunnel(self, octets: bytes) -> Step:
        avps = dict(parse_avps(octets))
        if (eap := avps.get((0, EAP_MESSAGE))) is not None:
            return self._converse(eap)
        if self._conversation is not None:
            raise RemoteProtocolError("another proof in the middle of an EAP conversation")
        if PROOFS & avps.keys() == {(MICROSOFT, MS_CHAP_RESPONSE)}:
            return Failed("unsupported_proof", "it is MS-CHAP, version 1: choose MSCHAPv2 or PAP on the device")
        return self._ask(Ask(self._offer(avps)), self._inner_decided)

    def _converse(self, eap: bytes) -> Step:
        if self._conversation is None:
            self._conversation = Conversation(self._inner, inside=True)
            return self._inside(self._conversation.introduced(eap))
        return self._inside(self._conversation.receive(eap))

    def _inside(self, step: Step) -> Step:
        match step:
            case Say(octets):
                return self._tell(avp(0, EAP_MESSAGE, octets))
            case Ask():
                return self._ask(step, self._inner_decided)
            case Succeeded():
                return self._succeeded()
            case Failed():
                return step

    def _inner_decided(self, verdict: Verdict) -> Step:
        if self._conversation is not None:
            return self._inside(self._conversation.decided(verdict))
        if not verdict.accepted:
            return Failed(verdict.reason)
        if self._identifier is None:
            return self._succeeded()
        if not verdict.authenticator_response:
            return Failed("unsupported_proof")
        self._after = self._acknowledged
        shown = bytes((self._identifier,)) + verdict.authenticator_response.encode()
        return self._tell(avp(MICROSOFT, MS_CHAP2_SUCCESS, shown))

    def _acknowledged(self, message: bytes) -> Step:
        """The peer has seen that we know its password, too."""
        if message:
            raise RemoteProtocolError("TLS records where our success was to be acknowledged")
        return self._succeeded()

    def _offer(self, avps: dict[Number, bytes]) -> Offer:
        if len(PROOFS & avps.keys()) != 1:
            raise RemoteProtocolError("not exactly one proof in the tunnel")
        username = typed_name(avps.get((0, USER_NAME), b""))
        if not username:
            raise RemoteProtocolError("no name in the tunnel")
        if (padded := avps.get((0, USER_PASSWORD))) is not None:
            password = printable(padded.rstrip(b"\0"))
            if not password:
                raise RemoteProtocolError("a password in the tunnel that is no text")
            return PasswordOffer(username, password)
        if (response := avps.get((0, CHAP_PASSWORD))) is not None:
            return self._chap(username, response, avps.get((0, CHAP_CHALLENGE), b""))
        return self._ms_chap(
            username, avps[MICROSOFT, MS_CHAP2_RESPONSE], avps.get((MICROSOFT, MS_CHAP_CHALLENGE), b"")
        )

    def _chap(self, username: str, response: bytes, challenge: bytes) -> ChapOffer:
        asked = self._challenges()
        if len(response) != CHAP_PASSWORD_SIZE or challenge != asked.challenge or response[0] != asked.identifier:
            raise RemoteProtocolError("a CHAP response in the tunnel to another challenge than the tunnel's")
        return ChapOffer(username, response[0], challenge, response[1:])

    def _ms_chap(self, username: str, response: bytes, challenge: bytes) -> MsChapV2Offer:
        """Identifier, flags, peer challenge, reserved, NT response: RFC 2548 section 2.3.2."""
        asked = self._challenges()
        if len(response) != MS_RESPONSE_SIZE or challenge != asked.challenge or response[0] != asked.identifier:
            raise RemoteProtocolError("an MS-CHAPv2 response in the tunnel to another challenge than the tunnel's")
        if response[2:18] == asked.challenge:
            raise RemoteProtocolError("an MS-CHAPv2 response with the tunnel's own challenge as the peer's")
        self._identifier = response[0]
        return MsChapV2Offer(without_domain(username), asked.challenge, response[2:18], response[26:50])

    def _challenges(self) -> Challenges:
        assert self._channel is not None
        exported = self._channel.exported(CHALLENGE_LABEL, 17)
        return Challenges(exported[:16], exported[16])


def parse_avps(octets: bytes) -> Iterator[tuple[Number, bytes]]:
    """RFC 5281 section 10.1. Raises RemoteProtocolError: malformed, doubled, or unknown and mandatory."""
    at, seen = 0, set[Number]()
    while at < len(octets):
        if len(octets) - at < HEADER or len(seen) == MOST_AVPS:
            raise RemoteProtocolError("an AVP that is cut short, or one too many")
        code, flags = int.from_bytes(octets[at : at + 4]), octets[at + 4]
        length = int.from_bytes(octets[at + 5 : at + 8])
        head = HEADER + (VENDOR_OCTETS if flags & VENDOR else 0)
        if not head <= length <= len(octets) - at:
            raise RemoteProtocolError(f"an AVP of {length} octets")
        vendor = int.from_bytes(octets[at + 8 : at + 12]) if flags & VENDOR else 0
        number = (vendor, code)
        if number in seen:
            raise RemoteProtocolError(f"AVP {number} occurs twice")
        seen.add(number)
        if number in KNOWN:
            yield number, octets[at + head : at + length]
        elif flags & MANDATORY:
            raise RemoteProtocolError(f"AVP {number} is mandatory and unknown")
        padded = length + (-length % 4)
        if at + padded > len(octets):
            raise RemoteProtocolError("an AVP without its padding")
        at += padded


def avp(vendor: int, code: int, value: bytes) -> bytes:
    """One mandatory AVP, padded."""
    head = HEADER + (VENDOR_OCTETS if vendor else 0)
    flags = MANDATORY | (VENDOR if vendor else 0)
    length = head + len(value)
    name = pack("!IB", code, flags) + length.to_bytes(3) + (pack("!I", vendor) if vendor else b"")
    return name + value + bytes(-length % 4)
