"""Bodies that are too big, not JSON, or not what was asked for; paths and methods that are not there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from control.verbs.certificates import GeneratedFields
from control.verbs.fields import Fields
from control.verbs.service_accounts import ServiceAccountFields
from control.verbs.system import SystemFields
from control.verbs.tokens import TokenFields
from control.web.admin_api import bodies
from control.web.admin_api.bodies import MAX_BODY_BYTES
from control.web.admin_api.table import resources
from tests.control.web.api import Api
from tests.control.web.test_api_permissions import keys, path_of
from tests.fakes import counted_random

NASTY: list[Any] = [
    None,
    "",
    " ",
    "x" * 70_000,
    "nul \x00",
    "literal \\u0000",
    "half \ud800",
    "-1",
    -1,
    2**31,
    2**63,
    10**400,
    1.5,
    True,
    [],
    [None],
    [[]],
    ["\x00"],
    [2**70],
    {},
    {"a": "\x00"},
    {"\ud800": 1},
    {"a": {"a": {"a": [1, 2, {"deep": None}]}}},
    "00000000-0000-4000-8000-000000000000",
    "http://[",
    "http://x:99999999/",
    "hours=99999999999999999999",
    "(((((",
    "::/129",
]
"""No field may take the server down, whatever it is given."""


MODELS: dict[str, type[Fields] | None] = {
    f"/{resource.path}/": resource.fields for resource in resources(counted_random()) if resource.update is not None
}
"""Every path that can be written to, and what it takes."""


@pytest.mark.parametrize("path", MODELS)
def test_no_value_of_any_field_takes_the_server_down(api: Api, path: str) -> None:
    made, model = keys(api), MODELS[path]
    assert model is not None
    for field in sorted(set(model.model_fields) - {"slug", "identifier"}):
        for value in NASTY:
            text = json.dumps({field: value}).encode()
            answer = api.call("PATCH", path_of(f"{path}{{key}}/", made), raw=text)
            assert answer.status in (200, 400), (text[:80], answer.text)


@pytest.mark.parametrize("value", NASTY, ids=range(len(NASTY)))
def test_no_argument_of_an_action_takes_the_server_down(api: Api, value: Any) -> None:
    made = keys(api)
    for path, field in (("/core/users/{key}/set_password/", "password"), ("/core/groups/{key}/add_user/", "pk")):
        answer = api.call("POST", path_of(path, made), raw=json.dumps({field: value}).encode())
        assert answer.status in (204, 400, 404), (path, answer.text)


def test_no_name_takes_the_server_down(api: Api) -> None:
    for path, field in (("/core/users/", "username"), ("/core/applications/", "slug")):
        for value in NASTY:
            body = json.dumps({"name": "n", field: value}).encode()
            assert api.call("POST", path, raw=body).status in (201, 400), (path, value)


@pytest.mark.parametrize(
    ("method", "path", "fields"),
    [
        ("PATCH", "/admin/settings/", SystemFields),
        ("POST", "/core/users/service_account/", ServiceAccountFields),
        ("POST", "/crypto/certificatekeypairs/generate/", GeneratedFields),
        ("POST", "/core/tokens/", TokenFields),
    ],
)
def test_no_value_of_an_action_takes_the_server_down(api: Api, method: str, path: str, fields: type[Fields]) -> None:
    for field in sorted(fields.model_fields):
        for index, value in enumerate(NASTY):
            given = {"name": f"n{index}", "common_name": f"c{field}{index}", "alg": "ecdsa", "identifier": f"i{index}"}
            answer = api.call(method, path, raw=json.dumps({**given, field: value}).encode())
            assert answer.status in (200, 201, 400), (field, value, answer.text)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_numbers_that_are_none_are_refused(api: Api, number: str) -> None:
    body = f'{{"username": "u", "name": "u", "attributes": {{"a": {number}}}}}'.encode()
    assert api.call("POST", "/core/users/", raw=body).status == 400


@pytest.mark.parametrize(
    "text", [b"{", b"nonsense", b"\xff\xfe", b'{"a":', b"[" * 100_000, b'{"a": ' * 100_000, b"1" * 5000]
)
def test_what_is_not_json(api: Api, text: bytes) -> None:
    answer = api.call("POST", "/core/users/", raw=text)
    assert answer.status == 400
    if text[:1] in b"{[n":
        assert answer.body["detail"].startswith("JSON parse error - ")


@pytest.mark.parametrize(("value", "kind"), [([], "list"), ("x", "str"), (1, "int"), (True, "bool")])
def test_what_is_no_object(api: Api, value: Any, kind: str) -> None:
    answer = api.call("POST", "/core/users/", value)
    sentence = f"Invalid data. Expected a dictionary, but got {kind}."
    assert (answer.status, answer.body) == (400, {"non_field_errors": [sentence]})


def test_other_media_types_are_refused(api: Api) -> None:
    """Also what a form on another site could send without being asked."""
    body = b'{"username": "u", "name": "u"}'
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        answer = api.call("POST", "/core/users/", raw=body, headers={"content-type": media_type})
        assert (answer.status, answer.body) == (415, {"detail": f'Unsupported media type "{media_type}" in request.'})
    good = {"content-type": "Application/JSON; charset=utf-8"}
    assert api.call("POST", "/core/users/", raw=body, headers=good).status == 201


def test_a_body_is_bounded(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    fits = b'{"username": "u", "name": "u"' + b" " * (MAX_BODY_BYTES - 30) + b"}"
    assert len(fits) == MAX_BODY_BYTES
    assert api.call("POST", "/core/users/", raw=fits).status == 201
    assert api.call("POST", "/core/users/", raw=fits + b" ").status == 413
    monkeypatch.setattr(bodies, "MAX_BODY_BYTES", 10)
    assert api.call("POST", "/core/users/", {"username": "v", "name": "v"}).status == 413


def test_a_plain_users_body_is_not_read(api: Api) -> None:
    token = api.token(api.user("plain"))
    assert api.call("POST", "/core/users/", raw=b"{" * (MAX_BODY_BYTES + 1), token=token).status == 403


def test_head_is_get_without_a_body(api: Api) -> None:
    answer = api.call("HEAD", "/core/users/me/")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert api.call("HEAD", "/core/users/1/set_password/").status == 405


def test_errors_are_authentiks(api: Api) -> None:
    assert api.post("/core/users/", {}, 400) == {
        "username": ["This field is required."],
        "name": ["This field is required."],
    }
    body: dict[str, Any] = {
        "username": "x" * 151,
        "name": None,
        "is_active": "perhaps",
        "email": "nobody",
        "attributes": [],
        "path": "/a//b",
        "type": "robot",
        "groups": "staff",
        "valid_from": "yesterday",
    }
    assert api.post("/core/users/", body, 400) == {
        "username": ["Ensure this field has no more than 150 characters."],
        "name": ["This field may not be null."],
        "is_active": ["Must be a valid boolean."],
        "email": ["Enter a valid email address."],
        "attributes": ["Value must be a dictionary, and not have any duplicate keys."],
        "path": ["No leading or trailing slashes allowed."],
        "type": ['"robot" is not a valid choice.'],
        "groups": ['Expected a list of items but got type "str".'],
        "valid_from": [
            "Datetime has wrong format. Use one of these formats instead: "
            "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."
        ],
    }
    assert api.post("/core/users/", {"username": "akadmin", "name": ""}, 400) == {
        "username": ["This field must be unique."]
    }
    assert api.post("/core/users/", {"username": " ", "name": ""}, 400) == {
        "username": ["This field may not be blank."]
    }
    absent = "00000000-0000-4000-8000-000000000000"
    assert api.post("/core/users/", {"username": "u", "name": "", "groups": ["staff", absent]}, 400) == {
        "groups": ["“staff” is not a valid UUID."]
    }
    assert api.post("/core/users/", {"username": "u", "name": "", "groups": [absent]}, 400) == {
        "groups": [f'Invalid pk "{absent}" - object does not exist.']
    }


def test_unknown_fields_are_ignored(api: Api) -> None:
    body = api.post("/core/users/", {"username": "u", "name": "u", "is_superuser": True, "pk": 1, "password": "x"})
    assert body["is_superuser"] is False
    assert body["pk"] != 1
    assert "password" not in body


def test_methods_that_are_not_there(api: Api) -> None:
    answer = api.call("PUT", "/core/users/", {})
    assert (answer.status, answer.body) == (405, {"detail": 'Method "PUT" not allowed.'})
    assert answer.headers["allow"] == "GET, POST, HEAD"
    assert api.call("POST", "/providers/all/", {}).headers["allow"] == "GET, HEAD"
    assert api.call("PATCH", "/providers/all/1/", {}).headers["allow"] == "GET, DELETE, HEAD"


@pytest.mark.parametrize(
    "path",
    [
        "/core/users/999/",
        "/core/users/x/",
        "/core/users/99999999999999999999999/",
        "/core/users/²/",
        "/core/users/-1/",
        "/core/groups/1/",
        "/core/groups/\x00/",
        "/core/applications/none/",
        "/core/applications/\x00/",
        "/outposts/instances/00000000-0000-4000-8000-000000000000/",
        "/nothing/",
        "/core/users/1/2/",
        "/",
    ],
)
def test_what_is_not_there(api: Api, path: str) -> None:
    answer = api.call("GET", path)
    assert answer.status == 404, answer.text
    assert set(answer.body) == {"detail"}


def test_a_record_of_another_kind_is_not_there(api: Api) -> None:
    pk = api.post("/providers/ldap/", {"name": "l"})["pk"]
    answer = api.call("GET", f"/providers/radius/{pk}/")
    assert (answer.status, answer.body) == (404, {"detail": "No RadiusProvider matches the given query."})
    assert api.call("DELETE", f"/providers/radius/{pk}/").status == 404
    assert api.get(f"/providers/ldap/{pk}/")["name"] == "l"


def test_a_missing_slash_is_added(api: Api) -> None:
    answer = api.call("GET", "/core/users?page=2")
    assert (answer.status, answer.headers["location"]) == (301, "/api/v3/core/users/?page=2")
    assert api.call("POST", "/core/users", {"username": "u", "name": "u"}).status == 404


def test_answers_are_kept_by_no_cache(api: Api) -> None:
    answer = api.call("GET", "/core/users/me/")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"
    assert api.call("GET", "/core/users/me/", token=None).headers["cache-control"] == "no-store"


def test_a_fault_of_ours_tells_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("control.web.admin_api.shapes.people.users", fail)
    monkeypatch.setattr("control.web.admin_api.extras.myself", fail)
    answer = api.call("GET", "/core/users/me/")
    assert answer.status == 500
    assert b"secret detail" not in answer.text
