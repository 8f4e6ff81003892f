from __future__ import annotations

import secrets

import pytest

from rules.secret_key import check_secret_key


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "needs at least 32"),
        ("0123456789abcdef0123456789abcde", "31 characters"),
        ("$(openssl rand -base64 60 | tr -d '\\n')", "pasted as text"),
        ("${SECRET_KEY:?set me} and thirty-two characters", "pasted as text"),
        ("`openssl rand -hex 32` 0123456789abcdef", "pasted as text"),
        ("CHANGEME0123456789abcdefghijklmnopq", "example"),
        ("please-change-me-0123456789abcdefgh", "example"),
        ("this-is-an-Example-key-0123456789abcd", "example"),
        ("a" * 50, "repeats"),
        ("secret" * 10, "repeats"),
    ],
)
def test_what_is_refused_says_why_and_what_to_do(text: str, said: str) -> None:
    sentence = check_secret_key(text)
    assert sentence is not None
    assert said in sentence
    assert "openssl rand -hex 32" in sentence
    assert text == "" or text not in sentence


@pytest.mark.parametrize(
    "make", [lambda: secrets.token_hex(16), lambda: secrets.token_hex(32), lambda: secrets.token_urlsafe(45)]
)
def test_random_keys_are_fit(make) -> None:  # type: ignore[no-untyped-def]
    for _ in range(200):
        assert check_secret_key(make()) is None
