"""What a browser sees of brands: by its host, and never more than the page's policy lets it fetch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from control.records import Application, Brand, Flow
from control.store.interface import Transaction
from control.verbs import applications, bindings, brands, groups
from control.web.pages import branding
from tests.control.web.browsing import LOGIN, PASSWORD, Browser, Site

CSS = ":root { --accent: #a00 }"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    opened = Site(tmp_path)
    opened.sql.write_now(made)
    opened.user("ann")
    yield opened
    opened.close()


def made(tx: Transaction) -> Brand:
    named = {
        "authentication": tx.insert(Flow("aux-login", "aux", "Aux login", "authentication")).pk,
        "invalidation": tx.insert(Flow("aux-logout", "aux", "Aux logout", "invalidation")).pk,
        "recovery": tx.insert(Flow("aux-recovery", "aux", "Aux recovery", "recovery")).pk,
        "unenrollment": tx.insert(Flow("aux-leave", "aux", "Aux leave", "unenrollment")).pk,
        "user_settings": tx.insert(Flow("aux-settings", "aux", "Aux settings", "stage_configuration")).pk,
    }
    looks = {"branding_title": "A & B", "branding_logo": "/media/public/aux.png", "branding_custom_css": CSS}
    flows = {f"flow_{purpose}": pk for purpose, pk in named.items()}
    return brands.create(tx, {"domain": "aux.example.com", **looks, **flows})


def ask(browser: Browser, path: str, host: str) -> str:
    """Where it leads, or what it says."""
    answer = browser.get(path, headers={"host": host})
    return answer.headers.get("location") or answer.text


def test_pages_look_as_their_host(site: Site) -> None:
    browser = site.browser()
    aux = ask(browser, LOGIN, "login.aux.example.com")
    assert "· A &amp; B</title>" in aux
    assert 'src="/media/public/aux.png"' in aux
    styles = aux.partition('href="/brands/')[2].partition('"')[0]
    found = browser.get(f"/brands/{styles}")
    assert (found.text, found.headers["content-type"]) == (CSS, "text/css; charset=utf-8")
    assert "immutable" in found.headers["cache-control"]
    assert "style-src 'self';" in browser.get(LOGIN).headers["content-security-policy"]
    usual = ask(browser, LOGIN, "auth.example.com")
    assert "· authentik</title>" in usual
    assert "/brands/" not in usual


def test_a_page_that_is_not_there_looks_so_too(site: Site) -> None:
    assert "· A &amp; B</title>" in ask(site.browser(), "/if/flow/none/", "aux.example.com")


@pytest.mark.parametrize(
    ("purpose", "slug"),
    [
        ("authentication", "aux-login"),
        ("invalidation", "aux-logout"),
        ("recovery", "aux-recovery"),
        ("unenrollment", "aux-leave"),
        ("user_settings", "aux-settings"),
    ],
)
def test_flows_are_those_of_the_host(site: Site, purpose: str, slug: str) -> None:
    path, browser = f"/flows/-/default/{purpose}/", site.browser()
    assert ask(browser, path, "aux.example.com") == f"/if/flow/{slug}/"
    assert ask(browser, path, "auth.example.com") == f"/if/flow/default-{purpose.replace('_', '-')}-flow/"


def test_a_program_for_codes_is_told_the_title_of_the_host(site: Site) -> None:
    browser = site.browser()
    browser.sign_in("ann")
    setup = "/api/v3/flows/executor/default-authenticator-totp-setup/"
    for host, issuer in (("aux.example.com", "A%20%26%20B"), ("auth.example.com", "authentik")):
        browser.client.cookies.set("authentik_session", browser.cookie or "", domain="auth.example.com")
        url = browser.get(setup, headers={"host": host}).json()["config_url"]
        assert f"issuer={issuer}" in url


def test_a_fault_in_finding_the_brand_is_a_page_too(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(tx: Transaction, host: str) -> Brand:
        raise RuntimeError

    monkeypatch.setattr(branding, "serving", broken)
    page = site.browser().get(LOGIN)
    assert page.status_code == 500
    assert "· authentik</title>" in page.text


@pytest.mark.parametrize(("kind", "lands"), [("external", True), ("internal", False)])
def test_guests_land_at_the_default_application(site: Site, kind: str, lands: bool) -> None:
    site.sql.write_now(portal)
    site.user("eve", type=kind)
    browser = site.browser()
    browser.get(LOGIN)
    browser.submit(uid_field="eve")
    policy = browser.page.headers["content-security-policy"]
    done = browser.submit(follow=False, password=PASSWORD)
    assert done.headers["location"] == "/"
    assert browser.get("/").headers["location"] == ("https://portal.example.com/eve" if lands else "/if/user/")
    assert "form-action 'self' https://portal.example.com;" in policy, "else the browser stops on its way there"
    assert browser.get("/if/user/").status_code == 200


def test_who_may_not_use_the_default_application_does_not_land_there(site: Site) -> None:
    portal_of = site.sql.write_now(portal)
    staff = site.sql.write_now(lambda tx: groups.create(tx, {"name": "staff"}))
    site.sql.write_now(lambda tx: bindings.create(tx, {"target": portal_of.pk, "group": staff.pk}))
    site.user("eve", type="external")
    browser = site.browser()
    browser.sign_in("eve")
    assert browser.get("/").headers["location"] == "/if/user/"


def test_who_came_for_something_gets_there(site: Site) -> None:
    site.sql.write_now(portal)
    site.user("eve", type="external")
    browser = site.browser()
    browser.get(f"{LOGIN}?next=/if/user/settings/")
    assert "portal.example.com" not in browser.page.headers["content-security-policy"]
    browser.submit(uid_field="eve")
    assert browser.submit(follow=False, password=PASSWORD).headers["location"] == "/if/user/settings/"


def portal(tx: Transaction) -> Application:
    """It is the default brand's default application."""
    address = "https://portal.example.com/%(username)s"
    made = applications.create(tx, {"name": "Portal", "slug": "portal", "meta_launch_url": address})
    usual = tx.find(Brand, default=True)
    assert usual is not None
    brands.update(tx, usual.pk, {"default_application": made.pk})
    return made
