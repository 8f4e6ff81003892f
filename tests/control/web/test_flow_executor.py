"""`/api/v3/flows/executor/<slug>/` with authentik's exchanges (tests/vectors/admin_api/flow_executor.json)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest

from control import tries
from control.records import Flow, Stage, StageBinding, Token, Tries, User
from control.store.interface import Query, Transaction
from control.verbs import outposts, stage_bindings, stages, tokens, users
from control.web.admin_api.flow_executor import MOST_ANSWER_BYTES
from control.web.admin_api.refusals import NOT_RECENT
from tests.control.web.browsing import HOST, PASSWORD, Browser, Site
from tests.control.web.test_api_shapes import differences
from tests.control.web.test_second_factor_pages import set_up

EXECUTOR = "/api/v3/flows/executor/default-authentication-flow/"
INVALIDATION = "/api/v3/flows/executor/default-invalidation-flow/"
ME = "/api/v3/core/users/me/"
VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "admin_api" / "flow_executor.json").read_text(encoding="utf-8")
)
TYPED = {
    "right password": ("alice", PASSWORD),
    "right password, access denied elsewhere": ("alice", PASSWORD),
    "wrong password": ("alice", "wrong"),
    "unknown user": ("nosuch", PASSWORD),
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    opened = Site(tmp_path)
    opened.administrator()
    opened.user("alice")
    yield opened
    opened.close()


def post(
    browser: Browser,
    fields: Any,
    path: str = EXECUTOR,
    follow: bool = True,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    return browser.request("POST", path, follow, json=fields, headers=headers)


def sign_in(browser: Browser, username: str = "alice", password: str = PASSWORD, path: str = EXECUTOR) -> Any:
    """The last body."""
    browser.get(path)
    post(browser, {"component": "ak-stage-identification", "uid_field": username}, path)
    return post(browser, {"component": "ak-stage-password", "password": password}, path).json()


def signed_in(browser: Browser) -> bool:
    return browser.get(ME).status_code == 200


@pytest.mark.parametrize("case", VECTORS)
def test_an_outpost_of_authentiks_sees_what_it_knows(site: Site, case: str) -> None:
    username, password = TYPED[case]
    known = {"uid_field": username, "password": password}
    browser = site.browser()
    for step in VECTORS[case]:
        sent = {"component": browser.page.json()["component"], **known} if step["method"] == "POST" else None
        answered = browser.request(
            step["method"],
            f"{EXECUTOR}?{step['query']}",
            follow=True,
            json={name: sent[name] for name in step["sends"]} if sent else None,
        )
        assert answered.status_code == 200
        assert answered.headers["content-type"] == "application/json"
        assert answered.json()["component"] == step["component"]
        assert list(differences(case, step["shape"], answered.json(), set())) == []
    assert signed_in(browser) == case.startswith("right")


def test_a_good_answer_leads_back_to_the_same_address_with_its_query(site: Site) -> None:
    browser = site.browser()
    path = f"{EXECUTOR}?query=next%3D%252Fif%252Fuser%252F%253Ftab%253D1"
    browser.get(path)
    answered = post(browser, {"uid_field": "alice"}, path, follow=False)
    assert (answered.status_code, answered.headers["location"]) == (302, path)
    assert browser.get(path).json()["component"] == "ak-stage-password"
    done = post(browser, {"password": PASSWORD}, path)
    assert done.json() == {"component": "xak-flow-redirect", "to": "/if/user/?tab=1"}


def test_only_another_destination_begins_again(site: Site) -> None:
    browser = site.browser()
    path = f"{EXECUTOR}?query=next%3D%252Fone"
    browser.get(path)
    post(browser, {"uid_field": "alice"}, path)
    for same in (path, EXECUTOR, f"{EXECUTOR}?query=other%3D1"):
        assert browser.get(same).json()["component"] == "ak-stage-password"
    assert browser.get(f"{EXECUTOR}?query=next%3D%252Ftwo").json()["component"] == "ak-stage-identification"


def test_a_hint_is_shown_and_another_one_begins_again(site: Site) -> None:
    site.sql.write_now(_without_password)
    browser = site.browser()
    setup = "/api/v3/flows/executor/initial-setup/?query=code%3D"
    for code in ("abc", "abd"):
        fields = browser.get(f"{setup}{code}").json()["fields"]
        assert next(field["initial_value"] for field in fields if field["field_key"] == "code") == code


def _without_password(tx: Any) -> None:
    tx.update(replace(tx.find(User, username="akadmin"), password=None))


@pytest.mark.parametrize("next", ["https://evil.example/", "//evil.example/", "/\\evil.example"])
def test_next_never_leads_to_another_host(site: Site, next: str) -> None:
    browser = site.browser()
    path = str(httpx.URL(EXECUTOR, params={"query": str(httpx.QueryParams({"next": next}))}))
    assert sign_in(browser, path=path) == {"component": "xak-flow-redirect", "to": "/"}
    assert browser.get(path).json()["to"] == "/"


def test_the_session_that_was_there_before_is_not_the_one_signed_in(site: Site) -> None:
    browser = site.browser()
    browser.get(EXECUTOR)
    before = browser.cookie
    sign_in(browser)
    assert before is not None
    assert browser.cookie not in (None, before)
    browser.client.cookies.set("authentik_session", before, domain=HOST)
    stranger = site.browser()
    stranger.client.cookies.set("authentik_session", before)
    assert not signed_in(stranger)


def test_the_page_and_the_executor_walk_the_same_flow(site: Site) -> None:
    browser = site.browser()
    browser.get("/if/flow/default-authentication-flow/")
    assert post(browser, {"uid_field": "alice"}).json()["component"] == "ak-stage-password"
    assert 'name="password"' in browser.get("/if/flow/default-authentication-flow/").text


def test_nobody_learns_which_names_there_are(site: Site) -> None:
    site.user("disabled", is_active=False)
    site.user("nopass", password=None)
    bodies = []
    for name in ("alice", "disabled", "nopass", "nosuch"):
        body = sign_in(site.browser(), name, "wrong")
        assert body.pop("pending_user") == name
        body.pop("pending_user_avatar")
        bodies.append(body)
    assert bodies == [bodies[0]] * 4
    reasons = {event.context["username"]: event.context["reason"] for event in site.events("login_failed")}
    assert reasons == {
        "alice": "wrong_password",
        "disabled": "wrong_password",
        "nopass": "no_password",
        "nosuch": "unknown_user",
    }


def test_too_many_wrong_answers_end_the_flow(site: Site) -> None:
    browser = site.browser()
    sign_in(browser, password="wrong")
    for _ in range(4):
        body = post(browser, {"password": "wrong"}).json()
    assert body["component"] == "ak-stage-access-denied"
    assert body["error_message"]
    assert post(browser, {"password": PASSWORD}).json()["component"] == "ak-stage-identification"
    assert not signed_in(browser)


def test_an_unknown_flow_is_not_there(site: Site) -> None:
    for method in ("GET", "POST"):
        answered = site.browser().request(method, "/api/v3/flows/executor/nosuch/", json={})
        assert (answered.status_code, answered.json()) == (404, {"detail": "Not found."})


def test_a_flow_that_is_over_says_so(site: Site) -> None:
    body = site.browser().get("/api/v3/flows/executor/initial-setup/").json()
    assert body["component"] == "ak-stage-access-denied"
    assert "setup has been done" in body["error_message"]


# --- other sites ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_only_json_is_an_answer(site: Site, media_type: str) -> None:
    browser = site.browser()
    browser.get(EXECUTOR)
    for content in (b'{"uid_field": "alice"}', b""):
        answered = browser.request("POST", EXECUTOR, content=content, headers={"Content-Type": media_type})
        assert answered.status_code == 415
    assert browser.get(EXECUTOR).json()["component"] == "ak-stage-identification"


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_another_site_cannot_answer(site: Site, headers: dict[str, str]) -> None:
    browser = site.browser()
    browser.get(EXECUTOR)
    answered = post(browser, {"uid_field": "alice"}, headers=headers)
    assert answered.status_code == 403
    assert answered.json()["detail"].startswith("CSRF Failed: ")
    assert (
        post(browser, {"uid_field": "alice"}, headers={"Origin": f"http://{HOST}"}).json()["component"]
        == "ak-stage-password"
    )


def test_whoever_is_signed_in_needs_the_csrf_token(site: Site) -> None:
    browser = site.browser()
    sign_in(browser)
    assert post(browser, {}, INVALIDATION).status_code == 403
    assert signed_in(browser)
    csrf = next(session.csrf for session in site.sessions() if session.user is not None)
    answered = post(browser, {}, INVALIDATION, headers={"X-Authentik-CSRF": csrf})
    assert answered.json() == {"component": "xak-flow-redirect", "to": "/"}
    assert not signed_in(browser)


def test_a_get_signs_nobody_out(site: Site) -> None:
    browser = site.browser()
    sign_in(browser)
    body = browser.get(INVALIDATION).json()
    assert body == {"component": "xak-flow-redirect", "to": "/if/flow/default-invalidation-flow/?next=%2F"}
    assert signed_in(browser)


# --- bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"[]", 400),
        (b"{", 400),
        (b'{"uid_field": "a\\u0000b"}', 400),
        (b'{"uid_field": "\\ud800"}', 400),
        (b'{"uid_field": "' + b"x" * MOST_ANSWER_BYTES + b'"}', 413),
    ],
)
def test_what_is_no_answer_is_refused(site: Site, content: bytes, status: int) -> None:
    browser = site.browser()
    browser.get(EXECUTOR)
    answered = browser.request("POST", EXECUTOR, content=content, headers={"Content-Type": "application/json"})
    assert answered.status_code == status
    assert browser.get(EXECUTOR).json()["component"] == "ak-stage-identification"


@pytest.mark.parametrize("value", [None, 7, True, ["alice"], {"a": "b"}])
def test_only_text_is_a_name(site: Site, value: Any) -> None:
    browser = site.browser()
    browser.get(EXECUTOR)
    assert "uid_field" in post(browser, {"uid_field": value}).json()["response_errors"]


@pytest.mark.parametrize("query", ["x" * 9000, "&".join(f"a{n}=1" for n in range(60))])
def test_a_query_has_bounds(site: Site, query: str) -> None:
    assert site.browser().get(str(httpx.URL(EXECUTOR, params={"query": query}))).status_code == 400


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_other_methods_are_refused(site: Site, method: str) -> None:
    answered = site.browser().request(method, EXECUTOR)
    assert (answered.status_code, answered.headers["allow"]) == (405, "GET, POST, HEAD")


# --- whose address -------------------------------------------------------------------------------------------------


def failed_from(site: Site, token: str, remote: str) -> str:
    browser = site.browser("192.0.2.7")
    headers = {"X-Authentik-Outpost-Token": token, "X-Authentik-Remote-IP": remote}
    browser.get(EXECUTOR)
    post(browser, {"uid_field": "alice"})
    post(browser, {"password": "wrong"}, headers=headers)
    return site.events("login_failed")[-1].client_ip


def outpost_token(site: Site) -> str:
    def verb(tx: Any) -> str:
        made = outposts.create(tx, {"name": "o", "type": "ldap"}, site.random)
        return str(tx.find(Token, user=made.user).key)

    return site.sql.write_now(verb)


def test_an_outpost_says_for_whom_it_asks(site: Site) -> None:
    assert failed_from(site, outpost_token(site), "198.51.100.9") == "198.51.100.9"


def app_password(site: Site) -> Token:
    alice = next(user for user in site.sql.read_now(lambda tx: tx.select(User)) if user.username == "alice")
    ends = site.clock() + 60
    return site.sql.write_now(lambda tx: tokens.create(tx, alice.pk, "mail", site.random, "app_password", ends))


def test_an_app_password_opens_nothing_without_an_outpost(site: Site) -> None:
    device = app_password(site)
    browser = site.browser()
    assert sign_in(browser, password=device.key) == {
        **sign_in(site.browser(), password="wrong"),
        "pending_user_avatar": browser.page.json()["pending_user_avatar"],
    }
    browser.client.headers["X-Authentik-Outpost-Token"] = "nonsense"
    assert sign_in(browser, password=device.key)["component"] == "ak-stage-password"
    assert not signed_in(browser)


def through_outpost(site: Site, password: str) -> Browser:
    """Signed in by an outpost of authentik's, for one of its doors."""
    browser = site.browser()
    browser.client.headers["X-Authentik-Outpost-Token"] = outpost_token(site)
    assert sign_in(browser, password=password)["component"] == "xak-flow-redirect"
    assert signed_in(browser)
    return browser


