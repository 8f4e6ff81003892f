"""What is done about orders that are sent to us (RFC 5176), who have no sessions.

Over TLS packets of every kind come on one port, so that whoever asks has to hear which of them are not served
(RFC 6614 sections 2.5 and 3.4): a NAK with Unsupported-Extension. Over UDP they are passed over.
"""

from __future__ import annotations

from protocols.errors import LocalProtocolError, RemoteProtocolError
from protocols.radius.authenticators import keyed_request_verifies, plain_reply, signed_reply
from protocols.radius.dictionary import ERROR_CAUSE, MESSAGE_AUTHENTICATOR, PROXY_STATE
from protocols.radius.duplicates import Peer
from protocols.radius.exchange import RadiusExchange
from protocols.radius.packet import Code, Packet, attribute
from protocols.radius.request import Discard, Event, OrderDeclined

NAKS: dict[int, int] = {Code.DISCONNECT_REQUEST: Code.DISCONNECT_NAK, Code.COA_REQUEST: Code.COA_NAK}
UNSUPPORTED_EXTENSION = 406
"""Error-Cause (RFC 5176 section 3.6)."""


def declined(datagram: bytes, secret: bytes) -> bytes:
    """The NAK to a Disconnect- or CoA-Request; nothing is remembered of it, for a copy has the same.

    With the Proxy-State that came (RFC 5176 section 3.1), and signed if the order was. Raises RemoteProtocolError for
    what gets none: ``malformed``, ``bad_request_authenticator``, ``reply_too_long``.
    """
    packet = Packet.parse(datagram)
    if len(packet.offsets(MESSAGE_AUTHENTICATOR)) > 1 or not keyed_request_verifies(packet, secret):
        raise RemoteProtocolError("the authenticators of an order do not verify", "bad_request_authenticator")
    attributes = attribute(ERROR_CAUSE, UNSUPPORTED_EXTENSION.to_bytes(4)) + packet.encoded(PROXY_STATE)
    reply = signed_reply if MESSAGE_AUTHENTICATOR in packet.first else plain_reply
    try:
        return reply(NAKS[packet.code], datagram, attributes, secret)
    except LocalProtocolError as error:
        raise RemoteProtocolError(str(error), "reply_too_long") from error


class StreamExchange(RadiusExchange):
    """As over UDP, and orders are declined."""

    forgeable = False

    def receive_datagram(self, datagram: bytes, peer: Peer, now: float) -> Event:
        nas = self.table.lookup(peer[0]) if self.table is not None else None
        if nas is None or datagram[:1] not in _ORDERS:
            return super().receive_datagram(datagram, peer, now)
        try:
            return OrderDeclined(declined(datagram, nas.secret), peer[0])
        except RemoteProtocolError as error:
            return Discard(error.reason, str(error))


_ORDERS = frozenset(bytes((code,)) for code in NAKS)
