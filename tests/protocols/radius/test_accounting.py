"""Accounting-Requests: who is believed, what is told, and who gets an answer when."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from protocols.radius.accounting import Accounted, AccountingExchange
from protocols.radius.nas import ClientNetwork, Nas, NasTable
from protocols.radius.request import Discard, Resend, StatusAnswered
from tests.protocols.radius.nas_side import PEER, SECRET, attribute, expected_reply, keyed, plain_reply, request

START, STOP, INTERIM, ON, TUNNEL_START = 1, 2, 3, 7, 9
SESSION = attribute(44, b"0000002A")
NAS = attribute(32, b"ap-7")


def integer(number: int, value: int) -> bytes:
    return attribute(number, struct.pack("!I", value))


def an_exchange() -> AccountingExchange:
    exchange = AccountingExchange()
    exchange.table = NasTable([ClientNetwork("192.0.2.0/24", Nas(SECRET, 3))])
    return exchange


def asked(status: int, *attributes: bytes, **how: Any) -> bytes:
    return keyed(4, integer(40, status) + b"".join(attributes), **how)


def told(*attributes: bytes, status: int = INTERIM) -> dict[str, str | int]:
    event = an_exchange().receive_datagram(asked(status, SESSION, NAS, *attributes), PEER, 0.0)
    assert isinstance(event, Accounted)
    return event.told


BARE: dict[str, str | int] = {
    "status": "interim",
    "provider": 3,
    "nas": "192.0.2.7",
    "nas_name": "ap-7",
    "session": "0000002A",
    "delay": 0,
    "seconds": 0,
    "input_octets": 0,
    "output_octets": 0,
}


@pytest.mark.parametrize(
    ("attributes", "facts"),
    [
        ([], {}),
        ([attribute(1, b"alice")], {"username": "alice"}),
        ([attribute(168, bytes.fromhex("20010db8" + "0" * 23 + "7"))], {"framed_ip": "2001:db8::7"}),
        ([attribute(168, bytes(16)), attribute(8, b"\xc0\0\2\x09")], {"framed_ip": "192.0.2.9"}),
        ([attribute(25, b"proxy"), attribute(25, b"outpost:user:12")], {"user": 12}),
        ([attribute(25, b"outpost:user:x")], {}),
        ([attribute(25, b"outpost:user:" + b"9" * 19)], {}),
        ([integer(42, 7), integer(52, 2)], {"input_octets": 2 * 2**32 + 7}),
        ([integer(43, 2**32 - 1), integer(53, 1)], {"output_octets": 2**33 - 1}),
        ([attribute(42, b"\1")], {}),
        ([integer(46, 61), integer(41, 30)], {"seconds": 61, "delay": 30}),
        ([integer(41, 2**32 - 1)], {"delay": 7 * 86_400}),
        ([integer(49, 6)], {"cause": "Admin-Reset"}),
        ([integer(49, 99)], {"cause": "99"}),
        ([integer(5, 14)], {"port": "14"}),
        ([integer(5, 14), attribute(87, b"Gi1/0/14")], {"port": "Gi1/0/14"}),
        ([attribute(8, bytes((192, 0, 2, 99)))], {"framed_ip": "192.0.2.99"}),
        (
            [attribute(31, b"02-00-00-00-00-01"), attribute(30, b"0A-00-00-00-00-01:office")],
            {"calling_station": "02-00-00-00-00-01", "called_station": "0A-00-00-00-00-01", "ssid": "office"},
        ),
    ],
)
def test_what_is_told(attributes: list[bytes], facts: dict[str, str | int]) -> None:
    assert told(*attributes) == BARE | facts


def test_two_sessions_whose_ids_are_no_text_are_two() -> None:
    packets = [keyed(4, integer(40, START) + NAS + attribute(44, octets)) for octets in (b"\xfe\x01", b"\xff\x01")]
    events = [an_exchange().receive_datagram(packet, PEER, 0.0) for packet in packets]
    assert [event.told["session"] for event in events if isinstance(event, Accounted)] == ["\\xfe\\x01", "\\xff\\x01"]


def test_a_nas_that_does_not_name_itself_is_known_by_its_address() -> None:
    address = attribute(4, bytes((198, 51, 100, 1)))
    event = an_exchange().receive_datagram(asked(START, SESSION, address), PEER, 0.0)
    assert isinstance(event, Accounted)
    assert event.told["nas_name"] == "198.51.100.1"


def test_a_whole_nas_needs_no_session() -> None:
    event = an_exchange().receive_datagram(asked(ON, NAS), PEER, 0.0)
    assert isinstance(event, Accounted)
    assert event.told == {"status": "on", "provider": 3, "nas": "192.0.2.7", "nas_name": "ap-7", "delay": 0}


@pytest.mark.parametrize(
    "packet", [asked(START), asked(TUNNEL_START), asked(4, SESSION), asked(16, SESSION), keyed(4, SESSION)]
)
def test_what_is_about_no_session_is_not_answered(packet: bytes) -> None:
    event = an_exchange().receive_datagram(packet, PEER, 0.0)
    assert isinstance(event, Discard)
    assert event.reason == "no_session"


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (9, "tunnel-start"),
        (10, "tunnel-stop"),
        (11, "tunnel-reject"),
        (12, "tunnel-link-start"),
        (13, "tunnel-link-stop"),
        (14, "tunnel-link-reject"),
    ],
)
def test_110_tunnels_and_their_links_are_told_of_and_answered(number: int, status: str) -> None:
    """RFC 2867 section 3; whoever records it has to answer (RFC 2866 section 4.1)."""
    ends = attribute(66, b"\x01192.0.2.7"), attribute(67, b"198.51.100.9"), attribute(68, b"call-17"), integer(86, 4)
    exchange, packet = an_exchange(), asked(number, SESSION, NAS, *ends)
    event = exchange.receive_datagram(packet, PEER, 0.0)
    assert isinstance(event, Accounted)
    assert event.told == BARE | {
        "status": status,
        "tunnel_client": "192.0.2.7",
        "tunnel_server": "198.51.100.9",
        "tunnel_connection": "call-17",
        "tunnel_packets_lost": 4,
    }
    assert exchange.answer(event.request, True, 0.0) == plain_reply(5, packet)


def test_110_an_attempt_that_failed_is_told_of() -> None:
    assert told(attribute(1, b"alice"), status=15) == BARE | {"status": "failed", "username": "alice"}


def flipped(packet: bytes, at: int) -> bytes:
    return packet[:at] + bytes((packet[at] ^ 1,)) + packet[at + 1 :]


@pytest.mark.parametrize(
    "packet",
    [
        flipped(asked(START, SESSION), 4),
        flipped(asked(START, SESSION), 30),
        asked(START, SESSION, secret=b"wrong"),
        keyed(4, integer(40, START) + SESSION + attribute(80, bytes(16))),
        keyed(4, integer(40, START) + SESSION + attribute(80, b"")),
        request(integer(40, START) + SESSION, code=4, authenticator=bytes(16)),
    ],
    ids=["authenticator", "octet", "secret", "signature", "empty signature", "zero authenticator"],
)
def test_110_123_what_does_not_verify_is_not_answered(packet: bytes) -> None:
    event = an_exchange().receive_datagram(packet, PEER, 0.0)
    assert isinstance(event, Discard)
    assert event.reason == "bad_request_authenticator"


def test_123_a_signed_one_verifies() -> None:
    assert isinstance(an_exchange().receive_datagram(asked(START, SESSION, sign=True), PEER, 0.0), Accounted)


def test_110_the_answer_comes_when_it_is_kept_and_copies_get_it_again() -> None:
    exchange, packet = an_exchange(), asked(START, SESSION, attribute(33, b"\1\2"), attribute(33, b"\3"))
    event = exchange.receive_datagram(packet, PEER, 0.0)
    assert isinstance(event, Accounted)
    assert isinstance(exchange.receive_datagram(packet, PEER, 0.1), Discard)
    reply = exchange.answer(event.request, True, 0.2)
    assert reply == plain_reply(5, packet, attribute(33, b"\1\2") + attribute(33, b"\3"))
    assert exchange.receive_datagram(packet, PEER, 0.3) == Resend(reply)


def test_110_without_keeping_there_is_no_answer_and_the_next_copy_is_new() -> None:
    exchange, packet = an_exchange(), asked(START, SESSION)
    event = exchange.receive_datagram(packet, PEER, 0.0)
    assert isinstance(event, Accounted)
    assert exchange.answer(event.request, False, 0.2) is None
    assert isinstance(exchange.receive_datagram(packet, PEER, 0.3), Accounted)


def test_status_server_is_answered_with_the_code_of_this_port() -> None:
    packet = request(b"", code=12)
    assert an_exchange().receive_datagram(packet, PEER, 0.0) == StatusAnswered(expected_reply(5, packet))
    unsigned = an_exchange().receive_datagram(request(b"", code=12, sign="never"), PEER, 0.0)
    assert isinstance(unsigned, Discard)
    assert unsigned.reason == "missing_message_authenticator"


@pytest.mark.parametrize(
    ("packet", "peer", "reason"),
    [
        (asked(START, SESSION), ("198.51.100.1", 1), "unknown_nas"),
        (keyed(1, SESSION), PEER, "unexpected_code"),
        (b"\4\1\0\24", PEER, "malformed"),
    ],
)
def test_what_is_passed_over(packet: bytes, peer: tuple[str, int], reason: str) -> None:
    event = an_exchange().receive_datagram(packet, peer, 0.0)
    assert isinstance(event, Discard)
    assert event.reason == reason


def test_before_the_configuration_nobody_is_answered() -> None:
    event = AccountingExchange().receive_datagram(asked(START, SESSION), PEER, 0.0)
    assert isinstance(event, Discard)
    assert event.reason == "not_ready"
