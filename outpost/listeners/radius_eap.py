"""EAP at the RADIUS doors: conversations of `protocols.radius.eap`, the TLS they need, and who may resume.

One for all sockets of a process. It asks nobody and sends nothing: the listener does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from outpost.directory.snapshot import Directory, Snapshot, Touched
from outpost.kept.eap_resumption import Resumption
from outpost.listeners.eap_tls import EapTls
from outpost.listeners.radius_credentials import keys_of
from outpost.outcome import Decision
from protocols.link.messages import CertificateRecord, RadiusSettings
from protocols.radius.authenticators import PLAIN_REPLY
from protocols.radius.dictionary import CALLING_STATION_ID, FRAMED_MTU, PROXY_STATE, STATE
from protocols.radius.eap.channel import Connect
from protocols.radius.eap.conversation import Methods
from protocols.radius.eap.gtc import Gtc
from protocols.radius.eap.habits import Habits, proposed
from protocols.radius.eap.mschapv2 import CHALLENGE_SIZE, MsChapV2
from protocols.radius.eap.packet import Type, scattered
from protocols.radius.eap.peap import Peap
from protocols.radius.eap.sessions import STATE_SIZE, Accept, Answer, EapSessions, Session
from protocols.radius.eap.steps import Verdict
from protocols.radius.eap.tls import EapTls as TlsMethod
from protocols.radius.eap.ttls import Ttls
from protocols.radius.mppe import key_attributes
from protocols.radius.offers import MsChapV2Offer, Offer, ResumptionOffer
from protocols.radius.packet import MAX_LENGTH, MAX_VALUE, Packet
from protocols.radius.request import EapReceived, Request
from rules.reasons import Outcome

FRAGMENT = 1024  # octets of TLS in one Request, as FreeRADIUS; the whole packet stays below any path's MTU
OVERHEAD = 14  # octets of EAP header, flags and length in front of them, and 4 to spare
ATTRIBUTE_HEADER = 2
BESIDE = PLAIN_REPLY + ATTRIBUTE_HEADER + STATE_SIZE + ATTRIBUTE_HEADER
"""Octets of an Access-Challenge beside EAP: its header, signature and State, and the header of one EAP-Message."""

TYPES: dict[str, Type] = {
    "peap": Type.PEAP,
    "ttls": Type.TTLS,
    "tls": Type.TLS,
    "mschapv2": Type.MSCHAPV2,
}
"""The words of the setting ``eap_methods``."""
MOST_OFFERS = 1024
_Circle = tuple[int, str, int, int]
"""Provider, NAS, octets of a fragment, and the device's last method, which is proposed first."""


