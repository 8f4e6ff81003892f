"""Every answer has authentik's field names and JSON types (tests/vectors/admin_api/shapes.json)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.control.web.api import Api

SHAPES: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "admin_api" / "shapes.json").read_text(encoding="utf-8")
)
OURS = {"/core/users/": {"valid_from", "valid_until", "must_change_password"}, "/flows/instances/": {"warnings"}}
"""Fields of ours beyond authentik's, in the results of a path."""
QUERIES = {
    "/core/users/": "?include_groups=true&include_roles=true&page=1&page_size=100",
    "/core/groups/": "?include_children=true&include_inherited_roles=false&include_parents=true&include_users=true",
}
"""As authentik's outposts ask."""


def differences(where: str, expected: Any, found: Any, extra: set[str]) -> Iterator[str]:
    if isinstance(expected, dict):
        if not isinstance(found, dict):
            yield f"{where}: {found!r} is no object"
            return
        yield from (f"{where}.{name} is missing" for name in expected.keys() - found.keys())
        yield from (f"{where}.{name} is not authentik's" for name in found.keys() - expected.keys() - extra)
        for name in expected.keys() & found.keys():
            yield from differences(f"{where}.{name}", expected[name], found[name], extra)
    elif isinstance(expected, list):
        if not isinstance(found, list):
            yield f"{where}: {found!r} is no list"
        elif expected:
            for item in found:
                yield from differences(f"{where}[]", expected[0], item, extra)
    elif not has_type(expected, found):
        yield f"{where}: {found!r} is not {expected}"


def has_type(expected: str, found: Any) -> bool:
    name = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string", dict: "object"}.get(
        type(found), "list"
    )
    return expected == "null" or name in expected.split("|") or (name, expected) == ("integer", "number")


def populate(api: Api) -> None:
    staff = api.post("/core/groups/", {"name": "staff", "attributes": {"notes": "n"}})["pk"]
    child = api.post("/core/groups/", {"name": "engineering", "parents": [staff]})["pk"]
    for name in ("alice", "bob"):
        api.user(name, groups=[child], email=f"{name}@example.com")
    for kind, more in (("ldap", {}), ("radius", {}), ("proxy", {"external_host": "http://app.example.com"})):
        body = {"name": kind, "mode": "forward_single", **more}
        provider = api.post(f"/providers/{kind}/", body)["pk"]
        api.post("/core/applications/", {"name": kind, "slug": kind, "provider": provider})
        api.post("/outposts/instances/", {"name": kind, "type": kind, "providers": [provider], "config": {}})
        second = api.post(f"/providers/{kind}/", {**body, "name": f"{kind}-2"})["pk"]
        api.post("/core/applications/", {"name": f"{kind}-2", "slug": f"{kind}-2", "provider": second})


@pytest.mark.parametrize("path", SHAPES)
def test_names_and_types_are_authentiks(api: Api, path: str) -> None:
    populate(api)
    body = api.get(path + QUERIES.get(path, ""))
    assert list(differences(path, SHAPES[path], body, OURS.get(path, set()))) == []
    if "results" in body:
        assert len(body["results"]) >= 2


def test_the_comparison_sees_a_missing_a_foreign_and_a_wrong_field() -> None:
    expected = {"a": "string", "b": ["integer"], "c": "null|string"}
    assert list(differences("", expected, {"a": "x", "b": [1], "c": None}, set())) == []
    assert list(differences("", expected, {"b": [], "c": "x"}, set())) == [".a is missing"]
    assert list(differences("", expected, {"a": None, "b": [], "c": ""}, set())) == [".a: None is not string"]
    assert list(differences("", expected, {"a": "", "b": ["x"], "c": ""}, set())) == [".b[]: 'x' is not integer"]
    assert list(differences("", expected, {"a": "", "b": [], "c": "", "d": 1}, set())) == [".d is not authentik's"]


def test_who_is_in_a_group_sees_it_in_me(api: Api) -> None:
    parent = api.post(
        "/core/groups/", {"name": "parent", "attributes": {"settings": {"theme": "dark", "locale": "de"}}}
    )
    child = api.post("/core/groups/", {"name": "child", "parents": [parent["pk"]]})
    alice = api.user("alice", groups=[child["pk"]], attributes={"settings": {"locale": "en"}})
    me = api.get("/core/users/me/", api.token(alice))["user"]
    assert [group["name"] for group in me["groups"]] == ["child", "parent"]
    assert me["settings"] == {"theme": "dark", "locale": "en"}
    assert me["system_permissions"] == []


def test_objects_can_be_left_out(api: Api) -> None:
    populate(api)
    (staff,) = api.get("/core/groups/?name=staff&include_users=false")["results"]
    assert staff["users_obj"] is None
    assert staff["parents_obj"] is None
    assert staff["children_obj"] is None
    assert len(staff["children"]) == 1
    (alice,) = api.get("/core/users/?username=alice&include_groups=false&include_roles=false")["results"]
    assert (alice["groups_obj"], alice["roles_obj"]) == (None, None)
    assert len(alice["groups"]) == 1


def test_times_are_iso_8601_in_utc(api: Api) -> None:
    body = api.post(
        "/core/users/", {"username": "a", "name": "", "valid_from": "2024-02-29T10:00:00+02:00", "valid_until": None}
    )
    assert body["date_joined"] == "2023-11-14T22:13:20.000000Z"
    assert body["valid_from"] == "2024-02-29T08:00:00.000000Z"
    assert body["last_login"] is None


def test_version_and_configuration(api: Api) -> None:
    version = api.get("/admin/version/")
    assert (version["version_current"], version["outdated"]) == ("0.1.0", False)
    assert api.get("/root/config/")["error_reporting"]["enabled"] is False
