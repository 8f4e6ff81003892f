"""A form that is sent twice with one cookie: the browser shows the answer to the second, and the first has given it
another cookie by then. Nothing of the second is taken."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from control.flows.stages import password_change
from control.flows.stages.choosing import chosen_hash
from control.flows.state import Step
from control.verbs import users
from control.web import flow_steps
from control.web.browser import COOKIE
from control.web.pages.flow import EXPIRED
from control.web.services import Services
from tests.control.flows.test_email_links import NEW, World
from tests.control.web.browsing import HOST, LOGIN, PASSWORD, SIGN_OUT, USER, Browser
from tests.control.web.test_second_factor_pages import set_up

AT = "/api/v3/flows/executor/default-authentication-flow/?query=next%3D%2Fif%2Fuser%2F"
OURS, ELSEWHERE = f"http://{HOST}", "https://evil.example"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(tmp_path)
    yield found
    found.close()


def at_the_password(world: World, next: str = "") -> Browser:
    browser = world.browser()
    browser.get(f"{LOGIN}?next={next}" if next else LOGIN)
    browser.submit(uid_field="alice")
    return browser


def copy_of(browser: Browser, origin: str = OURS) -> Browser:
    """The same browser as it is now, its cookie and the page that it shows."""
    other = browser.site.browser(origin=origin)
    assert browser.cookie is not None
    other.client.cookies.set(COOKIE, browser.cookie, domain=HOST, path="/")
    other.page = browser.page
    return other


def clicked_twice(browser: Browser, **fields: str) -> tuple[httpx.Response, httpx.Response]:
    """The answers to both; the browser follows the second, with the cookie from the first."""
    second = copy_of(browser)
    answers = browser.submit(False, **fields), second.submit(False, **fields)
    assert "set-cookie" not in answers[1].headers, "the first answer's cookie stays"
    assert answers[1].status_code == 303
    browser.get(answers[1].headers["location"], follow=True)
    return answers


def test_in_the_middle_of_a_flow_it_goes_on(world: World) -> None:
    other = world.browser()
    other.sign_in("alice")
    program = set_up(world, other)
    browser = at_the_password(world)
    first, _ = clicked_twice(browser, password=PASSWORD)
    assert "set-cookie" in first.headers
    assert 'name="code"' in browser.page.text
    browser.submit(code=program.at(int(world.clock())))
    assert browser.get(USER).status_code == 200


@pytest.mark.parametrize("next", ["/if/user/", "/application/o/authorize/?client_id=x&state=y"])
def test_after_the_last_step_it_leads_where_the_first_led(world: World, next: str) -> None:
    browser = at_the_password(world, str(httpx.QueryParams({"": next}))[1:])
    second = copy_of(browser)
    assert browser.submit(False, password=PASSWORD).headers["location"] == next
    answered = second.submit(False, password=PASSWORD)
    assert answered.status_code == 303
    assert browser.get(answered.headers["location"]).headers["location"] == next


def test_a_page_that_was_open_for_too_long_begins_again_says_so_and_leads_there_still(world: World) -> None:
    browser = at_the_password(world, USER)
    assert EXPIRED not in browser.page.text
    world.clock.advance(2 * 3600)
    assert 'name="uid_field"' in browser.submit(password=PASSWORD).text
    assert EXPIRED in browser.page.text
    assert EXPIRED not in browser.submit(uid_field="alice").text
    assert browser.submit(False, password=PASSWORD).headers["location"] == USER


def test_a_form_that_is_on_its_way_while_the_first_ends_the_session(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page with its error would be one of a session that is over."""
    browser = at_the_password(world)
    second, answered = copy_of(browser), flow_steps.answer

    async def overtaken(services: Services, *given: Any) -> Step:
        step = await answered(services, *given)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(world.app), base_url=OURS) as first:
            fields = {"csrf_token": browser.token, "password": PASSWORD}
            monkeypatch.setattr(flow_steps, "answer", answered)
            headers = {"Cookie": f"{COOKIE}={browser.cookie}"}
            assert (await first.post(LOGIN, data=fields, headers=headers)).headers["location"] == "/"
        return step

    monkeypatch.setattr(flow_steps, "answer", overtaken)
    assert second.submit(False, password="wrong").headers["location"] == LOGIN
    assert world.events("login")


