"""Whoever has begun to make an account goes on only while the way is open: a mail that was sent before is no way in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.flows.test_email_links import ENROLLMENT, NEWCOMER, World, carol, enrol, invite


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(tmp_path)
    found.change_settings(enrollment="open")
    yield found
    found.close()


def test_a_link_that_was_mailed_before_makes_no_account_once_enrolment_is_off(world: World) -> None:
    enrol(world)
    link, seen = world.link(), world.browser()
    seen.get(link)
    world.change_settings(enrollment="off")
    assert seen.submit().status_code == 403, "nor does one that had been opened"
    assert "Nobody makes themselves an account here" in seen.text
    assert world.browser().get(link).status_code == 403, "whoever opens it is told at once"
    assert carol(world) is None
    world.change_settings(enrollment="open")
    world.opened(link)
    assert carol(world) is not None


def test_nor_does_a_form_that_was_open(world: World) -> None:
    browser = world.browser()
    browser.get(ENROLLMENT)
    world.change_settings(enrollment="off")
    assert browser.submit(True, None, **NEWCOMER).status_code == 403
    assert world.letters() == []


def test_who_was_not_invited_does_not_go_on_where_people_have_to_be(world: World) -> None:
    enrol(world)
    uninvited = world.link()
    world.change_settings(enrollment="invitation")
    assert world.browser().get(uninvited).status_code == 403
    assert carol(world) is None
    world.clock.advance(1)
    enrol(world, f"{ENROLLMENT}?itoken={invite(world).pk}")
    assert world.opened().page.status_code == 200
    assert carol(world) is not None


def test_nobody_deletes_their_account_once_they_may_not(world: World) -> None:
    world.change_settings(unenrollment=True)
    browser = world.browser()
    browser.get("/if/flow/default-unenrollment-flow/")
    browser.submit(uid_field="alice")
    world.change_settings(unenrollment=False)
    assert browser.submit(password="correct horse battery").status_code == 403
    assert world.now(world.alice.pk) == world.alice
