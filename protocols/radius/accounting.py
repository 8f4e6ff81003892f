"""Accounting-Request (RFC 2866): who used which port since when, and how much. Datagrams in, events out.

Nothing here waits, logs or reads a clock; an answer is made when somebody has kept what was told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address

from protocols.errors import RemoteProtocolError
from protocols.radius.authenticators import keyed_request_verifies, plain_reply, signed_reply
from protocols.radius.class_attribute import told_in
from protocols.radius.dictionary import (
    ACCT_DELAY_TIME,
    ACCT_INPUT_GIGAWORDS,
    ACCT_INPUT_OCTETS,
    ACCT_OUTPUT_GIGAWORDS,
    ACCT_OUTPUT_OCTETS,
    ACCT_SESSION_ID,
    ACCT_SESSION_TIME,
    ACCT_STATUS_TYPE,
    ACCT_TERMINATE_CAUSE,
    ACCT_TUNNEL_CONNECTION,
    ACCT_TUNNEL_PACKETS_LOST,
    CLASS,
    EVENT_TIMESTAMP,
    FRAMED_IP_ADDRESS,
    FRAMED_IPV6_ADDRESS,
    MESSAGE_AUTHENTICATOR,
    NAS_IDENTIFIER,
    NAS_IP_ADDRESS,
    NAS_IPV6_ADDRESS,
    NAS_PORT,
    NAS_PORT_ID,
    PROXY_STATE,
    TUNNEL_CLIENT_ENDPOINT,
    TUNNEL_SERVER_ENDPOINT,
    USER_NAME,
)
from protocols.radius.duplicates import Duplicates, Peer, State, key_of
from protocols.radius.nas import NasTable, unmapped
from protocols.radius.packet import Code, Packet
from protocols.radius.pins import Pins
from protocols.radius.request import Discard, Request, Resend, StatusAnswered
from protocols.radius.session_names import written
from protocols.radius.value_names import names_of

STATUSES = {1: "start", 2: "stop", 3: "interim", 7: "on", 8: "off", 15: "failed"}
"""Acct-Status-Type: of a session, and of a NAS as a whole (RFC 2866 section 5.1)."""
OF_TUNNELS = {
    9: "tunnel-start",
    10: "tunnel-stop",
    11: "tunnel-reject",
    12: "tunnel-link-start",
    13: "tunnel-link-stop",
    14: "tunnel-link-reject",
}
"""RFC 2867 section 3."""
OF_NAS = frozenset({"on", "off"})
TAGS = "".join(map(chr, range(0x20)))
MOST_DELAY = 7 * 86_400
"""Seconds that a NAS may have held back what it tells; more is a broken clock."""
GIGAWORD = 2**32


@dataclass(frozen=True, slots=True)
class Accounted:
    """Keep ``told``, then call `AccountingExchange.answer`."""

    request: Request
    told: dict[str, str | int] = field(repr=False)
    """``status``, ``provider``, ``nas`` (its address), ``nas_name`` (what it calls itself), ``delay`` (seconds since it
    happened). Of a session also ``session`` (by its name in `session_names`), ``seconds``, ``input_octets``,
    ``output_octets``, and what is known of ``user`` (pk) and ``credential`` (of our Class), ``username``,
    ``calling_station``, ``called_station``, ``ssid``, ``port``, ``framed_ip``, ``cause``; of a tunnel or its link
    ``tunnel_client``, ``tunnel_server``, ``tunnel_connection``, ``tunnel_packets_lost``, too."""

    def happened(self, now: float) -> float:
        """When, in seconds since the epoch: so long ago as the NAS says; if it does not, then by its clock (RFC 2869
        section 5.3), as far as that can be right. ``now``: by ours."""
        stamp = _number(self.request.packet, EVENT_TIMESTAMP)
        by_its_clock = ACCT_DELAY_TIME not in self.request.packet.first and now - MOST_DELAY <= stamp <= now
        return stamp if by_its_clock else now - int(self.told["delay"])


Event = Accounted | Resend | StatusAnswered | Discard


class AccountingExchange:
    """``table`` is None until the configuration is known; replace it whenever that changes."""

    def __init__(self) -> None:
        self.table: NasTable | None = None
        self._pins = Pins()
        self._duplicates = Duplicates()

    def receive_datagram(self, datagram: bytes, peer: Peer, now: float) -> Event:
        """Never raises for anything a stranger may send."""
        try:
            request = self._request(datagram, peer)
            if request.packet.code == Code.STATUS_SERVER:
                return StatusAnswered(self._status(request))
            known = self._duplicates.receive(request.key, now)
            if isinstance(known, bytes):
                return Resend(known)
            if known is State.PENDING:
                return Discard("duplicate_pending", "its first copy is still being kept")
            if known is State.REFUSED:
                return Discard("too_many_pending", "too many are being kept")
            return self._accounted(request)
        except RemoteProtocolError as error:
            return Discard(error.reason, str(error))

    def answer(self, request: Request, kept: bool, now: float) -> bytes | None:
        """The Accounting-Response, if what was told is kept; without one the NAS tells it again."""
        if not kept:
            self._duplicates.forget(request.key)
            return None
        echoed = request.packet.encoded(PROXY_STATE)
        reply = plain_reply(Code.ACCOUNTING_RESPONSE, request.packet.octets, echoed, request.nas.secret)
        return reply if self._duplicates.answered(request.key, reply, now) else None

    def _request(self, datagram: bytes, peer: Peer) -> Request:
        if self.table is None:
            raise RemoteProtocolError("no configuration has come yet", "not_ready")
        address = unmapped(peer[0])
        nas = self.table.lookup(address)
        if nas is None:
            raise RemoteProtocolError(f"{address} lies in no client network", "unknown_nas")
        packet = Packet.parse(datagram)
        if nas.behind is not None:
            nas = nas.behind.get(packet.get(NAS_IDENTIFIER) or b"", nas)
        if packet.code == Code.STATUS_SERVER:
            self._pins.check(packet, nas, address)
        elif packet.code != Code.ACCOUNTING_REQUEST:
            raise RemoteProtocolError(f"code {packet.code} is not asked here", "unexpected_code")
        elif len(packet.offsets(MESSAGE_AUTHENTICATOR)) > 1 or not keyed_request_verifies(packet, nas.secret):
            raise RemoteProtocolError(f"the authenticators of {address} do not verify", "bad_request_authenticator")
        return Request(packet, peer, address, nas, key_of(peer, packet.octets))

    def _accounted(self, request: Request) -> Event:
        told = told_by(request)
        if told is None:
            self._duplicates.forget(request.key)
            return Discard("no_session", "no Acct-Session-Id, or a status that says nothing")
        return Accounted(request, told)

    @staticmethod
    def _status(request: Request) -> bytes:
        """RFC 5997 section 3: on this port, too, it is asked whether we are there."""
        echoed = request.packet.encoded(PROXY_STATE)
        return signed_reply(Code.ACCOUNTING_RESPONSE, request.packet.octets, echoed, request.nas.secret)


def told_by(request: Request) -> dict[str, str | int] | None:
    """`Accounted.told`; None for what is not about a session that has a name, nor about a whole NAS."""
    packet = request.packet
    number = _number(packet, ACCT_STATUS_TYPE)
    status = STATUSES.get(number) or OF_TUNNELS.get(number)
    session = written(packet.get(ACCT_SESSION_ID) or b"")
    if status is None or not (session or status in OF_NAS):
        return None
    told: dict[str, str | int] = {
        "status": status,
        "provider": request.nas.provider,
        "nas": request.address,
        "nas_name": _nas_name(packet),
        "delay": min(_number(packet, ACCT_DELAY_TIME), MOST_DELAY),
    }
    if status in OF_NAS:
        return told
    return told | {"session": session} | _of_session(request) | (_of_tunnel(packet) if number in OF_TUNNELS else {})


def _of_session(request: Request) -> dict[str, str | int]:
    packet = request.packet
    where = {name: value for name, value in request.attributes.items() if name != "nas"}
    cause = _number(packet, ACCT_TERMINATE_CAUSE)
    known: dict[str, str | int] = {
        **where,
        "username": _text(packet, USER_NAME),
        "port": _text(packet, NAS_PORT_ID) or (str(_number(packet, NAS_PORT)) if NAS_PORT in packet.first else ""),
        "framed_ip": _address(packet, FRAMED_IP_ADDRESS, 4) or _address(packet, FRAMED_IPV6_ADDRESS, 16),
        "seconds": _number(packet, ACCT_SESSION_TIME),
        "input_octets": _number(packet, ACCT_INPUT_OCTETS) + GIGAWORD * _number(packet, ACCT_INPUT_GIGAWORDS),
        "output_octets": _number(packet, ACCT_OUTPUT_OCTETS) + GIGAWORD * _number(packet, ACCT_OUTPUT_GIGAWORDS),
        "cause": names_of("Acct-Terminate-Cause").get(cause, str(cause)) if cause else "",
    }
    for at in packet.offsets(CLASS):
        ours = told_in(packet.octets[at + 2 : at + packet.octets[at + 1]])
        if ours is not None:
            known["user"], known["credential"] = ours
    return {name: value for name, value in known.items() if value != ""}


def _of_tunnel(packet: Packet) -> dict[str, str | int]:
    """RFC 2867 section 4, and the ends of RFC 2868, which may have a tag in front (3.3, 3.4)."""
    ends = {"tunnel_client": TUNNEL_CLIENT_ENDPOINT, "tunnel_server": TUNNEL_SERVER_ENDPOINT}
    known: dict[str, str | int] = {
        **{name: _text(packet, number).lstrip(TAGS) for name, number in ends.items()},
        "tunnel_connection": _text(packet, ACCT_TUNNEL_CONNECTION),
        "tunnel_packets_lost": _number(packet, ACCT_TUNNEL_PACKETS_LOST),
    }
    return {name: value for name, value in known.items() if value}


def _nas_name(packet: Packet) -> str:
    """NAS-Identifier, or the address that it gives itself: several may speak through one proxy."""
    return (
        _text(packet, NAS_IDENTIFIER) or _address(packet, NAS_IP_ADDRESS, 4) or _address(packet, NAS_IPV6_ADDRESS, 16)
    )


def _number(packet: Packet, number: int) -> int:
    """0 where there is none, or one of another size than it must have."""
    value = packet.get(number) or b""
    return int.from_bytes(value) if len(value) == 4 else 0


def _text(packet: Packet, number: int) -> str:
    return (packet.get(number) or b"").decode("utf-8", "replace")


def _address(packet: Packet, number: int, size: int) -> str:
    value = packet.get(number) or b""
    return str(ip_address(value)) if len(value) == size else ""
