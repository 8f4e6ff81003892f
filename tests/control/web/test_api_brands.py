"""Brands over the API: authentik's shape, one default, and which one serves a host."""

from __future__ import annotations

from typing import Any

import pytest

from tests.control.web.api import Api

BRAND = {
    "brand_uuid",
    "domain",
    "default",
    "branding_title",
    "branding_logo",
    "branding_favicon",
    "branding_custom_css",
    "flow_authentication",
    "flow_invalidation",
    "flow_recovery",
    "flow_unenrollment",
    "flow_user_settings",
    "flow_device_code",
    "default_application",
    "web_certificate",
    "client_certificates",
    "attributes",
}


def brand(api: Api, domain: str, **fields: Any) -> str:
    return str(api.post("/core/brands/", {"domain": domain, **fields})["brand_uuid"])


def current(api: Api, host: str) -> dict[str, Any]:
    answer = api.call("GET", "/core/brands/current/", token=None, headers={"host": host})
    assert answer.status == 200
    return dict(answer.body)


def test_the_first_start_makes_the_default_one(api: Api) -> None:
    (first,) = api.get("/core/brands/")["results"]
    assert first.keys() == BRAND | {"pk"}
    assert (first["domain"], first["default"], first["branding_title"]) == ("authentik-default", True, "authentik")


def test_strangers_are_told_how_a_host_looks(api: Api) -> None:
    told = current(api, "auth.example.org")
    assert (told["matched_domain"], told["branding_title"]) == ("authentik-default", "authentik")
    assert told["flow_authentication"] == "default-authentication-flow"
    assert told["flow_user_settings"] == "default-user-settings-flow"
    assert told["flow_device_code"] is None
    assert told["branding_logo"].startswith("/static/mark.svg")


@pytest.mark.parametrize(
    ("host", "serves"),
    [
        ("example.com", "example.com"),
        ("EXAMPLE.com.:8443", "example.com"),
        ("a.b.example.com", "example.com"),
        ("x.auth.example.com", "auth.example.com"),
        ("notexample.com", "authentik-default"),
        ("com", "authentik-default"),
        ("[::1]:9000", "authentik-default"),
    ],
)
def test_the_longest_domain_at_a_dot_serves_a_host(api: Api, host: str, serves: str) -> None:
    brand(api, "Example.com")
    brand(api, ".auth.example.com")
    assert current(api, host)["matched_domain"] == serves


def test_there_is_always_one_default(api: Api) -> None:
    (first,) = api.get("/core/brands/")["results"]
    for method, body in (("PATCH", {"default": False}), ("DELETE", None)):
        assert api.call(method, f"/core/brands/{first['brand_uuid']}/", body).status == 400
    second = brand(api, "example.com", default=True)
    assert [one["domain"] for one in api.get("/core/brands/?default=true")["results"]] == ["example.com"]
    assert current(api, "elsewhere.example.org")["matched_domain"] == "example.com"
    assert api.call("DELETE", f"/core/brands/{first['brand_uuid']}/").status == 204
    assert api.call("DELETE", f"/core/brands/{second}/").status == 400


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("domain", "a domain"),
        ("domain", "authentik-default"),
        ("branding_logo", "https://elsewhere.example.org/logo.png"),
        ("branding_favicon", "javascript:alert(1)"),
        ("branding_custom_css", "a" * 65_537),
        ("default_application", "00000000-0000-0000-0000-000000000000"),
    ],
)
def test_what_no_page_could_show_is_refused(api: Api, field: str, value: str) -> None:
    answer = api.call("POST", "/core/brands/", {"domain": "example.com", field: value})
    assert (answer.status, list(answer.body)) == (400, [field])


def test_a_flow_has_to_serve_its_purpose(api: Api) -> None:
    pk = api.get("/flows/instances/default-invalidation-flow/")["pk"]
    answer = api.call("POST", "/core/brands/", {"domain": "example.com", "flow_authentication": pk})
    assert answer.body == {"flow_authentication": ["Name a flow for authentication."]}
    brand(api, "example.com", flow_invalidation=pk)
    assert current(api, "example.com")["flow_invalidation"] == "default-invalidation-flow"
