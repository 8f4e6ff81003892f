"""Hardware addresses as NAS write them, and when one is meant as proof."""

from __future__ import annotations

import hashlib

import pytest

from protocols.errors import RemoteProtocolError
from protocols.radius.authenticators import PLAIN_REPLY
from protocols.radius.declining import StreamExchange
from protocols.radius.devices import hardware_address
from protocols.radius.exchange import REJECT_DELAY, RadiusExchange
from protocols.radius.nas import ClientNetwork, Nas, NasTable, OneNas, Requirement
from protocols.radius.offers import ChapOffer, DeviceOffer
from protocols.radius.pins import Pins
from protocols.radius.request import AccessRequested, Discard, Event, OfferReceived, Refused
from tests.protocols.radius.nas_side import PEER, SECRET, attribute, hidden, padded, pap, request

ADDRESS = "02:00:00:00:ab:01"
CALL_CHECK, LOGIN = attribute(6, (10).to_bytes(4)), attribute(6, (1).to_bytes(4))
STATION = attribute(31, b"02-00-00-00-AB-01")
AUTHENTICATOR = bytes(range(16))


@pytest.mark.parametrize(
    "text",
    [
        "02000000ab01",
        "02000000AB01",
        "02:00:00:00:AB:01",
        "02-00-00-00-ab-01",
        "0200.0000.ab01",
        "0200-0000-ab01",
        "0200:0000:ab01",
        "020000-00ab01",
    ],
)
def test_every_usual_form_is_one_address(text: str) -> None:
    assert hardware_address(text) == ADDRESS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice",
        "02000000ab0",
        "02000000ab011",
        "02:00:00:00:ab-01",
        "02:00:00:00:ab",
        "g2000000ab01",
        "0200.0000-ab01",
    ],
)
def test_what_is_none(text: str) -> None:
    assert hardware_address(text) is None


def heard(packet: bytes, devices: bool = True) -> Event:
    exchange = RadiusExchange(Pins())
    exchange.table = NasTable([ClientNetwork("192.0.2.0/24", Nas(SECRET, 1, devices=devices))])
    return exchange.receive_datagram(packet, PEER, 0.0)


def offer(packet: bytes, devices: bool = True) -> object:
    event = heard(packet, devices)
    return event.offer if isinstance(event, OfferReceived) else event


def by_chap(
    password: bytes, name: bytes = b"02000000ab01", more: bytes = CALL_CHECK, sign: str = "first", identifier: int = 7
) -> bytes:
    response = hashlib.md5(b"\x05" + password + AUTHENTICATOR).digest()
    return request(attribute(1, name) + attribute(3, b"\x05" + response) + more, sign=sign, identifier=identifier)


def empty(more: bytes, name: bytes = b"02:00:00:00:AB:01") -> bytes:
    """As RouterOS asks: an empty password."""
    return request(attribute(1, name) + attribute(2, hidden(padded(b""), AUTHENTICATOR)) + more)


MAC = b"02000000ab01"


@pytest.mark.parametrize(
    "packet",
    [
        pap(MAC, MAC, extra=STATION),
        pap(MAC, MAC, extra=CALL_CHECK),
        pap(b"0200.0000.ab01", MAC, extra=CALL_CHECK + STATION),
        pap(b"02:00:00:00:AB:01", b"02:00:00:00:AB:01", extra=STATION),
        empty(STATION),
        empty(CALL_CHECK),
        request(attribute(1, MAC) + attribute(2, b"") + STATION),
        by_chap(MAC),
    ],
    ids=["hostapd", "Call-Check", "dotted", "colons", "RouterOS", "RouterOS Call-Check", "no octets", "CHAP"],
)
def test_a_device_is_meant(packet: bytes) -> None:
    found = offer(packet)
    assert isinstance(found, DeviceOffer)
    assert found.address == ADDRESS


@pytest.mark.parametrize(
    "packet",
    [
        pap(MAC, MAC),
        pap(MAC, MAC, extra=LOGIN),
        pap(MAC, MAC, extra=attribute(31, b"02-00-00-00-00-99") + CALL_CHECK),
        pap(MAC, MAC, extra=attribute(31, b"192.0.2.99") + CALL_CHECK),
        pap(MAC, b"02000000ab02", extra=STATION),
        pap(MAC, b"a real password", extra=CALL_CHECK + STATION),
        pap(b"alice", b"02000000ab01", extra=CALL_CHECK),
    ],
    ids=["alone", "typed", "of another", "of no device", "another's", "a password", "a name"],
)
def test_a_person_is_meant(packet: bytes) -> None:
    assert isinstance(heard(packet), AccessRequested)


def test_a_chap_response_that_is_not_made_of_the_address_is_a_persons() -> None:
    assert isinstance(offer(by_chap(b"secret")), ChapOffer)
    assert isinstance(offer(by_chap(MAC, more=b"")), ChapOffer)


