"""Pages, order, search and filters."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.datastructures import QueryParams

from control.records import Login
from control.verbs import users
from control.web.admin_api.lists import query_of
from control.web.admin_api.shapes.parts import moment
from tests.control.web.api import Api


def names(body: Any, field: str = "name") -> list[str]:
    return [result[field] for result in body["results"]]


def people(api: Api, count: int) -> None:
    for number in range(count):
        api.user(f"u{number:03d}", email=f"{number % 3}@example.com")


def test_pages(api: Api) -> None:
    people(api, 48)
    first = api.get("/core/users/?page_size=20")
    assert first["pagination"] == {
        "next": 2,
        "previous": 0,
        "count": 50,
        "current": 1,
        "total_pages": 3,
        "start_index": 1,
        "end_index": 20,
    }
    last = api.get("/core/users/?page_size=20&page=3")
    assert last["pagination"] == {
        "next": 0,
        "previous": 2,
        "count": 50,
        "current": 3,
        "total_pages": 3,
        "start_index": 41,
        "end_index": 50,
    }
    second = api.get("/core/users/?page_size=20&page=2")
    everybody = names(first, "username") + names(second, "username") + names(last, "username")
    assert everybody == sorted(everybody)
    assert len(set(everybody)) == 50


def test_an_empty_list_is_one_page(api: Api) -> None:
    assert api.get("/providers/all/")["pagination"] == {
        "next": 0,
        "previous": 0,
        "count": 0,
        "current": 1,
        "total_pages": 1,
        "start_index": 0,
        "end_index": 0,
    }


@pytest.mark.parametrize(
    ("asked", "length"),
    [("", 20), ("7", 7), ("0", 20), ("-1", 20), ("x", 20), ("100", 100), ("101", 100), ("9" * 30, 20)],
)
def test_page_size_is_bounded(api: Api, asked: str, length: int) -> None:
    people(api, 110)
    assert len(api.get(f"/core/users/?page_size={asked}")["results"]) == length


@pytest.mark.parametrize("page", ["0", "-1", "x", "2", "99999999999999999999", "1.5", "", "²"])
def test_a_page_that_is_not_there(api: Api, page: str) -> None:
    answer = api.call("GET", f"/core/groups/?page={page}")
    assert (answer.status, answer.body) == (404, {"detail": "Invalid page."})


def test_order(api: Api) -> None:
    people(api, 5)
    assert names(api.get("/core/users/?ordering=-username&search=u00"), "username") == [
        "u004",
        "u003",
        "u002",
        "u001",
        "u000",
    ]
    by_two = names(api.get("/core/users/?ordering=email,-username&search=u00"), "username")
    assert by_two == ["u003", "u000", "u004", "u001", "u002"]


@pytest.mark.parametrize("ordering", ["password", "-password", "attributes", "nonsense", "pk;drop", "", ","])
def test_fields_that_cannot_order_are_ignored(api: Api, ordering: str) -> None:
    """Least of all a password hash: its order would tell something about it."""
    for username, stored in (("u1", "b"), ("u2", "c"), ("u3", "a")):
        pk = api.user(username)
        api.sql.write_now(partial(users.set_password, pk=pk, password_hash=stored))
    assert names(api.get(f"/core/users/?search=u&path=users&ordering={ordering}"), "username")[-3:] == [
        "u1",
        "u2",
        "u3",
    ]


def test_search_ignores_case_and_takes_wildcards_literally(api: Api) -> None:
    api.user("carol", name="Carol_Danvers")
    api.user("carla", name="Carla Danvers")
    assert names(api.get("/core/users/?search=DANVERS"), "username") == ["carla", "carol"]
    assert names(api.get("/core/users/?search=l_D"), "username") == ["carol"]
    assert names(api.get("/core/users/?search=%25"), "username") == []
    assert api.call("GET", f"/core/users/?search={'x' * 257}").status == 400


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("username=alice", ["alice"]),
        ("username=ALICE", []),
        ("name=Bob", ["bob"]),
        ("email=a@example.com", ["alice"]),
        ("is_active=false", ["bob"]),
        ("is_active=true&search=a@example", ["alice"]),
        ("is_active=perhaps&search=Bob", ["bob"]),
        ("type=service_account", ["svc"]),
        ("type=service_account&type=internal&search=s", ["svc"]),
        ("path=robots", ["svc"]),
        ("is_superuser=true", ["akadmin"]),
        ("is_superuser=false&path=robots", ["svc"]),
        ("is_superuser=false&username=akadmin", []),
        ("groups_by_name=staff", ["alice"]),
        ("groups_by_name=nobody", []),
        ("groups_by_name=staff&is_superuser=true", []),
        ("username=", None),
        ("unknown=x", None),
    ],
)
def test_filters_of_users(api: Api, query: str, expected: list[str] | None) -> None:
    staff = api.post("/core/groups/", {"name": "staff"})["pk"]
    api.user("alice", email="a@example.com", groups=[staff])
    api.user("bob", is_active=False)
    api.patch(f"/core/users/{api.get('/core/users/?username=bob')['results'][0]['pk']}/", {"name": "Bob"})
    api.user("svc", type="service_account", path="robots")
    found = names(api.get(f"/core/users/?{query}"), "username")
    if expected is None:
        assert len(found) == 5
    else:
        assert found == expected


def test_filters_of_groups(api: Api) -> None:
    staff = api.post("/core/groups/", {"name": "staff"})["pk"]
    guests = api.post("/core/groups/", {"name": "guests"})["pk"]
    alice = api.user("alice", groups=[staff, guests])
    api.user("bob", groups=[guests])
    assert names(api.get("/core/groups/?name=staff")) == ["staff"]
    assert names(api.get("/core/groups/?is_superuser=true")) == ["authentik Admins"]
    assert names(api.get(f"/core/groups/?members_by_pk={alice}")) == ["guests", "staff"]
    assert names(api.get("/core/groups/?members_by_username=bob")) == ["guests"]
    assert names(api.get(f"/core/groups/?members_by_pk={alice}&members_by_pk=99999&name=staff")) == ["staff"]
    assert api.call("GET", "/core/groups/?members_by_pk=x").status == 400


def test_filters_of_applications_providers_and_flows(api: Api) -> None:
    used = api.post("/providers/ldap/", {"name": "Used"})["pk"]
    api.post("/providers/ldap/", {"name": "spare"})
    api.post("/core/applications/", {"name": "Files", "slug": "files", "provider": used})
    api.post("/core/applications/", {"name": "Wiki", "slug": "wiki"})
    assert names(api.get("/core/applications/?slug=wiki")) == ["Wiki"]
    assert names(api.get("/core/applications/?name=Files")) == ["Files"]
    assert names(api.get("/providers/all/?application__isnull=true")) == ["spare"]
    assert names(api.get("/providers/all/?application__isnull=false")) == ["Used"]
    assert names(api.get("/providers/ldap/?name__iexact=used")) == ["Used"]
    assert names(api.get("/providers/radius/")) == []
    assert names(api.get("/flows/instances/?slug=initial-setup"), "slug") == ["initial-setup"]
    assert names(api.get("/flows/instances/?designation=invalidation"), "slug") == [
        "default-invalidation-flow",
        "default-provider-invalidation-flow",
    ]


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("providers/oauth2", "name=one", ["one"]),
        ("providers/oauth2", "name=One", []),
        ("providers/oauth2", "client_id=first", ["one"]),
        ("providers/oauth2", "client_id=second&name=one", []),
        ("providers/oauth2", "client_type=public", ["two"]),
        ("providers/oauth2", "include_claims_in_id_token=false", ["two"]),
        ("providers/oauth2", "sub_mode=user_id", ["two"]),
        ("providers/proxy", "external_host__iexact=HTTPS://wiki.example.com", ["wiki"]),
        ("providers/proxy", "mode__iexact=proxy", []),
        ("providers/ldap", "base_dn__iexact=DC=Example,DC=com", ["directory"]),
        ("providers/ldap", "uid_start_number__iexact=7000", ["directory"]),
        ("providers/radius", "client_networks__iexact=192.0.2.0/24", ["network"]),
        (
            "providers/oauth2",
            "authorization_flow__slug__iexact=default-provider-authorization-explicit-consent",
            ["one"],
        ),
        ("propertymappings/provider/scope", "scope_name=email", ["authentik default OAuth Mapping: OpenID 'email'"]),
        ("outposts/instances", "name=edge", ["edge"]),
        ("outposts/instances", "name__icontains=EDG", ["edge"]),
        ("outposts/instances", "type=ldap", ["edge"]),
        ("outposts/instances", "providers__isnull=true", ["authentik Embedded Outpost"]),
        ("outposts/instances", "providers__isnull=false", ["edge"]),
        ("outposts/instances", "providers_by_pk=4", ["edge"]),
    ],
)
def test_filters_that_authentiks_clients_look_things_up_by(
    api: Api, path: str, query: str, expected: list[str]
) -> None:
    """Where one is ignored, they take the first of all."""
    flow = api.get("/flows/instances/?slug=default-provider-authorization-explicit-consent")["results"][0]["pk"]
    api.post("/providers/oauth2/", {"name": "one", "client_id": "first", "authorization_flow": flow})
    second = {"name": "two", "client_id": "second", "client_type": "public", "sub_mode": "user_id"}
    api.post("/providers/oauth2/", {**second, "include_claims_in_id_token": False})
    proxied = {"name": "wiki", "mode": "forward_single", "external_host": "https://wiki.example.com"}
    api.post("/providers/proxy/", proxied)
    directory = {"name": "directory", "base_dn": "dc=example,dc=com", "uid_start_number": 7000}
    pk = api.post("/providers/ldap/", directory)["pk"]
    api.post("/providers/radius/", {"name": "network", "client_networks": "192.0.2.0/24"})
    api.post("/outposts/instances/", {"name": "edge", "type": "ldap", "providers": [pk]})
    assert pk == 4
    assert names(api.get(f"/{path}/?{query}")) == expected


@pytest.mark.parametrize("query", ["search=%00", "username=a%00", "groups_by_pk=%00", "ordering=%00"])
def test_nul_in_a_query_is_refused(api: Api, query: str) -> None:
    answer = api.call("GET", f"/core/users/?{query}")
    assert answer.status == 400


class Counted(str):
    """A value that counts how often it is put into a set, or looked for in one."""

    hashed = 0

    def __hash__(self) -> int:
        Counted.hashed += 1
        return super().__hash__()


def test_filters_that_narrow_the_same_field_look_at_each_value_once(api: Api) -> None:
    """The interpreter's lock is held meanwhile: with a set for each value, long lists would stop everybody."""
    first, then = ([Counted(number) for number in range(begin, begin + 100)] for begin in (0, 50))
    before = Counted.hashed
    query = api.sql.read_now(lambda tx: query_of(tx, QueryParams(), {}, [{"pk": first}, {"pk": then}]))
    assert list(query.within["pk"]) == then[:50]
    assert Counted.hashed - before == len(first) + len(then)


