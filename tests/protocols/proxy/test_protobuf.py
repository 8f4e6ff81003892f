"""The wire format, beside the examples of its own specification."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.proxy.protobuf import MAX_FIELDS, BadMessage, content, fields, number, part, parts


def test_the_examples_of_the_specification() -> None:
    assert number(1, 150) == bytes.fromhex("089601")
    assert content(2, b"testing") == bytes.fromhex("120774657374696e67")
    assert list(fields(bytes.fromhex("089601"))) == [(1, 150)]
    assert list(fields(bytes.fromhex("120774657374696e67"))) == [(2, b"testing")]
    assert part(bytes.fromhex("1a03089601"), 3) == bytes.fromhex("089601")


def test_the_last_of_a_field_counts_and_what_is_missing_is_empty() -> None:
    twice = content(1, b"a") + content(2, b"x") + content(1, b"b")
    assert (part(twice, 1), parts(twice, 1), part(twice, 3), part(twice, 3, 4)) == (b"b", [b"a", b"b"], b"", b"")


def test_kinds_that_are_not_looked_at_are_passed_over() -> None:
    fixed = b"\x09" + b"8" * 8 + b"\x15" + b"4" * 4
    assert part(fixed + content(3, b"here"), 3) == b"here"
    assert number(4, 0) == b""


@pytest.mark.parametrize(
    "message",
    [b"\x08", b"\x08" + b"\xff" * 10, b"\x12\x05ab", b"\x0b", b"\x0c", b"\x00\x00", b"\x09123", b"\x80"],
    ids=bytes.hex,
)
def test_what_is_no_message(message: bytes) -> None:
    with pytest.raises(BadMessage):
        list(fields(message))


def test_fields_are_bounded() -> None:
    with pytest.raises(BadMessage):
        list(fields(b"\x08\x01" * (MAX_FIELDS + 1)))


@given(st.binary(max_size=200))
def test_no_octets_do_harm(message: bytes) -> None:
    with suppress(BadMessage):
        list(fields(message))


@given(st.lists(st.tuples(st.integers(1, 1000), st.one_of(st.integers(1, 2**64 - 1), st.binary(max_size=300)))))
def test_what_is_written_is_read(said: list[tuple[int, int | bytes]]) -> None:
    written = b"".join(number(at, one) if isinstance(one, int) else content(at, one) for at, one in said)
    assert list(fields(written)) == said
