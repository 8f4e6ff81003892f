"""Datagrams in, events out; decisions in, replies out (RFC 2865, 3579, 5080, 5997).

Rule 1: who gets an answer, and when, is decided here and nowhere else.
Rule 2: nothing here waits, logs, reads a clock or knows a user. Times are seconds, always from the same clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from protocols.errors import LocalProtocolError, RemoteProtocolError
from protocols.radius.again import form_of
from protocols.radius.authenticators import PLAIN_REPLY, plain_reply, signed_reply
from protocols.radius.devices import device_offer
from protocols.radius.dictionary import EAP_MESSAGE, MESSAGE_AUTHENTICATOR, NAS_IDENTIFIER, PROXY_STATE, USER_PASSWORD
from protocols.radius.duplicates import Duplicates, Peer, State, key_of
from protocols.radius.layouts import MOST_LAYOUTS, SELDOM, Layouts
from protocols.radius.nas import NasTable, Requirement, unmapped
from protocols.radius.offers import DeviceOffer
from protocols.radius.packet import Code
from protocols.radius.pins import Pins
from protocols.radius.proof import (
    NoProof,
    challenge_response,
    claimed_name,
    eap_of,
    name_and_password,
    only_proof,
    refusal_attributes,
)
from protocols.radius.realms import without_realm
from protocols.radius.request import (
    AccessRequested,
    Discard,
    EapReceived,
    Event,
    OfferReceived,
    Refused,
    Request,
    Resend,
    StatusAnswered,
)

# Looking a member of an enumeration up costs as much as comparing it three times; a plain number is compared at once.
_ACCESS_REQUEST, _STATUS_SERVER = int(Code.ACCESS_REQUEST), int(Code.STATUS_SERVER)
_ACCESS_ACCEPT, _ACCESS_REJECT = int(Code.ACCESS_ACCEPT), int(Code.ACCESS_REJECT)
_UNSIGNED, _NEW = Requirement.UNSIGNED, State.NEW

REJECT_DELAY = 1.0  # seconds; slows guessing, and is shorter than any NAS' first retry
MAX_DELAYED = 16_384  # rejects on their way; beyond it a guesser gets none at all


class RadiusExchange:
    """``table`` is None until the configuration is known; replace it whenever that changes."""

    forgeable = True
    """Whoever asks may have put another's address under it."""

    def __init__(self, pins: Pins) -> None:
        self.table: NasTable | None = None
        self._pins = pins
        self._layouts = Layouts()
        self._duplicates = Duplicates()
        # In the order of their times, for the delay is the same for all.
        self._delayed: deque[tuple[float, bytes, Peer]] = deque()

    def receive_datagram(self, datagram: bytes, peer: Peer, now: float) -> Event:
        """Never raises for anything a stranger may send. After Refused look at `wake_at`."""
        try:
            request = self._request(datagram, peer)
            if request.packet.octets[0] == _STATUS_SERVER:
                return StatusAnswered(self._reply(request, Code.ACCESS_ACCEPT))
            return self._access_request(request, now)
        except RemoteProtocolError as error:
            return Discard(error.reason, str(error))

    def again(
        self, datagram: bytes, peer: Peer, now: float, granted: Callable[[int, str, bytes], bytes | None]
    ) -> bytes | None:
        """The Access-Accept for a new request that is laid out as one that was learned, and signed.

        ``granted`` gives its attributes, encoded, by provider, address, and what `learn` has given for the same name
        and password; None, if they are not known. None: nothing has come of it, and it has to be read.
        """
        if self.table is None:
            return None
        form = self.table.forms.get((peer[0], len(datagram)))
        if form is None or form.heads(datagram) != form.said or peer[0] not in self._pins.addresses:
            return None
        key = key_of(peer, datagram)
        if self._duplicates.knows(key) or (login := form.login(datagram)) is None:
            return None
        attributes = granted(form.nas.provider, peer[0], login)
        if attributes is None:
            return None
        reply = signed_reply(_ACCESS_ACCEPT, datagram, attributes, form.nas.secret)
        self._duplicates.answered_at_once(key, reply, now)
        return reply

    def learn(self, request: Request) -> bytes | None:
        """Name and password of a request that was let in by nothing else, in one; others laid out like it may be
        answered `again`. None: something else in it has a say."""
        if self.table is None or self.table.lookup(request.address) is not request.nas:
            return None  # its NAS-Identifier, too, says which one it is
        octets, forms = request.packet.octets, self.table.forms
        place = request.address, len(octets)
        form = forms.get(place)
        if form is None or form.heads(octets) != form.said:
            if form is not None and request.key % SELDOM:
                return None
            form = form_of(request)
            if form is None:
                return None
            if len(forms) >= MOST_LAYOUTS:
                forms.clear()
            forms[place] = form
        return form.login(octets)

    def answer(self, request: Request, code: int | None, now: float, attributes: bytes = b"") -> bytes | None:
        """Ends the request of an AccessRequested: the octets to send to its peer now, if any.

        ``code`` None is silence, and the next copy of the request asks again. An Access-Reject leaves later: see
        `wake_at`. ``attributes`` are encoded; when they do not fit into one packet with the Proxy-State that has to go
        back, or into what the request is worth, that is silence, too, and RemoteProtocolError is raised with the
        reason.
        """
        if code is None or (code == _ACCESS_REJECT and len(self._delayed) >= MAX_DELAYED):
            self._duplicates.forget(request.key)
            return None
        try:
            reply = self._reply(request, code, attributes)
        except LocalProtocolError as error:
            self._duplicates.forget(request.key)
            raise RemoteProtocolError(str(error), "reply_too_long") from error
        if len(reply) > request.longest:
            self._duplicates.forget(request.key)
            raise RemoteProtocolError(f"{len(reply)} octets to one of {request.longest}", "longer_than_unsigned")
        if code != _ACCESS_REJECT:
            return reply if self._duplicates.answered(request.key, reply, now) else None
        if self._duplicates.answered(request.key, reply, now + REJECT_DELAY):
            self._delayed.append((now + REJECT_DELAY, reply, request.peer))
        return None

    @property
    def wake_at(self) -> float | None:
        """When `due` has something; it never becomes earlier."""
        return self._delayed[0][0] if self._delayed else None

    def due(self, now: float) -> list[tuple[bytes, Peer]]:
        """The replies whose time has come, each once."""
        ready = []
        while self._delayed and self._delayed[0][0] <= now:
            _, reply, peer = self._delayed.popleft()
            ready.append((reply, peer))
        return ready

    def _request(self, datagram: bytes, peer: Peer) -> Request:
        """A well-formed packet that its NAS may send. Raises RemoteProtocolError with the reason to discard it."""
        if self.table is None:
            raise RemoteProtocolError("no configuration has come yet", "not_ready")
        address = peer[0]
        if ":" in address:
            address = unmapped(address)
        nas = self.table.lookup(address)
        if nas is None:
            raise RemoteProtocolError(f"{address} lies in no client network", "unknown_nas")
        packet = self._layouts.parse(datagram, address)
        code = packet.octets[0]
        if code != _ACCESS_REQUEST and code != _STATUS_SERVER:
            raise RemoteProtocolError(f"code {code} is not asked here", "unexpected_code")
        if nas.behind is not None:
            nas = nas.behind.get(packet.get(NAS_IDENTIFIER) or b"", nas)
        self._pins.check(packet, nas, address)
        return Request(packet, peer, address, nas, key_of(peer, packet.octets))

    def _access_request(self, request: Request, now: float) -> Event:
        packet, nas = request.packet, request.nas
        echoed = len(packet.encoded(PROXY_STATE)) if PROXY_STATE in packet.first else 0
        if len(packet.octets) < PLAIN_REPLY + echoed:
            # Too short for any proof; and no reply is to be longer than what a forged source address cost.
            raise RemoteProtocolError("an Access-Request without room for a proof")
        known = self._duplicates.receive(request.key, now)
        if known is not _NEW:
            return _again(known)
        try:
            proof = only_proof(packet)
            if nas.devices and (device := device_offer(packet, proof, nas.secret)) is not None:
                return OfferReceived(_bounded(request, device) if self.forgeable else request, device)
            if proof == EAP_MESSAGE:
                return EapReceived(request, eap_of(packet))
            if proof != USER_PASSWORD:
                return OfferReceived(request, challenge_response(packet, proof))
            username, password = name_and_password(packet, nas.secret)
            if nas.realms:
                username = without_realm(username, nas.realms)
        except NoProof as refusal:
            self.answer(request, Code.ACCESS_REJECT, now, refusal_attributes(packet))
            return Refused(request, claimed_name(packet), refusal.reason, str(refusal))
        return AccessRequested(request, username, password)

    @staticmethod
    def _reply(request: Request, code: int, attributes: bytes = b"") -> bytes:
        packet, nas = request.packet, request.nas
        if PROXY_STATE in packet.first:
            attributes += packet.encoded(PROXY_STATE)
        if nas.message_authenticator is _UNSIGNED and MESSAGE_AUTHENTICATOR not in packet.first:
            return plain_reply(code, packet.octets, attributes, nas.secret)
        return signed_reply(code, packet.octets, attributes, nas.secret)


def _bounded(request: Request, device: DeviceOffer) -> Request:
    """Anybody can send, in the name of a NAS, what is neither signed nor says something that its secret hides: a
    hardware address by CHAP or without a password. No answer is to be longer than that, unless the operator says that
    this NAS cannot do better: else we are worth a forged source address."""
    signed = MESSAGE_AUTHENTICATOR in request.packet.first
    if device.by_nas or signed or request.nas.message_authenticator is not Requirement.PINNED:
        return request
    return replace(request, longest=len(request.packet.octets))


def _again(known: bytes | State) -> Resend:
    """For a request that is not new. Raises RemoteProtocolError where its copies get nothing."""
    if isinstance(known, bytes):
        return Resend(known)
    if known is State.PENDING:
        raise RemoteProtocolError("its first copy is still being decided", "duplicate_pending")
    raise RemoteProtocolError("too many requests are being decided", "too_many_pending")