def test_where_devices_are_not_let_in_every_name_is_a_persons() -> None:
    assert isinstance(heard(pap(MAC, MAC, extra=STATION + CALL_CHECK), devices=False), AccessRequested)
    assert isinstance(heard(empty(STATION), devices=False), Refused)


def test_a_nas_that_repeats_the_name_asks_for_nobody() -> None:
    twice = attribute(1, b"02000000ab02") + STATION
    assert isinstance(heard(pap(MAC, MAC, extra=twice)), Refused)


ACCEPT, REJECT = 2, 3
KEY = attribute(69, bytes(100))
"""More than a request with an address alone has room for."""
BLANK = attribute(1, MAC) + attribute(2, b"") + STATION
UNSIGNED = [by_chap(MAC, sign="never"), request(BLANK, sign="never")]


def a_table(requirement: Requirement = Requirement.PINNED) -> NasTable:
    return NasTable([ClientNetwork("192.0.2.0/24", Nas(SECRET, 1, requirement, devices=True))])


def answered(packet: bytes, attributes: bytes, requirement: Requirement = Requirement.PINNED) -> bytes | None:
    exchange = RadiusExchange(Pins())
    exchange.table = a_table(requirement)
    event = exchange.receive_datagram(packet, PEER, 0.0)
    assert isinstance(event, OfferReceived)
    return exchange.answer(event.request, ACCEPT, 0.0, attributes)


@pytest.mark.parametrize("packet", UNSIGNED, ids=["CHAP", "no octets"])
def test_114_what_anybody_could_have_sent_gets_no_longer_answer(packet: bytes) -> None:
    """The source address may be forged, and neither of these takes the shared secret."""
    room = len(packet) - PLAIN_REPLY
    fits = answered(packet, bytes((18, room)) + bytes(room - 2))
    assert fits is not None
    assert len(fits) == len(packet)
    for attributes in (bytes((18, room + 1)) + bytes(room - 1), KEY):
        with pytest.raises(RemoteProtocolError) as caught:
            answered(packet, attributes)
        assert caught.value.reason == "longer_than_unsigned"


def test_114_its_copies_are_decided_anew() -> None:
    exchange, packet = RadiusExchange(Pins()), UNSIGNED[0]
    exchange.table = a_table()
    for now in (0.0, 1.0):
        event = exchange.receive_datagram(packet, PEER, now)
        assert isinstance(event, OfferReceived)
        with pytest.raises(RemoteProtocolError):
            exchange.answer(event.request, ACCEPT, now, KEY)
    event = exchange.receive_datagram(packet, PEER, 2.0)
    assert isinstance(event, OfferReceived)
    assert exchange.answer(event.request, REJECT, 2.0) is None
    [(reply, _)] = exchange.due(2.0 + REJECT_DELAY)
    assert len(reply) <= len(packet)


@pytest.mark.parametrize(
    "packet",
    [
        by_chap(MAC),
        request(BLANK),
        pap(MAC, MAC, extra=STATION, sign="never"),
        request(attribute(1, MAC) + attribute(2, hidden(padded(b""), AUTHENTICATOR)) + STATION, sign="never"),
    ],
    ids=["CHAP, signed", "no octets, signed", "hidden by the secret", "RouterOS"],
)
def test_what_takes_the_secret_is_answered_whole(packet: bytes) -> None:
    reply = answered(packet, KEY)
    assert reply is not None
    assert reply[0] == ACCEPT
    assert KEY in reply


@pytest.mark.parametrize("packet", UNSIGNED, ids=["CHAP", "no octets"])
@pytest.mark.parametrize("requirement", [Requirement.OPTIONAL, Requirement.UNSIGNED])
def test_the_operator_may_say_that_a_nas_cannot_do_better(packet: bytes, requirement: Requirement) -> None:
    reply = answered(packet, KEY, requirement)
    assert reply is not None
    assert KEY in reply


@pytest.mark.parametrize("packet", UNSIGNED, ids=["CHAP", "no octets"])
def test_over_tls_nobody_forges_an_address(packet: bytes) -> None:
    exchange = StreamExchange(Pins())
    exchange.table = OneNas(Nas(SECRET, 1, devices=True))
    event = exchange.receive_datagram(packet, PEER, 0.0)
    assert isinstance(event, OfferReceived)
    reply = exchange.answer(event.request, ACCEPT, 0.0, KEY)
    assert reply is not None
    assert KEY in reply


@pytest.mark.parametrize("packet", UNSIGNED, ids=["CHAP", "no octets"])
def test_a_device_behind_a_nas_that_signs_is_not_heard_unsigned(packet: bytes) -> None:
    exchange = RadiusExchange(Pins())
    exchange.table = a_table()
    assert isinstance(exchange.receive_datagram(by_chap(MAC, identifier=8), PEER, 0.0), OfferReceived)
    event = exchange.receive_datagram(packet, PEER, 0.0)
    assert isinstance(event, Discard)
    assert event.reason == "missing_message_authenticator"