def test_what_it_opens_for_an_outpost_makes_no_new_credential(site: Site) -> None:
    browser = through_outpost(site, app_password(site).key)
    csrf = {"X-Authentik-CSRF": next(session.csrf for session in site.sessions() if session.user is not None)}
    given = {"identifier": "mine", "intent": "api"}
    answered = post(browser, given, "/api/v3/core/tokens/", headers=csrf)
    assert (answered.status_code, answered.json()["detail"]) == (403, NOT_RECENT)
    own = site.browser()
    sign_in(own)
    csrf = {"X-Authentik-CSRF": next(one.csrf for one in site.sessions() if one.user is not None and not one.token)}
    assert post(own, given, "/api/v3/core/tokens/", headers=csrf).status_code == 201


def test_what_it_opens_for_an_outpost_ends_with_it(site: Site) -> None:
    device = app_password(site)
    browser = through_outpost(site, device.key)
    site.sql.write_now(lambda tx: tokens.delete(tx, device.pk))
    assert not signed_in(browser)


def test_what_it_opens_for_an_outpost_ends_when_it_expires(site: Site) -> None:
    browser = through_outpost(site, app_password(site).key)
    site.clock.advance(59)
    assert signed_in(browser)
    site.clock.advance(1)
    assert not signed_in(browser)


