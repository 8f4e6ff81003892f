"""A real slapd as the directory in which people's passwords are."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control.sources.ldap.connection import Away
from control.sources.ldap.described import Directory, identifier, servers
from control.sources.ldap.directories import Directories
from protocols.ldap.filter_text import parse
from tests.certificates import issue
from tests.wire.clients import run, user_dn
from tests.wire.directory import Directory as House
from tests.wire.foreign_directory import (
    MANY,
    READER,
    READER_PASSWORD,
    SUFFIX,
    ForeignDirectory,
    foreign_directory,
    password,
    person,
)
from tests.wire.program import Program, until

pytestmark = pytest.mark.peer

PROVED = 50
"""The password is right, and no application is open to them (insufficientAccessRights)."""
SECONDS = 60.0
MAPPINGS = "goauthentik.io/sources/ldap/"
"""``managed`` of property mappings begins so."""


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForeignDirectory]:
    with foreign_directory(tmp_path_factory.mktemp("slapd")) as running:
        yield running


def described(slapd: ForeignDirectory) -> Directory:
    return Directory(
        pk="s",
        slug="house",
        servers=servers(slapd.uri),
        start_tls=True,
        authorities=slapd.authority,
        bind_name=READER,
        bind_password=READER_PASSWORD,
        base=SUFFIX,
        people_base=f"ou=people,{SUFFIX}",
        groups_base=f"ou=groups,{SUFFIX}",
        people=parse("(objectClass=inetOrgPerson)"),
        groups=parse("(objectClass=groupOfNames)"),
        identifier="entryUUID",
        keeps_hashes=False,
    )


def identifiers(asked: Directory) -> dict[str, str]:
    found = asyncio.run(Directories(os.urandom).people(asked, ["uid", "entryUUID"]))
    return {one.attributes["uid"][0].decode(): identifier(one.attributes["entryuuid"][0]) for one in found}


def accepts(asked: Directory, whose: str | None, typed: str) -> bool:
    return asyncio.run(Directories(os.urandom).accepts(asked, whose, typed))


def test_everybody_is_read_page_by_page_and_referrals_stay_where_they_are(slapd: ForeignDirectory) -> None:
    found = identifiers(described(slapd))
    assert len(found) == MANY + 2
    assert "elsewhere" not in found


def test_passwords_over_starttls_and_ldaps(slapd: ForeignDirectory) -> None:
    plain = described(slapd)
    alice = identifiers(plain)["alice"]
    ldaps = replace(plain, servers=servers(f"ldaps://localhost:{slapd.ldaps}"), start_tls=False)
    for asked in (plain, ldaps):
        assert accepts(asked, alice, password("alice"))
        for whose, typed in ((alice, "wrong"), (alice, password("bob")), (alice, ""), (None, password("alice"))):
            assert not accepts(asked, whose, typed)
    assert not accepts(replace(plain, people=parse("(objectClass=device)")), alice, password("alice"))


@pytest.mark.parametrize("changed", ["authority", "name", "bare"])
def test_no_password_goes_to_whom_nobody_trusts(slapd: ForeignDirectory, changed: str) -> None:
    asked = described(slapd)
    if changed == "authority":
        asked = replace(asked, authorities=issue("Another authority", authority=True).pem)
    elif changed == "name":
        asked = replace(asked, servers=servers(f"ldap://127.0.0.2:{slapd.port}"))
    else:
        asked = replace(asked, start_tls=False)
    with pytest.raises(Away, match={"bare": "refused with result 13"}.get(changed, ".")):
        accepts(asked, None, "any")


def changes(slapd: ForeignDirectory, to: str) -> None:
    """bob's password there."""
    slapd.change(f"dn: {person('bob')}\nchangetype: modify\nreplace: userPassword\nuserPassword: {to}\n")


def test_people_come_over_and_sign_in_at_the_doors_with_what_they_have(
    program: Program, people: House, slapd: ForeignDirectory, tmp_path: Path
) -> None:
    authority = {"name": "House authority", "certificate_data": slapd.authority}
    trusted = program.api("POST", "crypto/certificatekeypairs/", authority)
    shipped = {one["managed"]: one["pk"] for one in program.api("GET", "propertymappings/source/ldap/")["results"]}
    given: dict[str, Any] = {
        "user_property_mappings": [shipped[f"{MAPPINGS}default-dn-path"], shipped[f"{MAPPINGS}ms-sn"]],
        "group_property_mappings": [shipped[f"{MAPPINGS}openldap-cn"]],
        "name": "House",
        "slug": "house",
        "server_uri": slapd.uri,
        "peer_certificate": trusted["pk"],
        "bind_cn": READER,
        "bind_password": READER_PASSWORD,
        "base_dn": SUFFIX,
        "user_object_filter": "(|(uid=alice)(uid=bob)(uid=person1))",
        "group_object_filter": "(objectClass=groupOfNames)",
        "object_uniqueness_field": "entryUUID",
        "username_field": "mail",
        "password_login_update_internal_password": True,
    }
    program.api("POST", "sources/ldap/", given)
    try:
        assert program.api("POST", "sources/ldap/house/sync/") == {"messages": []}
        there = program.api("GET", "core/users/", query={"username": "bob@house.example"})["results"]
        (bob,) = there
        assert {group["name"] for group in bob["groups_obj"]} == {"crew"}
        assert (bob["path"], bob["attributes"]["sn"]) == ("goauthentik.io/sources/house/people", "bob")
        dn = user_dn("bob@house.example")

        def says(typed: str) -> int:
            asked = ["ldapwhoami", "-x", "-H", program.ldap, "-D", dn, "-w", typed]
            return run(*asked).code

        assert says("wrong") == 49
        until(lambda: says(password("bob")) == PROVED, SECONDS, "the outpost knowing bob")
        changes(slapd, "changed-there")
        assert says("changed-there") == PROVED
        slapd.stop()
        assert says("never-the-one") == 52
        assert says("changed-there") == PROVED, "its hash was kept"
        (told,) = program.api("POST", "sources/ldap/house/sync/")["messages"]
        assert "gives no answer that counts" in told
        slapd.start()
        changes(slapd, password("bob"))
        logged = "".join(one.output() for one in program.programs)
        assert READER_PASSWORD not in logged
        assert password("bob") not in logged
    finally:
        for connection in program.api("GET", "sources/user_connections/ldap/")["results"]:
            program.api("DELETE", f"core/users/{connection['user']}/")
        for group in ("crew", "board"):
            for one in program.api("GET", "core/groups/", query={"name": group})["results"]:
                program.api("DELETE", f"core/groups/{one['pk']}/")
        program.api("DELETE", "sources/ldap/house/")
        program.api("DELETE", f"crypto/certificatekeypairs/{trusted['pk']}/")
