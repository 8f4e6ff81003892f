"""Webhook mappings: what they say is posted, and what they may not say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from control.notifications import APP
from control.records import Event, NotificationTransport, PropertyMapping
from control.verbs import notifications, property_mappings
from control.verbs.fields import Invalid
from tests.control.notifications.test_notifications import URL, House

BODY = """\
return {
    "text": f"{notification.severity}: {notification.body}",
    "about": notification.event.context["reason"],
    "to": request.user.email,
    "also": [notification.user.username, notification.event.action],
}
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.sql.close()


def mapping(house: House, expression: str, name: str = "m") -> str:
    given = {"name": name, "expression": expression}
    pk: str = house.write(lambda tx: property_mappings.create(tx, "notification", given)).pk
    return pk


def posted(house: House, mode: str = "webhook", **fields: Any) -> tuple[Any, dict[str, str]]:
    """Body and added header lines of one notification."""
    house.rule(house.transport(mode, **fields), severity="warning")
    house.happens(context={"reason": "wrong_password"})
    house.look()
    house.headers.clear()
    ((url, body),) = house.deliver()
    assert url == URL
    return body, house.headers[0]


def exceptions(house: House) -> list[Event]:
    return [one for one in house.all(Event) if one.action == "property_mapping_exception"]


def test_body_and_headers_are_what_mappings_say(house: House) -> None:
    headers = mapping(house, 'return {"Authorization": "Bearer abc", "X-Severity": notification.severity}', "h")
    body, added = posted(house, webhook_mapping_body=mapping(house, BODY), webhook_mapping_headers=headers)
    assert body == {
        "text": "warning: Login failed by bob from 192.0.2.9: wrong_password",
        "about": "wrong_password",
        "to": "alice@example.com",
        "also": ["alice", "login_failed"],
    }
    assert added == {"Authorization": "Bearer abc", "X-Severity": "warning"}
    assert exceptions(house) == []


def test_when_it_happened_is_a_moment_and_posted_as_authentik_writes_it(house: House) -> None:
    said = 'return {"time": notification.event.created.timestamp(), "when": notification.created}'
    body, _ = posted(house, webhook_mapping_body=mapping(house, said))
    assert body["time"] in {one.created for one in house.all(Event) if one.action == "login_failed"}
    assert body["when"].endswith("Z")
    assert datetime.fromisoformat(body["when"]).timestamp() == body["time"]


def test_without_mappings_nothing_is_different(house: House) -> None:
    body, added = posted(house)
    assert (body["user_username"], body["severity"], added) == ("alice", "warning", {})


def test_what_chats_understand_stays_as_it_is(house: House) -> None:
    body, added = posted(house, "webhook_slack", webhook_mapping_body=mapping(house, "return 1"))
    assert (body["username"], added) == ("Outpost", {})


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("return notification.event.nothing", "Event has no attribute nothing"),
        ("return 'x' * 70000", "no room"),
        ("while True:\n    pass", "steps"),
    ],
)
def test_a_broken_body_is_said_once_and_the_usual_one_goes_out(house: House, expression: str, said: str) -> None:
    house.trouble = "It answered 500."
    body, _ = posted(house, webhook_mapping_body=mapping(house, expression))
    assert body["body"].startswith("Login failed by bob")
    house.clock.advance(3600)
    assert len(house.deliver()) == 1
    (event,) = exceptions(house)
    assert said in event.context["message"]
    assert (event.app, event.context["mapping"]["name"]) == (APP, "m")


@pytest.mark.parametrize(
    "value",
    [
        "'text'",
        "{'Host': 'elsewhere'}",
        "{'content-length': '0'}",
        "{'Transfer-Encoding': 'chunked'}",
        "{'X': 'a\\r\\nY: b'}",
        "{'X\\nY': 'b'}",
        "{'': 'b'}",
        "{'X': 1}",
        "{'X': 'ä'}",
        "{'X': 'a' * 5000}",
        "{f'X-{n}': 'a' for n in range(21)}",
    ],
)
def test_header_lines_that_would_change_the_message_are_left_out(house: House, value: str) -> None:
    _, added = posted(house, webhook_mapping_headers=mapping(house, f"return {value}"))
    assert added == {}
    assert len(exceptions(house)) == 1


def test_a_transport_takes_no_mapping_of_another_kind_and_forgets_one_that_goes(house: House) -> None:
    given = {"name": "r", "expression": "return {}"}
    other = house.write(lambda tx: property_mappings.create(tx, "radius", given)).pk
    with pytest.raises(Invalid, match="Webhook Mapping"):
        house.transport("webhook", webhook_mapping_body=other)
    own = mapping(house, "return 1")
    pk = house.transport("webhook", webhook_mapping_body=own)
    house.write(lambda tx: property_mappings.delete(tx, own))
    (left,) = house.all(NotificationTransport)
    assert (left.pk, left.webhook_mapping_body) == (pk, None)
    with pytest.raises(Invalid):
        house.write(lambda tx: notifications.update_transport(tx, pk, {"webhook_mapping_headers": own}))


def test_a_mapping_that_reads_what_is_not_there_is_not_kept(house: House) -> None:
    with pytest.raises(Invalid, match="http_request"):
        mapping(house, "return http_request.path")
    assert [one for one in house.all(PropertyMapping) if one.kind == "notification"] == []
