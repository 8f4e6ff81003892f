"""Sources are asked again about whom they have sent: another instance of ourselves, which lets somebody in no more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from control.oidc.fetching import Declined
from control.records import Session, SourceGrant, SourceSignIn
from control.sources.arriving import AWAY_SECONDS as SET_ASIDE_SECONDS
from control.sources.arriving import LATEST, MOST_OF_ONE, SOONEST, asked_again
from control.sources.renewing import AT_ONCE, AWAY_SECONDS, PUT_OFF, Renewing
from control.store.interface import Query
from control.verbs import sources
from tests.control.oidc.relying import ISSUER
from tests.control.sources.abroad import TOKEN_URL, Abroad
from tests.control.web.browsing import Browser


class House(Abroad):
    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__(folder, additional_scopes="offline_access", **settings)
        self.folder = folder
        self.renewing = Renewing(self.here.services.store, self.tokens, self.here.clock)
        self.answer: bytes | Exception | None = None
        """Of the token endpoint, in place of the foreign provider's own."""
        self.people = {name: self.abroad.user(name) for name in ("alice", "bob")}
        for name in self.people:
            self.connect(self.here.user(f"{name}-here", None), f"{name}-abroad")

    def signed_in(self, name: str = "alice") -> Browser:
        browser = self.here.browser()
        self.changed = {"sub": f"{name}-abroad"}
        assert self.arrive(browser, name).status_code == 303
        self.asked.clear()
        return browser

    async def _inquire(self, url: str, headers: Mapping[str, str], form: bytes | None = None) -> bytes:
        if url != TOKEN_URL or self.answer is None:
            return await super()._inquire(url, headers, form)
        self.asked.append((url, headers, form))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def look(self, later: float = LATEST) -> list[str]:
        """The refresh tokens that are shown to the source, ``later`` than whatever was before."""
        self.asked.clear()
        self.here.clock.advance(later)
        self.abroad.clock.advance(later)
        self.here.runner.run(self.renewing.look())
        forms = [parse_qs(form.decode()) for url, _, form in self.asked if url == TOKEN_URL and form is not None]
        assert all(form["grant_type"] == ["refresh_token"] for form in forms)
        return [form["refresh_token"][0] for form in forms]

    def is_in(self, browser: Browser) -> bool:
        return browser.get("/if/user/").status_code == 200

    def grants(self) -> list[SourceGrant]:
        return self.here.sql.read_now(lambda tx: tx.select(SourceGrant))

    def waiting(self) -> int:
        return self.here.sql.read_now(lambda tx: tx.count(SourceSignIn, Query()))

    def sealed(self) -> bool:
        """Is the refresh token nowhere to be read in the database?"""
        (grant,) = self.grants()
        files = [file.read_bytes() for file in (self.folder / "here").rglob("*") if file.is_file()]
        assert any(b"alice-abroad" in file for file in files)
        return not any(grant.secrets["refresh_token"].encode() in file for file in files)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    found = House(tmp_path)
    yield found
    found.close()


def test_who_is_let_in_there_no_more_is_signed_out_here(house: House) -> None:
    alices, bobs = house.signed_in("alice"), house.signed_in("bob")
    house.abroad.change(house.people["alice"].pk, is_active=False)
    house.changed = {"sub": "bob-abroad"}
    assert len(house.look()) == 2
    assert [house.is_in(one) for one in (alices, bobs)] == [False, True]
    assert house.here.events("logout")[-1].context["from_outside"] is True
    assert len(house.grants()) == 1


def test_what_it_is_asked_with_is_kept_sealed(house: House) -> None:
    house.signed_in()
    assert house.sealed()
    assert house.here.sql.read_now(lambda tx: tx.select(SourceSignIn)) == []


def test_each_question_is_asked_with_what_the_last_one_gave(house: House) -> None:
    browser = house.signed_in()
    first, second, third = house.look(), house.look(), house.look()
    assert len({*first, *second, *third}) == 3
    assert house.is_in(browser)


def test_a_source_that_gives_nothing_new_is_asked_with_the_same(house: House) -> None:
    house.signed_in()
    house.answer = b'{"access_token": "a", "expires_in": 600}'
    assert house.look() == house.look(600) != []


def test_nobody_is_asked_about_before_the_time(house: House) -> None:
    house.signed_in()
    assert house.look(SOONEST - 1) == []


@pytest.mark.parametrize(
    ("said", "seconds"), [(0.0, LATEST), (1.0, SOONEST), (600.0, 600.0), (1e9, LATEST), (float("inf"), LATEST)]
)
def test_the_source_does_not_say_how_often_it_is_asked(said: float, seconds: float) -> None:
    assert asked_again(1000.0, said) == 1000.0 + seconds


