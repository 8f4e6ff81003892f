"""What a browser lives through in front of applications: several domains under one sign-in, and a POST come too late.

In front stands the stand-in for Traefik, which takes every host.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page

from tests.wire import test_traefik
from tests.wire.chromium import chromium
from tests.wire.directory import serve
from tests.wire.fronts import Front, sign_in
from tests.wire.program import until

pytestmark = pytest.mark.peer
front = test_traefik.front

NOTES = "notes.example.net"
"""Another registrable domain: no cookie is sent to both."""
EVERY_NAME = "--host-resolver-rules=MAP *.example.com 127.0.0.1, MAP *.example.net 127.0.0.1"
POST_A_FORM = """() => {
    const form = document.createElement("form");
    form.method = "post"; form.action = "/save";
    const field = form.appendChild(document.createElement("input"));
    field.name = "text"; field.value = "an hour's work";
    document.body.append(form);
    form.requestSubmit();
}"""


@contextmanager
def another_application(front: Front) -> Iterator[str]:
    """Open to the same people; its address."""
    program, people = front.program, front.people
    like = program.api("GET", f"providers/proxy/{people.providers['proxy']}/")
    url = f"http://{NOTES}:{front.port}"
    flows = {name: like[name] for name in ("authorization_flow", "invalidation_flow")}
    made = {"name": "notes", "mode": "forward_single", "external_host": url, **flows}
    people.providers["notes"] = program.api("POST", "providers/proxy/", made)["pk"]
    application = program.api(
        "POST", "core/applications/", {"name": "Notes", "slug": "notes", "provider": people.providers["notes"]}
    )
    program.api(
        "POST", "policies/bindings/", {"target": application["pk"], "group": people.groups["staff"], "order": 0}
    )
    serve(program, program.outpost_name, people)
    try:
        until(lambda: front.ask("/", host=NOTES).status_code == 302, 5, "the outpost hearing of it")
        yield url
    finally:
        pk = people.providers.pop("notes")
        serve(program, program.outpost_name, people)
        program.api("DELETE", "core/applications/notes/")
        program.api("DELETE", f"providers/proxy/{pk}/")


def end_sessions(front: Front, who: str) -> None:
    """As an administrator does."""
    for session in front.program.api("GET", "core/authenticated_sessions/", query={"user__username": who})["results"]:
        front.program.api("DELETE", f"core/authenticated_sessions/{session['uuid']}/")


def cookies(page: Page, url: str) -> str:
    return "; ".join(f"{one.get('name')}={one.get('value')}" for one in page.context.cookies(url))


def test_one_sign_in_opens_applications_of_several_domains_and_its_end_closes_all(front: Front) -> None:
    with another_application(front) as notes, chromium(EVERY_NAME) as browser:
        page, _ = front.signed_in(browser.new_context())
        page.goto(f"{notes}/first?x=1")
        assert page.url == f"{notes}/first?x=1", "nobody was asked for a password"
        assert front.last("/first?x=1")["x-authentik-username"] == "bob"
        here, there = cookies(page, front.app), cookies(page, notes)
        assert here != there
        assert front.ask("/", host=NOTES, Cookie=here).status_code == 302, "one's cookie opens not the other"
        page.goto(f"{front.app}/outpost.goauthentik.io/sign_out")
        page.get_by_text("You have signed out").wait_for()
        until(lambda: front.ask("/", host=NOTES, Cookie=there).status_code == 302, 2, "the end at the other domain")
        page.goto(notes)
        page.get_by_label("Password").or_(page.locator("[name=uid_field]")).first.wait_for()


def test_what_is_posted_after_the_end_of_a_session_comes_back_to_its_page_and_is_not_posted_twice(front: Front) -> None:
    with chromium(EVERY_NAME) as browser:
        page, cookie = front.signed_in(browser.new_context())
        page.goto(f"{front.app}/edit?page=7")
        end_sessions(front, "bob")
        until(lambda: front.ask("/", Cookie=cookie).status_code == 302, 5, "the end of the session")
        before = len(front.application.requests)
        page.evaluate(POST_A_FORM)
        page.locator("[name=uid_field]").wait_for()
        sign_in(page, "bob")
        page.wait_for_url(f"{front.app}/edit?page=7")
        arrived = [path for path, _ in front.application.requests[before:]]
        assert "/edit?page=7" in arrived
        assert "/save" not in arrived
