"""What must hold in front of every proxy that hands our answers to the browser: the same journeys through each."""

from __future__ import annotations

from base64 import b64encode

from playwright.sync_api import BrowserContext

from tests.wire.application import application
from tests.wire.chromium import SLOW_MILLISECONDS, chromium
from tests.wire.directory import PASSWORDS
from tests.wire.fronts import NOTES, RESOLVER, Front, sign_in
from tests.wire.program import SOON, until

LOOK_ALIKES = (
    "X_Authentik_Username",
    "X.Authentik.Username",
    "X-Authentik_Username",
    "X_Authentik-Groups",
    "X.Authentik-Groups",
    "X_Authentik.Groups",
    "X-Authentik-Meta_App",
    "X.Authentik_Meta-App",
)
"""Applications may take these for the true ones: CGI, WSGI and PHP do."""

POST_A_FORM = """() => {
    const form = document.createElement("form");
    form.method = "post"; form.action = "/save";
    const field = form.appendChild(document.createElement("input"));
    field.name = "text"; field.value = "an hour's work";
    document.body.append(form);
    form.requestSubmit();
}"""
WEBSOCKET = """
    () => new Promise((resolve, reject) => {
        window.said = []; window.ended = false;
        window.socket = new WebSocket(location.origin.replace('http', 'ws') + '/ws');
        socket.onmessage = (message) => { said.push(message.data); resolve(message.data); };
        socket.onclose = () => { window.ended = true; reject('closed'); };
        socket.onopen = () => socket.send('hello');
    })
"""


def a_person_signs_in_and_arrives(front: Front, strips_empty: bool = False) -> None:
    """And leaves; and brings no headers of their own. ``strips_empty``: does the caller remove what we write empty?"""
    with chromium(RESOLVER) as browser:
        context = browser.new_context()
        page, cookie = front.signed_in(context)
        page.goto(f"{front.app}/deep/page?x=1&y=a%20b")
        headers = front.last("/deep/page?x=1&y=a%20b")
        assert (headers["x-authentik-username"], headers["x-authentik-groups"]) == ("bob", "engineering")
        forged = {"X-Authentik-Username": "alice", "X-Authentik-Entitlements": "all"}
        forged |= dict.fromkeys(LOOK_ALIKES, "alice")
        assert front.ask("/forged", Cookie=cookie, **forged).status_code == 200
        headers = front.last("/forged")
        assert headers["x-authentik-username"] == "bob"
        assert headers.get("x-authentik-entitlements") == (None if strips_empty else "")
        assert not {name.lower() for name in LOOK_ALIKES} & headers.keys()
        nothing_is_taken_away_by_naming_it(front, cookie)
        page.goto(f"{front.app}/outpost.goauthentik.io/sign_out")
        page.get_by_text("You have signed out").wait_for()
        assert front.ask("/", Cookie=cookie).status_code == 302


def nothing_is_taken_away_by_naming_it(front: Front, cookie: str) -> None:
    """A proxy leaves out what Connection lists: an application would hear of bob without his groups."""
    named = "keep-alive, X-Authentik-Groups, x-authentik-username,X-Authentik-Email"
    assert front.ask("/named", Cookie=cookie, Connection=named).status_code == 200
    headers = front.last("/named")
    assert (headers["x-authentik-username"], headers["x-authentik-groups"]) == ("bob", "engineering")
    assert headers["x-authentik-email"] == "bob@example.com"


def nobody_else_arrives(front: Front) -> None:
    before = len(front.application.requests)
    forged = {"X-Authentik-Username": "bob", "X-Forwarded-Uri": "/public", "X-Original-URL": f"{front.app}/public"}
    assert front.ask("/page", **forged).status_code == 302
    assert front.ask("/page", Accept="application/json").status_code == 401
    assert front.ask("/page", "POST").status_code == 303
    assert front.ask("/", host="unknown.example.com").status_code == 403
    assert len(front.application.requests) == before


def credentials_open(front: Front) -> None:
    assert front.ask("/basic", Authorization=basic("bob", PASSWORDS["bob"])).status_code == 200
    assert front.last("/basic")["x-authentik-username"] == "bob"
    assert front.ask("/basic", Authorization=basic("bob", "wrong")).status_code == 401


def basic(name: str, password: str) -> str:
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()


def several_tabs_finish_in_any_order(front: Front) -> None:
    with chromium(RESOLVER) as browser:
        tabs_finish_in_any_order(front, browser.new_context(ignore_https_errors=True))