def test_one_filter_is_not_repeated_without_end(api: Api) -> None:
    assert api.call("GET", "/core/users/?" + "&".join("type=internal" for _ in range(101))).status == 400


def test_plain_users_see_the_applications_that_they_may_use(api: Api) -> None:
    staff = api.post("/core/groups/", {"name": "staff"})["pk"]
    child = api.post("/core/groups/", {"name": "child", "parents": [staff]})["pk"]
    alice, bob = api.user("alice", groups=[child]), api.user("bob")
    for slug in ("bound", "negated", "disabled", "open"):
        api.post("/core/applications/", {"name": slug, "slug": slug})
    for slug, more in (("bound", {}), ("negated", {"negate": True}), ("disabled", {"enabled": False})):
        target = api.get(f"/core/applications/{slug}/")["pk"]
        api.post("/policies/bindings/", {"target": target, "group": staff, **more})
    tokens = {name: api.token(pk) for name, pk in (("alice", alice), ("bob", bob))}
    assert names(api.get("/core/applications/", tokens["alice"])) == ["bound", "disabled", "open"]
    assert names(api.get("/core/applications/", tokens["bob"])) == ["disabled", "negated", "open"]
    assert names(api.get("/core/applications/")) == ["bound", "disabled", "negated", "open"]
    assert api.call("GET", "/core/applications/bound/", token=tokens["bob"]).status == 404
    assert api.call("GET", "/core/applications/bound/", token=tokens["alice"]).status == 200


