"""A cookie that somebody else knows too: whatever is shown in a flow that it holds, it holds the flow no more.

A host beside ours can give a browser such a cookie for our name, and for a longer path than our own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from control.records import Flow, Stage, User
from control.store.interface import Query, Transaction
from control.verbs import invitations, prompts, stage_bindings, stages
from control.web.browser import COOKIE
from tests.control.flows.test_email_links import ENROLLMENT, NEW, RECOVERY, World, enrol
from tests.control.sources.abroad import Abroad
from tests.control.web.browsing import LOGIN, PASSWORD, USER, Browser, Site
from tests.control.web.test_second_factor_pages import set_up

EXECUTOR = "/api/v3/flows/executor/default-authentication-flow/"
CHANGE = "/if/flow/default-password-change/"
ASKED_FOR_THE_NAME = 'name="uid_field"'


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(tmp_path)
    yield found
    found.close()


def planted(site: Site, attacker: Browser, path: str = "/if/") -> Browser:
    """The browser of somebody whom a host beside ours has given the attacker's cookie."""
    victim = site.browser(peer="198.51.100.9")
    assert attacker.cookie is not None
    victim.client.cookies.set(COOKIE, attacker.cookie, domain=".example.com", path=path)
    return victim


def begun(site: Site, at: str = LOGIN) -> Browser:
    browser = site.browser()
    browser.get(at)
    return browser


def named(page: str) -> bool:
    return ASKED_FOR_THE_NAME not in page


def a_code(world: World) -> Callable[[], dict[str, str]]:
    browser = world.browser()
    browser.sign_in("alice")
    program = set_up(world, browser)
    return lambda: {"code": program.at(int(world.clock()))}


def a_new_password(world: World) -> Callable[[], dict[str, str]]:
    world.change(world.alice.pk, must_change_password=True)
    return lambda: {"password": NEW, "password_repeat": NEW}


def whether_to_stay(world: World) -> Callable[[], dict[str, str]]:
    def verb(tx: Transaction) -> None:
        (login,) = tx.select(Stage, Query(equal={"name": "default-authentication-login"}))
        stages.update(tx, login.pk, {"remember_me_offset": "days=30"})

    world.sql.write_now(verb)
    return lambda: {"remember_me": ""}


FURTHER = [a_code, a_new_password, whether_to_stay]


@pytest.mark.parametrize("further", FURTHER)
def test_whoever_knows_the_cookie_from_before_does_not_go_on_after_the_password(
    world: World, further: Callable[[World], Callable[[], dict[str, str]]]
) -> None:
    answer = further(world)
    attacker = begun(world)
    victim = planted(world, attacker)
    victim.sign_in("alice")
    assert named(victim.page.text), "something is asked still"
    assert not named(attacker.get(LOGIN).text)
    attacker.submit(True, None, **answer())
    assert attacker.get(USER).status_code == 303
    victim.get(LOGIN)
    victim.submit(True, None, **answer())
    assert victim.get(USER).status_code == 200


def test_nor_by_the_json_executor(world: World) -> None:
    answer = a_code(world)
    attacker = begun(world, EXECUTOR)
    victim = planted(world, attacker, "/api/")

    def post(browser: Browser, **fields: Any) -> Any:
        return browser.request("POST", EXECUTOR, follow=True, json=fields).json()

    post(victim, uid_field="alice")
    assert attacker.get(EXECUTOR).json()["component"] == "ak-stage-password"
    assert post(victim, password=PASSWORD)["component"] == "ak-stage-authenticator-validate"
    assert attacker.get(EXECUTOR).json()["component"] == "ak-stage-identification"
    assert post(victim, **answer())["component"] == "xak-flow-redirect"


def test_nor_after_a_link(world: World) -> None:
    world.ask("alice")
    attacker = begun(world)
    victim = planted(world, attacker)
    victim.get(world.link())
    assert "works once" in victim.text
    assert "password_repeat" in victim.submit().text
    assert named(victim.page.text)
    before = world.now(world.alice.pk).password
    assert not named(attacker.get(RECOVERY).text)
    attacker.request("POST", EXECUTOR.replace("authentication", "recovery"), json={"password": NEW})
    assert world.now(world.alice.pk).password == before
    assert victim.submit(password=NEW, password_repeat=NEW).status_code == 200
    assert world.now(world.alice.pk).password != before