def tabs_finish_in_any_order(front: Front, context: BrowserContext) -> None:
    pages = [context.new_page() for _ in range(3)]
    for number, page in enumerate(pages):
        page.goto(f"{front.app}/tab/{number}")
    sign_in(pages[2], "bob")
    pages[2].wait_for_url(f"{front.app}/tab/2")
    for number in (0, 1):
        pages[number].goto(f"{front.app}/tab/{number}")
        pages[number].wait_for_url(f"{front.app}/tab/{number}")
        assert pages[number].inner_text("body") == "hello"


def a_post_after_the_end_comes_back_to_its_page(front: Front) -> None:
    """And is not posted twice."""
    with chromium(RESOLVER) as browser:
        page, cookie = front.signed_in(browser.new_context(ignore_https_errors=True))
        page.goto(f"{front.app}/edit?page=7")
        front.end_sessions("bob")
        until(lambda: front.ask("/", Cookie=cookie).status_code == 302, SOON, "the end of the session")
        before = len(front.application.requests)
        page.evaluate(POST_A_FORM)
        page.locator("[name=uid_field]").wait_for()
        sign_in(page, "bob")
        page.wait_for_url(f"{front.app}/edit?page=7")
        arrived = [path for path, _ in front.application.requests[before:]]
        assert "/edit?page=7" in arrived
        assert "/save" not in arrived


def nothing_but_the_keyboard_is_needed(front: Front) -> None:
    """What has to be typed into has the focus, on every page of the way; and out again by Tab and Enter."""
    with chromium(RESOLVER) as browser:
        page = browser.new_context(ignore_https_errors=True).new_page()
        page.goto(f"{front.app}/typed")
        for field, typed in (("uid_field", "bob"), ("password", PASSWORDS["bob"])):
            page.locator(f"[name={field}]:focus").wait_for()
            page.keyboard.type(typed)
            page.keyboard.press("Enter")
        page.wait_for_url(f"{front.app}/typed")
        page.goto(f"{front.app}/outpost.goauthentik.io/sign_out")
        page.get_by_text("You have signed out").wait_for()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.tagName") in ("A", "BUTTON"), "there is a way on"


def one_sign_in_opens_several_domains_and_its_end_closes_all(front: Front) -> None:
    with front.beside(f"{front.app.partition(':')[0]}://{NOTES}:{front.port}") as other, chromium(RESOLVER) as browser:
        page, _ = front.signed_in(browser.new_context(ignore_https_errors=True))
        page.goto(f"{other.app}/first?x=1")
        assert page.url == f"{other.app}/first?x=1", "nobody was asked for a password"
        assert other.last("/first?x=1")["x-authentik-username"] == "bob"
        here, there = front.cookies(page), other.cookies(page)
        assert here != there
        assert other.ask("/", Cookie=here).status_code == 302, "one's cookie opens not the other"
        page.goto(f"{front.app}/outpost.goauthentik.io/sign_out")
        page.get_by_text("You have signed out").wait_for()
        until(lambda: other.ask("/", Cookie=there).status_code == 302, SOON, "the end at the other domain")
        page.goto(other.app)
        page.locator("[name=uid_field]").wait_for()


def signing_out_cuts_the_websocket_through_us(front: Front) -> None:
    """Of another application, to which we are the proxy, opened by the same sign-in."""
    with application() as behind:
        url = f"http://wiki.example.com:{front.program.place('http')[1]}"
        settings = {"mode": "proxy", "internal_host": f"http://127.0.0.1:{behind.port}"}
        with front.beside(url, **settings) as wiki, chromium(RESOLVER) as browser:
            page, _ = front.signed_in(browser.new_context(ignore_https_errors=True))
            other = page.context.new_page()
            other.goto(f"{wiki.app}/page")
            assert other.evaluate(WEBSOCKET) == "hello"
            page.goto(f"{front.app}/outpost.goauthentik.io/sign_out")
            page.get_by_text("You have signed out").wait_for()
            other.wait_for_function("window.ended", timeout=SLOW_MILLISECONDS)


OF_PEOPLE = (
    several_tabs_finish_in_any_order,
    a_post_after_the_end_comes_back_to_its_page,
    nothing_but_the_keyboard_is_needed,
    one_sign_in_opens_several_domains_and_its_end_closes_all,
    signing_out_cuts_the_websocket_through_us,
)
"""In front of one caller in `make test` (`tests/wire/test_browser_journeys.py`), of every one in `make test-all`."""
