"""Flows that people put together, in a browser: how long one stays, what a wrong answer means, who may begin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from control import sessions
from control.records import Flow, Session, User
from control.store.interface import Query
from control.verbs import bindings, flows, stage_bindings, stages
from control.web.browser import COOKIE
from tests.control.web.browsing import HOST, PASSWORD, USER, Browser, Site

OWN = "/if/flow/own/"
LOGIN: dict[str, dict[str, Any]] = {"identification": {}, "password": {}, "user_login": {}}
DAY = 86_400.0


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    opened = Site(tmp_path)
    opened.administrator()
    opened.user("alice")
    yield opened
    opened.close()


def composed(
    site: Site, kinds: Mapping[str, Mapping[str, Any]], slug: str = "own", on_wrong: str = "retry", **fields: Any
) -> Flow:
    """A flow of these stages, with their settings."""

    def verb(tx: Any) -> Flow:
        given = {"name": slug, "slug": slug, "title": slug, "designation": "authentication", **fields}
        flow = flows.create(tx, given)
        for order, (kind, settings) in enumerate(kinds.items()):
            stage = stages.create(tx, kind, {"name": f"{slug} {kind}", **settings})
            line = {"target": flow.pk, "stage": stage.pk, "order": order, "invalid_response_action": on_wrong}
            stage_bindings.create(tx, line)
        return flow

    return site.sql.write_now(verb)


def login(site: Site, **settings: Any) -> None:
    composed(site, {**LOGIN, "user_login": settings})


def session_of(site: Site, browser: Browser) -> Session:
    assert browser.cookie is not None
    return next(one for one in site.sessions() if one.pk == sessions.key_of(browser.cookie or ""))


def cookie_of(answer: httpx.Response) -> str:
    """The line that sets the session's."""
    (line,) = [line for line in answer.headers.get_list("set-cookie") if line.startswith(COOKIE)]
    return str(line)


def is_in(browser: Browser) -> bool:
    return browser.get(USER).status_code == 200


# --- how long somebody stays ---------------------------------------------------------------------------------------


def test_a_session_lasts_as_long_as_the_stage_says_used_or_not(site: Site) -> None:
    login(site, session_duration="days=10")
    alice = site.browser()
    done = alice.sign_in("alice", at=OWN)
    assert "Max-Age=864000;" in cookie_of(done.history[0])
    site.clock.advance(10 * DAY - 1)
    assert is_in(alice)
    site.clock.advance(1)
    assert not is_in(alice)


def test_the_usual_session_ends_when_it_is_not_used(site: Site) -> None:
    login(site)
    alice = site.browser()
    done = alice.sign_in("alice", at=OWN)
    assert "Max-Age" not in cookie_of(done.history[0])
    site.clock.advance(3 * DAY)
    assert not is_in(alice)


@pytest.mark.parametrize(("said", "days"), [("true", 31), ("false", 1)])
def test_who_wants_to_stays_signed_in_for_longer(site: Site, said: str, days: int) -> None:
    login(site, session_duration="days=1", remember_me_offset="days=30")
    alice = site.browser()
    alice.sign_in("alice", at=OWN)
    assert "Stay signed in" in alice.text
    assert not is_in(alice)
    alice.get(OWN)
    alice.submit(remember_me=said)
    assert session_of(site, alice).expires == site.clock() + days * DAY


def test_programs_say_it_in_json(site: Site) -> None:
    login(site, remember_me_offset="days=30")
    path, alice = "/api/v3/flows/executor/own/", site.browser()
    alice.get(path)
    for answer in ({"uid_field": "alice"}, {"password": PASSWORD}):
        shown = alice.request("POST", path, follow=True, json=answer).json()
    assert shown["component"] == "ak-stage-user-login"
    done = alice.request("POST", path, json={"remember_me": True}).json()
    assert done["component"] == "xak-flow-redirect"
    assert session_of(site, alice).expires == site.clock() + 30 * DAY


def test_nobody_stays_whose_account_is_switched_off_while_they_are_asked(site: Site) -> None:
    login(site, remember_me_offset="days=30")
    alice = site.browser()
    alice.sign_in("alice", at=OWN)
    (account,) = site.sql.read_now(lambda tx: tx.select(User, Query(equal={"username": "alice"})))
    site.change(account.pk, is_active=False)
    assert alice.submit(remember_me="true").status_code == 403
    assert not is_in(alice)


def test_other_sessions_end_where_the_stage_says_so(site: Site) -> None:
    login(site, terminate_other_sessions=True)
    first, second, somebody = site.browser(), site.browser(), site.browser()
    somebody.sign_in("akadmin", at=OWN)
    first.sign_in("alice", at=OWN)
    second.sign_in("alice", at=OWN)
    assert (is_in(first), is_in(second), is_in(somebody)) == (False, True, True)


