"""`/explain/` over the API; what it says is tested in tests/control/explaining/test_explain.py."""

from __future__ import annotations

import pytest

from control import tries
from control.policies.kinds import KINDS
from control.records import Binding, Policy
from control.store.interface import Transaction
from protocols.proxy.shown_lines import MOST_LINES
from rules.places import place
from tests.control.policies.asking import asking_the_store
from tests.control.web.api import Api


def guess(api: Api, where: str) -> None:
    def verb(tx: Transaction) -> None:
        for _ in range(tries.FREE + 1):
            tries.wrong(tx, "bob", where)

    api.sql.write_now(verb)


def test_a_question_and_its_answer(api: Api) -> None:
    user = api.user("bob")
    group = api.post("/core/groups/", {"name": "staff"})["pk"]
    provider = api.post("/providers/ldap/", {"name": "ldap"})["pk"]
    application = api.post("/core/applications/", {"name": "Wiki", "slug": "wiki", "provider": provider})["pk"]
    api.post("/policies/bindings/", {"target": application, "group": group})
    api.post("/outposts/instances/", {"name": "edge", "type": "any", "providers": [provider]})
    asked = {"user": "bob", "application": "wiki", "protocol": "ldap", "from": "192.0.2.7"}

    said = api.post("/explain/", asked, 200)
    assert (said["passing"], said["outcome"], said["reason"]) == (False, "not_allowed", "no_binding")
    assert said["changes"] == ["Add 'bob' to the group 'staff'."]
    assert [step["name"] for step in said["steps"] if not step["passed"]] == ["access"]
    assert said["stranger"] == "This is not open to you."

    api.post(f"/core/groups/{group}/add_user/", {"pk": user}, 204)
    assert api.post("/explain/", asked, 200)["passing"] is True

    guess(api, place("192.0.2.7"))
    assert api.post("/explain/", asked, 200)["reason"] == "too_many_tries"
    assert api.post("/explain/", {**asked, "from": "198.51.100.1"}, 200)["passing"] is True


def test_a_database_that_goes_away_meanwhile_is_what_is_told(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "asking", asking_the_store())
    user, provider = api.user("bob"), api.post("/providers/ldap/", {"name": "ldap"})["pk"]
    application = api.post("/core/applications/", {"name": "Wiki", "slug": "wiki", "provider": provider})["pk"]

    def bind(tx: Transaction) -> None:
        policy = tx.insert(Policy("asking", "asking", settings={}))
        tx.insert(Binding(application, policy=policy.pk, failure_result=True))

    api.sql.write_now(bind)
    api.post("/outposts/instances/", {"name": "edge", "type": "any", "providers": [provider]})
    told = api.post("/explain/", {"user": "bob", "application": "wiki", "protocol": "ldap"}, 503)
    assert told["detail"].startswith("The database could not be used: SQLite says:")
    assert api.call("GET", f"/core/applications/wiki/check_access/?for_user={user}").status == 503


def test_nobody_asks_from_what_is_no_address(api: Api) -> None:
    told = api.post("/explain/", {"user": "bob", "application": "wiki", "from": "10.0.0.0/8"}, 400)
    assert told == {"from": ["Enter a valid IPv4 or IPv6 address."]}


def test_a_new_password_is_asked_about_as_where_it_is_set(api: Api) -> None:
    """By the rules of the settings and by policies, each with what it said; and nothing is left behind."""
    user = api.user("bob")
    api.post("/core/applications/", {"name": "Wiki", "slug": "wiki"})
    policy = api.post("/policies/password/", {"name": "long ones", "length_min": 12, "error_message": "Longer."})["pk"]
    flow = api.get("/flows/instances/default-password-change/")["policybindingmodel_ptr_id"]
    api.post("/policies/bindings/", {"target": flow, "policy": policy})
    asked = {"user": "bob", "application": "wiki"}
    assert api.post("/explain/", asked, 200)["new_password"] is None
    for typed in ("short", "eleven chars", "twelve characters and more"):
        before = api.get("/events/events/")["pagination"]["count"]
        said = api.post("/explain/", {**asked, "new_password": typed}, 200)["new_password"]
        assert api.get("/events/events/")["pagination"]["count"] == before
        set_now = api.call("POST", f"/core/users/{user}/set_password/", {"password": typed})
        assert said["passing"] is (set_now.status == 204), typed
        assert said["sentences"] == ([] if said["passing"] else set_now.body["password"]), typed
        if typed == "short":
            assert said["policies"] == []  # the settings ask for eight, and nobody else is asked then
        else:
            assert [line["name"] for line in said["policies"]] == ["long ones"]
    said = api.post("/explain/", {"user": "nobody", "application": "wiki", "new_password": "of nobody's own"}, 200)
    assert said["new_password"]["passing"] is True


def test_header_lines_are_shown_to_policies_as_a_proxy_tells_of_them(api: Api) -> None:
    api.user("bob")
    provider = api.post(
        "/providers/proxy/", {"name": "p", "mode": "forward_single", "external_host": "https://a.example"}
    )
    body = {"name": "Wiki", "slug": "wiki", "provider": provider["pk"]}
    application = api.post("/core/applications/", body)["pk"]
    api.post("/outposts/instances/", {"name": "edge", "type": "any", "providers": [provider["pk"]]})
    source = (
        "ak_logger.info(http_request.scheme, lines=dict(http_request.headers.items()))\n"
        "return http_request.headers['user-agent'] == 'curl/8'"
    )
    policy = api.post("/policies/expression/", {"name": "x", "expression": source})["pk"]
    api.post("/policies/bindings/", {"target": application, "policy": policy})
    asked = {"user": "bob", "application": "wiki", "attributes": {"host": "a.example"}}
    assert api.post("/explain/", asked, 200)["reason"] == "policy_failed"
    headers = {"User-agent": "curl/8", "Cookie": "a=b", "X-authentik-username": "root"}
    said = api.post("/explain/", {**asked, "headers": headers, "scheme": "http"}, 200)
    assert said["reason"] == "accepted"
    assert said["bindings"][0]["policy"]["log"] == ["info: http lines={'User-Agent': 'curl/8'}"]
    many = {f"x-{number}": "" for number in range(MOST_LINES + 1)}
    for wrong in ({"a b": "c"}, {"a": "b\r\nc: d"}, many):
        answer = api.call("POST", "/explain/", {**asked, "headers": wrong})
        assert (answer.status, list(answer.body)) == (400, ["headers"]), wrong


def test_what_cannot_be_asked(api: Api) -> None:
    assert api.call("POST", "/explain/", {"user": "bob"}).body == {"application": ["This field is required."]}
    answer = api.call("POST", "/explain/", {"user": "bob", "application": "nowhere"})
    assert (answer.status, answer.body) == (400, {"application": ["There is no application 'nowhere'."]})


def test_wrong_tries_are_listed_and_released(api: Api) -> None:
    api.user("bob")
    guess(api, "192.0.2.0/24")
    found = api.get("/tries/?account=bob")["results"]
    assert {(line["place"], line["wrong"]) for line in found} == {
        ("192.0.2.0/24", tries.FREE + 1),
        (None, tries.FREE + 1),
    }
    assert any(line["blocked_until"] for line in found)
    assert api.call("DELETE", "/tries/?account=bob").status == 204
    assert api.get("/tries/")["results"] == []
    assert api.sql.read_now(lambda tx: tries.refusal(tx, "bob", "192.0.2.0/24")) is None