@pytest.mark.parametrize(
    "answer",
    [
        OSError("nobody there"),
        ValueError("it answered 500"),
        Declined(TOKEN_URL, 400, b'{"error": "invalid_client"}'),
        Declined(TOKEN_URL, 400, b"no JSON"),
        Declined(TOKEN_URL, 400, b'["invalid_grant"]'),
        b"no JSON",
        b"[]",
    ],
    ids=str,
)
def test_a_source_that_does_not_say_ends_nothing_and_is_left_alone(house: House, answer: bytes | Exception) -> None:
    browser, _ = house.signed_in("alice"), house.signed_in("bob")
    house.answer = answer
    asked = house.look()
    assert len(asked) == 2
    assert house.is_in(browser)
    assert house.look(AWAY_SECONDS - 1) == []
    assert sorted(house.look(PUT_OFF)) == sorted(asked)


@pytest.mark.parametrize(
    "answer",
    [
        Declined(TOKEN_URL, 400, b'{"error": "invalid_grant"}'),
        b'{"error": "bad_refresh_token"}',
        b'{"access_token": "a", "id_token": "x.y.z"}',
        b'{"access_token": "a", "id_token": null}',
    ],
    ids=str,
)
def test_a_no_ends_the_session_and_so_does_what_is_no_proof(house: House, answer: bytes | Exception) -> None:
    browser = house.signed_in()
    house.answer = answer
    house.look()
    assert not house.is_in(browser)


def test_what_is_said_of_somebody_else_keeps_nobody_in(house: House) -> None:
    browser = house.signed_in()
    house.changed = {"sub": "bob-abroad"}
    house.look()
    assert not house.is_in(browser)


def test_few_are_asked_about_at_once(house: House) -> None:
    for _ in range(AT_ONCE + 1):
        house.signed_in()
    assert [len(house.look(later)) for later in (LATEST, 0.0, 0.0)] == [AT_ONCE, 1, 0]


def test_two_control_processes_ask_once(house: House) -> None:
    browser = house.signed_in()
    other = Renewing(house.here.services.store, house.tokens, house.here.clock)
    house.here.clock.advance(LATEST)

    async def both() -> None:
        await asyncio.gather(house.renewing.look(), other.look())

    house.here.runner.run(both())
    assert len([url for url, _, _ in house.asked if url == TOKEN_URL]) == 1
    assert house.is_in(browser)


def test_nobody_is_asked_about_whose_session_is_over(house: House) -> None:
    browser = house.signed_in()
    (session,) = [one for one in house.here.sessions() if one.user is not None]
    house.here.sql.write_now(lambda tx: tx.delete(tx.get(Session, session.pk)))
    assert house.grants() == []
    assert house.look() == []
    house.signed_in()
    (session,) = [one for one in house.here.sessions() if one.user is not None]
    house.here.change(session.user or 0, is_active=False)
    assert house.look() == []
    assert not house.is_in(browser)


def test_a_source_that_is_off_is_not_asked(house: House) -> None:
    browser = house.signed_in()
    house.set(enabled=False)
    assert house.look() == []
    assert house.is_in(browser)


def test_what_is_set_aside_for_a_sign_in_that_never_ends_goes(house: House) -> None:
    house.set(authentication_flow=house.flow("default-authentication-flow"))
    browser = house.here.browser()
    house.changed = {"sub": "alice-abroad"}
    house.arrive(browser, "alice")
    assert house.waiting() == 1
    house.here.clock.advance(SET_ASIDE_SECONDS)
    house.leave(house.here.browser())
    assert house.waiting() == 1, "that of the browser which has just left"


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("openidconnect", {"scope": "openid email profile groups offline_access", "prompt": "consent"}),
        ("google", {"scope": "openid email profile groups", "access_type": "offline", "prompt": "consent"}),
        ("entraid", {"scope": "openid email profile groups offline_access"}),
        ("gitlab", {"scope": "openid email profile groups"}),
    ],
)
def test_each_kind_is_asked_in_its_own_way(house: House, kind: str, sent: dict[str, str]) -> None:
    well_known = f"{ISSUER}.well-known/openid-configuration"
    given = {"provider_type": kind, "oidc_well_known_url": well_known, "additional_scopes": "groups offline_access"}
    house.source = house.here.sql.write_now(lambda tx: sources.update(tx, house.source.pk, given))
    asked = house.leave(house.here.browser())
    names = ("scope", "prompt", "access_type")
    assert {name: asked[name] for name in names if name in asked} == sent


def test_one_browser_has_little_set_aside(house: House) -> None:
    house.set(authentication_flow=house.flow("default-authentication-flow"))
    browser = house.here.browser()
    house.changed = {"sub": "alice-abroad"}
    for _ in range(MOST_OF_ONE + 2):
        house.arrive(browser, "alice")
    assert house.waiting() <= MOST_OF_ONE