@pytest.mark.parametrize("header", [{"x-forwarded-for": "unknown"}, {"x-forwarded-host": "a b"}])
def test_a_proxy_that_forwards_nonsense_is_told(api: Api, header: dict[str, str]) -> None:
    answer = api.call("GET", "/core/users/me/", headers=header)
    assert answer.status == 400
    assert next(iter(header)) in str(answer.body).lower()


@pytest.fixture
def with_history(api: Api) -> Api:
    """alice has signed in; bob is a day younger, and has not."""
    alice = api.user("alice", path="staff/it", attributes={"vlan": 7, "a": {"b": ["x"]}, "dn__x": 1})
    api.clock.advance(86_400.0)
    api.user("bob", path="guests", attributes={"vlan": "7"})
    api.sql.write_now(lambda tx: tx.insert(Login(pk=alice, last_login=api.clock.now())))
    return api


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"attributes": '{"vlan": 7}'}, ["alice"]),
        ({"attributes": '{"vlan": "7"}'}, ["bob"]),
        ({"attributes": '{"a__b": ["x"], "vlan": 7}'}, ["alice"]),
        ({"attributes": '{"a__c": ["x"]}'}, []),
        ({"attributes": '{"a__b__c": null}'}, []),
        ({"attributes": '{"vlan": 7}', "username": "bob"}, []),
        ({"path_startswith": "staff"}, ["alice"]),
        ({"path_startswith": "staff%"}, []),
        ({"date_joined__gt": "1 day", "type": "internal"}, ["bob"]),
        ({"date_joined__lt": "1 day", "username": "alice"}, ["alice"]),
        ({"date_joined": "0 days", "username": "bob"}, []),
        ({"last_updated__gt": "1 day"}, ["bob"]),
        ({"last_login__gt": "0 days"}, ["alice"]),
        ({"last_login__lt": "0 days"}, []),
        ({"last_login__isnull": "true", "path": "guests"}, ["bob"]),
        ({"last_login__isnull": "false"}, ["alice"]),
    ],
)
def test_filters_of_users_by_what_they_have(with_history: Api, asked: dict[str, str], expected: list[str]) -> None:
    """``1 day`` and such stand for a moment between the two."""
    begun = with_history.clock.now() - 86_400.0
    days = {"0 days": begun + 1, "1 day": begun + 43_200.0}
    said = {name: moment(days[value]) if value in days else value for name, value in asked.items()}
    found = names(with_history.get(f"/core/users/?{urlencode(said)}"), "username")
    assert [name for name in found if name in ("alice", "bob")] == expected


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("type=foo", "Select a valid choice. foo is not one of the available choices."),
        ("uuid=x", "“x” is not a valid UUID."),
        ("groups_by_pk=x", "“x” is not a valid UUID."),
        ("attributes=x", "Value must be valid JSON, and an object."),
        ("attributes=[1]", "Value must be valid JSON, and an object."),
        ("date_joined__gt=yesterday", "Enter a valid date/time."),
        ("last_login=9999999999999", "Enter a valid date/time."),
    ],
)
def test_a_filter_that_nothing_can_pass_is_a_mistake(api: Api, asked: str, told: str) -> None:
    answer = api.call("GET", f"/core/users/?{asked}")
    assert (answer.status, answer.body) == (400, {asked.partition("=")[0]: [told]})


