"""ldapsearch and radclient through flows with stages that only a browser can do, and without: who is refused hears no
more than with a wrong password, and the operator reads why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from control import webauthn
from control.verbs import passkeys
from tests.keys import SoftwareKey
from tests.wire.apart import store
from tests.wire.clients import ldapsearch
from tests.wire.directory import Directory, add_user
from tests.wire.doors import Said, by_ldap, by_radius, hear_of
from tests.wire.program import Program, until

pytestmark = pytest.mark.peer

WHO, PASSWORD = "dana", "dana-password-1"
SECONDS = 60.0
PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "consent": ("consent", {}),
    "a link in a mail": ("email", {}),
    "something to type": ("prompt/stages", {"fields": []}),
    "an invitation": ("invitation/stages", {}),
}


@pytest.fixture
def dana(program: Program, people: Directory) -> Iterator[int]:
    """Whose password no outpost knows yet."""
    pk = add_user(program, WHO, PASSWORD, group=people.groups["engineering"])
    try:
        hear_of(program, WHO)
        yield pk
    finally:
        program.api("DELETE", f"core/users/{pk}/")


@contextmanager
def longer(program: Program, place: str, fields: dict[str, Any]) -> Iterator[None]:
    """The default flow, which providers run that name none, with one stage more."""
    flow = program.api("GET", "flows/instances/default-authentication-flow/")["pk"]
    stage = program.api("POST", f"stages/{place}/", {"name": "one stage more", **fields})["pk"]
    line = program.api("POST", "flows/bindings/", {"target": flow, "stage": stage, "order": 25})
    assert any("needs a browser" in sentence for sentence in line["warnings"]) == (place != "deny")
    try:
        yield
    finally:
        program.api("DELETE", f"flows/bindings/{line['pk']}/")
        program.api("DELETE", f"stages/all/{stage}/")


def reasons(program: Program) -> list[str]:
    """Of her refusals, the newest first, with their doors."""
    query: dict[str, str | int] = {"action": "login_failed", "ordering": "-created", "page_size": 100}
    events = program.api("GET", "events/events/", query=query)["results"]
    told = [event["context"] for event in events]
    return [f"{one['protocol']} {one['reason']}" for one in told if one.get("username") == WHO]


def refused_at_both(program: Program, reason: str) -> None:
    assert by_ldap(program, WHO, PASSWORD) is Said.NO
    until(lambda: reasons(program)[:1] == [f"ldap {reason}"], SECONDS, f"the reason {reason} of an LDAP bind")
    assert by_radius(program, WHO, PASSWORD) is Said.NO
    until(lambda: reasons(program)[:1] == [f"radius {reason}"], SECONDS, f"the reason {reason} of an Access-Reject")


def heard(program: Program, password: str) -> str:
    """What ldapsearch prints, without the number of this very answer."""
    return re.sub(r"\([0-9a-f]{16}\)", "", ldapsearch(program, WHO, "(uid=dana)", password=password).text)


@pytest.mark.parametrize("page", PAGES)
def test_a_flow_with_a_page_lets_nobody_in_and_says_why(program: Program, dana: int, page: str) -> None:
    with longer(program, *PAGES[page]):
        refused_at_both(program, "flow_needs_browser")
        told = {heard(program, password) for password in (PASSWORD, "wrong")}
        assert len(told) == 1
    assert by_ldap(program, WHO, PASSWORD) is Said.YES
    assert by_radius(program, WHO, PASSWORD) is Said.YES


def test_whoever_has_only_a_key_is_let_in_by_browsers_alone(program: Program, dana: int) -> None:
    key = SoftwareKey(3)
    made = webauthn.NewKey(key.id, key.public, 0, "", ())
    with store(program) as opened:
        opened.write_now(lambda tx: passkeys.add(tx, dana, made, "key"))
    refused_at_both(program, "second_factor_needs_browser")