def test_nor_if_they_are_signed_in_by_it_themselves(world: World) -> None:
    world.user("mallory")
    world.ask("alice")
    attacker = world.browser()
    attacker.sign_in("mallory")
    victim = planted(world, attacker)
    victim.get(world.link())
    assert "password_repeat" in victim.submit().text
    assert not named(attacker.get(RECOVERY).text)


def test_nor_if_they_had_shown_something_of_their_own(world: World) -> None:
    world.user("mallory", email="mallory@example.com")
    world.ask("mallory")
    attacker = world.opened()
    assert "password_repeat" in attacker.page.text
    world.clock.advance(1)
    world.ask("alice")
    victim = planted(world, attacker)
    victim.get(world.link())
    assert "password_repeat" in victim.submit().text
    assert not named(attacker.get(RECOVERY).text)


def test_nor_with_the_invitation_of_somebody_else(world: World) -> None:
    world.change_settings(enrollment="invitation")
    invited = world.sql.write_now(lambda tx: invitations.create(tx, {"name": "x", "single_use": True}))
    attacker = begun(world)
    victim = planted(world, attacker)
    assert 'name="username"' in victim.get(f"{ENROLLMENT}?itoken={invited.pk}").text
    assert attacker.get(ENROLLMENT).status_code == 403
    typed = {"username": "carol", "name": "C", "email": "c@example.com", "password": NEW, "password_repeat": NEW}
    assert victim.submit(True, None, **typed).status_code == 200


def test_nor_after_a_link_that_confirms_the_address_of_somebody_new(world: World) -> None:
    """In an enrolment that asks for the rest behind the link: nobody has proved anything yet."""

    def more_behind_the_link(tx: Transaction) -> None:
        field = {"name": "team", "field_key": "attributes.team", "label": "Team", "type": "text", "required": True}
        stage = stages.create(tx, "prompt", {"name": "more", "fields": [prompts.create(tx, field).pk]})
        (flow,) = tx.select(Flow, Query(equal={"slug": "default-enrollment-flow"}))
        stage_bindings.create(tx, {"target": flow.pk, "stage": stage.pk, "order": 25})

    world.sql.write_now(more_behind_the_link)
    world.change_settings(enrollment="open")
    enrol(world)
    attacker = begun(world)
    victim = planted(world, attacker)
    victim.get(world.link())
    asked = 'name="attributes.team"'
    assert asked in victim.submit().text
    assert asked not in attacker.get(ENROLLMENT).text
    assert victim.submit(True, None, **{"attributes.team": "red"}).status_code == 200
    assert world.sql.read_now(lambda tx: tx.find(User, username="carol")) is not None


def test_whoever_shows_again_who_they_are_stays_signed_in(world: World) -> None:
    """Nobody else can have had this cookie: it was made when they signed in."""
    world.change(world.alice.pk, must_change_password=False)
    browser = world.browser()
    browser.sign_in("alice")
    before = browser.cookie
    browser.sign_in("alice", at=CHANGE)
    assert "password_repeat" in browser.page.text
    assert browser.cookie == before
    assert browser.get(USER).status_code == 200


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Abroad]:
    found = Abroad(tmp_path)
    yield found
    found.close()


@pytest.mark.parametrize("came_too", [False, True])
def test_nor_after_a_sign_in_at_a_source(house: Abroad, came_too: bool) -> None:
    """What it says of somebody new becomes an account, which then is theirs. ``came_too``: whoever has planted the
    cookie has come from there, too."""
    house.abroad.user("bob")
    house.abroad.user("mallory")
    enrollment = house.flow("default-source-enrollment")
    house.set(enrollment_flow=enrollment)

    def asks_for_a_name(tx: Any) -> None:
        field = {"name": "name", "field_key": "username", "label": "Name", "type": "username", "required": True}
        stage = stages.create(tx, "prompt", {"name": "names", "fields": [prompts.create(tx, field).pk]})
        stage_bindings.create(tx, {"target": enrollment, "stage": stage.pk, "order": 10})

    house.here.sql.write_now(asks_for_a_name)
    attacker = begun(house.here)
    if came_too:
        house.changed = {"sub": "mallory-abroad"}
        house.arrive(attacker, "mallory")
    victim = planted(house.here, attacker, "/")
    house.changed = {"sub": "bob-abroad"}
    house.arrive(victim, "bob")
    at = "/if/flow/default-source-enrollment/"
    assert 'name="username"' not in attacker.get(at).text
    victim.get(at)
    victim.submit(username="bobby")
    found = house.here.sql.read_now(lambda tx: tx.find(User, username="bobby"))
    assert found is not None
    assert victim.get(USER).status_code == 200
