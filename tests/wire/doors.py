"""The three doors, asked by real clients: who is let in, who is refused, and when nobody can say."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import httpx
import pytest

from tests.wire.clients import ldapsearch, radclient
from tests.wire.directory import HOST, PASSWORDS, Directory, populate
from tests.wire.program import SOON, Program, until


class Said(Enum):
    YES = "let in"
    NO = "refused"
    UNAVAILABLE = "unavailable"


Door = Callable[[Program, str, str], Said]
"""Asks for a user's name and a password."""


def by_ldap(program: Program, who: str, password: str) -> Said:
    """A bind, and a search for one's own entry; 8 is the notice of an account that ended between the two."""
    answer = ldapsearch(program, who, f"(uid={who})", "uid", password=password)
    said = {0: Said.YES, 8: Said.NO, 49: Said.NO, 50: Said.NO, 52: Said.UNAVAILABLE}.get(answer.code)
    assert said is not None, answer.text
    assert (answer.values("uid") == [who]) is (said is Said.YES), answer.text
    return said


def by_radius(program: Program, who: str, password: str) -> Said:
    """Silence is given time enough for control's answer on a busy machine, and for the delay of a reject."""
    answer = radclient(program, who, password, attributes=("Message-Authenticator = 0x00",), options=("-t", "8"))
    if "Received Access-Accept" in answer.text:
        assert answer.code == 0
        return Said.YES
    if "Received Access-Reject" in answer.text:
        return Said.NO
    assert "No reply from server" in answer.text, answer.text
    return Said.UNAVAILABLE


def by_forward_auth(program: Program, who: str, password: str) -> Said:
    answer = httpx.get(
        f"{program.http}/outpost.goauthentik.io/auth/nginx",
        headers={"X-Original-URL": f"http://{HOST}/", "Host": HOST},
        auth=(who, password),
        timeout=30,
    )
    said = {200: Said.YES, 401: Said.NO, 403: Said.NO, 503: Said.UNAVAILABLE}.get(answer.status_code)
    assert said is not None, answer.text
    assert answer.headers.get("X-Authentik-Username", "") == (who if said is Said.YES else "")
    return said


DOORS: list[Door] = [by_ldap, by_radius, by_forward_auth]
doors = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)


def hear_of(program: Program, who: str) -> None:
    """Waits until the doors have heard of somebody, and that they are a member of a group: control may decide about
    them before an outpost apart has them in its directory."""
    shown = lambda: ldapsearch(program, "alice", f"(uid={who})", "memberOf").values("memberOf")  # noqa: E731
    until(shown, SOON, f"{who} being known")


def open_to_people(program: Program) -> Directory:
    """Populates it, and waits until its doors know: an outpost apart hears of its applications a moment later."""
    people = populate(program)
    until(lambda: by_ldap(program, "bob", PASSWORDS["bob"]) is Said.YES, SOON, "the doors opening")
    return people