def test_groups_are_found_by_attributes(api: Api) -> None:
    api.post("/core/groups/", {"name": "staff", "attributes": {"floor": 2}})
    api.post("/core/groups/", {"name": "guests"})
    assert names(api.get("/core/groups/?" + urlencode({"attributes": '{"floor": 2}'}))) == ["staff"]


def test_a_masked_attribute_is_not_found_by_guessing_it(api: Api) -> None:
    """Whoever may read people, but no passwords of theirs."""
    body = {
        "name": "p",
        "mode": "proxy",
        "external_host": "http://a.example.com",
        "internal_host": "http://127.0.0.1:1",
    }
    names_of = {"basic_auth_user_attribute": "app_user", "basic_auth_password_attribute": "app_password"}
    api.post("/providers/proxy/", {**body, "basic_auth_enabled": True, **names_of})
    api.user("alice", attributes={"app_password": "secret", "floor": 2})
    role = api.post("/rbac/roles/", {"name": "auditors"})["pk"]
    api.post(f"/rbac/permissions/assigned_by_roles/{role}/assign/", {"permissions": ["outpost.auditor"]}, 200)
    auditor = api.token(api.user("eve", groups=[api.post("/core/groups/", {"name": "eves", "roles": [role]})["pk"]]))

    def found(wanted: str, token: str | None = None) -> list[str]:
        path = "/core/users/?" + urlencode({"attributes": wanted})
        return names(api.get(path) if token is None else api.get(path, token), "username")

    assert found('{"app_password": "secret"}') == ["alice"]
    assert found('{"app_password": "secret"}', auditor) == []
    assert found('{"floor": 2}', auditor) == ["alice"]
