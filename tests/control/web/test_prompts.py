"""Prompt stages in a browser: every type of authentik's, and files within their bounds."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from control.flows.prompts import MOST_FILE_BYTES, TYPES
from control.records import User
from control.verbs import flows, prompts, stage_bindings, stages
from control.verbs.prompts import PromptFields
from tests.control.web.browsing import Browser, Site

OWN, PNG = "/if/flow/own/", b"\x89PNG\r\n\x1a\n and more"
AUTHENTIKS = {
    *("text", "text_area", "text_read_only", "text_area_read_only", "username", "email", "password", "number"),
    *("checkbox", "radio-button-group", "dropdown", "date", "date-time", "file", "separator", "hidden", "static"),
    "ak-locale",
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    opened = Site(tmp_path)
    opened.administrator()
    opened.user("alice")
    yield opened
    opened.close()


def asks(site: Site, **fields: Any) -> None:
    """A flow that keeps, of whoever has signed in, the answer to this one prompt."""

    def verb(tx: Any) -> None:
        flow = flows.create(tx, {"name": "own", "slug": "own", "title": "own", "designation": "stage_configuration"})
        given = {"name": "own", "field_key": "picture", "label": "Picture", "type": "file", **fields}
        asked = stages.create(tx, "prompt", {"name": "own prompt", "fields": [prompts.create(tx, given).pk]})
        write = stages.create(tx, "user_write", {"name": "own write", "user_creation_mode": "never_create"})
        for order, stage in enumerate((asked, write)):
            stage_bindings.create(tx, {"target": flow.pk, "stage": stage.pk, "order": order})

    site.sql.write_now(verb)


def alices(site: Site) -> Browser:
    browser = site.browser()
    browser.sign_in("alice")
    browser.get(OWN)
    return browser


def send(browser: Browser, content: bytes, kind: str = "image/png", **more: Any) -> httpx.Response:
    """The form of the page, as a browser without JavaScript sends it."""
    files = {"picture": ("picture.png", content, kind), **more}
    headers = {"Origin": browser.origin}
    fields = {"csrf_token": browser.token}
    return browser.request("POST", OWN, True, data=fields, files=files, headers=headers)


def kept(site: Site) -> Any:
    alice = site.sql.read_now(lambda tx: tx.find(User, username="alice"))
    assert alice is not None
    return alice.attributes.get("picture")


def url(content: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def test_every_type_of_authentiks_is_there() -> None:
    assert TYPES.keys() == AUTHENTIKS
    assert set(PromptFields.model_json_schema()["properties"]["type"]["enum"]) == AUTHENTIKS


def test_a_file_is_kept_as_a_data_url(site: Site) -> None:
    asks(site)
    browser = alices(site)
    assert 'enctype="multipart/form-data"' in browser.page.text
    assert 'type="file"' in browser.page.text
    assert send(browser, PNG).status_code == 200
    assert kept(site) == url(PNG)


def test_a_program_sends_the_url_itself(site: Site) -> None:
    asks(site)
    browser = alices(site)
    path = "/api/v3/flows/executor/own/"
    (field,) = browser.get(path).json()["fields"]
    assert (field["type"], field["field_key"]) == ("file", "picture")
    session = site.sessions()[0]
    headers = {"X-Authentik-CSRF": next(one.csrf for one in site.sessions() if one.user == session.user)}
    done = browser.request("POST", path, json={"picture": url(PNG)}, headers=headers)
    assert done.json()["component"] == "xak-flow-redirect"
    assert kept(site) == url(PNG)


@pytest.mark.parametrize(
    ("content", "kind", "says"),
    [
        (b"", "image/png", "This is needed."),
        (b"x" * (MOST_FILE_BYTES + 1), "image/png", "at most 24 KiB"),
        (PNG, "not a type", "Choose a file"),
        (PNG, "image/gif", "of another type: image/png, image/jpeg"),
    ],
)
def test_what_is_no_file_for_this_is_refused(site: Site, content: bytes, kind: str, says: str) -> None:
    asks(site, placeholder="image/png, image/jpeg")
    browser = alices(site)
    assert 'accept="image/png, image/jpeg"' in browser.page.text
    assert says in send(browser, content, kind).text
    assert kept(site) is None


@pytest.mark.parametrize("typed", ["text", "https://example.com/a.png", "data:image/png,plain", "data:;base64,eA=="])
def test_what_is_no_data_url_is_refused(site: Site, typed: str) -> None:
    asks(site)
    browser = alices(site)
    assert "Choose a file" in browser.submit(picture=typed).text
    assert kept(site) is None


def test_more_than_a_form_holds_is_refused_unread(site: Site) -> None:
    asks(site)
    browser = alices(site)
    assert send(browser, b"x" * 70_000).status_code == 413
    assert kept(site) is None


def test_a_form_with_files_needs_our_token_as_every_other(site: Site) -> None:
    asks(site)
    browser = alices(site)
    files = {"picture": ("picture.png", PNG, "image/png")}
    answer = browser.request(
        "POST", OWN, data={"csrf_token": "another"}, files=files, headers={"Origin": browser.origin}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, f"{OWN}?lost=1")
    assert kept(site) is None


def test_a_field_is_sent_once(site: Site) -> None:
    asks(site)
    browser = alices(site)
    again = [("picture", ("a.png", PNG, "image/png")), ("picture", ("b.png", PNG, "image/png"))]
    headers = {"Origin": browser.origin}
    answer = browser.request("POST", OWN, data={"csrf_token": browser.token}, files=again, headers=headers)
    assert answer.status_code == 400
    assert kept(site) is None


def test_what_cannot_be_read_is_refused(site: Site) -> None:
    asks(site)
    browser = alices(site)
    headers = {"Origin": browser.origin, "Content-Type": "multipart/form-data; boundary=x"}
    for body in (b"--x\r\nnonsense", b"--y--"):
        assert browser.request("POST", OWN, content=body, headers=headers).status_code in (303, 400)
        assert kept(site) is None
    headers["Content-Type"] = "multipart/form-data"
    assert browser.request("POST", OWN, content=b"--x--", headers=headers).status_code == 400
