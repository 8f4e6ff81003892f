"""A plan is what applying would do, and nothing of it is done."""

from __future__ import annotations

from typing import Any

import pytest

from control.apply import ApplyError
from control.apply.changes import shown, told
from control.records import Group, Provider, User
from control.verbs import groups, providers, users
from tests.control.apply.places import NOTHING, Place

TEXT = """
users:
  bob: {email: bob@example.com, password: long-enough-one}
groups:
  staff: {users: [bob]}
providers:
  net: {kind: radius, client_networks: 10.0.0.0/8, shared_secret: first-shared-secret}
applications:
  net: {provider: net, bindings: [{group: staff}, {user: bob, negate: true}]}
"""


def test_what_somebody_is_called_moves_and_colours_nothing(place: Place) -> None:
    """Names of people who enrol themselves stand in plans, too."""
    text = 'users: {bob: {name: "a\\e[2K\\u202e\\x9b31m", attributes: {"\\e]0;x\\a": "\\r"}}}\n'
    lines = [*shown(place.plan(text), coloured=False), *told(place.plan(text))]
    assert "    name: a\\x1b[2K\\u202e\\x9b31m" in lines
    assert all(map(str.isprintable, lines))


def test_a_plan_shows_what_would_be_made_and_makes_nothing(place: Place) -> None:
    before = place.revision
    assert shown(place.plan(TEXT), coloured=False) == [
        "+ user bob",
        "    email: bob@example.com",
        "    password: (secret)",
        "+ group staff",
        "    users:",
        "      + bob",
        "+ provider net",
        "    kind: radius",
        "    client_networks: 10.0.0.0/8",
        "    shared_secret: (secret)",
        "+ application net",
        "    provider: net",
        "    bindings:",
        "      + group: staff",
        "      + user: bob, negate: true",
        "4 to create",
    ]
    assert place.revision == before
    place.apply(TEXT)
    assert shown(place.plan(TEXT), coloured=False) == NOTHING


def test_drift_is_shown_with_what_it_was_and_would_be(place: Place) -> None:
    place.apply(TEXT)
    place.write(lambda tx: users.update(tx, _pk(place, User, username="bob"), {"email": "x@example.com"}))
    place.write(lambda tx: groups.update(tx, _pk(place, Group, name="staff"), {"users": [1]}))
    place.write(lambda tx: providers.update(tx, _pk(place, Provider, name="net"), {"shared_secret": "another-one"}))
    lines = shown(place.plan(TEXT), coloured=False)
    assert lines == [
        "~ user bob",
        "    email: x@example.com -> bob@example.com",
        "~ group staff",
        "    users:",
        "      - akadmin",
        "      + bob",
        "~ provider net",
        "    shared_secret: (secret) -> (secret)",
        "3 to change",
    ]


def test_what_would_be_deleted_or_taken_over_is_shown(place: Place) -> None:
    place.apply(TEXT)
    place.write(lambda tx: users.create(tx, {"username": "eve", "name": "Eve"}))
    lines = shown(place.plan("users: {bob: {}, eve: {name: E, adopt: true}}\ngroups: {staff: {}}\n"), coloured=False)
    assert lines == [
        "~ user eve (taken over)",
        "    name: Eve -> E",
        "- application net",
        "- provider net",
        "1 to take over, 2 to delete",
    ]


def test_texts_of_several_lines_are_compared_line_by_line(place: Place) -> None:
    text = "policies:\n  p:\n    kind: expression\n    expression: |\n      a = 1\n      return a == {}\n"
    place.apply(text.format(1))
    lines = shown(place.plan(text.format(2)), coloured=False)
    assert lines[1:4] == ["    expression:", "      - return a == 1", "      + return a == 2"]


def test_colours_are_for_terminals(place: Place) -> None:
    changes = place.plan("users: {bob: {}}\n")
    assert shown(changes, coloured=True)[0] == "\x1b[32m+ user bob\x1b[0m"
    assert "\x1b" not in "".join(shown(changes, coloured=False))


def test_what_cannot_be_applied_cannot_be_planned(place: Place) -> None:
    with pytest.raises(ApplyError, match="Enter a valid email"):
        place.plan("users: {bob: {email: nonsense}}\n")


def _pk(place: Place, kind: type, **equal: str) -> Any:
    return place.find(kind, **equal).pk
