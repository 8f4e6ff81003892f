"""A user disabled, a password changed, a membership removed: in force at all three doors, without a restart.

How soon is measured over 200 changes in `test_in_force.py`; here a slow machine only waits longer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.wire.clients import ldapsearch
from tests.wire.directory import PASSWORDS, Directory
from tests.wire.doors import Door, Said, doors
from tests.wire.program import Program

pytestmark = pytest.mark.peer

IN_FORCE_SECONDS = 60.0
NEW_PASSWORD = "a new password of bob"

Change = tuple[str, str, object]


def soon(in_force: Callable[[], bool], what: str) -> None:
    """The first question that was put so long after the change must show it, and may show it before."""
    began = time.monotonic()
    while True:
        asked = time.monotonic() - began
        if in_force():
            return
        assert asked < IN_FORCE_SECONDS, f"{what}: not in force {asked:.3f} s after the API's answer"


@contextmanager
def changed(program: Program, change: Change, back: Change) -> Iterator[None]:
    program.api(*change)
    try:
        yield
    finally:
        program.api(*back)


@doors
def test_a_disabled_user_is_refused_and_let_in_again(program: Program, people: Directory, door: Door) -> None:
    bob = f"core/users/{people.users['bob']}/"
    assert door(program, "bob", PASSWORDS["bob"]) is Said.YES
    with changed(program, ("PATCH", bob, {"is_active": False}), ("PATCH", bob, {"is_active": True})):
        soon(lambda: door(program, "bob", PASSWORDS["bob"]) is Said.NO, "disabling")
    soon(lambda: door(program, "bob", PASSWORDS["bob"]) is Said.YES, "enabling")


@doors
def test_a_changed_password_replaces_the_old_one(program: Program, people: Directory, door: Door) -> None:
    path = f"core/users/{people.users['bob']}/set_password/"
    assert door(program, "bob", PASSWORDS["bob"]) is Said.YES
    change, back = ("POST", path, {"password": NEW_PASSWORD}), ("POST", path, {"password": PASSWORDS["bob"]})
    with changed(program, change, back):
        soon(lambda: door(program, "bob", PASSWORDS["bob"]) is Said.NO, "the old password's end")
        assert door(program, "bob", NEW_PASSWORD) is Said.YES
    soon(lambda: door(program, "bob", NEW_PASSWORD) is Said.NO, "the new password's end")
    assert door(program, "bob", PASSWORDS["bob"]) is Said.YES


@doors
def test_a_removed_membership_ends_access(program: Program, people: Directory, door: Door) -> None:
    group = f"core/groups/{people.groups['engineering']}"
    member = {"pk": people.users["bob"]}
    assert door(program, "bob", PASSWORDS["bob"]) is Said.YES
    with changed(program, ("POST", f"{group}/remove_user/", member), ("POST", f"{group}/add_user/", member)):
        soon(lambda: door(program, "bob", PASSWORDS["bob"]) is Said.NO, "leaving the group")
    soon(lambda: door(program, "bob", PASSWORDS["bob"]) is Said.YES, "joining the group")


def test_a_search_shows_a_change(program: Program, people: Directory) -> None:
    group = f"core/groups/{people.groups['staff']}"
    member = {"pk": people.users["carol"]}

    def groups_shown(who: str) -> list[str]:
        return ldapsearch(program, who, "(uid=carol)", "memberOf").values("memberOf")

    with changed(program, ("POST", f"{group}/add_user/", member), ("POST", f"{group}/remove_user/", member)):
        soon(lambda: any("cn=staff," in shown for shown in groups_shown("carol")), "joining the group")
    soon(lambda: groups_shown("alice") == [], "leaving the group")