def test_an_outpost_that_has_to_show_a_certificate_says_nothing_without(site: Site) -> None:
    def outpost_token(tx: Any) -> str:
        made = outposts.create(tx, {"name": "o", "type": "ldap"}, site.random)
        tx.update(replace(made, config={**made.config, "client_authority": "Outposts"}))
        return str(tx.find(Token, user=made.user).key)

    assert failed_from(site, site.sql.write_now(outpost_token), "198.51.100.9") == "192.0.2.7"


def test_nobody_else_says_so(site: Site) -> None:
    def own_token(tx: Any) -> str:
        user = users.create(tx, {"username": "service", "name": "", "type": "service_account"})
        return tokens.create(tx, user.pk, "own", site.random).key

    for token in ("nonsense", site.sql.write_now(own_token)):
        assert failed_from(site, token, "198.51.100.9") == "192.0.2.7"


# --- wrong tries -----------------------------------------------------------------------------------------------------


def test_guessing_over_pages_and_json_is_held_up_before_anything_is_checked(site: Site) -> None:
    def guess(who: str = "alice", peer: str = "192.0.2.7", password: str = "wrong") -> str:
        return str(sign_in(site.browser(peer), who, password)["component"])

    for who in ("alice", "nosuch"):
        assert [guess(who) for _ in range(tries.FREE + 1)] == ["ak-stage-password"] * (tries.FREE + 1)
        assert guess(who) == "ak-stage-access-denied"
    assert guess(password=PASSWORD) == "ak-stage-access-denied"
    assert {event.context["reason"] for event in site.events("login_failed")} == {
        "wrong_password",
        "unknown_user",
        "too_many_tries",
    }
    page = site.browser()
    page.sign_in("alice")
    assert (page.page.status_code, page.heading) == (429, "Too many attempts")
    assert guess(peer="198.51.100.1", password=PASSWORD) == "xak-flow-redirect"  # elsewhere, nobody has guessed
    site.clock.advance(1)
    assert guess(password=PASSWORD) == "xak-flow-redirect"
    assert guess() == "ak-stage-password"  # and it begins anew


