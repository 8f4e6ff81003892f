"""Events reach the people who are to hear of them: rules choose, transports carry, and nothing waits for either."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from control.mail.post import Post
from control.notifications import APP, matching, owners
from control.notifications.delivering import FIRST_WAIT, Delivering
from control.notifications.matching import CannotMail, Matching
from control.policies.judge import Judge
from control.records import (
    Binding,
    Event,
    Notification,
    NotificationDelivery,
    NotificationTransport,
    UntoldEvent,
    User,
)
from control.redelivery import GIVEN_UP, LONGEST_WAIT, SHARE
from control.store.interface import Transaction
from control.verbs import bindings, groups, notifications, policies, users
from tests.fakes import FakeClock
from tests.stores import ImmediateStore, open_store, run

URL = "https://chat.example.com/hooks/a-secret"


class House:
    """alice, who administers; bob; and what is posted and mailed."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.sql = open_store(folder, self.clock)
        self.store = ImmediateStore(self.sql)
        self.posted: list[tuple[str, dict[str, Any]]] = []
        self.headers: list[dict[str, str]] = []
        self.mailed: list[tuple[str, str]] = []
        self.trouble = ""
        self.matching = Matching(self.store, Judge(lambda: 0.0), self.mail, owners.by_mail(Post()))
        self.delivering = Delivering(self.store, self.post)
        self.alice, self.bob, self.admins = self.write(_people)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> str:
        self.posted.append((url, json.loads(body)))
        self.headers.append(dict(headers))
        return self.trouble

    def mail(self, tx: Transaction, transport: NotificationTransport, user: User, body: str, event: Event) -> None:
        if self.trouble:
            raise CannotMail(self.trouble)
        self.mailed.append((user.email, body))

    def write(self, verb: Any) -> Any:
        return self.sql.write_now(verb)

    def transport(self, mode: str = "local", **fields: Any) -> str:
        given = {"name": f"{mode} {len(fields)}", "mode": mode, "webhook_url": URL, **fields}
        pk: str = self.write(lambda tx: notifications.create_transport(tx, given)).pk
        return pk

    def rule(self, transport: str, kind: str = "event_matcher", fields: Any = None, **rule: Any) -> str:
        """Bound to one policy; to the administrators, unless it says otherwise."""
        given = {"name": "rule", "transports": [transport], "destination_group": self.admins.pk, **rule}

        def make(tx: Transaction) -> str:
            made = notifications.create_rule(tx, given)
            wanted = {"action": "login_failed"} if fields is None else fields
            policy = policies.create(tx, kind, {"name": "matching", **wanted})
            bindings.create(tx, {"target": made.pk, "policy": policy.pk})
            return made.pk

        pk: str = self.write(make)
        self.look()
        return pk

    def happens(self, action: str = "login_failed", **fields: Any) -> Event:
        about = {"user": {"pk": self.bob.pk, "username": "bob", "email": "bob@example.com"}, "client_ip": "192.0.2.9"}
        event: Event = self.write(lambda tx: tx.insert(Event(action, **{**about, **fields})))
        return event

    def look(self) -> None:
        run(self.matching.look())

    def deliver(self) -> list[tuple[str, dict[str, Any]]]:
        self.posted.clear()
        asyncio.run(self.delivering.queue.look())
        return list(self.posted)

    def all(self, kind: type[Any]) -> list[Any]:
        return self.sql.read_now(lambda tx: tx.select(kind))

    def told(self) -> list[tuple[int, str]]:
        return [(one.user, one.body) for one in self.all(Notification)]


def _people(tx: Transaction) -> tuple[User, User, Any]:
    alice = users.create(tx, {"username": "alice", "name": "Alice", "email": "alice@example.com"})
    bob = users.create(tx, {"username": "bob", "name": "Bob", "email": "bob@example.com"})
    admins = groups.create(tx, {"name": "admins"})
    tx.add_members(admins.pk, [alice.pk])
    return alice, bob, admins


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.sql.close()


# --- which events --------------------------------------------------------------------------------------------------


def test_an_event_that_a_rule_wants_is_told_once(house: House) -> None:
    house.rule(house.transport(), severity="alert")
    event = house.happens(context={"reason": "wrong_password"})
    house.happens("login")
    for _ in range(2):
        house.look()
    (notification,) = house.all(Notification)
    assert (notification.user, notification.severity, notification.event) == (house.alice.pk, "alert", event.pk)
    assert notification.body == "Login failed by bob from 192.0.2.9: wrong_password"
    assert house.all(UntoldEvent) == []


def test_without_rules_nothing_is_noted(house: House) -> None:
    house.happens()
    assert house.all(UntoldEvent) == []


