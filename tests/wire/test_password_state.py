"""A password that is right and must be changed, at every door; and the browser, which changes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import pytest

from control.records import Event
from control.store.interface import Query
from tests.wire.apart import store
from tests.wire.clients import ldapsearch, run, user_dn
from tests.wire.directory import BASE_DN, PASSWORDS, Directory, add_user
from tests.wire.doors import DOORS, Door, Said
from tests.wire.program import SOON, Program, until

pytestmark = pytest.mark.peer

NAME, GIVEN, OWN = "freya", "for the first day", "a password of one's own"


@pytest.fixture
def freya(program: Program, people: Directory) -> Iterator[int]:
    """Who has been given a password that she must change."""
    pk = add_user(program, NAME, "nobody was told", group=people.groups["staff"])
    program.api("POST", f"core/users/{pk}/set_password/", {"password": GIVEN, "must_change_password": True})
    until(lambda: reasons(program, GIVEN)[-1:] == ["must_change_password"], SOON, "freya being known")
    try:
        yield pk
    finally:
        program.api("DELETE", f"core/users/{pk}/")


def reasons(program: Program, password: str) -> list[str]:
    """Why she was refused over LDAP, until and including now."""
    ldapsearch(program, NAME, "-s", "base", "-b", "", password=password)
    with store(program) as opened:
        found = opened.read_now(lambda tx: tx.select(Event, Query(ordering=("created",))))
    mine = [event.context for event in found if event.context.get("username") == NAME]
    return [context["reason"] for context in mine if "reason" in context]


def let_in(program: Program, door: Door) -> bool:
    return door(program, NAME, OWN) is Said.YES


def step(client: httpx.Client, flow: str, answer: dict[str, str]) -> dict[str, Any]:
    reply = client.post(f"/api/v3/flows/executor/{flow}/", json=answer, follow_redirects=True)
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def test_doors_refuse_it_ldap_says_why_and_a_browser_changes_it(program: Program, freya: int) -> None:
    for door in DOORS:
        assert door(program, NAME, GIVEN) is Said.NO, door
    answer = ldapsearch(program, NAME, "-e", "ppolicy", f"(uid={NAME})", password=GIVEN)
    assert answer.code == 49
    assert "must be changed" in answer.text, answer.text
    assert "must be changed" not in ldapsearch(program, NAME, "-e", "ppolicy", f"(uid={NAME})", password="wrong").text

    with httpx.Client(base_url=program.control.http, timeout=30) as client:
        flow = "default-authentication-flow"
        client.get(f"/api/v3/flows/executor/{flow}/", follow_redirects=True)
        step(client, flow, {"uid_field": NAME})
        asked = step(client, flow, {"password": GIVEN})
        assert asked["component"] == "ak-stage-prompt", asked
        assert "response_errors" in step(client, flow, {"password": GIVEN, "password_repeat": GIVEN})
        done = step(client, flow, {"password": OWN, "password_repeat": OWN})
        assert done["component"] == "xak-flow-redirect", done

    for door in DOORS:
        until(partial(let_in, program, door), SOON, "the new password")
        assert door(program, NAME, GIVEN) is Said.NO, door


def test_ldapsearch_says_how_long_a_password_is_still_good(program: Program, people: Directory) -> None:
    """And nothing to whoever does not ask, or before it is time."""
    password = PASSWORDS["bob"]
    asked = ("-s", "base", "-b", "", "supportedLDAPVersion")

    def left() -> list[str]:
        answer = ldapsearch(program, "bob", "-e", "ppolicy", *asked, password=password)
        assert answer.code == 0, answer.text
        return re.findall(r"expires in (\d+) seconds", answer.text)

    program.api("PATCH", "admin/settings/", {"password_max_age": "days=2"})
    try:
        until(lambda: len(left()) == 1, SOON, "a password that ends in two days")
        assert 2 * 86_400 - 3_600 < int(left()[0]) < 2 * 86_400
        assert "expire" not in ldapsearch(program, "bob", *asked, password=password).text
        program.api("PATCH", "admin/settings/", {"password_max_age": "days=60"})
        until(lambda: left() == [], SOON, "a password that ends in two months")
    finally:
        program.api("PATCH", "admin/settings/", {"password_max_age": "days=0"})


def test_ldappasswd_changes_it_and_does_nothing_else(program: Program, freya: int) -> None:
    """With the password policy control, over TLS: the one way of changing it that is not in a browser."""
    bind = ("-x", "-ZZ", "-e", "ppolicy", "-H", program.ldap, "-D", user_dn(NAME), "-w", GIVEN)
    searched = run("env", "LDAPTLS_REQCERT=allow", "ldapsearch", *bind, "-b", BASE_DN, f"(uid={NAME})")
    assert searched.code == 50, searched.text
    assert "must be changed" in searched.text
    changed = run("env", "LDAPTLS_REQCERT=allow", "ldappasswd", *bind, "-a", GIVEN, "-s", OWN)
    assert changed.code == 0, changed.text
    for door in DOORS:
        until(partial(let_in, program, door), SOON, "the new password")