def at_once(site: Site) -> None:
    """The page that asks for a name asks for the password, too."""

    def verb(tx: Any) -> None:
        (asks,) = tx.select(Stage, Query(equal={"name": "default-authentication-identification"}))
        (checks,) = tx.select(Stage, Query(equal={"name": "default-authentication-password"}))
        stages.update(tx, asks.pk, {"password_stage": checks.pk})
        (flow,) = tx.select(Flow, Query(equal={"slug": "default-authentication-flow"}))
        (line,) = tx.select(StageBinding, Query(equal={"stage": checks.pk, "flow": flow.pk}))
        stage_bindings.delete(tx, line.pk)

    site.sql.write_now(verb)


def test_name_and_password_in_one_request(site: Site) -> None:
    at_once(site)
    browser = site.browser()
    asked = browser.get(EXECUTOR).json()
    assert (asked["component"], asked["password_fields"]) == ("ak-stage-identification", True)

    def send(name: str, password: str) -> Any:
        return post(browser, {"component": asked["component"], "uid_field": name, "password": password}).json()

    wrong = send("alice", "wrong")
    assert wrong["component"] == "ak-stage-identification"
    assert wrong["response_errors"] == send("nosuch", "wrong")["response_errors"]
    failed = [(event.context["username"], event.context["reason"]) for event in site.events("login_failed")]
    assert sorted(failed) == [("alice", "wrong_password"), ("nosuch", "unknown_user")]
    assert send("alice", PASSWORD)["component"] == "xak-flow-redirect"