def test_changes_of_the_directory_are_events_too(house: House) -> None:
    house.rule(house.transport(), fields={"action": "model_created", "model": "authentik_core.user"})
    house.write(lambda tx: users.create(tx, {"username": "carol", "name": "Carol"}))
    house.look()
    assert house.told() == [(house.alice.pk, "Model created user “carol”.")]


@pytest.mark.parametrize(
    ("fields", "matches"),
    [
        ({}, True),
        ({"app": "outpost"}, True),
        ({"app": "authentik_core"}, False),
        ({"client_ip": "192.0.2.9"}, True),
        ({"client_ip": "192.0.2.8"}, False),
        ({"action": "login_failed", "client_ip": "192.0.2.8"}, False),
    ],
)
def test_all_traits_of_a_matcher_count(house: House, fields: dict[str, str], matches: bool) -> None:
    house.rule(house.transport(), fields=fields)
    house.look()
    before = len(house.told())
    house.happens(app="outpost")
    house.look()
    assert len(house.told()) - before == matches


def test_an_expression_sees_the_event_and_whom_it_is_about(house: House) -> None:
    source = (
        "event = request.context['event']\n"
        "return event.action == 'login_failed' and event.context['reason'] == 'x' and request.user.username == 'bob'"
    )
    house.rule(house.transport(), "expression", {"expression": source})
    house.happens(context={"reason": "x"})
    house.happens(context={"reason": "y"})
    house.look()
    assert len(house.told()) == 1


def test_a_rule_that_breaks_tells_nobody_leaves_an_event_and_does_not_go_round(house: House) -> None:
    house.rule(house.transport(), "expression", {"expression": "return 1 / 0"})
    house.happens()
    for _ in range(5):
        house.look()
    broken = [event for event in house.all(Event) if event.action == "policy_exception"]
    assert {event.app for event in broken} == {APP}
    assert len([event for event in broken if "division" in event.context["message"]]) == len(broken)
    count = len(house.all(Event))
    house.look()
    assert len(house.all(Event)) == count
    assert house.told() == []


@pytest.mark.parametrize("how", ["no binding", "switched off", "no transport", "nobody"])
def test_rules_that_say_too_little_tell_nobody(house: House, how: str) -> None:
    given: dict[str, Any] = {"destination_group": None} if how == "nobody" else {}
    if how == "no transport":
        given["transports"] = []
    pk = house.rule(house.transport(), **given)
    lines = house.sql.read_now(lambda tx: tx.select(Binding))
    for line in lines:
        if how == "no binding":
            house.write(lambda tx, line=line: bindings.delete(tx, line.pk))
        if how == "switched off":
            house.write(lambda tx, line=line: bindings.update(tx, line.pk, {"enabled": False}))
    house.happens()
    house.look()
    assert house.told() == []
    house.write(lambda tx: notifications.delete_rule(tx, pk))
    assert house.sql.read_now(lambda tx: tx.select(Binding)) == []


def test_the_last_policy_of_a_rule_may_go(house: House) -> None:
    """A rule without bindings tells nobody; it is no door that would stand open."""
    house.rule(house.transport())
    (line,) = house.sql.read_now(lambda tx: tx.select(Binding))
    house.write(lambda tx: policies.delete(tx, str(line.policy)))


# --- to whom -------------------------------------------------------------------------------------------------------


def test_members_of_groups_below_are_told_and_inactive_ones_are_not(house: House) -> None:
    def more(tx: Transaction) -> None:
        below = groups.create(tx, {"name": "night shift", "parents": [house.admins.pk]})
        tx.add_members(below.pk, [house.bob.pk])
        users.update(tx, house.alice.pk, {"is_active": False})

    house.write(more)
    house.rule(house.transport())
    house.happens()
    house.look()
    assert [user for user, _ in house.told()] == [house.bob.pk]


def test_whom_it_is_about_is_told_too_once(house: House) -> None:
    house.rule(house.transport(), destination_event_user=True)
    house.happens()
    house.happens(user={"pk": house.alice.pk, "username": "alice"})
    house.happens(user={})
    house.look()
    assert sorted(user for user, _ in house.told()) == sorted([house.alice.pk, house.bob.pk] + [house.alice.pk] * 2)


def test_two_processes_tell_it_once(house: House) -> None:
    house.rule(house.transport())
    house.happens()
    looked = house.sql.read_now(house.matching._ask)
    house.look()
    house.write(lambda tx: house.matching._tell(tx, looked))
    assert len(house.told()) == 1


# --- by what way ---------------------------------------------------------------------------------------------------


