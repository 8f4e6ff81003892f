"""Orders that are sent to us over TLS: declined when they verify, and in no case obeyed or remembered."""

from __future__ import annotations

import struct

import pytest

from protocols.radius.declining import StreamExchange
from protocols.radius.nas import Nas, OneNas
from protocols.radius.orders import COA, DISCONNECT, Answer, Named, answer, order
from protocols.radius.pins import Pins
from protocols.radius.request import AccessRequested, Discard, Event, OrderDeclined
from tests.protocols.radius.nas_side import PEER, SECRET, attribute, expected_reply, keyed, pap, plain_reply

UNSUPPORTED = attribute(101, struct.pack("!I", 406))
SESSION = attribute(44, b"0000002A")
ORDERS = [(40, 42), (43, 45)]
"""Request and NAK."""


def an_exchange() -> StreamExchange:
    exchange = StreamExchange(Pins())
    exchange.table = OneNas(Nas(SECRET, 1))
    return exchange


def said(datagram: bytes) -> Event:
    return an_exchange().receive_datagram(datagram, PEER, 0.0)


@pytest.mark.parametrize(("code", "nak"), ORDERS)
def test_an_order_is_declined(code: int, nak: int) -> None:
    asked = keyed(code, SESSION)
    assert said(asked) == OrderDeclined(plain_reply(nak, asked, UNSUPPORTED), PEER[0])


@pytest.mark.parametrize(("code", "nak"), ORDERS)
def test_a_signed_one_is_declined_with_a_signature(code: int, nak: int) -> None:
    asked = keyed(code, SESSION, sign=True)
    assert said(asked) == OrderDeclined(expected_reply(nak, asked, UNSUPPORTED), PEER[0])


@pytest.mark.parametrize("kind", [DISCONNECT, COA])
def test_our_own_orders_understand_the_answer(kind: str) -> None:
    asked = order(kind, 7, Named("ap-7", "0000002A"), b"", SECRET, 1_700_000_000)
    event = said(asked)
    assert isinstance(event, OrderDeclined)
    assert answer(event.octets, kind, asked, SECRET) == Answer(False, "Unsupported-Extension")


def test_proxies_get_their_states_back_in_order() -> None:
    states = attribute(33, b"second"), attribute(33, b"first")
    asked = keyed(40, states[0] + SESSION + states[1])
    assert said(asked) == OrderDeclined(plain_reply(42, asked, UNSUPPORTED + states[0] + states[1]), PEER[0])


def test_a_copy_gets_the_same_and_nothing_is_kept_of_either() -> None:
    exchange, asked = an_exchange(), keyed(40, SESSION)
    first = exchange.receive_datagram(asked, PEER, 0.0)
    assert exchange.receive_datagram(asked, PEER, 1.0) == first
    assert len(exchange._duplicates) == 0


SIGNED = keyed(40, SESSION, sign=True)


@pytest.mark.parametrize(
    ("datagram", "reason"),
    [
        (keyed(40, SESSION, secret=b"another"), "bad_request_authenticator"),
        (SIGNED[:-1] + b"B", "bad_request_authenticator"),
        (keyed(40, attribute(80, bytes(16)) + SESSION), "bad_request_authenticator"),
        (keyed(40, SIGNED[20:38] + SIGNED[20:38]), "bad_request_authenticator"),
        (keyed(40, SESSION + b"\x21\x01"), "malformed"),
        (b"\x28", "malformed"),
        (keyed(40, attribute(33, bytes(253)) * 15 + attribute(33, bytes(249))), "reply_too_long"),
        (keyed(41, SESSION), "unexpected_code"),
        (keyed(44, SESSION), "unexpected_code"),
        (b"", "malformed"),
    ],
    ids=[
        "another secret",
        "flipped bit",
        "no signature in its place",
        "two signatures",
        "attribute length",
        "one octet",
        "no room for the states",
        "an ACK",
        "a change's ACK",
        "nothing",
    ],
)
def test_what_gets_no_answer(datagram: bytes, reason: str) -> None:
    event = said(datagram)
    assert isinstance(event, Discard)
    assert event.reason == reason


def test_before_it_is_known_who_speaks_nobody_is_answered() -> None:
    event = StreamExchange(Pins()).receive_datagram(keyed(40, SESSION), PEER, 0.0)
    assert isinstance(event, Discard)
    assert event.reason == "not_ready"


def test_logins_are_what_they_are_without_tls() -> None:
    assert isinstance(said(pap()), AccessRequested)
