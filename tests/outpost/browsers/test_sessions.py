"""What is kept of cookies that were opened."""

from __future__ import annotations

from collections import Counter

import pytest

from outpost.browsers.sessions import SESSION
from protocols.link.messages import Put
from protocols.proxy.headers import MAX_LIST_BYTES
from protocols.proxy.sealed import Sealer
from tests.outpost.listeners.forward_auth_door import provider
from tests.outpost.listeners.test_sign_in import APP, Outpost, Visitor


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[bytes]:
    """How often each session's cookie has been."""
    counted: Counter[bytes] = Counter()
    opening = Sealer.open

    def counting(sealer: Sealer, purpose: str, token: bytes) -> bytes | None:
        if purpose == SESSION:
            counted[token] += 1
        return opening(sealer, purpose, token)

    monkeypatch.setattr(Sealer, "open", counting)
    return counted


def signed_in(outpost: Outpost, number: int = 0) -> Visitor:
    visitor = Visitor(outpost)
    visitor.sign_in(sid=f"{number:064x}")
    return visitor


def test_a_cookie_that_comes_again_is_kept_and_not_opened_any_more(opened: Counter[bytes]) -> None:
    visitor = signed_in(Outpost())
    assert [visitor.open(f"{APP}/{at}").status for at in range(6)] == [200] * 6
    assert list(opened.values()) == [2]


def test_a_change_of_another_application_opens_none_again(opened: Counter[bytes]) -> None:
    outpost = Outpost()
    visitor = signed_in(outpost)
    for at in range(4):
        outpost.change(Put(provider(8, f"https://other-{at}.example.com")))
        assert visitor.open(f"{APP}/").status == 200
    assert list(opened.values()) == [2]
    outpost.publish_provider(intercept_header_auth=False)
    assert visitor.open(f"{APP}/").status == 200
    assert list(opened.values()) == [3]


def test_nothing_is_kept_of_those_that_come_once(opened: Counter[bytes]) -> None:
    """Or they would take the places of those that come again."""
    outpost = Outpost()
    regular, passing = signed_in(outpost), [signed_in(outpost, number) for number in range(1, 40)]
    for visitor in (regular, regular, *passing):
        assert visitor.open(f"{APP}/").status == 200
    assert [known.sid for known in outpost.route._sessions._known.values()] == [f"{0:064x}"]
    assert sorted(opened.values()) == [1] * 39 + [2]


def test_a_token_that_is_too_long_for_a_header_lets_nobody_in() -> None:
    outpost = Outpost()
    visitor = Visitor(outpost)
    visitor.sign_in(access_token="j" * (MAX_LIST_BYTES + 1))
    assert [visitor.open(f"{APP}/").status for _ in range(2)] == [403] * 2
    assert outpost.telemetry.decisions["proxy", "identity_too_long"] == 2
