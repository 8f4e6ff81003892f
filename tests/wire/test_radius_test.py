"""`outpost radius-test`: what it says about a server, in plain words."""

from __future__ import annotations

import subprocess

import pytest

from tests.wire.directory import PASSWORDS, SHARED_SECRET, Directory
from tests.wire.program import Program

pytestmark = pytest.mark.peer


def tried(
    program: Program, method: str, password: str = PASSWORDS["bob"], secret: str = SHARED_SECRET, port: int = 0
) -> subprocess.CompletedProcess[str]:
    listener = "radius_acct" if method == "accounting" else "radius"
    program.environ["RADIUS_SECRET"], program.environ["RADIUS_PASSWORD"] = secret, password
    place = f"127.0.0.1:{port or program.place(listener)[1]}"
    return program.command("radius-test", place, "--method", method, "--user", "bob")


@pytest.mark.parametrize("method", ["pap", "status", "accounting"])
def test_what_goes_well(program: Program, people: Directory, method: str) -> None:
    answer = tried(program, method)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "The answer took" in answer.stdout
    assert program.api("GET", "radius/sessions/", query={"session": "radius-test", "live": "true"})["results"] == []


@pytest.mark.parametrize("method", ["chap", "mschapv2"])
def test_methods_that_want_a_network_password(program: Program, people: Directory, method: str) -> None:
    made = {"identifier": f"trial-{method}", "intent": "network_password", "user": people.users["bob"]}
    program.api("POST", "core/tokens/", made)
    key = program.api("GET", f"core/tokens/trial-{method}/view_key/")["key"]
    answer = tried(program, method, key)
    program.api("DELETE", f"core/tokens/trial-{method}/")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "knows the password, too" in answer.stdout or method == "chap"


def test_a_refusal_is_told(program: Program, people: Directory) -> None:
    answer = tried(program, "pap", "a guess")
    assert answer.returncode == 1
    assert "Access-Reject" in answer.stdout


def test_silence_is_explained(program: Program, people: Directory) -> None:
    answer = tried(program, "status", secret="wrong")
    assert answer.returncode == 1
    assert "does not answer" in answer.stdout
    assert "shared secret" in answer.stdout


def test_nobody_there_is_told(program: Program, people: Directory) -> None:
    answer = tried(program, "status", port=9)
    assert answer.returncode == 1
    assert "Nothing listens" in answer.stdout
    assert SHARED_SECRET not in answer.stdout + answer.stderr
