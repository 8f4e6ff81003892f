"""What `outpost radius-test` asks, as a careful server sees it, and what it makes of answers."""

from __future__ import annotations

import hashlib
import hmac
import struct

import pytest

from outpost.commands.options import RADIUS_METHODS
from protocols.errors import RemoteProtocolError
from protocols.radius.accounting import Accounted, AccountingExchange
from protocols.radius.asking import METHODS, Asked, ask, understand
from protocols.radius.exchange import RadiusExchange
from protocols.radius.mschapv2 import nt_hash, verifies
from protocols.radius.nas import ClientNetwork, Nas, NasTable
from protocols.radius.offers import ChapOffer, MsChapV2Offer
from protocols.radius.pins import Pins
from protocols.radius.request import AccessRequested, OfferReceived, StatusAnswered
from tests.protocols.radius.nas_side import PEER, SECRET, attribute, expected_reply, plain_reply

RANDOM = bytes(range(48))
TABLE = NasTable([ClientNetwork("192.0.2.0/24", Nas(SECRET, 1))])


def asked(method: str, password: str = "correct horse") -> Asked:
    return ask(method, SECRET, "alice", password, RANDOM)


def heard(method: str) -> object:
    exchange = RadiusExchange(Pins())
    exchange.table = TABLE
    return exchange.receive_datagram(asked(method).octets, PEER, 0.0)


def test_pap() -> None:
    event = heard("pap")
    assert isinstance(event, AccessRequested)
    assert (event.username, event.password) == ("alice", "correct horse")


def test_chap() -> None:
    event = heard("chap")
    assert isinstance(event, OfferReceived)
    assert isinstance(event.offer, ChapOffer)
    octets = bytes((event.offer.identifier,)) + b"correct horse" + event.offer.challenge
    assert event.offer.response == hashlib.md5(octets).digest()


def test_ms_chap() -> None:
    event = heard("mschapv2")
    assert isinstance(event, OfferReceived)
    offer = event.offer
    assert isinstance(offer, MsChapV2Offer)
    hashed = nt_hash("correct horse")
    assert verifies(hashed, offer.peer_challenge, offer.authenticator_challenge, "alice", offer.nt_response)


def test_status() -> None:
    assert isinstance(heard("status"), StatusAnswered)


def test_accounting() -> None:
    exchange = AccountingExchange()
    exchange.table = TABLE
    event = exchange.receive_datagram(asked("accounting").octets, PEER, 0.0)
    assert isinstance(event, Accounted)
    assert (event.told["status"], event.told["username"]) == ("stop", "alice")  # no session goes on


def test_there_are_no_other_methods() -> None:
    assert METHODS == RADIUS_METHODS
    with pytest.raises(KeyError):
        asked("guess")


@pytest.mark.parametrize(
    ("code", "attributes", "accepted", "words"),
    [
        (2, b"", True, "lets in"),
        (3, attribute(18, b"No."), False, "It says: No."),
        (3, attribute(18, b"\x1b[31mNo"), False, "\\x1b[31mNo"),
        (11, b"", False, "asks for more"),
        (99, b"", False, "code 99"),
    ],
)
def test_answers_in_words(code: int, attributes: bytes, accepted: bool, words: str) -> None:
    request = asked("pap")
    told = understand(expected_reply(code, request.octets, attributes), request)
    assert told.accepted is accepted
    assert words in " ".join(told.sentences)
    assert "verifies" in told.sentences[-1]


def test_an_unsigned_answer_is_pointed_out() -> None:
    request = asked("pap")
    assert "CVE-2024-3596" in " ".join(understand(plain_reply(2, request.octets), request).sentences)


@pytest.mark.parametrize(
    ("method", "code", "words"),
    [
        ("status", 2, "its port for logins has answered"),
        ("status", 5, "its port for accounting has answered"),
        ("accounting", 5, "keeps accounting"),
    ],
)
def test_what_was_asked_is_what_is_said_to_be_answered(method: str, code: int, words: str) -> None:
    request = asked(method)
    told = understand(expected_reply(code, request.octets), request)
    assert told.accepted
    assert words in told.sentences[0]
    assert "lets in" not in told.sentences[0]


@pytest.mark.parametrize(("method", "code"), [("pap", 5), ("accounting", 2), ("status", 3), ("chap", 41)])
def test_an_answer_to_something_else_is_no_success(method: str, code: int) -> None:
    request = asked(method)
    told = understand(expected_reply(code, request.octets), request)
    assert not told.accepted
    assert f"code {code}, which nobody expects" in told.sentences[0]


@pytest.mark.parametrize(("method", "is_said"), [("pap", False), ("chap", True), ("mschapv2", True)])
def test_who_is_refused_with_chap_hears_what_that_wants(method: str, is_said: bool) -> None:
    request = asked(method)
    told = understand(expected_reply(3, request.octets), request)
    assert ("network password" in " ".join(told.sentences)) is is_said


def test_accounting_is_answered() -> None:
    request = asked("accounting")
    assert understand(plain_reply(5, request.octets), request).accepted


def test_ms_chap_has_to_be_proved_by_the_server_too() -> None:
    request = asked("mschapv2")
    success = b"\1" + request.expected.encode()
    shown = attribute(26, struct.pack("!IBB", 311, 26, len(success) + 2) + success)
    assert understand(expected_reply(2, request.octets, shown), request).accepted
    assert not understand(expected_reply(2, request.octets), request).accepted
    wrong = shown[:-1] + bytes((shown[-1] ^ 1,))
    assert not understand(expected_reply(2, request.octets, wrong), request).accepted


def wrongly_signed(request: bytes) -> bytes:
    body = attribute(80, hmac.new(b"other", request, hashlib.md5).digest())
    head = struct.pack("!BBH", 2, request[1], 20 + len(body))
    return head + hashlib.md5(head + request[4:20] + body + SECRET).digest() + body


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (expected_reply(2, asked("pap").octets, secret=b"wrong"), "bad_response_authenticator"),
        (wrongly_signed(asked("pap").octets), "bad_message_authenticator"),
        (expected_reply(2, b"\1\x07" + asked("pap").octets[2:]), "malformed"),
        (b"\2\1", "malformed"),
    ],
)
def test_106_answers_that_are_not_believed(reply: bytes, reason: str) -> None:
    with pytest.raises(RemoteProtocolError) as refused:
        understand(reply, asked("pap"))
    assert refused.value.reason == reason