def test_a_form_whose_flow_was_left_in_another_tab_says_so(world: World) -> None:
    browser = at_the_password(world)
    second = copy_of(browser)
    second.get("/flows/-/cancel/")
    answered = browser.submit(password=PASSWORD)
    assert 'name="uid_field"' in answered.text
    assert EXPIRED in answered.text


@pytest.fixture
def choosing(world: World) -> Browser:
    """Somebody who has to choose another password."""
    world.change(world.alice.pk, must_change_password=True)
    browser = at_the_password(world)
    browser.submit(password=PASSWORD)
    assert "password_repeat" in browser.page.text
    return browser


CHOSEN = {"password": NEW, "password_repeat": NEW}


def overtaking(world: World, first: Browser, seconds: float = 0.0) -> Callable[[], Awaitable[httpx.Response]]:
    """What sends the form, beside another one that is being looked at for so many seconds longer."""
    token, cookie = first.token, first.cookie

    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(world.app), base_url=OURS) as client:
            fields = {"csrf_token": token, **CHOSEN}
            answer = await client.post(LOGIN, data=fields, headers={"Cookie": f"{COOKIE}={cookie}"})
        world.clock.advance(seconds)
        return answer

    return send


def test_both_of_two_forms_with_a_password_that_had_to_be_chosen_lead_on(
    world: World, choosing: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The browser shows the second's answer, whichever is quicker, and has perhaps not heard the first's."""
    second, answers = copy_of(choosing), []
    send = overtaking(world, choosing, 2.0)

    async def overtaken(*given: Any) -> object:
        monkeypatch.setattr(password_change, "chosen_hash", chosen_hash)
        answers.append(await send())
        return await chosen_hash(*given)

    monkeypatch.setattr(password_change, "chosen_hash", overtaken)
    answered = second.submit(False, **CHOSEN)
    assert [one.headers["location"] for one in (*answers, answered)] == ["/", "/"]
    assert "set-cookie" in answered.headers
    assert second.get(USER).status_code == 200


def test_one_that_comes_after_the_password_is_chosen_goes_where_the_flow_stands(
    world: World, choosing: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    second, answered, send = copy_of(choosing), flow_steps.answer, overtaking(world, choosing, 2.0)

    async def overtaken(services: Services, *given: Any) -> Step:
        monkeypatch.setattr(flow_steps, "answer", answered)
        assert (await send()).headers["location"] == "/"
        world.clock.advance(1)
        return await answered(services, *given)

    monkeypatch.setattr(flow_steps, "answer", overtaken)
    assert second.submit(False, **CHOSEN).headers["location"] == LOGIN


@pytest.mark.parametrize(("theirs", "seconds"), [("somebody else's own", 0.0), (NEW, 1.0)])
def test_nobody_guesses_a_password_that_was_chosen_elsewhere(
    world: World, choosing: Browser, theirs: str, seconds: float
) -> None:
    """Right or wrong, it hears the same, unless it was being looked at when the password was chosen."""
    hashed = world.passwords.hash_now(theirs)
    world.sql.write_now(lambda tx: users.set_password(tx, world.alice.pk, hashed))
    world.clock.advance(seconds)
    answered = choosing.submit(False, **CHOSEN)
    assert answered.status_code == 403
    assert "changed elsewhere" in answered.text


def test_signing_out_twice(world: World) -> None:
    browser = world.browser()
    browser.sign_in("alice")
    browser.get(USER)
    second = copy_of(browser)
    assert browser.submit(False, to=SIGN_OUT).headers["location"] == "/"
    answered = second.submit(True, to=SIGN_OUT)
    assert answered.status_code == 200
    assert 'name="uid_field"' in answered.text


def test_the_cookie_may_be_the_new_one_already(world: World) -> None:
    world.change(world.alice.pk, must_change_password=True)
    browser = at_the_password(world)
    token = browser.token
    browser.submit(False, password=PASSWORD)
    answered = browser.post(LOGIN, False, csrf_token=token, password=NEW, password_repeat=NEW)
    assert answered.status_code == 303
    assert "password_repeat" in browser.get(answered.headers["location"]).text


# --- no way around the token ---------------------------------------------------------------------------------------


def test_nothing_is_taken_without_the_token(world: World) -> None:
    browser = at_the_password(world)
    for token in ("", "x" * 43, "ü"):
        browser.post(LOGIN, password=PASSWORD, csrf_token=token)
        assert 'name="password"' in browser.page.text
        assert browser.get(USER).status_code == 303
    assert world.events("login") == []


@pytest.mark.parametrize("dead", [True, False])
def test_from_elsewhere_it_stays_refused(world: World, dead: bool) -> None:
    browser = at_the_password(world)
    second = copy_of(browser, ELSEWHERE)
    if dead:
        browser.submit(False, password=PASSWORD)
    answered = second.post(LOGIN, False, csrf_token="" if not dead else second.token, password=PASSWORD)
    assert answered.status_code == 403
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert second.request("POST", LOGIN, data={"password": PASSWORD}, headers=headers).status_code == 403


def test_without_any_cookie_it_is_refused(world: World) -> None:
    """Whoever's browser keeps none would come back to the first page for ever, and never read why."""
    assert world.browser().post(LOGIN, False, csrf_token="x", uid_field="alice").status_code == 403


# --- the JSON executor ---------------------------------------------------------------------------------------------


def json_post(browser: Browser, **fields: Any) -> httpx.Response:
    return browser.request("POST", AT, json=fields)


def test_the_json_executor_goes_on_too(world: World) -> None:
    other = world.browser()
    other.sign_in("alice")
    set_up(world, other)
    browser = world.browser()
    browser.get(AT)
    json_post(browser, uid_field="alice")
    second = copy_of(browser)
    json_post(browser, password=PASSWORD)
    answered = json_post(second, password=PASSWORD)
    assert answered.status_code == 302
    assert "set-cookie" not in answered.headers
    asked = browser.get(answered.headers["location"]).json()
    assert asked["component"] == "ak-stage-authenticator-validate"


def test_and_leads_on_after_its_last_step(world: World) -> None:
    browser = world.browser()
    browser.get(AT)
    json_post(browser, uid_field="alice")
    second = copy_of(browser)
    led = json_post(browser, password=PASSWORD).json()
    answered = json_post(second, password=PASSWORD)
    assert browser.get(answered.headers["location"]).json() == led


def test_and_asks_nothing_of_a_session_that_has_ended_meanwhile(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = at_the_password(world)
    second, answered = copy_of(browser), flow_steps.answer

    async def overtaken(services: Services, *given: Any) -> Step:
        monkeypatch.setattr(flow_steps, "answer", answered)
        step = await answered(services, *given)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(world.app), base_url=OURS) as first:
            fields = {"csrf_token": browser.token, "password": PASSWORD}
            headers = {"Cookie": f"{COOKIE}={browser.cookie}"}
            assert (await first.post(LOGIN, data=fields, headers=headers)).headers["location"] == "/"
        return step

    monkeypatch.setattr(flow_steps, "answer", overtaken)
    again = json_post(second, password="wrong")
    assert (again.status_code, again.headers["location"]) == (302, AT)


def test_but_from_elsewhere_it_is_refused(world: World) -> None:
    browser = world.browser()
    browser.get(AT)
    second = copy_of(browser)
    json_post(browser, uid_field="alice")
    json_post(browser, password=PASSWORD)
    headers = {"Origin": ELSEWHERE}
    assert second.request("POST", AT, json={"uid_field": "x"}, headers=headers).status_code == 403
