"""Orders to a NAS, octet by octet, and which answers are believed."""

from __future__ import annotations

import hashlib
import hmac
import struct

import pytest

from protocols.errors import RemoteProtocolError
from protocols.radius.orders import COA, DISCONNECT, Answer, Named, answer, order
from tests.protocols.radius.nas_side import SECRET, attribute, expected_reply, keyed, plain_reply

NOW = 1_700_000_000
STAMP = attribute(55, struct.pack("!I", NOW))
SESSION, DEVICE = attribute(44, b"0000002A"), attribute(31, b"02-00-00-00-00-01")
ACK, NAK = 41, 42


@pytest.mark.parametrize(
    ("nas_name", "named"),
    [
        ("ap-7", attribute(32, b"ap-7")),
        ("192.0.2.7", attribute(4, bytes((192, 0, 2, 7)))),
        ("2001:db8::7", attribute(95, bytes.fromhex("20010db8000000000000000000000007"))),
        ("", b""),
    ],
)
def test_112_a_disconnect_names_the_session_and_never_the_user(nas_name: str, named: bytes) -> None:
    asked = order(DISCONNECT, 7, Named(nas_name, "0000002A", "02-00-00-00-00-01"), b"", SECRET, NOW)
    assert asked == keyed(40, named + SESSION + DEVICE + STAMP, sign=True)


def test_112_a_session_whose_id_is_no_text_is_named_by_its_octets() -> None:
    asked = order(DISCONNECT, 7, Named("ap-7", "\\xff\\x00\\x01"), b"", SECRET, NOW)
    assert asked == keyed(40, attribute(32, b"ap-7") + attribute(44, b"\xff\0\1") + STAMP, sign=True)


def test_112_a_change_carries_what_is_to_change() -> None:
    vlan = attribute(81, b"\x0120")
    asked = order(COA, 7, Named("ap-7", "0000002A"), vlan, SECRET, NOW)
    assert asked == keyed(43, attribute(32, b"ap-7") + SESSION + STAMP + vlan, sign=True)


ASKED = order(DISCONNECT, 7, Named("ap-7", "0000002A"), b"", SECRET, NOW)


@pytest.mark.parametrize(
    ("said", "understood"),
    [
        (plain_reply(ACK, ASKED), Answer(True)),
        (expected_reply(ACK, ASKED), Answer(True)),
        (plain_reply(NAK, ASKED), Answer(False)),
        (plain_reply(NAK, ASKED, attribute(101, struct.pack("!I", 503))), Answer(False, "Session-Context-Not-Found")),
        (expected_reply(NAK, ASKED, attribute(101, struct.pack("!I", 999))), Answer(False, "999")),
        (plain_reply(NAK, ASKED, attribute(101, b"")), Answer(False)),
    ],
)
def test_112_answers(said: bytes, understood: Answer) -> None:
    assert answer(said, DISCONNECT, ASKED, SECRET) == understood


def wrongly_signed() -> bytes:
    """A Response Authenticator that fits a Message-Authenticator which does not."""
    body = attribute(80, hmac.new(b"other", ASKED, hashlib.md5).digest())
    head = struct.pack("!BBH", ACK, ASKED[1], 20 + len(body))
    return head + hashlib.md5(head + ASKED[4:20] + body + SECRET).digest() + body


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (plain_reply(ACK, ASKED, secret=b"wrong"), "bad_response_authenticator"),
        (plain_reply(ACK, ASKED)[:-1] + b"\0", "bad_response_authenticator"),
        (wrongly_signed(), "bad_message_authenticator"),
        (plain_reply(44, ASKED), "unexpected_code"),
        (plain_reply(ACK, b"\x28\x08" + ASKED[2:]), "unexpected_code"),
        (plain_reply(ACK, ASKED)[:10], "malformed"),
    ],
    ids=["secret", "octet", "signature", "of a change", "identifier", "cut"],
)
def test_112_answers_that_are_not_believed(said: bytes, reason: str) -> None:
    with pytest.raises(RemoteProtocolError) as refused:
        answer(said, DISCONNECT, ASKED, SECRET)
    assert refused.value.reason == reason
