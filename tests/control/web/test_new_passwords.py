"""Wherever somebody sets a password, the same rules are asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from control.passwords import hashing as module
from control.passwords.breached import BreachedPasswords
from control.passwords.hashing import Unfit, Wanted
from control.records import FormerPassword, User
from control.store.interface import Query
from tests.control.web.api import Api
from tests.control.web.browsing import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close()


def given(api: Api, user: int, password: str, status: int = 204) -> list[str]:
    answer = api.call("POST", f"/core/users/{user}/set_password/", {"password": password})
    assert answer.status == status, answer.text
    sentences: list[str] = answer.body["password"] if answer.body else []
    return sentences


def known(api: Api, user: int) -> list[bool]:
    """For each password that the rules remember of this user: is it a hash of Argon2id?"""
    found = api.sql.read_now(lambda tx: tx.select(FormerPassword, Query(equal={"user": user})))
    return [one.password.startswith("$argon2id$") for one in found]


def test_the_settings_are_the_rules(api: Api) -> None:
    user = api.user("alice")
    assert "8 characters" in given(api, user, "seven 7", 400)[0]
    api.patch("/admin/settings/", {"password_length": 4, "password_digits": 1, "password_strength": 1})
    assert "1 digit" in given(api, user, "seven", 400)[0]
    assert "easy to guess" in given(api, user, "alice1", 400)[0]
    given(api, user, "plum7ocean")


@pytest.mark.parametrize(
    "bad", [{"password_length": 129}, {"password_digits": -1}, {"password_strength": 5}, {"password_history": 25}]
)
def test_rules_that_nobody_could_keep_are_refused(api: Api, bad: dict[str, int]) -> None:
    assert list(api.patch("/admin/settings/", bad, 400)) == list(bad)


def test_a_password_does_not_come_back_before_as_many_others(api: Api) -> None:
    user = api.user("alice")
    api.patch("/admin/settings/", {"password_history": 3})
    for password in ("the first one", "the second one", "the third one"):
        given(api, user, password)
        api.clock.advance(60)
        assert "before" in given(api, user, password, 400)[0]
    assert "before" in given(api, user, "the first one", 400)[0]
    given(api, user, "the fourth one")
    given(api, user, "the first one")
    assert known(api, user) == [True, True]


def test_no_more_is_remembered_than_the_rule_needs(api: Api) -> None:
    user = api.user("alice")
    given(api, user, "the first one")
    given(api, user, "the second one")
    assert known(api, user) == []
    api.patch("/admin/settings/", {"password_history": 24})
    for number in range(4):
        given(api, user, f"one of several, number {number}")
    assert len(known(api, user)) == 4
    api.patch("/admin/settings/", {"password_history": 0})
    given(api, user, "the last one of all")
    assert known(api, user) == []


def test_what_is_remembered_goes_with_the_user_and_is_told_nobody(api: Api) -> None:
    user = api.user("alice")
    api.patch("/admin/settings/", {"password_history": 5})
    given(api, user, "the first one")
    given(api, user, "the second one")
    (former,) = api.sql.read_now(lambda tx: tx.select(FormerPassword))
    assert former.password not in str(api.get("/events/events/"))
    assert former.password not in repr(former)
    api.call("DELETE", f"/core/users/{user}/")
    assert api.sql.read_now(lambda tx: tx.select(FormerPassword)) == []


def test_a_password_that_has_become_known_is_refused(api: Api, tmp_path: Path) -> None:
    user, listed = api.user("alice"), tmp_path / "known"
    api.passwords._breached = BreachedPasswords(listed).times
    listed.write_text("hunter2hunter2\npassword123\n")
    assert "become known" in given(api, user, "password123", 400)[0]
    given(api, user, "password1234")


def test_with_a_list_that_cannot_be_searched_nothing_is_set(
    api: Api, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    user, listed = api.user("alice"), tmp_path / "known"
    api.passwords._breached = BreachedPasswords(listed).times
    listed.write_text("zebra\napple\n" * 100)
    assert "administrator" in given(api, user, "password1234", 400)[0]
    assert "LC_ALL=C sort" in caplog.text
    assert "password1234" not in caplog.text


def test_nothing_dear_is_done_for_what_is_refused_anyway(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_matches", lambda *_: pytest.fail("hashed"))
    with pytest.raises(Unfit):
        api.passwords.measure_now("short", Wanted(former=("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaA",)))


def test_the_console_asks_the_same(site: Site) -> None:
    site.administrator()
    bob, browser = site.user("bob"), site.browser()
    browser.sign_in("akadmin")
    browser.get(f"/if/admin/identity/users/{bob.pk}/password/")
    page = browser.submit(password="short", again="short")
    assert page.status_code == 400
    assert "at least 8 characters" in page.text


def test_the_first_administrator_is_asked_the_same(site: Site) -> None:
    site.passwords._breached = lambda password: password == "known to everybody"
    browser = site.browser()
    browser.get(f"/if/flow/initial-setup/?code={site.code}")

    def choose(password: str) -> httpx.Response:
        fields = {"code": site.code, "email": "a@example.com", "password": password, "password_repeat": password}
        return browser.submit(True, None, **fields)

    def has_one() -> bool:
        return bool(site.sql.read_now(lambda tx: tx.select(User, Query(equal={"username": "akadmin"})))[0].password)

    assert "become known" in choose("known to everybody").text
    assert not has_one()
    choose("known to nobody")
    assert has_one()


def test_a_person_without_a_password_may_take_any_that_keeps_the_rules(api: Api) -> None:
    user = api.user("alice")
    api.patch("/admin/settings/", {"password_history": 3})
    api.sql.write_now(lambda tx: tx.update(replace(tx.get(User, user), password=None)))
    given(api, user, "the first one")
    assert known(api, user) == []
