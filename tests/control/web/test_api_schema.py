"""`/api/v3/schema/` is a valid description, of every route, that the answers agree with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.control.web.api import ADMIN_TOKEN, Api
from tests.control.web.test_api_permissions import OPEN, keys, operations, path_of

METHODS = {"get", "post", "put", "patch", "delete"}
TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}


@pytest.fixture
def schema(api: Api) -> dict[str, Any]:
    answer = api.call("GET", "/schema/", token=None)
    assert answer.status == 200
    described: dict[str, Any] = answer.body
    return described


def parts(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from parts(value)
    elif isinstance(node, list):
        for value in node:
            yield from parts(value)


def resolved(schema: dict[str, Any], reference: str) -> dict[str, Any]:
    found: Any = schema
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    assert isinstance(found, dict)
    return found


def faults(schema: dict[str, Any], expected: dict[str, Any], value: Any, where: str) -> Iterator[str]:
    """Where the value is not as the schema says; for the keywords that the schema uses."""
    if "$ref" in expected:
        yield from faults(schema, resolved(schema, expected["$ref"]), value, where)
        return
    if "anyOf" in expected:
        if all(list(faults(schema, option, value, where)) for option in expected["anyOf"]):
            yield f"{where}: {value!r} is none of {expected['anyOf']}"
        return
    kind = expected.get("type")
    if kind == "null" and value is not None:
        yield f"{where}: {value!r} is not null"
    elif kind in TYPES and (not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")):
        yield f"{where}: {value!r} is no {kind}"
    if "enum" in expected and value not in expected["enum"]:
        yield f"{where}: {value!r} is not in {expected['enum']}"
    if isinstance(value, dict):
        yield from (f"{where}.{name} is missing" for name in expected.get("required", ()) if name not in value)
        for name, part in expected.get("properties", {}).items():
            if name in value:
                yield from faults(schema, part, value[name], f"{where}.{name}")
    if isinstance(value, list) and "items" in expected:
        for item in value:
            yield from faults(schema, expected["items"], item, f"{where}[]")


def test_every_route_is_described(api: Api, schema: dict[str, Any]) -> None:
    described = {
        (method.upper(), path) for path, item in schema["paths"].items() for method in item if method in METHODS
    }
    flows = {("GET", "/flows/executor/{slug}/"), ("POST", "/flows/executor/{slug}/")}
    strangers = flows | {("GET", "/core/brands/current/")}
    assert described == set(operations(api)) | strangers
    assert {path for _, path in strangers} == OPEN - {"/schema/"}


def test_the_description_is_whole(schema: dict[str, Any]) -> None:
    assert schema["openapi"].startswith("3.1.")
    for part in parts(schema):
        if isinstance(part.get("$ref"), str):
            resolved(schema, part["$ref"])
        if isinstance(part.get("properties"), dict) and isinstance(part.get("required"), list):
            assert set(part["required"]) <= set(part["properties"]), part.get("title")
        if isinstance(part.get("type"), str) and "scheme" not in part:
            assert part["type"] in {*TYPES, "null"}, part
    names: list[str] = []
    for path, item in schema["paths"].items():
        declared = {parameter["name"] for parameter in item["parameters"]}
        assert declared == {piece.strip("{}") for piece in path.split("/") if piece.startswith("{")}
        assert item.keys() <= {*METHODS, "parameters"}
        for method in METHODS & item.keys():
            names.append(item[method]["operationId"])
            assert any(status.startswith("2") for status in item[method]["responses"])
            assert ("requestBody" in item[method]) <= (method in {"post", "put", "patch"})
    assert len(names) == len(set(names))
    assert {"core_users_list", "core_users_partial_update", "core_tokens_view_key_retrieve"} <= set(names)


def test_every_get_answers_as_described(api: Api, schema: dict[str, Any]) -> None:
    made = keys(api)
    for method, path in operations(api):
        if method != "GET":
            continue
        answer = api.call("GET", path_of(path, made))
        assert answer.status == 200, answer.text
        ((media, described),) = schema["paths"][path]["get"]["responses"]["200"]["content"].items()
        assert answer.headers["content-type"].partition(";")[0] == media, path
        if media == "application/json":
            assert list(faults(schema, described["schema"], answer.body, path)) == []


def test_what_may_be_left_out_is_not_required(schema: dict[str, Any]) -> None:
    components = schema["components"]["schemas"]
    assert components["LDAPProviderRequest"]["required"] == ["name"]
    assert components["TokenRequest"]["required"] == ["identifier"]
    assert components["UserRequest"]["required"] == ["username", "name"]
    assert "required" not in components["PatchedUserRequest"]


def test_what_only_goes_in_is_in_no_answer(schema: dict[str, Any]) -> None:
    components = schema["components"]["schemas"]
    assert not {"key_data", "certificate_data"} & components["CertificateKeyPair"]["properties"].keys()
    assert not {"client_secret", "cookie_secret"} & components["ProxyProvider"]["properties"].keys()
    assert ADMIN_TOKEN not in str(schema)


def test_the_comparison_sees_what_is_wrong(schema: dict[str, Any]) -> None:
    user = {"$ref": "#/components/schemas/User"}
    assert list(faults(schema, user, [], "")) == [": [] is no object"]
    assert "x.pk: 'one' is no integer" in list(faults(schema, user, {"pk": "one"}, "x"))
    assert "x.username is missing" in list(faults(schema, user, {"pk": 1}, "x"))
    moment = {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert list(faults(schema, moment, None, "")) == []
    assert len(list(faults(schema, moment, 1.0, ""))) == 1
