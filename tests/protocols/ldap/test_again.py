"""Questions that come again are recognised only where they would be read as the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import RemoteProtocolError
from protocols.ldap import ber
from protocols.ldap.again import LONGEST_QUESTION, encode_messages, operations, question, request_alone
from protocols.ldap.messages import (
    BIND,
    MAX_MESSAGE_ID,
    SEARCH,
    encode_message,
    encode_result,
    encode_short_message,
    envelope,
)
from protocols.ldap.result import SUCCESS
from tests.protocols.ldap import peer

ALICE = "cn=alice,ou=users,dc=example"
OPERATIONS = {0x60: BIND, 0x63: SEARCH}
ID = b"\x02\x01\x01"


def in_long_form(tag: int, value: bytes, octets: int) -> bytes:
    """With the length in so many octets, as some clients always write it."""
    return bytes((tag, 0x80 | octets)) + len(value).to_bytes(octets, "big") + value


def elements(octets: bytes) -> tuple[int, bytes]:
    tag, start, stop = ber.header(octets, 0, len(octets))
    assert stop == len(octets)
    return tag, octets[start:stop]


ASKED = [
    peer.bind(1, ALICE, "secret"),
    peer.bind(200, "cn=x", "y" * 90),
    peer.bind(MAX_MESSAGE_ID, "cn=\u00fc", "\u00fc"),
    peer.bind(1, "cn=x" * 40, "secret"),
    peer.bind(1, "cn=x", "y" * 400),
    peer.bind(1, "", ""),
    peer.search(1, ALICE),
    peer.search(70_000, ALICE, filter="(&(uid=a)(|(mail=b)(cn=c)))", attributes=["cn", "mail"] * 10),
]


@pytest.mark.parametrize("message", ASKED)
def test_binds_and_searches_are_recognised(message: bytes) -> None:
    read = envelope(message)
    assert question(message) == (read.message_id, 0x60 if read.operation is BIND else 0x63, read.content)


@pytest.mark.parametrize("octets", [1, 2, 3, 4])
@pytest.mark.parametrize("message", ASKED[:1] + ASKED[6:7])
def test_in_long_lengths_as_well(message: bytes, octets: int) -> None:
    _, inner = elements(message)
    operation = inner[len(ID) :]
    tag, content = elements(operation)
    for within in (operation, in_long_form(tag, content, octets)):
        for outer in (ber.tlv(0x30, ID + within), in_long_form(0x30, ID + within, octets)):
            assert question(outer) == (1, tag, content)
            assert envelope(outer).content == content


def test_whatever_is_changed_nothing_is_read_otherwise() -> None:
    """It may refuse to say, but never say anything else than the grammar."""
    said = 0
    for message in ASKED:
        changed = [
            message[:at] + bytes((octet,)) + message[at + 1 :]
            for at in range(min(len(message), 60))
            for octet in {0, 1, 2, 5, 0x7F, 0x80, 0x81, 0xFF, message[at] ^ 1, (message[at] + 1) % 256}
        ]
        cut = [message[:at] for at in range(len(message))]
        more = [message + b"\0", message + message, b"\x30\0" + message]
        for octets in (message, *changed, *cut, *more):
            said += agrees(octets)
    assert said > 1000


@given(st.binary(max_size=LONGEST_QUESTION), st.sampled_from([0x60, 0x63, 0x42, 0x7F, 0xA0]), st.integers(0, 5))
def test_anything_else(content: bytes, tag: int, octets: int) -> None:
    message_id = ber.tlv(ber.INTEGER, content[: max(octets, 1)])
    operation = in_long_form(tag, content, octets) if octets in range(2, 5) else content
    agrees(ber.tlv(0x30, message_id + operation))
    agrees(content)


def agrees(octets: bytes) -> bool:
    """Was anything said, and the grammar says the same?"""
    found = question(octets)
    if found is None:
        return False
    message_id, tag, content = found
    assert ber.frame(octets, len(octets)) == len(octets)
    read = envelope(octets)
    assert (read.message_id, read.operation, read.content, read.controls) == (message_id, OPERATIONS[tag], content, ())
    alone = request_alone(octets)
    assert alone is not None
    assert alone._replace(octets=b"", start=0, stop=0) == read._replace(octets=b"", start=0, stop=0)
    assert alone.content == content
    assert read.stop == len(octets)
    return True


@pytest.mark.parametrize(
    "octets",
    [
        peer.unbind(1),
        peer.compare(1, ALICE, "cn", "x"),
        peer.bind(1, ALICE, "secret", controls=[("1.2.3", False, None)]),
        peer.search(1, ALICE, controls=[("1.2.3", False, None)]),
        peer.bind(0, ALICE, "secret"),
        ber.tlv(0x30, b"\x02\x01\xff" + ber.tlv(0x60, b"x" * 9)),
        ber.tlv(0x30, b"\x02\x05\x01\0\0\0\0" + ber.tlv(0x60, b"x" * 9)),
        peer.bind(1, ALICE, "y" * 600),
        b"",
        b"\x30",
    ],
)
def test_nothing_is_said_of(octets: bytes) -> None:
    assert question(octets) is None


@pytest.mark.parametrize("message_id", [1, 0x7F, 0x80, 0x7FFF, 0x8000, 0x7FFFFF, 0x800000, MAX_MESSAGE_ID])
@pytest.mark.parametrize("size", [0, 9, 0x79])
def test_a_short_message_is_written_as_any_other(message_id: int, size: int) -> None:
    assert encode_short_message(message_id, b"x" * size) == encode_message(message_id, b"x" * size)


@pytest.mark.parametrize("message_id", [1, 0x7F, 0x80, 0x7FFF, 0x8000, 0x7FFFFF, 0x800000, MAX_MESSAGE_ID])
@pytest.mark.parametrize("size", [0, 9, 0x79, 0x80, 0xFC, 0x100, 1015, 1023, 1024, 70_000])
def test_answers_of_any_length_are_written_as_others(message_id: int, size: int) -> None:
    said = encode_messages(message_id, [b"x" * size, b"y"])
    assert said == encode_message(message_id, b"x" * size) + encode_message(message_id, b"y")


def test_answers_are_given_again_under_another_id() -> None:
    operation = encode_result(0x61, SUCCESS)
    said = encode_message(5, operation) + encode_message(5, operation)
    assert operations(said) == (operation, operation)
    assert encode_messages(70_000, operations(said)) == encode_message(70_000, operation) * 2
    with pytest.raises(RemoteProtocolError):
        operations(said[:-1])
