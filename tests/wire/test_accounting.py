"""radclient's accounting against the program: kept before it is answered, and tied to the person of the login."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.wire.clients import accounting, radclient
from tests.wire.directory import PASSWORDS, Directory
from tests.wire.program import SOON, Program, until

pytestmark = pytest.mark.peer

NAS = ('NAS-Identifier = "switch-3"', "NAS-Port = 14", 'Calling-Station-Id = "02-00-00-00-00-0A"')


def sessions(program: Program, session: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = program.api("GET", "radius/sessions/", query={"session": session})["results"]
    return found


def told(program: Program, session: str, status: str, *attributes: str) -> None:
    answer = accounting(
        program,
        f'Acct-Session-Id = "{session}"',
        f"Acct-Status-Type = {status}",
        'User-Name = "bob"',
        *NAS,
        *attributes,
    )
    assert answer.code == 0, answer.text
    assert "Received Accounting-Response" in answer.text


def test_a_session_of_the_person_who_logged_in(program: Program, people: Directory) -> None:
    login = radclient(program, "bob", PASSWORDS["bob"], attributes=("Message-Authenticator = 0x00",))
    given = re.search(r"Class = (0x[0-9a-f]+)", login.text.partition("Received")[2])
    assert given is not None, login.text
    known = (f"Class = {given[1]}",)
    told(program, "wire-1", "Start", *known)
    [started] = until(lambda: sessions(program, "wire-1"), SOON, "the session being listed")
    assert started["user"] == people.users["bob"]
    assert (started["nas"], started["nas_name"], started["port"]) == ("127.0.0.1", "switch-3", "14")
    assert (started["live"], started["calling_station"]) == (True, "02-00-00-00-00-0A")
    counts = ("Acct-Session-Time = 60", "Acct-Input-Octets = 7", "Acct-Input-Gigawords = 2")
    told(program, "wire-1", "Interim-Update", *known, *counts)
    for _ in range(2):
        told(program, "wire-1", "Stop", *known, *counts, "Acct-Terminate-Cause = User-Request")
    until(lambda: not sessions(program, "wire-1")[0]["live"], SOON, "the end of the session")
    [ended] = sessions(program, "wire-1")
    assert (ended["input_octets"], ended["seconds"], ended["cause"]) == (2 * 2**32 + 7, 60, "User-Request")


def test_a_nas_that_restarts_ends_its_sessions(program: Program, people: Directory) -> None:
    told(program, "wire-2", "Start")
    until(lambda: sessions(program, "wire-2"), SOON, "the session being listed")
    answer = accounting(program, "Acct-Status-Type = Accounting-On", *NAS)
    assert answer.code == 0, answer.text
    until(lambda: not sessions(program, "wire-2")[0]["live"], SOON, "the end of the session")


def test_a_wrong_shared_secret_meets_silence(program: Program, people: Directory) -> None:
    answer = accounting(
        program, 'Acct-Session-Id = "x"', "Acct-Status-Type = Start", secret="wrong", options=("-t", "2")
    )
    assert "Received" not in answer.text
    assert sessions(program, "x") == []
