"""The words of letters: ours, and the operator's in their place."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from control.mail.letters import SHIPPED, Letters, greeted, plain

URL = "https://auth.example.com/if/flow/x/?flow_token=abc"
VALUES: dict[str, Any] = {
    "brand": "Example",
    "user": {"name": "Ann <b>", "username": "ann"},
    "url": URL,
    "expires": "12:30 UTC",
    "code": "123456",
    "title": "Title",
    "lines": ["One.", "Two."],
    "facts": [("Who", "ann")],
}


@pytest.mark.parametrize("name", SHIPPED)
def test_each_is_there_as_text_and_as_html(name: str) -> None:
    written = Letters().write(name, **VALUES)
    assert "{" not in written.text
    assert written.html.startswith("<!DOCTYPE html>")
    assert "<b>ann</b>" not in written.text


def test_names_of_people_are_no_markup() -> None:
    written = Letters().write("email/password_reset.html", **VALUES)
    assert "Ann &lt;b&gt;" in written.html
    assert "Ann <b>" in written.text
    assert URL in written.text


@pytest.mark.parametrize("mark", ["\u202e", "\u2028", "\u2066", "\u200b", "\x07", "\U0001f517"])
def test_nobody_is_greeted_by_what_turns_text_around_or_breaks_its_lines(mark: str) -> None:
    assert greeted(f"Bob{mark}return", f"bob{mark}return") == {"name": "", "username": "somebody"}
    assert greeted("J\u00fcrgen \u738b", "bob") == {"name": "J\u00fcrgen \u738b", "username": "bob"}


def test_a_folder_replaces_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "email").mkdir()
    (tmp_path / "email/password_reset.txt").write_text("Dear {{ user.username }}: {{ url }}")
    written = Letters(tmp_path).write("email/password_reset", **VALUES)
    assert written.text == f"Dear ann: {URL}\n"
    assert "Choose a new password" in written.html


def test_html_alone_is_enough(tmp_path: Path) -> None:
    (tmp_path / "email").mkdir()
    page = '<style>p{}</style><p>Hello {{ user.username }},</p><p>go <a href="{{ url }}">here</a>.</p>'
    (tmp_path / "email/own.html").write_text(page)
    written = Letters(tmp_path).write("email/own.html", **VALUES)
    assert written.text == f"Hello ann,\ngo here ({URL}).\n"


@pytest.mark.parametrize(
    "broken",
    [
        "{{ nobody.knows }}",
        "{% if %}",
        "{{ 1 / 0 }}",
        "{{ ''.__class__.__mro__ }}",
        "{% extends 'email/nowhere.html' %}",
    ],
)
def test_what_does_not_work_gives_way_to_ours(tmp_path: Path, broken: str, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "email").mkdir()
    (tmp_path / "email/password_reset.txt").write_text(broken)
    with caplog.at_level(logging.ERROR):
        written = Letters(tmp_path).write("email/password_reset", **VALUES)
    assert URL in written.text
    assert "email/password_reset" in caplog.text


@pytest.mark.parametrize("name", ["email/nothing", "../../etc/passwd", "email/../../secret"])
def test_a_template_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(KeyError):
        Letters(tmp_path).write(name, **VALUES)
    with pytest.raises(KeyError):
        Letters().write(name, **VALUES)


def test_plain_text_of_a_page() -> None:
    assert plain("<head><title>T</title></head><h1>One</h1>two <b>three</b><br>four") == "One\ntwo three\nfour"
