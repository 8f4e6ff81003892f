"""The foreign provider says that a session is over (OpenID Connect Back-Channel Logout 1.0, 2.6)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from control.endings import sid_of
from control.oidc.back_channel import EVENT
from control.records import AccessToken, EndedSession, Session
from control.sources.logout import OLDEST
from control.store.interface import Query
from control.verbs import providers
from tests.control.oidc.relying import ISSUER
from tests.control.sources.abroad import SLUG, Abroad
from tests.control.web.browsing import Browser


class House(Abroad):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for name in ("alice", "bob"):
            self.abroad.user(name)
            self.connect(self.here.user(f"{name}-here", None), f"{name}-abroad")

    def signed_in(self, name: str, sid: str) -> Browser:
        browser = self.here.browser()
        self.changed = {"sub": f"{name}-abroad", "sid": sid}
        assert self.arrive(browser, name).status_code == 303
        return browser

    def token(self, header: dict[str, Any] | None = None, **changed: Any) -> str:
        now = int(self.here.clock.now())
        said = {
            "iss": ISSUER,
            "aud": self.abroad.client_id,
            "iat": now,
            "exp": now + 120,
            "jti": "one",
            "events": {EVENT: {}},
            "sub": "alice-abroad",
            "sid": "laptop",
            **changed,
        }
        return self.signed(said, **(header or {"typ": "logout+jwt"}))

    def told(self, token: str) -> int:
        fields = {"logout_token": token}
        return self.here.browser().request("POST", f"/source/oauth/backchannel-logout/{SLUG}/", data=fields).status_code

    def is_in(self, browser: Browser) -> bool:
        return browser.get("/if/user/").status_code == 200


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    found = House(tmp_path)
    yield found
    found.close()


def test_a_session_ends_and_no_other(house: House) -> None:
    laptop, phone, bobs = (house.signed_in(*who) for who in (("alice", "laptop"), ("alice", "phone"), ("bob", "x")))
    assert house.told(house.token()) == 200
    assert [house.is_in(one) for one in (laptop, phone, bobs)] == [False, True, True]


@pytest.mark.parametrize(
    ("named", "left"), [({"sid": None}, [False, False, True]), ({"sub": None}, [False, True, True])]
)
def test_or_all_of_a_person(house: House, named: dict[str, None], left: list[bool]) -> None:
    browsers = [house.signed_in(*who) for who in (("alice", "laptop"), ("alice", "phone"), ("bob", "x"))]
    assert house.told(house.token(**named)) == 200
    assert [house.is_in(one) for one in browsers] == left


def test_every_outpost_hears_of_it(house: House) -> None:
    house.signed_in("alice", "laptop")
    here = house.here
    given = {"name": "app", "mode": "forward_single", "external_host": "https://app.example.com"}
    proxy = here.sql.write_now(lambda tx: providers.create(tx, "proxy", given, here.random))
    (session,) = [one for one in here.sessions() if one.user is not None]
    until = here.clock.now() + 3600

    def opens(tx: Any) -> None:
        token = AccessToken("t", proxy.pk, session.user or 0, "c", session.pk, expires=until)
        tx.insert(token)

    here.sql.write_now(opens)
    assert house.told(house.token()) == 200
    ended = here.sql.read_now(lambda tx: tx.select(EndedSession, Query()))
    assert [one.pk for one in ended] == [sid_of(session.pk)]


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "another"},
        {"iss": "https://evil.example/"},
        {"exp": 1},
        {"exp": None},
        {"iat": None},
        {"iat": 1},
        {"jti": None},
        {"jti": ""},
        {"jti": 5},
        {"events": None},
        {"events": {}},
        {"events": {EVENT: "yes"}},
        {"events": [EVENT]},
        {"nonce": "n"},
        {"sub": None, "sid": None},
        {"sub": 5},
        {"sid": ["laptop"]},
    ],
    ids=str,
)
def test_what_is_no_logout_token_ends_nothing(house: House, changed: dict[str, Any]) -> None:
    browser = house.signed_in("alice", "laptop")
    assert house.told(house.token(**changed)) == 400
    assert house.is_in(browser)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
def test_nor_does_what_nobody_has_signed(house: House, token: str) -> None:
    browser = house.signed_in("alice", "laptop")
    assert house.told(token) == 400
    assert house.is_in(browser)


def test_an_id_token_is_none(house: House) -> None:
    browser = house.signed_in("alice", "laptop")
    assert house.told(house.token(events=None, nonce="n")) == 400
    assert house.is_in(browser)


def test_a_token_counts_once(house: House) -> None:
    token = house.token()
    assert house.told(token) == 200
    again = house.signed_in("alice", "laptop")
    assert house.told(token) == 400
    house.here.clock.advance(OLDEST - 1)
    assert house.told(token) == 400
    assert house.is_in(again)


def test_whoever_signed_in_otherwise_stays(house: House) -> None:
    house.here.user("carol")
    browser = house.here.browser()
    browser.sign_in("carol")
    house.signed_in("alice", "laptop")
    assert house.told(house.token(sid=None)) == 200
    assert house.is_in(browser)
    kept = house.here.sql.read_now(lambda tx: tx.select(Session, Query()))
    assert [one.user for one in kept if one.signed_in] != []