def test_a_webhook_is_posted_with_authentiks_fields(house: House) -> None:
    house.rule(house.transport("webhook"), severity="warning")
    house.happens(context={"reason": "wrong_password"})
    house.look()
    ((url, body),) = house.deliver()
    assert url == URL
    assert body == {
        "body": "Login failed by bob from 192.0.2.9: wrong_password",
        "severity": "warning",
        "user_email": "alice@example.com",
        "user_username": "alice",
        "event_user_email": "bob@example.com",
        "event_user_username": "bob",
    }
    assert house.deliver() == []
    assert house.all(NotificationDelivery) == []


def test_a_chat_gets_a_table(house: House) -> None:
    house.rule(house.transport("webhook_slack"))
    house.happens(context={"reason": "wrong_password", "many": ["not", "text"]})
    house.look()
    ((_, body),) = house.deliver()
    (attachment,) = body["attachments"]
    assert attachment["title"] == "login_failed"
    shown = {field["title"]: field["value"] for field in attachment["fields"]}
    assert shown == {"Severity": "notice", "Dispatched for user": "alice", "reason": "wrong_password"}


def test_what_is_not_understood_is_tried_again_ever_more_slowly_and_given_up_after_a_day(house: House) -> None:
    house.rule(house.transport("webhook"))
    house.happens()
    house.look()
    house.trouble = "It answered 500."
    waits, begun = [], house.clock.now()
    while waiting := house.all(NotificationDelivery):
        house.clock.advance(max(0.0, waiting[0].due - house.clock.now()))
        if house.deliver():
            waits.append(house.clock.now())
    gaps = [later - sooner for sooner, later in pairwise(waits)]
    assert gaps[:3] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT]
    assert max(gaps) == LONGEST_WAIT
    assert GIVEN_UP <= house.clock.now() - begun <= GIVEN_UP + LONGEST_WAIT + 10
    (event,) = [one for one in house.all(Event) if one.action == "configuration_error"]
    assert (event.app, "for a day" in event.context["message"]) == (APP, True)
    assert URL not in str(event)


def test_one_that_is_understood_later_is_told_once(house: House) -> None:
    house.rule(house.transport("webhook"))
    house.happens()
    house.look()
    house.trouble = "It cannot be reached."
    assert len(house.deliver()) == 1
    assert house.deliver() == []
    house.trouble = ""
    house.clock.advance(FIRST_WAIT)
    assert len(house.deliver()) == 1
    assert house.all(NotificationDelivery) == []


def test_once_means_once_for_all(house: House) -> None:
    house.write(lambda tx: tx.add_members(house.admins.pk, [house.bob.pk]))
    house.rule(house.transport("webhook", send_once=True))
    house.happens()
    house.look()
    assert len(house.deliver()) == 1


def test_a_flood_is_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "MOST_WAITING", 3)
    monkeypatch.setattr(house.delivering.queue, "at_once", 2 * SHARE)
    house.rule(house.transport("webhook"))
    for _ in range(5):
        house.happens()
    house.look()
    assert len(house.all(NotificationDelivery)) == 3
    assert len(house.deliver()) == 2


def test_what_waits_goes_with_its_transport(house: House) -> None:
    pk = house.transport("webhook")
    house.rule(pk)
    house.happens()
    house.look()
    house.write(lambda tx: notifications.delete_transport(tx, pk))
    assert house.all(NotificationDelivery) == []
    assert house.deliver() == []


def test_mail_is_queued_and_where_none_can_be_the_others_are_told_all_the_same(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    mail, local = house.transport("email"), house.transport()
    house.rule(mail, transports=[mail, local])
    house.happens()
    house.look()
    assert house.mailed == [("alice@example.com", "Login failed by bob from 192.0.2.9.")]
    house.trouble = "No mail can be sent from here."
    house.happens()
    house.look()
    assert "No mail can be sent" in caplog.text
    assert len(house.told()) == 2


def test_the_url_is_kept_as_a_secret(house: House, tmp_path: Path) -> None:
    pk = house.transport("webhook")
    assert "a-secret" not in repr(house.sql.read_now(lambda tx: tx.get(NotificationTransport, pk)))
    assert "a-secret" not in str(house.all(Event))
    assert b"a-secret" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


def test_sign_ins_in_browsers_that_are_new_can_be_chosen(house: House) -> None:
    """As docs/events.md says it."""
    docs = (Path(__file__).parents[3] / "docs/events.md").read_text()
    expression = next(line for line in docs.splitlines() if "known_device" in line and line.startswith("`return"))
    house.rule(house.transport(), "expression", {"expression": expression.split("`")[1]})
    for known in (True, False):
        house.happens("login", context={"auth_method": "password", "auth_method_args": {"known_device": known}})
    house.happens("login", context={"protocol": "ldap"})
    house.happens("model_updated", context={"model": {"model_name": "user", "name": "bob"}})
    house.look()
    assert [body for _, body in house.told()] == ["Login by bob from 192.0.2.9."]
