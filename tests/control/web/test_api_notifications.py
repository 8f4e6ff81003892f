"""`/events/`: rules, transports, notifications and the export, in authentik's shapes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from control.mail.post import Post
from control.notifications import owners
from control.notifications.mailing import by_mail
from control.notifications.matching import Matching
from control.records import Event, Letter, MailServer, Notification
from tests.control.web.api import Api
from tests.stores import run

TRANSPORT = {
    "pk",
    "name",
    "mode",
    "mode_verbose",
    "webhook_url",
    "webhook_ca",
    "webhook_mapping_body",
    "webhook_mapping_headers",
    "email_subject_prefix",
    "email_template",
    "send_once",
}
RULE = {
    "pk",
    "name",
    "transports",
    "severity",
    "destination_group",
    "destination_group_obj",
    "destination_event_user",
}
NOTIFICATION = {"pk", "severity", "body", "hyperlink", "hyperlink_label", "created", "event", "seen"}
HOOK = {"name": "chat", "mode": "webhook", "webhook_url": "https://chat.example.com/hook"}


def administrators(api: Api) -> str:
    pk: str = api.get("/core/groups/?name=authentik%20Admins")["results"][0]["pk"]
    return pk


def matched(api: Api, transport: str) -> dict[str, Any]:
    """A rule about failed logins, to the administrators."""
    body = {
        "name": "failures",
        "transports": [transport],
        "destination_group": administrators(api),
        "severity": "alert",
    }
    rule: dict[str, Any] = api.post("/events/rules/", body)
    policy = api.post("/policies/event_matcher/", {"name": "failures", "action": "login_failed"})["pk"]
    api.post("/policies/bindings/", {"target": rule["pk"], "policy": policy})
    return rule


def happens(api: Api, action: str = "login_failed") -> None:
    api.sql.write_now(lambda tx: tx.insert(Event(action, user={"username": "bob"}, created=tx.now)))
    look(api)


def look(api: Api) -> None:
    mail, owner = by_mail(api.services.post), owners.by_mail(api.services.post)
    run(Matching(api.services.store, api.services.judge, mail, owner).look())


def test_a_transport(api: Api) -> None:
    made = api.post("/events/transports/", HOOK)
    assert made.keys() == TRANSPORT
    assert {name: made[name] for name in HOOK} == HOOK
    changed = api.patch(f"/events/transports/{made['pk']}/", {"send_once": True})
    assert changed == {**made, "send_once": True}
    assert api.get("/events/transports/?mode=webhook_slack")["results"] == []
    assert api.call("DELETE", f"/events/transports/{made['pk']}/").status == 204


@pytest.mark.parametrize("url", ["", "ftp://example.com", "chat.example.com", "http://[bad", "http://a b/"])
def test_a_webhook_needs_a_url(api: Api, url: str) -> None:
    assert "webhook_url" in api.post("/events/transports/", {**HOOK, "webhook_url": url}, 400)


def test_a_rule(api: Api) -> None:
    transport = api.post("/events/transports/", {"name": "list"})["pk"]
    made = matched(api, transport)
    assert made.keys() == RULE
    assert made["destination_group_obj"]["name"] == "authentik Admins"
    assert api.patch(f"/events/rules/{made['pk']}/", {"severity": "notice"}) == {**made, "severity": "notice"}
    api.call("DELETE", f"/events/transports/{transport}/")
    assert api.get(f"/events/rules/{made['pk']}/")["transports"] == []


def test_what_a_rule_names_must_be_there(api: Api) -> None:
    nobody = "00000000-0000-0000-0000-000000000000"
    assert "transports" in api.post("/events/rules/", {"name": "r", "transports": [nobody]}, 400)
    assert "destination_group" in api.post("/events/rules/", {"name": "r", "destination_group": nobody}, 400)
    assert "severity" in api.post("/events/rules/", {"name": "r", "severity": "panic"}, 400)


def test_ones_own_notifications_are_read_and_put_away(api: Api) -> None:
    matched(api, api.post("/events/transports/", {"name": "list"})["pk"])
    for _ in range(2):
        happens(api)
    one, other = api.get("/events/notifications/")["results"]
    assert one.keys() == NOTIFICATION
    assert (one["severity"], one["seen"], one["event"]["action"]) == ("alert", False, "login_failed")
    assert api.patch(f"/events/notifications/{one['pk']}/", {"seen": True, "body": "forged"}) == {**one, "seen": True}
    assert [found["pk"] for found in api.get("/events/notifications/?seen=false")["results"]] == [other["pk"]]
    api.post("/events/notifications/mark_all_seen/", {}, 204)
    assert api.get("/events/notifications/?seen=false")["results"] == []
    assert api.call("DELETE", f"/events/notifications/{one['pk']}/").status == 204


def test_nobody_reads_another_ones(api: Api) -> None:
    bob = api.user("bob")
    made = api.sql.write_now(lambda tx: tx.insert(Notification(bob, "for bob")))
    mine = api.token(api.user("eve"))
    for token in (mine, None):
        answer = api.call("GET", "/events/notifications/", token=token) if token else None
        assert answer is None or answer.body["results"] == []
    assert api.call("GET", f"/events/notifications/{made.pk}/").status == 404  # not even an administrator
    assert api.call("PATCH", f"/events/notifications/{made.pk}/", {"seen": True}, token=mine).status == 404
    api.call("POST", "/events/notifications/mark_all_seen/", {}, token=mine)
    assert not api.sql.read_now(lambda tx: tx.get(Notification, made.pk)).seen


@pytest.mark.parametrize(("trouble", "status"), [("", 200), ("It answered 500.", 400)])
def test_a_transport_is_tried_out(api: Api, trouble: str, status: int) -> None:
    posted: list[dict[str, Any]] = []

    async def post(url: str, body: bytes, headers: Mapping[str, str]) -> str:
        posted.append(json.loads(body))
        return trouble

    object.__setattr__(api.services, "post_json", post)
    pk = api.post("/events/transports/", HOOK)["pk"]
    answer = api.post(f"/events/transports/{pk}/test/", {}, status)
    assert posted[0]["user_username"] == "akadmin"
    assert answer == ({"non_field_errors": [trouble]} if trouble else {"messages": ["It was taken."]})


@pytest.mark.parametrize(("expression", "status"), [("return [notification.body]", 200), ("return 1 / 0", 400)])
def test_a_webhook_mapping_is_tried_out_with_its_transport(api: Api, expression: str, status: int) -> None:
    posted: list[Any] = []

    async def post(url: str, body: bytes, headers: Mapping[str, str]) -> str:
        posted.append(json.loads(body))
        return ""

    object.__setattr__(api.services, "post_json", post)
    made = api.post("/propertymappings/notification/", {"name": "m", "expression": expression})
    assert made["component"] == "ak-property-mapping-notification-form"
    transport = api.post("/events/transports/", {**HOOK, "webhook_mapping_body": made["pk"]})
    assert transport["webhook_mapping_body"] == made["pk"]
    answer = api.post(f"/events/transports/{transport['pk']}/test/", {}, status)
    assert posted == ([["This is a trial of the transport “chat”."]] if status == 200 else [])
    assert status == 200 or "ZeroDivisionError" in answer["non_field_errors"][0]
    tried = api.post(f"/propertymappings/all/{made['pk']}/test/", {"user": 1}, 200)
    assert tried["successful"] is (status == 200)


@pytest.mark.parametrize(("mode", "status"), [("local", 200), ("email", 400)])
def test_other_ways_are_tried_out(api: Api, mode: str, status: int) -> None:
    pk = api.post("/events/transports/", {"name": "way", "mode": mode})["pk"]
    api.post(f"/events/transports/{pk}/test/", {}, status)
    assert len(api.get("/events/notifications/")["results"]) == (mode == "local")


def test_a_matcher_is_tried_out_on_an_event_that_is_named(api: Api) -> None:
    event = api.sql.write_now(lambda tx: tx.insert(Event("login_failed", created=tx.now)))
    policy = api.post("/policies/event_matcher/", {"name": "p", "action": "login_failed"})["pk"]
    path = f"/policies/all/{policy}/test/"
    found = api.post(path, {"context": {"event": event.pk}}, 200)
    assert (found["passing"], len(found["log_messages"])) == (True, 1)
    assert api.post(path, {}, 200)["passing"] is False
    assert "context" in api.post(path, {"context": {"event": "no such"}}, 400)


# --- events leave --------------------------------------------------------------------------------------------------


def test_the_export_has_every_event(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("control.web.admin_api.events.PAGE", 2)
    for number in range(5):
        api.sql.write_now(lambda tx, n=number: tx.insert(Event("custom", context={"n": n}, created=tx.now + n)))  # type: ignore[misc]
    answer = api.call("GET", "/events/events/export/?action=custom")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    lines = json.loads(answer.text)
    assert answer.text.count(b"\n") == 5  # an element a line
    assert [line["context"]["n"] for line in lines] == [4, 3, 2, 1, 0]
    assert json.loads(api.call("GET", "/events/events/export/?action=nothing").text) == []
    assert lines[0].keys() == api.get("/events/events/?action=custom")["results"][0].keys()


def test_how_long_events_are_kept_is_a_setting(api: Api) -> None:
    assert api.get("/admin/settings/")["event_retention"] == "days=365"
    api.patch("/admin/settings/", {"event_retention": "days=30"})
    (event,) = api.get("/events/events/?page_size=1")["results"][:1]
    assert event["expires"] > event["created"]
    assert "event_retention" in api.patch("/admin/settings/", {"event_retention": "hours=23"}, 400)
    assert "event_retention" in api.patch("/admin/settings/", {"event_retention": "soon"}, 400)


def test_who_gets_another_password_is_told(api: Api) -> None:
    services = replace(api.services, post=Post(MailServer(host="smtp.example.com")))
    pk = api.post("/core/users/", {"username": "dora", "name": "Dora", "email": "dora@example.com"})["pk"]
    api.clock.advance(1)
    api.post(f"/core/users/{pk}/set_password/", {"password": "correct horse battery"}, status=204)
    api.services = services
    look(api)
    (letter,) = api.sql.read_now(lambda tx: tx.select(Letter))
    assert (letter.to, letter.subject) == ("dora@example.com", "Your password was changed")
    assert "correct horse" not in letter.text + letter.html
    (event,) = api.get("/events/events/?action=password_set")["results"]
    assert (event["user"]["username"], event["app"], event["client_ip"]) == ("dora", "authentik_core", "127.0.0.1")
