from __future__ import annotations

import os
from itertools import count

import pytest

from control.store.secrets import CannotOpen, KeyRing

KEY, OTHER = "first key 0123456789 abcdefghijklm", "second key 0123456789 abcdefghijkl"
PLACE = ("provider", "secrets", 7)


@pytest.fixture
def ring() -> KeyRing:
    return KeyRing([KEY], os.urandom)


def test_what_is_sealed_opens(ring: KeyRing) -> None:
    for text in ("", "geheim", "ü" * 1000):
        sealed = ring.seal(text, *PLACE)
        assert ring.open(sealed, *PLACE) == text
        assert text == "" or text not in sealed


def test_the_form_is_version_key_id_and_base64(ring: KeyRing) -> None:
    version, key_id, encoded = ring.seal("x", *PLACE).split(".")
    assert version == "v1"
    assert len(key_id) == 8
    assert len(encoded) == 40  # 12 bytes nonce, 1 of text, 16 of tag


def test_nonces_come_from_the_given_source() -> None:
    numbers = count()
    ring = KeyRing([KEY], lambda length: next(numbers).to_bytes(length, "big"))
    again = KeyRing([KEY], lambda length: bytes(length))
    first, second = ring.seal("x", *PLACE), ring.seal("x", *PLACE)
    assert first != second
    assert first == again.seal("x", *PLACE)


@pytest.mark.parametrize("place", [("token", "secrets", 7), ("provider", "settings", 7), ("provider", "secrets", 8)])
def test_a_moved_value_does_not_open(ring: KeyRing, place: tuple[str, str, int]) -> None:
    with pytest.raises(CannotOpen):
        ring.open(ring.seal("x", *PLACE), *place)


def test_a_changed_value_does_not_open(ring: KeyRing) -> None:
    sealed = ring.seal("x" * 20, *PLACE)
    prefix, encoded = sealed.rsplit(".", 1)
    for position in range(0, len(encoded), 5):
        other = "A" if encoded[position] != "A" else "B"
        with pytest.raises(CannotOpen):
            ring.open(f"{prefix}.{encoded[:position]}{other}{encoded[position + 1 :]}", *PLACE)


@pytest.mark.parametrize(
    "text", ["", "plain", "v1.x", "v1..", "v1.00000000.AAAA", "v2.{id}.{rest}", "v1.{id}.{rest}=", "v1.{id}."]
)
def test_what_is_not_sealed_does_not_open(ring: KeyRing, text: str) -> None:
    _, key_id, rest = ring.seal("x", *PLACE).split(".")
    with pytest.raises(CannotOpen):
        ring.open(text.format(id=key_id, rest=rest), *PLACE)


def test_a_ring_seals_with_the_first_and_opens_with_any() -> None:
    old, both, new = KeyRing([KEY], os.urandom), KeyRing([OTHER, KEY], os.urandom), KeyRing([OTHER], os.urandom)
    assert both.open(old.seal("x", *PLACE), *PLACE) == "x"
    assert new.open(both.seal("x", *PLACE), *PLACE) == "x"
    with pytest.raises(CannotOpen):
        new.open(old.seal("x", *PLACE), *PLACE)


@pytest.mark.parametrize("keys", [[], ["short"], [KEY, "$(openssl rand -hex 32) and some more text"]])
def test_an_unfit_key_is_refused_with_a_sentence(keys: list[str]) -> None:
    with pytest.raises(ValueError, match=r"^SECRET_KEY .*\.$"):
        KeyRing(keys, os.urandom)
