from __future__ import annotations

import base64
import hashlib

import pytest

from protocols.proxy.login_state import BrowserSession, LoginState, browser_digest

LOGIN = LoginState(browser_digest(b"cookie"), b"s" * 32, 7, 1_700_000_000.5, 1, "https://app.example.com/a?b=c")
SESSION = BrowserSession(b"i" * 32, 42, 1_700_000_000.25, 1_700_086_400.0)


def test_both_come_back_as_they_were() -> None:
    assert LoginState.unpacked(LOGIN.packed()) == LOGIN
    assert BrowserSession.unpacked(SESSION.packed()) == SESSION


@pytest.mark.parametrize("content", [b"", b"x", SESSION.packed() + b"x", SESSION.packed()[:-1]])
def test_nothing_else_is_a_session(content: bytes) -> None:
    with pytest.raises(ValueError, match="unpack"):
        BrowserSession.unpacked(content)


def test_a_short_state_is_none() -> None:
    with pytest.raises(ValueError, match="unpack"):
        LoginState.unpacked(LOGIN.packed()[:20])


def test_pkce() -> None:
    assert len(LOGIN.verifier) == 43
    hashed = base64.urlsafe_b64encode(hashlib.sha256(LOGIN.verifier.encode()).digest()).rstrip(b"=").decode()
    assert LOGIN.challenge == hashed


def test_secrets_of_one_sign_in_differ_and_are_not_shown() -> None:
    other = LoginState(LOGIN.browser, b"t" * 32, 7, 0.0, 0, "")
    assert len({LOGIN.nonce, LOGIN.verifier, other.nonce, other.verifier}) == 4
    assert "ssss" not in repr(LOGIN)
