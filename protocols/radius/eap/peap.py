"""PEAPv0 (draft-kamath-pppext-peapv0-00): EAP in the tunnel, and a protected word on how it ended."""

from __future__ import annotations

from protocols.errors import RemoteProtocolError
from protocols.radius.eap.channel import Channel
from protocols.radius.eap.conversation import Conversation
from protocols.radius.eap.packet import HEADER, Code, Type, request, response
from protocols.radius.eap.steps import Ask, Failed, Say, Step, Succeeded, Verdict
from protocols.radius.eap.tunnel import Tunnel

MANDATORY, RESULT = 0x8000, 3
SUCCESS, FAILURE = 1, 2
RESULT_SIZE = 2


class Peap(Tunnel):
    type = Type.PEAP

    _conversation: Conversation | None = None

    @property
    def can_ask(self) -> bool:
        return self._conversation is not None and self._conversation.can_ask

    _outcome: Succeeded | Failed | None = None

    def _begin(self, channel: Channel) -> Step:
        if channel.is_1_3:
            return self._converse()
        self._after = self._acknowledged
        return self._flush()

    def _acknowledged(self, message: bytes) -> Step:
        if message:
            raise RemoteProtocolError("TLS records where our Finished was to be acknowledged")
        return self._converse()

    def _converse(self) -> Step:
        self._after = self._tunnelled
        self._conversation = Conversation(self._inner, inside=True)
        return self._inside(self._conversation.start())

    def _resumed(self, verdict: Verdict) -> Step:
        return self._concluded(Succeeded() if verdict.accepted else Failed(verdict.reason))

    def _in_tunnel(self, octets: bytes) -> Step:
        if self._outcome is not None:
            return self._confirmed(octets)
        assert self._conversation is not None
        return self._inside(self._conversation.receive(_with_header(octets, self._conversation.identifier)))

    def _inside(self, step: Step) -> Step:
        match step:
            case Say(octets):
                return self._tell(octets[HEADER:])
            case Ask():
                return self._ask(step, self._inner_decided)
            case Succeeded() | Failed():
                return self._concluded(step)

    def _inner_decided(self, verdict: Verdict) -> Step:
        assert self._conversation is not None
        return self._inside(self._conversation.decided(verdict))

    def _concluded(self, outcome: Succeeded | Failed) -> Step:
        """The Result TLV goes through the tunnel, so that nobody outside can turn one into the other."""
        self._outcome = outcome
        self._after = self._tunnelled
        return self._tell(request(0, Type.TLV, result(SUCCESS if isinstance(outcome, Succeeded) else FAILURE)))

    def _confirmed(self, octets: bytes) -> Step:
        assert self._outcome is not None
        if isinstance(self._outcome, Failed):
            return self._outcome
        if _result_in(octets) != SUCCESS:
            return Failed("eap_malformed", "the device did not confirm the success inside the tunnel")
        return self._succeeded()


def result(status: int) -> bytes:
    """Type data of an EAP-TLV with a Result TLV."""
    return MANDATORY.__or__(RESULT).to_bytes(2) + RESULT_SIZE.to_bytes(2) + status.to_bytes(2)


def _result_in(octets: bytes) -> int:
    """The status that a peer's EAP-TLV Response tells; 0 if none, or not one alone. Other TLVs, as Cryptobinding, are
    not believed."""
    if len(octets) <= HEADER or octets[0] != Code.RESPONSE or octets[HEADER] != Type.TLV:
        return 0
    at, end, told = HEADER + 1, min(len(octets), octets[2] << 8 | octets[3]), set[int]()
    while at + HEADER <= end:
        kind, size = (octets[at] << 8 | octets[at + 1]) & ~0xC000, octets[at + 2] << 8 | octets[at + 3]
        if kind == RESULT:
            told.add(octets[at + 4] << 8 | octets[at + 5] if size == RESULT_SIZE and at + HEADER + size <= end else 0)
        at += HEADER + size
    return told.pop() if len(told) == 1 and at == end else 0


def _with_header(octets: bytes, identifier: int) -> bytes:
    """PEAPv0 leaves out the header of inner packets; some peers do not. Raises RemoteProtocolError."""
    if not octets:
        raise RemoteProtocolError("an empty inner packet")
    if octets[0] == Code.RESPONSE and len(octets) > HEADER and octets[2] << 8 | octets[3] == len(octets):
        return octets
    return response(identifier, octets[0], octets[1:])
