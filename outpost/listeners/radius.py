"""The RADIUS door: datagrams to `protocols.radius.exchange`, its questions to `outpost.authentication`, replies back.

One listener serves one socket. All receiving is in `datagramReceived`, all sending in `RadiusSocket._send`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from outpost.authentication import Authentication
from outpost.directory.snapshot import Directory, Snapshot, Touched
from outpost.listeners.nas import nas_table, pinned
from outpost.listeners.onlookers import Onlookers
from outpost.listeners.radius_again import Again
from outpost.listeners.radius_challenge import asked, replied
from outpost.listeners.radius_credentials import SALT_SIZE, credentials_of, reply_to_offer
from outpost.listeners.radius_eap import EapDoor
from outpost.listeners.radius_replies import Replies
from outpost.listeners.radius_socket import PROTOCOL, RadiusSocket
from outpost.outcome import RADIUS_CODE, ChallengeReply, Circumstances, Decision, Password
from outpost.telemetry import Telemetry
from protocols.errors import RemoteProtocolError
from protocols.radius.dictionary import STATE
from protocols.radius.duplicates import Peer
from protocols.radius.eap.packet import scattered
from protocols.radius.eap.sessions import Accept, Answer, Continue, Decide, Reject, Session
from protocols.radius.exchange import RadiusExchange
from protocols.radius.nas import unmapped
from protocols.radius.offers import Offer, ResumptionOffer
from protocols.radius.packet import Code, attribute
from protocols.radius.pins import Pins
from protocols.radius.request import (
    AccessRequested,
    Discard,
    EapReceived,
    Event,
    OfferReceived,
    OrderDeclined,
    Refused,
    Request,
    Resend,
    StatusAnswered,
)
from rules.reasons import Outcome

_ACCESS_ACCEPT = RADIUS_CODE[Outcome.ACCEPTED]
"""Looked up once: a member of an enumeration is hashed in Python."""
_ACCESS_CHALLENGE = int(Code.ACCESS_CHALLENGE)


class RadiusListener(RadiusSocket):
    """``pins`` may be shared by the listeners of several sockets, so that what a NAS has shown at one counts at all."""

    exchange = RadiusExchange

    def __init__(
        self,
        authentication: Authentication,
        directory: Directory,
        telemetry: Telemetry,
        clock: IReactorTime,
        eap: EapDoor,
        replies: Replies,
        random: Callable[[int], bytes],
        pins: Pins | None = None,
        onlookers: Onlookers | None = None,
    ) -> None:
        self._authentication = authentication
        self._directory = directory
        super().__init__(telemetry, onlookers)
        self._clock = clock
        self._eap = eap
        self._replies = replies
        self._random = random
        self._pins = Pins() if pins is None else pins
        self._exchange = self.exchange(self._pins)
        self._again = Again(random(32), self._exchange, authentication, directory)
        self._waking: IDelayedCall | None = None
        directory.follow(self._follow)

    def datagramReceived(self, datagram: bytes, addr: Peer) -> None:
        try:
            if self._looking and self._onlookers is not None:
                self._onlookers.saw(True, datagram, addr)
            now = self._clock.seconds()
            if not self._telemetry.knocks.open:  # whoever knocked has to be told of
                reply = self._exchange.again(datagram, addr, now, self._again.granted)
                if reply is not None:
                    self._telemetry.accepted(PROTOCOL)
                    self._send(reply, addr)
                    return
            event = self._exchange.receive_datagram(datagram, addr, now)
            if type(event) is AccessRequested:
                self._requested(event)
            elif type(event) is EapReceived:
                self._understood(event.request.address)
                self._converse(event)
            else:
                self._received(event, addr)
        except Exception:
            self._telemetry.fault(PROTOCOL)

    def stopProtocol(self) -> None:
        if self._waking is not None:
            self._waking.cancel()
            self._waking = None

    def _received(self, event: Event, peer: Peer) -> None:
        match event:
            case OfferReceived(request, offer):
                Deferred.fromCoroutine(self._decide_offer(request, offer))
            case Resend(octets):
                self._send(octets, peer)
            case StatusAnswered(octets):
                self._understood(unmapped(peer[0]))
                self._send(octets, peer)
            case OrderDeclined(octets, address):
                self._telemetry.refused("", Circumstances(PROTOCOL, address), Decision("order_unserved"))
                self._send(octets, peer)
            case Discard(reason, text):
                self._discarded(peer, reason, text)
            case Refused(request, username, reason, text):
                self._wake_for_rejects()
                self._refused(request, username, reason, text)

    def _requested(self, requested: AccessRequested) -> None:
        request = requested.request
        try:
            if STATE in request.packet.first and (reply := replied(requested)) is not None:
                Deferred.fromCoroutine(self._decide(request, reply))
                return
            known = self._authentication.known(requested, request.nas.provider, request.address)
            if known is not None:
                self._decided(request, requested.username, known)
                if (attributes := self._replies.plain(known)) is not None:
                    self._again.remember(requested, attributes)
                return
        except Exception:
            self._give_up(request)
            return
        Deferred.fromCoroutine(self._decide(request, Password(requested.username, requested.password)))

    async def _decide(self, request: Request, credentials: Password | ChallengeReply) -> None:
        try:
            circumstances = replace(_circumstances(request), can_ask=True)
            decision = await self._authentication.authenticate(credentials, request.nas.provider, circumstances)
            attributes = asked(decision.challenge) if decision.challenge is not None else b""
            self._decided(request, credentials.username, decision, attributes)
        except Exception:
            self._give_up(request)

    async def _decide_offer(self, request: Request, offer: Offer) -> None:
        try:
            credentials = credentials_of(offer, request.nas.realms)
            provider, circumstances = request.nas.provider, _circumstances(request)
            decision = await self._authentication.authenticate(credentials, provider, circumstances)
            attributes = reply_to_offer(offer, decision, request, self._random(SALT_SIZE))
            self._decided(request, credentials.username, decision, attributes)
        except Exception:
            self._give_up(request)

    # --- EAP ---

    def _converse(self, received: EapReceived) -> None:
        request = received.request
        try:
            self._go_on(request, self._eap.receive(received, self._clock.seconds()))
        except RemoteProtocolError as error:
            self._exchange.answer(request, None, self._clock.seconds())
            self._discarded(request.peer, error.reason, str(error))
        except Exception:
            self._give_up(request)

    def _go_on(self, request: Request, answer: Answer) -> None:
        match answer:
            case Continue(eap, state):
                self._answer(request, _ACCESS_CHALLENGE, scattered(eap) + attribute(STATE, state))
            case Decide(session, ResumptionOffer() as offer):
                self._decided_in_eap(request, session, offer, self._eap.resumed(session, offer))
            case Decide(session, offer):
                Deferred.fromCoroutine(self._decide_in_eap(request, session, offer))
            case Accept():
                attributes, decision = self._eap.accepted(answer, request, self._random(SALT_SIZE))
                self._answer(request, Code.ACCESS_ACCEPT, attributes + self._replies.accept(request, decision))
            case Reject(eap, reason, text, identity, told):
                if not told:
                    self._refused(request, identity, reason, text)
                self._answer(request, Code.ACCESS_REJECT, scattered(eap))

    async def _decide_in_eap(self, request: Request, session: Session, offer: Offer) -> None:
        try:
            credentials = credentials_of(offer, request.nas.realms)
            circumstances = replace(_circumstances(request), can_ask=session.conversation.can_ask)
            decision = await self._authentication.authenticate(credentials, session.provider, circumstances)
            self._decided_in_eap(request, session, offer, decision)
        except Exception:
            self._give_up(request)

    def _decided_in_eap(self, request: Request, session: Session, offer: Offer, decision: Decision) -> None:
        if decision.identity is not None:  # accepted, and nothing else (`Decision`)
            self._telemetry.accepted(PROTOCOL)
        else:
            name = offer.username if not isinstance(offer, ResumptionOffer) else session.conversation.identity or ""
            self._telemetry.decided(name, Circumstances(PROTOCOL, request.address), decision)
        answer = self._eap.decided(session, offer, decision)
        if answer is None:
            self._exchange.answer(request, None, self._clock.seconds())
        else:
            self._go_on(request, answer)

    def _answer(self, request: Request, code: int | None, attributes: bytes) -> None:
        """Now; of a reject, later."""
        try:
            reply = self._exchange.answer(request, code, self._clock.seconds(), attributes)
        except RemoteProtocolError as error:
            self._discarded(request.peer, error.reason, str(error))
            return
        if reply is not None:
            self._send(reply, request.peer)
        else:
            self._wake_for_rejects()

    # --- answers ---

    def _give_up(self, request: Request) -> None:
        """Whatever goes wrong is silence, and the NAS asks again or elsewhere. Call inside an ``except``."""
        self._exchange.answer(request, None, self._clock.seconds())
        self._telemetry.fault(PROTOCOL)

    def _decided(self, request: Request, username: str, decision: Decision, attributes: bytes = b"") -> None:
        if decision.identity is not None:  # accepted, and nothing else (`Decision`)
            self._telemetry.accepted(PROTOCOL)
            code = _ACCESS_ACCEPT
        else:
            self._telemetry.decided(username, _circumstances(request), decision)
            code = _refusing(decision)
        if self._telemetry.knocks.open:
            self._telemetry.nas_answered(_circumstances(request), decision.reason)
        self._answer(request, code, attributes + self._replies.accept(request, decision))

    def _wake_for_rejects(self) -> None:
        at = self._exchange.wake_at
        if at is not None and self._waking is None and self.transport is not None:
            self._waking = self._clock.callLater(max(0.0, at - self._clock.seconds()), self._wake, at)

    def _wake(self, at: float) -> None:
        """``at`` is when we meant to wake: the clock's arithmetic may be a hair short of it."""
        self._waking = None
        for octets, peer in self._exchange.due(max(at, self._clock.seconds())):
            self._send(octets, peer)
        self._wake_for_rejects()

    def _follow(self, snapshot: Snapshot, touched: Touched) -> None:
        if not self._directory.loaded:
            return
        configured = touched.everything or touched.configuration
        if configured or touched.pins:
            self._pins.keep(pinned(snapshot))
        if not configured:
            return
        table = nas_table(snapshot)
        said = self._exchange.table.problems if self._exchange.table is not None else []
        for problem in table.problems:
            if problem not in said:
                self._telemetry.noted(problem)
        self._exchange.table = table


def _refusing(decision: Decision) -> int | None:
    code = RADIUS_CODE[decision.outcome]
    there_is_nothing_to_ask = code == Code.ACCESS_CHALLENGE and decision.challenge is None
    return Code.ACCESS_REJECT if there_is_nothing_to_ask else code


def _circumstances(request: Request) -> Circumstances:
    """With the attributes, which only control wants to know."""
    return Circumstances(PROTOCOL, request.address, request.attributes)