def test_guessing_at_names_and_passwords_in_one_request_is_held_up_by_the_name(site: Site) -> None:
    at_once(site)

    def guess(who: str, password: str) -> str:
        browser = site.browser()
        browser.get(EXECUTOR)
        return str(post(browser, {"uid_field": who, "password": password}).json()["component"])

    for who in ("alice", "nosuch"):
        assert [guess(who, "wrong") for _ in range(tries.FREE + 1)] == ["ak-stage-identification"] * (tries.FREE + 1)
        assert guess(who, "wrong") == "ak-stage-access-denied"
    assert guess("alice", PASSWORD) == "ak-stage-access-denied"
    site.clock.advance(2)
    assert guess("alice", PASSWORD) == "xak-flow-redirect"
    assert [guess("alice", "") for _ in range(tries.FREE * 2)].count("ak-stage-access-denied") == 0
    assert guess("alice", PASSWORD) == "xak-flow-redirect"


def held(site: Site) -> dict[str, int]:
    """Wrong tries for alice that count, by place."""
    lines = site.sql.read_now(lambda tx: tx.select(Tries, Query(equal={"account": "alice"})))
    return {line.place: line.wrong for line in lines}


def test_an_empty_password_is_no_try(site: Site) -> None:
    browser = site.browser()
    sign_in(browser, password="")
    for _ in range(tries.ACCOUNT_FREE + 100):
        assert post(browser, {"password": ""}).json()["component"] == "ak-stage-password"
    assert held(site) == {}
    assert sign_in(site.browser("198.51.100.1"))["component"] == "xak-flow-redirect"
    assert sign_in(site.browser())["component"] == "xak-flow-redirect"


def test_nor_is_an_empty_code_or_a_wish_for_one(site: Site) -> None:
    second_factor(site)
    browser = site.browser()
    assert sign_in(browser)["component"] == "ak-stage-authenticator-validate"
    mail = {"device_class": "email", "device_uid": "7"}
    for fields in ({"code": ""}, {"code": "  "}, {}, {"selected_challenge": mail}, {"selected_stage": "x"}):
        assert post(browser, fields).json()["component"] == "ak-stage-authenticator-validate"
    assert not any(held(site).values())


def second_factor(site: Site) -> pyotp.TOTP:
    """Alice's, for a sign-in that asks for one."""
    owner = site.browser()
    owner.sign_in("alice")
    found = set_up(site, owner)

    def forget(tx: Transaction) -> None:
        for line in tx.select(Tries):
            tx.delete(line)

    site.sql.write_now(forget)
    return found


def test_whoever_shows_all_from_many_new_places_is_held_up_nowhere(site: Site) -> None:
    program = second_factor(site)
    for number in range(3):
        browser = site.browser(f"198.51.{number}.1")
        assert sign_in(browser)["component"] == "ak-stage-authenticator-validate"
        assert not any(held(site).values())
        site.clock.advance(30)
        assert post(browser, {"code": program.at(int(site.clock()))}).json()["component"] == "xak-flow-redirect"
        assert not any(held(site).values())


def test_a_wrong_code_counts_for_its_place_and_for_all(site: Site) -> None:
    second_factor(site)
    browser = site.browser()
    sign_in(browser)
    post(browser, {"code": "000000"})
    assert held(site) == {"192.0.2.0/24": 1, tries.EVERYWHERE: 1}
