"""What policies say, at every door, as real clients see it: by protocol, person and network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.wire.directory import PASSWORDS, Directory
from tests.wire.doors import Said, by_forward_auth, by_ldap, by_radius
from tests.wire.program import SOON, Program, until

pytestmark = pytest.mark.peer

DOORS = {"ldap": by_ldap, "radius": by_radius, "proxy": by_forward_auth}


@contextmanager
def bound(program: Program, people: Directory, door: str, kind: str, fields: dict[str, Any]) -> Iterator[str]:
    """One binding more at the application of this door, to a policy; its pk."""
    policy = program.api("POST", f"policies/{kind}/", {"name": f"wire {door} {kind}", **fields})["pk"]
    program.api("POST", "policies/bindings/", {"target": people.applications[door], "policy": policy, "order": 5})
    try:
        yield policy
    finally:
        program.api("DELETE", f"policies/all/{policy}/")


def says(program: Program, door: str, wanted: Said) -> None:
    """Of carol, whom no user or group binding lets in."""
    until(lambda: DOORS[door](program, "carol", PASSWORDS["carol"]) is wanted, SOON, f"{wanted} at the door {door}")


@pytest.mark.parametrize("door", DOORS)
def test_a_policy_opens_and_closes_every_door(program: Program, people: Directory, door: str) -> None:
    source = f"return context['protocol'] == '{door}' and request.user.username == 'carol'"
    with bound(program, people, door, "expression", {"expression": source}) as policy:
        says(program, door, Said.YES)
        program.api("PATCH", f"policies/expression/{policy}/", {"expression": "return 1 / 0"})
        says(program, door, Said.NO)
    says(program, door, Said.NO)


def test_a_remembered_password_is_let_in_again_only_as_the_policy_allows(program: Program, people: Directory) -> None:
    with bound(program, people, "ldap", "network", {"networks": ["127.0.0.0/8", "::1/128"]}) as policy:
        says(program, "ldap", Said.YES)
        says(program, "ldap", Said.YES)
        program.api("PATCH", f"policies/network/{policy}/", {"networks": ["192.0.2.0/24"]})
        says(program, "ldap", Said.NO)
