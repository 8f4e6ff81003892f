"""Names of sessions: no two become one, and a NAS gets back what it said."""

from __future__ import annotations

import random

import pytest

from protocols.radius.session_names import LONGEST, octets_of, written


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"5B2C-00000001", "5B2C-00000001"),
        ("söss".encode(), "söss"),
        (b"\xff\x01a", "\\xff\\x01a"),
        (b"\0\0\0\x07", "\\x00\\x00\\x00\\x07"),
        (b"DOM\\1", "DOM\\1"),
        (b"\\xff", "\\x5cxff"),
        (b"", ""),
    ],
)
def test_names(octets: bytes, text: str) -> None:
    assert written(octets) == text
    assert octets_of(text) == octets


def test_whatever_a_nas_calls_a_session() -> None:
    chance = random.Random(8)
    for _ in range(20_000):
        octets = bytes(chance.choice(b"\\xf0\xff\0a\n") for _ in range(chance.randrange(9)))
        text = written(octets)
        assert text.isprintable()
        assert octets_of(text) == octets
    assert len(written(b"\xff" * 253)) == LONGEST