class EapDoor:
    """``certificate`` gives what a provider shows; ``now``: seconds since the epoch; ``random``: octets."""

    def __init__(
        self,
        directory: Directory,
        certificate: Callable[[RadiusSettings], CertificateRecord | None],
        now: Callable[[], float],
        random: Callable[[int], bytes],
    ) -> None:
        self.sessions = EapSessions(random)
        self._habits = Habits()
        self._directory = directory
        self._resumption = Resumption(directory, now)
        self._tls = EapTls(certificate)
        self._random = random
        self._offers: dict[_Circle, Methods] = {}
        """Made once for all who are offered the same. Of this configuration alone."""
        directory.follow(self._follow)

    def receive(self, received: EapReceived, now: float) -> Answer:
        """``now``: the listener's clock. Raises RemoteProtocolError for what is to be discarded."""
        request = received.request
        provider, nas = request.nas.provider, _nas(request)
        methods = partial(self._methods, provider, nas, request.packet)
        return self.sessions.receive(received.eap, request.packet.get(STATE), nas, provider, methods, now)

    def resumed(self, session: Session, offer: ResumptionOffer) -> Decision:
        """Is the session that an offer names still as good as a login?"""
        place = (session.provider, session.conversation.method)
        found = self._resumption.resumed(offer.session_id, place, session.nas)
        return found or Decision("eap_resumption_refused")

    def decided(self, session: Session, offer: Offer, decision: Decision) -> Answer | None:
        """None: nobody could decide, and the NAS is left without an answer."""
        if decision.identity is None and decision.outcome is Outcome.UNAVAILABLE:
            return self.sessions.decided(session, None)
        return self.sessions.decided(session, _verdict(offer, decision))

    def accepted(self, accept: Accept, request: Request, salt: bytes) -> tuple[bytes, Decision]:
        """All has ended well: encoded attributes of the Access-Accept, and the decision behind it.

        The TLS session may be resumed from now on.

        Raises TypeError for an accept that no decision stands behind.
        """
        session, decision = accept.session, accept.grant
        if not isinstance(decision, Decision):
            raise TypeError("accepted without a decision")
        place = (session.provider, session.conversation.method)
        self._resumption.remember(accept.session_id, place, decision, session.nas)
        self._habits.ended_well(session.provider, request.packet.get(CALLING_STATION_ID), session.conversation.method)
        keys = accept.keys
        hidden = key_attributes(keys, request.nas.secret, request.packet.authenticator, salt) if keys else b""
        return scattered(accept.eap) + hidden, decision

    def _methods(self, provider: int, nas: str, packet: Packet) -> Methods:
        last = self._habits.last(provider, packet.get(CALLING_STATION_ID))
        circle = provider, nas, _fragment(packet), last
        offered = self._offers.get(circle)
        if offered is None:
            if len(self._offers) >= MOST_OFFERS:
                self._offers.clear()
            offered = self._offers[circle] = self._offered(*circle)
        return offered

    def _offered(self, provider: int, nas: str, size: int, last: int) -> Methods:
        settings = self._settings(provider)
        if settings is None:
            return {}
        inner: Methods = {
            Type.MSCHAPV2: lambda identity: MsChapV2(identity, self._random(CHALLENGE_SIZE)),
            Type.GTC: Gtc,
        }

        def connect(kind: Type) -> Connect:
            place = (provider, int(kind))
            return self._tls.connect(
                provider,
                lambda: self._settings(provider),
                kind,
                lambda id: self._resumption.resumed(id, place, nas) is not None,
            )

        makers: Methods = {
            Type.PEAP: lambda identity: Peap(identity, connect(Type.PEAP), size, inner),
            Type.TTLS: lambda identity: Ttls(identity, connect(Type.TTLS), size, inner),
            Type.TLS: lambda identity: TlsMethod(identity, connect(Type.TLS), size),
            Type.MSCHAPV2: lambda identity: MsChapV2(identity, self._random(CHALLENGE_SIZE), with_keys=True),
        }
        named = [TYPES[name] for name in settings.eap_methods if name in TYPES]
        return {
            kind: makers[kind] for kind in proposed(named, last) if kind is not Type.TLS or settings.client_authorities
        }

    def _settings(self, provider: int) -> RadiusSettings | None:
        record = self._directory.current.providers.get(provider)
        return record.settings if record is not None and isinstance(record.settings, RadiusSettings) else None

    def _follow(self, snapshot: Snapshot, touched: Touched) -> None:
        if touched.everything or touched.configuration:
            self._tls.forget()
            self._offers.clear()


def _verdict(offer: Offer, decision: Decision) -> Verdict:
    challenge = decision.challenge
    return Verdict(
        accepted=decision.identity is not None,  # accepted, and nothing else (`Decision`)
        reason=decision.reason,
        authenticator_response=decision.keys.get("authenticator_response", ""),
        keys=keys_of(offer, decision) if isinstance(offer, MsChapV2Offer) else None,
        state=challenge.state if challenge is not None else "",
        prompt=challenge.message if challenge is not None else "",
        grant=decision,
    )


def _nas(request: Request) -> str:
    """By its name, too, where it has one: several may share an address (`protocols.radius.nas.Nas.behind`)."""
    return f"{request.address} {request.nas.name}".rstrip()


def _fragment(packet: Packet) -> int:
    """Framed-MTU is what fits on the way to the peer (RFC 3579 section 2.4)."""
    size, announced = FRAGMENT, packet.get(FRAMED_MTU)
    if announced is not None and len(announced) == 4:
        size = min(size, int.from_bytes(announced) - OVERHEAD)
    if PROXY_STATE not in packet.first:
        return size
    room = MAX_LENGTH - BESIDE - len(packet.encoded(PROXY_STATE))
    return min(size, room - room // MAX_VALUE * ATTRIBUTE_HEADER - OVERHEAD)
