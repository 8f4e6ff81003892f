from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Iterator
from string import ascii_lowercase, ascii_uppercase, digits

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.proxy.sealed import LONGEST_TOKEN, Sealer

NONCE = bytes(range(12))
OURS = Sealer("a secret", "https://app.example.com")
TOKEN = OURS.seal("session", b"content", NONCE)


def test_what_is_sealed_opens() -> None:
    assert OURS.open("session", TOKEN) == b"content"
    assert Sealer("a secret", "https://app.example.com").open("session", TOKEN) == b"content"


@pytest.mark.parametrize(
    ("sealer", "purpose"),
    [
        (Sealer("another secret", "https://app.example.com"), "session"),
        (Sealer("a secret", "https://other.example.com"), "session"),
        (OURS, "state"),
    ],
    ids=["another's key", "another host", "another purpose"],
)
def test_it_opens_nowhere_else(sealer: Sealer, purpose: str) -> None:
    assert sealer.open(purpose, TOKEN) is None


def test_what_the_secret_before_has_sealed_opens_and_nothing_is_sealed_with_it() -> None:
    host = "https://app.example.com"
    rotated = Sealer("a newer secret", host, previous="a secret")
    assert rotated.open("session", TOKEN) == b"content"
    assert OURS.open("session", rotated.seal("session", b"content", NONCE)) is None
    assert Sealer("a third", host, previous="a newer secret").open("session", TOKEN) is None


def test_every_changed_character_closes_it() -> None:
    for at in range(len(TOKEN)):
        other = b"A" if TOKEN[at : at + 1] != b"A" else b"B"
        assert OURS.open("session", TOKEN[:at] + other + TOKEN[at + 1 :]) is None
        assert OURS.open("session", TOKEN[:at]) is None


def test_one_content_has_one_spelling() -> None:
    """Whatever else a lenient decoder would take for the same octets is no token."""
    for length in range(24):
        token = OURS.seal("session", bytes(length), NONCE)
        assert OURS.open("session", token) == bytes(length)
        for other in _respelled(token):
            assert OURS.open("session", other) is None, other


def _respelled(token: bytes) -> Iterator[bytes]:
    padding = b"=" * (-len(token) % 4)
    assert urlsafe_b64decode(token + padding)
    yield from (token + b"=", token + padding + b"====", token + b"\n", b" " + token, token[:9] + b"." + token[9:])
    yield from {token + padding, token.replace(b"-", b"+"), token.replace(b"_", b"/")} - {token}
    if padding:  # the last character's last bits belong to no octet
        letters = ascii_uppercase + ascii_lowercase + digits + "-_"
        yield token[:-1] + letters[letters.index(chr(token[-1])) + 1].encode()


def test_an_endless_token_is_not_looked_into() -> None:
    long = OURS.seal("session", bytes(LONGEST_TOKEN), NONCE)
    assert len(long) > LONGEST_TOKEN
    assert OURS.open("session", long) is None


@given(st.binary(max_size=200))
def test_nothing_escapes(token: bytes) -> None:
    assert OURS.open("session", token) is None


def test_a_nonce_has_its_length() -> None:
    with pytest.raises(ValueError, match="12 random bytes"):
        OURS.seal("session", b"", b"short")
