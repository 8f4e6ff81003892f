"""A Samba domain controller as the directory in which people's passwords are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.wire.clients import run, user_dn
from tests.wire.directory import Directory
from tests.wire.domain_controller import (
    BASE,
    READER,
    READER_PASSWORD,
    DomainController,
    domain_controller,
    password,
)
from tests.wire.program import Program, until

pytestmark = [pytest.mark.peer, pytest.mark.full]

PROVED, WRONG = 50, 49
"""The password is right, and no application is open to them (insufficientAccessRights); it is not."""
SECONDS = 60.0


@pytest.fixture(scope="module")
def domain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DomainController]:
    with domain_controller(tmp_path_factory.mktemp("samba")) as running:
        yield running


@pytest.fixture
def corp(program: Program, people: Directory, domain: DomainController) -> Iterator[Program]:
    """Where the domain is a source."""
    trusted = program.api(
        "POST", "crypto/certificatekeypairs/", {"name": "Domain", "certificate_data": domain.authority}
    )
    given: dict[str, Any] = {
        "name": "Corp",
        "slug": "corp",
        "server_uri": domain.uri,
        "peer_certificate": trusted["pk"],
        "start_tls": True,
        "bind_cn": READER,
        "bind_password": READER_PASSWORD,
        "base_dn": BASE,
        "additional_user_dn": "OU=House",
        "additional_group_dn": "OU=House",
        "user_object_filter": "(&(objectClass=user)(!(objectClass=computer)))",
        "group_object_filter": "(objectClass=group)",
        "object_uniqueness_field": "objectSid",
        "username_field": "userPrincipalName",
    }
    program.api("POST", "sources/ldap/", given)
    try:
        yield program
    finally:
        for connection in program.api("GET", "sources/user_connections/ldap/")["results"]:
            program.api("DELETE", f"core/users/{connection['user']}/")
        for one in program.api("GET", "core/groups/", query={"name": "crew"})["results"]:
            program.api("DELETE", f"core/groups/{one['pk']}/")
        program.api("DELETE", "sources/ldap/corp/")
        program.api("DELETE", f"crypto/certificatekeypairs/{trusted['pk']}/")


def says(program: Program, name: str, typed: str) -> int:
    """The result code of a bind at our door."""
    dn = user_dn(f"{name}@corp.example")
    return run("ldapwhoami", "-x", "-H", program.ldap, "-D", dn, "-w", typed).code


def person(program: Program, name: str) -> dict[str, Any]:
    (found,) = program.api("GET", "core/users/", query={"username": f"{name}@corp.example"})["results"]
    return dict(found)


def test_people_of_a_domain_sign_in_with_what_they_have(corp: Program, domain: DomainController) -> None:
    assert corp.api("POST", "sources/ldap/corp/sync/") == {"messages": []}
    for name in ("alice", "bob"):
        found = person(corp, name)
        assert (found["email"], found["is_active"]) == (f"{name}@corp.example", True)
        assert {group["name"] for group in found["groups_obj"]} == {"crew"}
    until(lambda: says(corp, "alice", password("alice")) == PROVED, SECONDS, "the outpost knowing alice")
    for typed in ("wrong", password("bob")):
        assert says(corp, "alice", typed) == WRONG

    domain.tool("user", "setpassword", "alice", "--newpassword=Changed-there-1")
    assert says(corp, "alice", "Changed-there-1") == PROVED
    domain.tool("user", "setpassword", "alice", "--newpassword=Changed-twice-1", "--must-change-at-next-login")
    assert says(corp, "alice", "Changed-twice-1") == WRONG, "it opens nothing there but its own change"
    domain.tool("user", "setpassword", "alice", f"--newpassword={password('alice')}")

    domain.tool("user", "disable", "bob")
    try:
        assert says(corp, "bob", password("bob")) == WRONG, "whom the domain refuses, we refuse at once"
        assert corp.api("POST", "sources/ldap/corp/sync/") == {"messages": []}
        assert not person(corp, "bob")["is_active"]
    finally:
        domain.tool("user", "enable", "bob")