@pytest.mark.parametrize(
    ("binding", "near", "far"),
    [("no_binding", True, True), ("bind_asn_network", True, False), ("bind_asn_network_ip", False, False)],
)
def test_a_session_opens_nothing_where_it_is_not_bound_to(site: Site, binding: str, near: bool, far: bool) -> None:
    login(site, network_binding=binding)
    alice = site.browser("192.0.2.7")
    alice.sign_in("alice", at=OWN)
    assert is_in(alice)
    for peer, opens in (("192.0.2.99", near), ("198.51.100.7", far)):
        thief = site.browser(peer)
        thief.client.cookies.set("authentik_session", str(alice.cookie), HOST, "/")
        assert is_in(thief) == opens, peer


# --- what a wrong answer means -------------------------------------------------------------------------------------


@pytest.mark.parametrize("on_wrong", ["restart", "restart_with_context"])
def test_a_wrong_answer_begins_anew_where_the_binding_says_so(site: Site, on_wrong: str) -> None:
    composed(site, LOGIN, on_wrong=on_wrong)
    alice = site.browser()
    alice.get(OWN)
    alice.submit(uid_field="alice")
    alice.submit(password="wrong")
    assert "User name or e-mail address" in alice.text
    assert "The name or the password is wrong." in alice.text
    assert site.events("login_failed")[-1].context["reason"] == "wrong_password"
    alice.submit(uid_field="akadmin")  # nobody was named any more
    alice.submit(password=PASSWORD)
    assert alice.get("/api/v3/core/users/me/").json()["user"]["username"] == "akadmin"


def test_otherwise_it_asks_again(site: Site) -> None:
    composed(site, LOGIN)
    alice = site.browser()
    alice.get(OWN)
    alice.submit(uid_field="alice")
    assert "User name" not in alice.submit(password="wrong").text


def test_starting_anew_is_no_way_around_the_brake(site: Site) -> None:
    composed(site, LOGIN, on_wrong="restart")
    alice = site.browser()
    alice.get(OWN)
    for _ in range(30):
        alice.submit(uid_field="alice")
        if alice.submit(password="wrong").status_code == 429:
            break
    assert alice.page.status_code == 429


# --- who may begin -------------------------------------------------------------------------------------------------


def test_a_part_of_another_flow_is_begun_there(site: Site) -> None:
    part = composed(site, LOGIN, "part", authentication="require_redirect")
    composed(site, {"redirect": {"mode": "flow", "target_flow": part.pk}})
    alice = site.browser()
    assert alice.get("/if/flow/part/").status_code == 403
    alice.get(OWN, follow=True)
    assert alice.page.url.path == "/if/flow/part/"
    alice.submit(uid_field="alice")
    alice.submit(password=PASSWORD)
    assert is_in(alice)
    again = site.browser()
    again.get(OWN)
    assert again.get("/if/flow/part/").status_code == 200
    again.get("/flows/-/cancel/")
    assert again.get("/if/flow/part/").status_code == 403  # it was good once


@pytest.mark.parametrize("requirement", ["require_outpost", "require_token"])
def test_a_browser_begins_no_flow_that_is_not_for_browsers(site: Site, requirement: str) -> None:
    composed(site, LOGIN, authentication=requirement)
    assert site.browser().get(OWN).status_code == 403
    forged = site.browser().get("/api/v3/flows/executor/own/", headers={"X-Authentik-Outpost-Token": "guess"})
    assert forged.json()["component"] == "ak-stage-access-denied"


@pytest.mark.parametrize(
    ("action", "status", "leads"),
    [("message", 403, False), ("message_continue", 403, True), ("continue", 303, True)],
)
def test_what_happens_to_whom_a_flow_is_not_for(site: Site, action: str, status: int, leads: bool) -> None:
    fields = {"designation": "stage_configuration", "denied_action": action}
    flow = composed(site, {"consent": {}}, **fields)
    site.sql.write_now(lambda tx: bindings.create(tx, {"target": flow.pk, "user": 1}))
    page = site.browser().get(f"{OWN}?next=/if/user/")
    assert page.status_code == status
    assert (page.headers.get("location") == "/if/user/" or 'href="/if/user/"' in page.text) == leads
    shown = site.browser().get("/api/v3/flows/executor/own/?query=next%3D%2Fif%2Fuser%2F").json()
    assert shown["component"] == ("xak-flow-redirect" if action == "continue" else "ak-stage-access-denied")


def test_going_on_never_leads_in_circles_before_anybody_has_signed_in(site: Site) -> None:
    flow = composed(site, LOGIN, denied_action="continue")
    site.sql.write_now(lambda tx: bindings.create(tx, {"target": flow.pk, "user": 1}))
    assert site.browser().get(f"{OWN}?next=/if/user/").status_code == 403
