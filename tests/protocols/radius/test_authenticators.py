import hashlib
import hmac

import pytest
from pyrad.dictionary import Dictionary
from pyrad.packet import AuthPacket

from protocols.errors import LocalProtocolError, RemoteProtocolError
from protocols.radius.authenticators import (
    MAX_KEYED,
    _keyed,
    hmac_md5,
    message_authenticator_verifies,
    response_authenticator,
    signed_reply,
)
from protocols.radius.packet import Packet
from tests.protocols.radius import nas_side


def test_response_authenticator_of_rfc_2865_7_1() -> None:
    reply = bytes.fromhex("02000026 86fe220e7624ba2a1005f6bf9b55e0b2 060600000001 0f0600000000 0e06c0a80103")
    asked = bytes.fromhex("0f403f9473978057bd83d5cb98f4227a")
    assert response_authenticator(reply[:4], asked, reply[20:], b"xyzzy5461") == reply[4:20]


def test_a_good_message_authenticator_verifies_wherever_it_stands() -> None:
    for sign in ("first", "last"):
        assert message_authenticator_verifies(Packet.parse(nas_side.pap(sign=sign)), nas_side.SECRET)


@pytest.mark.parametrize("sign", ["first", "last"])
def test_every_flipped_bit_fails(sign: str) -> None:
    """The inverted check of other servers would pass each of these."""
    datagram = nas_side.pap(sign=sign)
    tried = 0
    for octet in range(len(datagram)):
        for bit in range(8):
            flipped = bytearray(datagram)
            flipped[octet] ^= 1 << bit
            try:
                packet = Packet.parse(bytes(flipped))
            except RemoteProtocolError:
                continue  # the lengths no longer add up
            if 80 in packet.first:
                tried += 1
                assert not message_authenticator_verifies(packet, nas_side.SECRET)
    assert tried > 400


def test_another_secret_fails() -> None:
    assert not message_authenticator_verifies(Packet.parse(nas_side.pap()), b"other")


@pytest.mark.parametrize("length", [0, 1, 15, 17, 32])
def test_other_lengths_than_16_octets_fail(length: int) -> None:
    """Even when the 16 octets at its place are what they would have to be."""
    blank = nas_side.request(nas_side.attribute(80, bytes(length)) + nas_side.attribute(32, bytes(20)), sign="never")
    signature = hmac.new(nas_side.SECRET, blank[:22] + bytes(16) + blank[38:], hashlib.md5).digest()
    signed = blank[:22] + (signature[:length] if length < 16 else signature) + blank[22 + min(length, 16) :]
    assert len(signed) == len(blank)
    assert not message_authenticator_verifies(Packet.parse(signed), nas_side.SECRET)


def test_a_reply_is_what_the_rfcs_say_and_signed_first() -> None:
    asked = nas_side.pap()
    attributes = nas_side.attribute(18, b"welcome")
    reply = signed_reply(2, asked, attributes, nas_side.SECRET)
    assert reply == nas_side.expected_reply(2, asked, attributes)
    assert reply[20:22] == b"\x50\x12"
    assert reply[38:] == attributes


def test_pyrad_believes_our_reply() -> None:
    asked = AuthPacket(secret=nas_side.SECRET, id=9, dict=Dictionary(), message_authenticator=True)
    sent = asked.RequestPacket()
    reply = signed_reply(2, sent, b"", nas_side.SECRET)
    theirs = asked.CreateReply(packet=reply)
    assert asked.VerifyReply(theirs, reply, enforce_ma=True)
    forged = reply[:-1] + bytes((reply[-1] ^ 1,))
    assert not asked.VerifyReply(asked.CreateReply(packet=forged), forged, enforce_ma=True)


def test_a_reply_too_long_for_a_packet_is_our_fault() -> None:
    asked = nas_side.pap()
    fits = nas_side.attribute(18, bytes(253)) * 15 + nas_side.attribute(18, bytes(231))
    assert len(signed_reply(2, asked, fits, nas_side.SECRET)) == 4096
    with pytest.raises(LocalProtocolError):
        signed_reply(2, asked, fits + b"\x12\x02", nas_side.SECRET)


def test_hmac_md5_is_rfc_2104s_whatever_the_length_of_the_secret() -> None:
    """The second time from the key that was kept."""
    for length in (0, 1, 63, 64, 65, 200):
        secret = bytes(range(length))
        for octets in (b"", b"x" * 100, bytes(4096)):
            assert hmac_md5(secret, octets) == hmac.digest(secret, octets, "md5")


def test_keys_are_kept_within_a_bound() -> None:
    for number in range(MAX_KEYED + 10):
        hmac_md5(b"%d" % number, b"")
    assert _keyed.cache_info().currsize <= MAX_KEYED
