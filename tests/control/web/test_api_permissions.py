"""Who may do what: a table over every route, so that a new one cannot be forgotten."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.routing import Route

from control import knocks, reputation, tries
from control.mail import outbox
from control.records import Notification, RadiusPin, RadiusSession, Token, UserConsent
from control.verbs import authenticators
from control.verbs.provider_kinds import KINDS
from control.verbs.stage_kinds import KINDS as STAGES
from control.web.admin_api.endpoint import Elsewhere, Endpoint
from tests.control.sources.ldap.abroad import GIVEN
from tests.control.web.api import Api
from tests.control.web.test_api_flows import BODIES as STAGE_BODIES
from tests.control.web.test_api_policies import BODIES
from tests.control.web.test_api_sessions import signed_in

EVERYBODY = {
    ("GET", "/core/users/me/"): 200,
    ("GET", "/root/config/"): 200,
    ("GET", "/admin/version/"): 200,
    ("GET", "/core/applications/"): 200,
    ("GET", "/core/applications/{key}/"): 404,
    ("GET", "/core/applications/{key}/check_access/"): 200,
    ("GET", "/outposts/ldap/{key}/check_access/"): 200,
    ("GET", "/outposts/radius/{key}/check_access/"): 200,
}
"""Open to every authenticated user, with what they are told about what is not theirs."""
PEOPLE = EVERYBODY | {
    ("GET", "/core/tokens/"): 200,
    ("POST", "/core/tokens/"): 400,
    ("GET", "/core/tokens/{key}/"): 404,
    ("PUT", "/core/tokens/{key}/"): 404,
    ("PATCH", "/core/tokens/{key}/"): 404,
    ("DELETE", "/core/tokens/{key}/"): 404,
    ("GET", "/core/tokens/{key}/view_key/"): 404,
    ("GET", "/core/authenticated_sessions/"): 200,
    ("GET", "/core/authenticated_sessions/{key}/"): 404,
    ("DELETE", "/core/authenticated_sessions/{key}/"): 404,
    ("GET", "/core/user_consent/"): 200,
    ("GET", "/core/user_consent/{key}/"): 404,
    ("DELETE", "/core/user_consent/{key}/"): 404,
    ("GET", "/events/notifications/"): 200,
    ("GET", "/events/notifications/{key}/"): 404,
    ("PUT", "/events/notifications/{key}/"): 404,
    ("PATCH", "/events/notifications/{key}/"): 404,
    ("DELETE", "/events/notifications/{key}/"): 404,
    ("POST", "/events/notifications/mark_all_seen/"): 204,
    ("GET", "/authenticators/all/"): 200,
    **{("GET", f"/authenticators/{kind}/"): 200 for kind in authenticators.KINDS},
    **{
        (method, f"/authenticators/{kind}/{{key}}/"): 404
        for kind in authenticators.KINDS
        for method in ("GET", "PUT", "PATCH", "DELETE")
    },
}
"""The same of everybody who is no outpost; everything else is for superusers."""
OPEN = {"/flows/executor/{slug}/", "/schema/", "/core/brands/current/"}
"""Open to strangers: the flow itself decides (test_flow_executor.py), the schema tells nothing of the store, and the
brand what every page shows."""
OUTPOSTS = EVERYBODY | {
    ("GET", "/outposts/instances/"): 200,
    ("GET", "/outposts/instances/{key}/"): 200,
    ("GET", "/outposts/instances/{key}/health/"): 200,
    ("GET", "/outposts/ldap/"): 200,
    ("GET", "/outposts/ldap/{key}/"): 404,
    ("GET", "/outposts/radius/"): 200,
    ("GET", "/outposts/radius/{key}/"): 404,
    ("GET", "/outposts/proxy/"): 200,
    ("GET", "/outposts/proxy/{key}/"): 404,
    ("GET", "/crypto/certificatekeypairs/"): 200,
    ("GET", "/crypto/certificatekeypairs/{key}/"): 404,
    ("GET", "/crypto/certificatekeypairs/{key}/view_certificate/"): 404,
    ("GET", "/crypto/certificatekeypairs/{key}/view_private_key/"): 404,
}
MAPPINGS: dict[str, dict[str, str]] = {"scope": {"scope_name": "some"}, "radius": {}, "ldap": {}}
"""Kinds of property mappings, and what each needs."""
NOT_PERMITTED = {"detail": "You do not have permission to perform this action."}
NOT_AUTHENTICATED = {"detail": "Authentication credentials were not provided."}
BAD_TOKEN = {"detail": "Token invalid/expired"}


def operations(api: Api) -> list[tuple[str, str]]:
    found = []
    for route in api.routes:
        assert isinstance(route, Route)
        if isinstance(route.app, Elsewhere) or route.path in OPEN:
            continue
        assert isinstance(route.app, Endpoint), route.path
        found += [(method, route.path) for method in route.app.actions]
    return found


def test_what_is_open_to_strangers_is_listed(api: Api) -> None:
    routes = [route for route in api.routes if isinstance(route, Route)]
    guarded = (Endpoint, Elsewhere)
    assert {route.path for route in routes if not isinstance(route.app, guarded)} == OPEN


def keys(api: Api) -> dict[str, str]:
    """An existing record for each path with a key."""
    user = api.user("somebody")
    group = api.post("/core/groups/", {"name": "some group"})["pk"]
    made: dict[str, str] = {"/core/users": str(user), "/core/groups": group}
    for kind in KINDS:
        more = {"external_host": "http://app.example.com"} if kind == "proxy" else {}
        pk = api.post(f"/providers/{kind}/", {"name": kind, "mode": "forward_single", **more})["pk"]
        made[f"/providers/{kind}"] = str(pk)
    made["/providers/all"] = str(api.post("/providers/ldap/", {"name": "one more"})["pk"])
    application = api.post("/core/applications/", {"name": "app", "slug": "app"})
    made["/core/applications"] = "app"
    entitlement = api.post("/core/application_entitlements/", {"name": "editor", "app": application["pk"]})
    made["/core/application_entitlements"] = entitlement["pbm_uuid"]
    made["/rbac/roles"] = api.post("/rbac/roles/", {"name": "some role"})["pk"]
    made["/rbac/permissions/assigned_by_roles"] = made["/rbac/roles"]
    flow = api.post("/flows/instances/", {"name": "f", "slug": "f", "title": "f", "designation": "authentication"})
    made["/flows/instances"] = "f"
    for name, stage in STAGES.items():
        made[f"/stages/{stage.place}"] = api.post(
            f"/stages/{stage.place}/", {"name": name, **STAGE_BODIES.get(name, {})}
        )["pk"]
    made["/stages/all"] = api.post("/stages/deny/", {"name": "one more"})["pk"]
    line = {
        "target": flow["pk"],
        "stage": api.get("/stages/all/?name=default-authentication-login")["results"][0]["pk"],
        "order": 0,
    }
    made["/flows/bindings"] = api.post("/flows/bindings/", line)["pk"]
    field = {"name": "p", "field_key": "p", "label": "p", "type": "text"}
    made["/stages/prompt/prompts"] = api.post("/stages/prompt/prompts/", field)["pk"]
    binding = api.post("/policies/bindings/", {"target": application["pk"], "group": group})
    made["/policies/bindings"] = binding["pk"]
    for kind, body in BODIES.items():
        made[f"/policies/{kind}"] = api.post(f"/policies/{kind}/", {"name": kind, **body})["pk"]
    made["/events/rules"] = api.post("/events/rules/", {"name": "some rule"})["pk"]
    made["/events/transports"] = api.post("/events/transports/", {"name": "some way"})["pk"]
    made["/events/notifications"] = api.sql.write_now(lambda tx: tx.insert(Notification(1, "some news"))).pk
    made["/policies/all"] = api.post("/policies/time/", {"name": "one more"})["pk"]
    made["/outposts/instances"] = api.post("/outposts/instances/", {"name": "o", "type": "any"})["pk"]
    for kind in ("ldap", "radius", "proxy"):
        made[f"/outposts/{kind}"] = made[f"/providers/{kind}"]
        api.post("/core/applications/", {"name": kind, "slug": kind, "provider": int(made[f"/providers/{kind}"])})
    made["/core/tokens"] = api.post("/core/tokens/", {"identifier": "some-token"})["identifier"]
    pair = api.post("/crypto/certificatekeypairs/generate/", {"common_name": "c", "alg": "ecdsa"}, 200)
    made["/crypto/certificatekeypairs"] = pair["pk"]
    made["/crypto/authorities"] = api.post("/crypto/authorities/", {"name": "authority"})["pk"]
    issued = api.post(f"{path_of('/crypto/authorities/{key}/issue/', made)}", {"name": "laptop", "user": user})
    made["/crypto/issued"] = issued["pk"]
    rule = {
        "name": "vlan",
        "provider": int(made["/providers/radius"]),
        "attributes": [{"name": "Filter-Id", "value": "staff"}],
    }
    made["/radius/rules"] = api.post("/radius/rules/", rule)["pk"]
    nas = {"name": "ap", "provider": int(made["/providers/radius"]), "network": "192.0.2.0/24"}
    made["/radius/nas"] = api.post("/radius/nas/", nas)["pk"]
    pin = RadiusPin("192.0.2.7", int(made["/providers/radius"]))
    made["/radius/pins"] = api.sql.write_now(lambda tx: tx.insert(pin)).pk
    made["/radius/devices"] = api.post("/radius/devices/", {"address": "aabbccddeeff"})["pk"]
    session = RadiusSession("192.0.2.1", "ap", "01", started=1.0)
    made["/radius/sessions"] = api.sql.write_now(lambda tx: tx.insert(session).pk)
    for kind, more in MAPPINGS.items():
        body = {"name": kind, "expression": "return {}", **more}
        made[f"/propertymappings/provider/{kind}"] = api.post(f"/propertymappings/provider/{kind}/", body)["pk"]
    hook = {"name": "hook", "expression": "return {}"}
    made["/propertymappings/notification"] = api.post("/propertymappings/notification/", hook)["pk"]
    made["/propertymappings/source/ldap"] = api.post("/propertymappings/source/ldap/", {**hook, "name": "mine"})["pk"]
    made["/propertymappings/all"] = api.get("/propertymappings/all/")["results"][0]["pk"]
    made["/knocks"] = knock(api)
    named = {"name": "Elsewhere", "slug": "elsewhere", "provider_type": "github", "consumer_key": "k"}
    source = api.post("/sources/oauth/", named)["pk"]
    made["/sources/oauth"] = "elsewhere"
    connection = {"user": user, "source": source, "identifier": "42"}
    made["/sources/user_connections/oauth"] = api.post("/sources/user_connections/oauth/", connection)["pk"]
    directory = api.post("/sources/ldap/", {**GIVEN, "slug": "directory", "enabled": False})["pk"]
    made["/sources/ldap"] = "directory"
    made["/sources/user_connections/ldap"] = api.post(
        "/sources/user_connections/ldap/", {**connection, "source": directory}
    )["pk"]
    consent = UserConsent(user, application["pk"], scopes=("openid",))
    made["/core/user_consent"] = api.sql.write_now(lambda tx: tx.insert(consent)).pk
    made["/core/brands"] = api.post("/core/brands/", {"domain": "example.com"})["pk"]
    made["/stages/invitation/invitations"] = api.post("/stages/invitation/invitations/", {"name": "guests"})["pk"]
    made["/mail/letters"] = api.sql.write_now(lambda tx: outbox.queue(tx, "ann@example.com", "Hello", "x", "test")).pk
    api.sql.write_now(lambda tx: tries.wrong(tx, "mallory", "192.0.2.0/24"))
    api.sql.write_now(lambda tx: reputation.count(tx, "mallory", "192.0.2.1", right=False))
    made["/tries"] = api.get("/tries/?place=192.0.2.0/24")["results"][0]["pk"]
    made["/policies/reputation/scores"] = api.get("/policies/reputation/scores/")["results"][0]["pk"]
    for kind in authenticators.KINDS:
        made[f"/authenticators/{kind}"] = str(api.factor(1, kind))
        made[f"/authenticators/admin/{kind}"] = str(api.factor(user, kind))
    made["/core/authenticated_sessions"] = signed_in(api, user)
    made["/events/events"] = api.get("/events/events/")["results"][0]["pk"]
    return made


def knock(api: Api) -> str:
    api.sql.write_now(lambda tx: knocks.knocked(tx, "tls", "192.0.2.1"))
    return str(api.get("/knocks/")["results"][0]["pk"])


def path_of(template: str, made: dict[str, str]) -> str:
    prefix = template.partition("/{key}")[0]
    if prefix.startswith("/outposts/") and template.endswith("/check_access/"):
        template += f"?app_slug={prefix.removeprefix('/outposts/')}"
    if template == "/authenticators/admin/all/":
        template += f"?user={made['/core/users']}"
    return template.replace("{key}", made.get(prefix, ""))


def test_anonymous_callers_are_refused_everywhere(api: Api) -> None:
    made = keys(api)
    for method, template in operations(api):
        answer = api.call(method, path_of(template, made), {}, token=None)
        assert (answer.status, answer.body) == (403, NOT_AUTHENTICATED), (method, template)


def test_a_bad_token_is_refused_everywhere(api: Api) -> None:
    made = keys(api)
    for method, template in operations(api):
        answer = api.call(method, path_of(template, made), {}, token="nonsense")
        assert (answer.status, answer.body) == (403, BAD_TOKEN), (method, template)


def test_a_plain_user_gets_only_what_is_for_everybody(api: Api) -> None:
    made = keys(api)
    token = api.token(api.user("plain"))
    before = api.sql.read_now(lambda tx: tx.revision())
    for method, template in operations(api):
        answer = api.call(method, path_of(template, made), {}, token=token)
        if (method, template) in PEOPLE:
            # the application is bound to a group that this user is not in
            assert answer.status == PEOPLE[method, template], (method, template, answer.text)
        else:
            assert (answer.status, answer.body) == (403, NOT_PERMITTED), (method, template)
    assert api.sql.read_now(lambda tx: tx.revision()) == before


def test_an_outpost_gets_its_own_record_and_no_more(api: Api) -> None:
    made = keys(api)
    own = api.get(f"/outposts/instances/{made['/outposts/instances']}/")
    token = token_of_outpost(api, own["token_identifier"])
    assert [outpost["pk"] for outpost in api.get("/outposts/instances/", token)["results"]] == [own["pk"]]
    embedded = next(o["pk"] for o in api.get("/outposts/instances/")["results"] if o["pk"] != own["pk"])
    assert api.call("GET", f"/outposts/instances/{embedded}/", token=token).status == 404
    for method, template in operations(api):
        answer = api.call(method, path_of(template, made), {}, token=token)
        if (method, template) in OUTPOSTS:
            assert answer.status == OUTPOSTS[method, template], (method, template, answer.text)
        else:
            assert (answer.status, answer.body) == (403, NOT_PERMITTED), (method, template)


def token_of_outpost(api: Api, identifier: str) -> str:
    token = api.sql.read_now(lambda tx: tx.find(Token, identifier=identifier))
    assert token is not None
    return token.key


def test_a_superuser_may_do_everything(api: Api) -> None:
    made = keys(api)
    every = operations(api)
    deletions = [operation for operation in reversed(every) if operation[0] == "DELETE"]
    for method, template in [*(operation for operation in every if operation[0] != "DELETE"), *deletions]:
        answer = api.call(method, path_of(template, made), {})
        expected = {"GET": (200,), "DELETE": (204,), "PATCH": (200, 204)}.get(method, (200, 201, 202, 204, 400))
        assert answer.status in expected, (method, template, answer.text)


def test_a_superuser_is_whoever_is_in_a_superuser_group_through_parents(api: Api) -> None:
    ruling = api.post("/core/groups/", {"name": "ruling", "is_superuser": True})["pk"]
    below = api.post("/core/groups/", {"name": "below", "parents": [ruling]})["pk"]
    deeper = api.post("/core/groups/", {"name": "deeper", "parents": [below]})["pk"]
    user = api.user("eve", groups=[deeper])
    token = api.token(user)
    assert api.get("/core/users/me/", token)["user"]["is_superuser"] is True
    assert api.call("GET", "/core/users/", token=token).status == 200
    api.patch(f"/core/groups/{below}/", {"parents": []})
    assert api.call("GET", "/core/users/", token=token).status == 403


# --- tokens --------------------------------------------------------------------------------------------------------


def test_a_token_ends_when_it_expires(api: Api) -> None:
    token = api.token(1, expires=api.clock() + 60)
    assert api.call("GET", "/core/users/me/", token=token).status == 200
    api.clock.advance(60)
    assert api.call("GET", "/core/users/me/", token=token).body == BAD_TOKEN


@pytest.mark.parametrize("intent", ["app_password", "recovery", "verification", "network_password"])
def test_only_api_tokens_open_the_api(api: Api, intent: str) -> None:
    assert api.call("GET", "/core/users/me/", token=api.token(1, intent=intent)).body == BAD_TOKEN


@pytest.mark.parametrize("change", [{"is_active": False}, {"valid_until": "2023-01-01T00:00:00Z"}])
def test_a_token_of_an_account_that_is_not_good_opens_nothing(api: Api, change: dict[str, Any]) -> None:
    user = api.user("leaver")
    token = api.token(user)
    assert api.call("GET", "/core/users/me/", token=token).status == 200
    api.patch(f"/core/users/{user}/", change)
    assert api.call("GET", "/core/users/me/", token=token).body == BAD_TOKEN


@pytest.mark.parametrize(
    ("header", "detail"),
    [
        ("Basic YTpi", "Unsupported authentication type"),
        ("Bearer ", NOT_AUTHENTICATED["detail"]),
        ("Bearer", NOT_AUTHENTICATED["detail"]),
        ("Bearer \udcff".encode("utf-8", "surrogateescape").decode("latin-1"), BAD_TOKEN["detail"]),
        ("Bearer " + "x" * 5000, BAD_TOKEN["detail"]),
    ],
)
def test_other_authorization_headers_are_refused(api: Api, header: str, detail: str) -> None:
    answer = api.call("GET", "/core/users/me/", token=None, headers={"authorization": header})
    assert (answer.status, answer.body) == (403, {"detail": detail})


# --- browser sessions ----------------------------------------------------------------------------------------------


def test_a_browser_session_reads(api: Api) -> None:
    cookie, _ = api.sign_in(1)
    answer = api.call("GET", "/core/users/me/", token=None, headers=cookie)
    assert answer.body["user"]["username"] == "akadmin"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("given", [{}, {"x-authentik-csrf": ""}, {"x-authentik-csrf": "guess"}])
def test_a_browser_session_changes_nothing_without_its_csrf_token(api: Api, method: str, given: dict[str, str]) -> None:
    cookie, _ = api.sign_in(1)
    user = api.user("victim")
    answer = api.call(method, f"/core/users/{user}/", {"name": "x"}, token=None, headers={**cookie, **given})
    assert answer.status == 403
    assert answer.body["detail"].startswith("CSRF Failed: ")
    assert api.get(f"/core/users/{user}/")["name"] == "victim"


def test_a_browser_session_with_its_csrf_token_changes(api: Api) -> None:
    cookie, csrf = api.sign_in(1)
    headers = {**cookie, "x-authentik-csrf": csrf}
    answer = api.call("POST", "/core/users/", {"username": "n", "name": "n"}, token=None, headers=headers)
    assert answer.status == 201
    elsewhere = {**headers, "origin": "https://evil.example"}
    assert api.call("POST", "/core/users/", {"username": "m", "name": "m"}, token=None, headers=elsewhere).status == 403


def test_a_token_beats_the_session_and_needs_no_csrf(api: Api) -> None:
    cookie, _ = api.sign_in(1)
    plain = api.token(api.user("plain"))
    assert api.call("GET", "/core/users/me/", token=plain, headers=cookie).body["user"]["username"] == "plain"
    assert api.call("POST", "/core/users/", {"username": "n", "name": "n"}, headers=cookie).status == 201


def test_a_plain_users_session_is_a_plain_user(api: Api) -> None:
    cookie, csrf = api.sign_in(api.user("plain"))
    headers = {**cookie, "x-authentik-csrf": csrf}
    assert api.call("GET", "/core/users/", token=None, headers=headers).body == NOT_PERMITTED
    assert api.call("POST", "/core/users/", {}, token=None, headers=headers).body == NOT_PERMITTED
