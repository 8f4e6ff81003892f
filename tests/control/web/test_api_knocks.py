"""`/knocks/`: the list, and one request from a refusal to its cure."""

from __future__ import annotations

from typing import Any

import pytest

from control import knocks
from control.records import Knock, Outpost, Provider, User
from control.verbs import providers, tokens
from control.verbs.outposts import EMBEDDED
from tests.control.web.api import Api


def knock(api: Api, kind: str, what: str, **more: Any) -> dict[str, Any]:
    """As the API shows it."""
    more.setdefault("outpost", embedded(api).pk)
    api.sql.write_now(lambda tx: knocks.knocked(tx, kind, what, **more))
    [found] = api.get(f"/knocks/?kind={kind}&what={what}")["results"]
    return dict(found)


def embedded(api: Api) -> Outpost:
    return api.sql.read_now(lambda tx: next(one for one in tx.select(Outpost) if one.managed == EMBEDDED))


def provider(api: Api, kind: str, **given: Any) -> Provider:
    given = {"name": f"a {kind} one", **given}
    return api.sql.write_now(lambda tx: providers.create(tx, kind, given, api.random))


def add(api: Api, shown: dict[str, Any]) -> dict[str, Any]:
    """Sends what the knock says is to be sent."""
    how = shown["add"]
    answer = api.call(how["method"], how["path"].removeprefix("/api/v3"), how["body"])
    assert answer.status == 201, answer.text
    return dict(answer.body)


def current(api: Api, pk: int) -> Provider:
    return api.sql.read_now(lambda tx: tx.get(Provider, pk))


def test_a_knock_as_it_is_shown(api: Api) -> None:
    shown = knock(api, "nas", "192.0.2.1", detail={"peer": "192.0.2.1"})
    assert shown["outpost_name"] == embedded(api).name
    assert (shown["count"], shown["answered"], shown["detail"]) == (1, None, {"peer": "192.0.2.1"})
    assert "192.0.2.1" in shown["message"]
    assert shown["first"] == shown["last"]


def test_the_list_is_searched_and_filtered(api: Api) -> None:
    knock(api, "nas", "192.0.2.1")
    knock(api, "host", "app.example.com")
    api.sql.write_now(lambda tx: knocks.answered(tx, "nas", "192.0.2.1", embedded(api).pk))

    def found(query: str) -> list[str]:
        return sorted(one["what"] for one in api.get(f"/knocks/?{query}")["results"])

    assert found("") == ["192.0.2.1", "app.example.com"]
    assert found("search=EXAMPLE") == ["app.example.com"]
    assert found("kind=nas") == ["192.0.2.1"]
    assert found("answered=true") == ["192.0.2.1"]
    assert found("answered=false") == ["app.example.com"]
    assert found(f"outpost={embedded(api).pk}") == ["192.0.2.1", "app.example.com"]


def test_what_is_answered_needs_nothing_added(api: Api) -> None:
    knock(api, "host", "app.example.com")
    api.sql.write_now(lambda tx: knocks.answered(tx, "host", "app.example.com", embedded(api).pk))
    [shown] = api.get("/knocks/")["results"]
    assert shown["answered"] is not None
    assert shown["add"] is None


def test_a_nas_joins_the_provider_that_there_is(api: Api) -> None:
    made = provider(api, "radius", client_networks="198.51.100.0/24")
    added = add(api, knock(api, "nas", "192.0.2.1"))
    assert added == {"provider": made.pk, "application": ""}
    assert current(api, made.pk).settings["client_networks"] == "198.51.100.0/24, 192.0.2.1/32"
    assert made.pk in embedded(api).providers


def test_a_nas_without_any_provider_gets_one(api: Api) -> None:
    added = add(api, knock(api, "nas", "2001:db8::1"))
    made = current(api, added["provider"])
    assert (made.kind, made.settings["client_networks"]) == ("radius", "2001:db8::1/128")
    assert added["application"] == "radius-for-2001-db8-1"
    assert made.pk in embedded(api).providers


def test_a_host_gets_an_application(api: Api) -> None:
    added = add(api, knock(api, "host", "app.example.com"))
    made = current(api, added["provider"])
    assert (made.settings["mode"], made.settings["external_host"]) == ("forward_single", "https://app.example.com")
    assert added["application"] == "app-example-com"
    assert made.pk in embedded(api).providers


