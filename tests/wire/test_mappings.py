"""What property mappings say, as ldapsearch and the application behind a proxy read it: at once after a change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.wire.clients import ldapsearch, user_dn
from tests.wire.directory import HOST, PASSWORDS, Directory
from tests.wire.program import SOON, Program, until

pytestmark = pytest.mark.peer

TEAMS = """\
return {
    "teams": [group.name for group in user.all_groups()],
    "badgeNumber": f"{user.attributes.get('site', 'HQ')}-{user.pk}",
}
"""
HEADERS = """\
return {
    "entitlements": [f"read:{group.name}" for group in request.user.ak_groups.all()],
    "ak_proxy": {"user_attributes": {"additionalHeaders": {"X-Team": ",".join(g.name for g in user.all_groups())}}},
}
"""


@contextmanager
def mapped(program: Program, people: Directory, kind: str, mapping: str, fields: dict[str, str]) -> Iterator[None]:
    """The provider with one mapping more."""
    path = f"providers/{kind}/{people.providers[kind]}/"
    before = program.api("GET", path)["property_mappings"]
    made = program.api("POST", f"propertymappings/provider/{mapping}/", {"name": f"wire {kind}", **fields})["pk"]
    program.api("PATCH", path, {"property_mappings": [*before, made]})
    try:
        yield
    finally:
        program.api("DELETE", f"propertymappings/all/{made}/")


def test_ldap_attributes_are_found_shown_described_and_follow_the_person(program: Program, people: Directory) -> None:
    bob = people.users["bob"]
    with mapped(program, people, "ldap", "ldap", {"expression": TEAMS}):

        def found(filter: str) -> bool:
            return ldapsearch(program, "alice", filter, "teams", "badgeNumber").dns == [user_dn("bob")]

        until(lambda: found(f"(badgeNumber=HQ-{bob})"), SOON, "the mapping's values")
        answer = ldapsearch(program, "alice", "(teams=engineering)", "teams", "badgeNumber")
        assert answer.values("teams") == ["engineering", "staff"]
        schema = ldapsearch(program, "alice", "-s", "base", "(objectClass=*)", "attributeTypes", base="cn=Subschema")
        assert "badgenumber" in schema.text.lower()
        program.api("PATCH", f"core/users/{bob}/", {"attributes": {"site": "Lab"}})
        try:
            until(lambda: found(f"(badgeNumber=Lab-{bob})"), SOON, "the change of the person")
        finally:
            program.api("PATCH", f"core/users/{bob}/", {"attributes": {}})
    until(lambda: ldapsearch(program, "alice", "(teams=engineering)", "cn").dns == [], SOON, "the mapping's end")


def test_headers_of_an_application_come_from_its_scope_mappings(program: Program, people: Directory) -> None:
    asked = {"X-Original-URL": f"http://{HOST}/", "Host": HOST}

    def headers() -> httpx.Headers:
        where = f"{program.http}/outpost.goauthentik.io/auth/nginx"
        answer = httpx.get(where, headers=asked, auth=("bob", PASSWORDS["bob"]), timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.headers

    with mapped(program, people, "proxy", "scope", {"scope_name": "teams", "expression": HEADERS}):
        until(lambda: headers().get("x-team") == "engineering,staff", SOON, "the mapping's headers")
        told = headers()
        assert told["x-authentik-entitlements"] == "read:engineering"
        assert (told["x-authentik-username"], told["x-authentik-groups"]) == ("bob", "engineering")
    until(lambda: "x-team" not in headers(), SOON, "the mapping's end")
