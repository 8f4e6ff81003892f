"""A second factor asked for again: the session stays, and says when it was shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pyotp
import pytest

from control.default_flows import STEP_UP
from control.oidc.discovery import ACR, SECOND_FACTOR
from control.records import Session, Stage
from tests.control.oidc.relying import AUTHORIZE, Person
from tests.control.oidc.test_proxied import World
from tests.control.web.browsing import PASSWORD

TOTP = "/if/flow/default-authenticator-totp-setup/"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    opened = World(tmp_path)
    yield opened
    opened.close()


def with_factor(world: World) -> tuple[Person, pyotp.TOTP]:
    """Alice, who has set up a program, and signed in with it a while ago."""
    person = world.signed_in()
    person.get(TOTP)
    found = re.search(r"<code>([A-Z2-7]+)</code>", person.page.text)
    assert found is not None
    program = pyotp.TOTP(found.group(1))
    person.submit(code=program.at(int(world.clock())))
    world.clock.advance(60)
    again = world.person()
    again.sign_in("alice")
    again.submit(code=program.at(int(world.clock())))
    world.clock.advance(3600)
    return again, program


def asked(world: World, **changed: str) -> str:
    wanted = {"acr_values": SECOND_FACTOR, "max_age": "300", "state": "s", **changed}
    return f"{AUTHORIZE}?{urlencode(world.person().parameters(**wanted))}"


def show(world: World, person: Person, program: pyotp.TOTP) -> None:
    person.submit(code=program.at(int(world.clock())))
    world.clock.advance(30)


def session_of(world: World, user: int) -> Session:
    every = world.sql.read_now(lambda tx: tx.select(Session))
    return max((session for session in every if session.user == user), key=lambda session: session.created)


def test_whoever_has_signed_in_shows_it_once_more_and_keeps_the_session(world: World) -> None:
    person, program = with_factor(world)
    before = session_of(world, world.alice.pk)
    assert before.second_factor == before.created
    person.get(asked(world), follow=True)
    assert urlsplit(str(person.page.url)).path == f"/if/flow/{STEP_UP}/"
    person.submit(code="000000")
    assert "This code is wrong" in person.text
    shown = world.clock.now()
    show(world, person, program)
    after = session_of(world, world.alice.pk)
    assert (after.pk, after.created) == (before.pk, before.created)
    assert after.second_factor == shown


def test_tokens_say_that_it_was_shown_and_when(world: World) -> None:
    person, program = with_factor(world)
    person.get(asked(world), follow=True)
    shown = world.clock.now()
    show(world, person, program)
    location = person.get(asked(world)).headers["location"]
    tokens = world.exchange(parse_qs(urlsplit(location).query)["code"][0]).json()
    claims = world.verified(tokens["id_token"])
    assert (claims["acr"], claims["auth_time"]) == (SECOND_FACTOR, int(shown))
    plain = world.exchange(person.code()).json()
    assert world.verified(plain["id_token"])["acr"] == ACR


def test_it_is_asked_for_again_when_it_is_too_old(world: World) -> None:
    person, program = with_factor(world)
    person.get(asked(world), follow=True)
    show(world, person, program)
    assert "code=" in person.get(asked(world)).headers["location"]
    world.clock.advance(300)
    assert STEP_UP in person.get(asked(world)).headers["location"]
    assert "login_required" in person.get(asked(world, prompt="none")).headers["location"]


def test_a_whole_sign_in_with_a_second_factor_counts(world: World) -> None:
    _, program = with_factor(world)
    other = world.person()
    other.get(asked(world), follow=True)
    other.submit(uid_field="alice")
    other.submit(password=PASSWORD)
    other.submit(False, code=program.at(int(world.clock())))
    assert "code=" in other.get(asked(world)).headers["location"]


def test_whoever_has_none_is_refused_and_not_sent_in_circles(world: World) -> None:
    person = world.signed_in()
    person.get(asked(world), follow=True)
    assert "have none" in person.text

    def skips(tx: object) -> None:
        stage = tx.find(Stage, name="default-second-factor-validation")  # type: ignore[attr-defined]
        tx.update(replace(stage, settings={**stage.settings, "not_configured_action": "skip"}))  # type: ignore[attr-defined]

    world.sql.write_now(skips)
    person.get(asked(world), follow=True)
    assert "asks for no second factor" in person.text


def test_wrong_codes_are_throttled_as_those_of_a_sign_in_are(world: World) -> None:
    person, program = with_factor(world)
    person.get(asked(world), follow=True)
    for _ in range(4):
        person.submit(code="000000")
    person.submit(code=program.at(int(world.clock())))
    session = session_of(world, world.alice.pk)
    assert session.second_factor == session.created


def test_one_that_was_set_up_in_this_very_session_does_not_count(world: World) -> None:
    person = world.signed_in()
    person.get(TOTP)
    found = re.search(r"<code>([A-Z2-7]+)</code>", person.page.text)
    assert found is not None
    program = pyotp.TOTP(found.group(1))
    person.submit(code=program.at(int(world.clock())))
    assert session_of(world, world.alice.pk).second_factor == 0
    world.clock.advance(30)
    person.get(asked(world), follow=True)
    person.submit(code=program.at(int(world.clock())))
    assert "set up after you signed in" in person.text
    assert session_of(world, world.alice.pk).second_factor == 0


def test_an_outpost_is_told(world: World) -> None:
    person, program = with_factor(world)
    person.get(asked(world), follow=True)
    shown = world.clock.now()
    show(world, person, program)
    answer = world.redeem(world.question(world.code_for(person)))
    assert answer.session is not None
    assert answer.session.second_factor == shown
