"""`/admin/settings/mail/` and `/mail/letters/`: the password goes in and never comes out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from control.mail import outbox, server
from control.mail.post import Post
from control.mail.trouble import Step, Trouble
from control.records import MailServer
from control.web.admin_api.mail import shown, tried
from tests.control.web.api import Api
from tests.control.web.browsing import Browser, Site
from tests.stores import run

PATH = "/admin/settings/mail/"
PAGE = "/if/admin/admin/settings/mail/"
SMTP = {"host": "smtp.example.com", "port": 587, "use_tls": True, "username": "me", "password": "very secret"}


def stored(api: Api | Site) -> MailServer:
    return api.sql.read_now(server.stored)


def test_nothing_is_set_at_first(api: Api) -> None:
    body = api.call("GET", PATH).body
    assert (body["source"], body["host"], body["port"], body["password_set"]) == ("none", "", 25, False)


def test_it_is_set_and_its_password_is_never_shown(api: Api) -> None:
    for answer in (api.call("PATCH", PATH, SMTP), api.call("GET", PATH)):
        assert answer.status == 200
        assert (answer.body["host"], answer.body["source"], answer.body["password_set"]) == (
            SMTP["host"],
            "settings",
            True,
        )
        assert "very secret" not in answer.text.decode()
        assert "password" not in answer.body
    assert stored(api).password == "very secret"
    events = api.call("GET", "/events/events/?action=model_created").text.decode()
    assert "very secret" not in events


def test_the_password_stays_with_its_server_alone(api: Api) -> None:
    api.call("PATCH", PATH, SMTP)
    api.call("PATCH", PATH, {"timeout": 20})
    assert stored(api).password == "very secret"
    api.call("PATCH", PATH, {"host": "smtp.attacker.example"})
    assert stored(api).password == ""


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"port": 0}, "port"),
        ({"timeout": 0}, "timeout"),
        ({"from_address": "nobody"}, "from_address"),
        ({"host": "a b"}, "host"),
        ({"use_ssl": True}, "non_field_errors"),
        ({"use_tls": False}, "non_field_errors"),
    ],
)
def test_what_cannot_work_is_refused(api: Api, given: dict[str, object], field: str) -> None:
    answer = api.call("PATCH", PATH, {**SMTP, **given})
    assert answer.status == 400
    assert list(answer.body) == [field]
    assert stored(api) == MailServer()


def test_the_environments_server_is_shown_until_another_is_set(api: Api) -> None:
    configured = MailServer(host="relay", password="environment secret")
    post = Post(configured)
    assert shown(MailServer(), configured)["source"] == "environment"
    assert shown(MailServer(), configured)["host"] == "relay"
    assert api.sql.read_now(post.server) == configured
    api.call("PATCH", PATH, SMTP)
    used = api.sql.read_now(post.server)
    assert used is not None
    assert used.host == SMTP["host"]


@pytest.mark.parametrize("path", [PATH, "/mail/letters/"])
def test_only_administrators(api: Api, path: str) -> None:
    assert api.call("GET", path, token=api.token(api.user("ann"))).status == 403
    assert api.call("GET", path, token=None).status == 403


def test_letters_are_listed_without_their_words_and_may_be_hurried(api: Api) -> None:
    letter = api.sql.write_now(lambda tx: outbox.queue(tx, "ann@example.com", "Hello", "the secret link", "test"))
    api.sql.write_now(lambda tx: outbox.claim(tx, 600.0))
    api.sql.write_now(lambda tx: outbox.not_sent(tx, letter, "Not now.", False))
    answer = api.call("GET", "/mail/letters/?state=waiting")
    (body,) = answer.body["results"]
    assert (body["to"], body["trouble"], body["state"]) == ("ann@example.com", "Not now.", "waiting")
    assert "secret link" not in answer.text.decode()
    assert not api.sql.read_now(outbox.is_any_due)
    assert api.call("POST", f"/mail/letters/{letter.pk}/retry/").status == 200
    assert api.sql.read_now(outbox.is_any_due)
    assert api.call("DELETE", f"/mail/letters/{letter.pk}/").status == 204
    assert not api.sql.read_now(outbox.is_any_due)


# --- the pages -----------------------------------------------------------------------------------------------------


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Browser]:
    site = Site(tmp_path)
    site.administrator()
    browser = site.browser()
    browser.sign_in("akadmin")
    yield browser
    site.close()


def test_the_page_sets_it_and_shows_no_password(admin: Browser) -> None:
    page = admin.get("/if/admin/admin/settings/")
    assert "No mail is sent yet" in page.text
    admin.get(PAGE)
    given: dict[str, Any] = {
        "host": "smtp.example.com",
        "port": "587",
        "use_tls": "on",
        "username": "me",
        "password": "very secret",
    }
    page = admin.submit(**given, from_address="a@example.com", timeout="10", do="save")
    assert page.status_code == 200
    assert stored(admin.site).password == "very secret"
    assert "very secret" not in page.text
    page = admin.submit(**{**given, "password": ""}, from_address="b@example.com", timeout="10", do="save")
    assert (stored(admin.site).password, stored(admin.site).from_address) == ("very secret", "b@example.com")
    assert "smtp.example.com" in admin.get("/if/admin/admin/settings/").text


def test_the_page_says_why_a_test_mail_was_not_sent(admin: Browser) -> None:
    admin.get(PAGE)
    page = admin.post(PAGE, csrf_token=admin.token, to="ann@example.com", do="test")
    assert "No mail server is set" in page.text


async def _refusing(server: MailServer, to: str, mail: EmailMessage) -> None:
    raise Trouble(Step.LOGIN, f"{server.host} does not let us in.")


def test_the_api_says_why_a_test_mail_was_not_sent(api: Api) -> None:
    services = replace(api.services, post=Post(MailServer(host="relay", from_address="a@example.com"), send=_refusing))
    found = run(tried(services, "ann@example.com"))
    assert (found.sent, found.step, found.message) == (False, "login", "relay does not let us in.")
    body = api.call("POST", f"{PATH}test/", {"to": "ann@example.com"}).body
    assert (body["sent"], body["step"]) == (False, "connect")
    assert api.call("POST", f"{PATH}test/", {"to": "nobody"}).status == 400
