"""A user disabled, a password changed, a membership removed: in force at all three doors within a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.wire.clients import ldapsearch, radclient
from tests.wire.directory import HOST, PASSWORDS, Directory
from tests.wire.program import Program

pytestmark = pytest.mark.peer

IN_FORCE_SECONDS = 1.0


def by_ldap(program: Program, password: str) -> bool:
    return ldapsearch(program, "bob", "(objectClass=user)", password=password).code == 0


def by_radius(program: Program, password: str) -> bool:
    return radclient(program, "bob", password, attributes=("Message-Authenticator = 0x00",)).code == 0


def by_forward_auth(program: Program, password: str) -> bool:
    answer = httpx.get(
        f"{program.http}/outpost.goauthentik.io/auth/nginx",
        headers={"X-Original-URL": f"http://{HOST}/", "Host": HOST},
        auth=("bob", password),
        timeout=30,
    )
    assert answer.status_code in (200, 401, 403), answer.text
    return answer.status_code == 200


DOORS: list[Callable[[Program, str], bool]] = [by_ldap, by_radius, by_forward_auth]
doors = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)


@contextmanager
def changed(program: Program, change: tuple[str, str, object], back: tuple[str, str, object]) -> Iterator[None]:
    program.api(*change)
    time.sleep(IN_FORCE_SECONDS)
    try:
        yield
    finally:
        program.api(*back)
        time.sleep(IN_FORCE_SECONDS)


@doors
def test_a_disabled_user_is_refused_and_let_in_again(
    program: Program, people: Directory, door: Callable[[Program, str], bool]
) -> None:
    bob = f"core/users/{people.users['bob']}/"
    assert door(program, PASSWORDS["bob"])
    with changed(program, ("PATCH", bob, {"is_active": False}), ("PATCH", bob, {"is_active": True})):
        assert not door(program, PASSWORDS["bob"])
    assert door(program, PASSWORDS["bob"])


@doors
def test_a_changed_password_replaces_the_old_one(
    program: Program, people: Directory, door: Callable[[Program, str], bool]
) -> None:
    path = f"core/users/{people.users['bob']}/set_password/"
    change = ("POST", path, {"password": "a new password of bob"})
    with changed(program, change, ("POST", path, {"password": PASSWORDS["bob"]})):
        assert not door(program, PASSWORDS["bob"])
        assert door(program, "a new password of bob")
    assert door(program, PASSWORDS["bob"])


@doors
def test_a_removed_membership_ends_access(
    program: Program, people: Directory, door: Callable[[Program, str], bool]
) -> None:
    group = f"core/groups/{people.groups['engineering']}"
    member = {"pk": people.users["bob"]}
    remove, add = ("POST", f"{group}/remove_user/", member), ("POST", f"{group}/add_user/", member)
    with changed(program, remove, add):
        assert not door(program, PASSWORDS["bob"])
    assert door(program, PASSWORDS["bob"])


def test_a_search_shows_a_change_within_a_second(program: Program, people: Directory, tmp_path: Path) -> None:
    group = f"core/groups/{people.groups['staff']}"
    member = {"pk": people.users["carol"]}
    with changed(program, ("POST", f"{group}/add_user/", member), ("POST", f"{group}/remove_user/", member)):
        entry = ldapsearch(program, "carol", "(objectClass=user)", "memberOf")
        assert entry.code == 0, entry.text
        assert any("cn=staff" in value for value in entry.values("memberOf"))
    assert ldapsearch(program, "alice", "(uid=carol)", "memberOf").values("memberOf") == []
