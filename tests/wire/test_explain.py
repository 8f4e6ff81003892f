"""`outpost explain` and `outpost tail` beside the running programs, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json

import pytest

from tests.wire.clients import ldapsearch
from tests.wire.directory import PASSWORDS, Directory
from tests.wire.doors import Said, by_ldap
from tests.wire.program import SOON, Program, until

pytestmark = pytest.mark.peer


def explained(program: Program, who: str) -> dict[str, object]:
    asked = ("--user", who, "--application", "app-ldap", "--protocol", "ldap", "--from", "127.0.0.1", "--json")
    answer = program.control.command("explain", *asked)
    assert answer.returncode == 0, answer.stderr
    told: dict[str, object] = json.loads(answer.stdout)
    return told


@pytest.mark.parametrize("who", ["bob", "carol"])
def test_explain_says_what_the_door_says(program: Program, people: Directory, who: str) -> None:
    told = explained(program, who)
    assert told["passing"] is (by_ldap(program, who, PASSWORDS[who]) is Said.YES)
    if who == "carol":
        assert told["reason"] == "no_binding"
        assert "Add 'carol' to the group 'staff'." in told["changes"]  # type: ignore[operator]


def test_tail_shows_a_refusal_with_its_reason(program: Program, people: Directory) -> None:
    assert ldapsearch(program, "carol", "(uid=carol)").code == 50

    def shown() -> list[dict[str, object]]:
        answer = program.control.command("tail", "--user", "carol", "--reason", "no_binding", "--json", "--no-follow")
        assert answer.returncode == 0, answer.stderr
        return [json.loads(line) for line in answer.stdout.splitlines()]

    [*_, line] = until(shown, SOON, "carol's refusal among the events")
    assert (line["action"], line["protocol"], line["peer"]) == ("login_failed", "ldap", "127.0.0.1")
    assert "Bind the user" in str(line["message"])