def test_a_base_dn_gets_a_provider(api: Api) -> None:
    added = add(api, knock(api, "base_dn", "dc=example,dc=org"))
    assert current(api, added["provider"]).settings["base_dn"] == "dc=example,dc=org"


def test_a_redirect_uri_is_registered_as_it_is(api: Api) -> None:
    made = provider(api, "oauth2", redirect_uris=[{"matching_mode": "strict", "url": "https://a.example.com/"}])
    shown = knock(api, "redirect_uri", "https://b.example.com/cb", outpost="", detail={"provider": str(made.pk)})
    assert add(api, shown)["provider"] == made.pk
    assert [uri["url"] for uri in current(api, made.pk).settings["redirect_uris"]] == [
        "https://a.example.com/",
        "https://b.example.com/cb",
    ]


@pytest.mark.parametrize("kind", ["nas_secret", "proxy", "tls"])
def test_what_cannot_be_added_here_says_so(api: Api, kind: str) -> None:
    shown = knock(api, kind, "192.0.2.1")
    assert shown["add"] is None
    answer = api.call("POST", f"/knocks/{shown['pk']}/add/", {})
    assert answer.status == 400
    assert "message" in answer.body["non_field_errors"][0]


@pytest.mark.parametrize(("kind", "what"), [("host", "a b"), ("host", "x" * 254), ("base_dn", "=")])
def test_what_is_no_host_or_dn_is_refused_and_nothing_is_made(api: Api, kind: str, what: str) -> None:
    api.sql.write_now(lambda tx: knocks.knocked(tx, kind, what))
    [shown] = api.get("/knocks/")["results"]
    assert api.call("POST", f"/knocks/{shown['pk']}/add/", {"name": "n"}).status == 400
    assert api.sql.read_now(lambda tx: tx.count(Provider)) == 0


def test_the_wrong_provider_is_refused(api: Api) -> None:
    made = provider(api, "ldap")
    shown = knock(api, "nas", "192.0.2.1")
    assert api.call("POST", f"/knocks/{shown['pk']}/add/", {"provider": made.pk}).status == 400


def test_one_is_deleted_and_all_are_cleared(api: Api) -> None:
    first = knock(api, "nas", "192.0.2.1")
    knock(api, "host", "app.example.com")
    assert api.call("DELETE", f"/knocks/{first['pk']}/").status == 204
    assert api.call("DELETE", "/knocks/?kind=nas").status == 204
    assert [one["kind"] for one in api.get("/knocks/")["results"]] == ["host"]
    assert api.call("DELETE", "/knocks/?answered=true").status == 204
    assert api.sql.read_now(lambda tx: tx.count(Knock)) == 1
    assert api.call("DELETE", "/knocks/").status == 204
    assert api.sql.read_now(lambda tx: tx.count(Knock)) == 0


def test_only_a_superuser_sees_or_adds_them(api: Api) -> None:
    shown = knock(api, "host", "app.example.com")
    user = api.sql.write_now(lambda tx: tx.insert(User("plain")))
    token = api.sql.write_now(lambda tx: tokens.create(tx, user.pk, "plain", api.random)).key
    for method, path in (
        ("GET", "/knocks/"),
        ("DELETE", f"/knocks/{shown['pk']}/"),
        ("POST", f"/knocks/{shown['pk']}/add/"),
        ("DELETE", "/knocks/"),
    ):
        assert api.call(method, path, {} if method == "POST" else None, token=token).status == 403
    assert api.sql.read_now(lambda tx: tx.count(Knock)) == 1


def test_a_device_is_added_for_a_user_or_for_nobody_yet(api: Api) -> None:
    printer = api.user("printer")
    add(api, knock(api, "mac", "02-00-00-00-00-01"))
    shown = knock(api, "mac", "02-00-00-00-00-02")
    api.post(f"/knocks/{shown['pk']}/add/", {**shown["add"]["body"], "user": printer})
    devices = api.get("/radius/devices/")["results"]
    assert [(one["address"], one["user"]) for one in devices] == [
        ("02:00:00:00:00:01", None),
        ("02:00:00:00:00:02", printer),
    ]
    assert knock(api, "mac", "192.0.2.1")["add"] is None  # a NAS that does not say which device it was
