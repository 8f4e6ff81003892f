"""A database that goes away in the middle of a transaction: what the verb hears, and whoever runs it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from control.mail.post import Post
from control.notifications import owners
from control.notifications.matching import Matching
from control.policies.asking import Asking
from control.policies.judge import Judge
from control.policies.kinds import KINDS
from control.records import Application, Binding, Event, Notification, Policy, User
from control.store.interface import AccessDenied, Overloaded, StoreTrouble, Transaction, Unavailable
from control.store.sql import SqlStore
from control.verbs import notifications
from tests.control.policies.asking import asking_the_store
from tests.control.store.away import connection_of, go_away
from tests.stores import SECRET_KEY, ImmediateStore, run

Use = Callable[[SqlStore, Callable[[Transaction], Any]], Any]


@pytest.fixture
def store(store_url: str) -> Iterator[SqlStore]:
    opened = SqlStore(store_url, [SECRET_KEY])
    yield opened
    opened.close()


@pytest.fixture(params=["read_now", "write_now"])
def use(request: pytest.FixtureRequest) -> Use:
    def called(store: SqlStore, verb: Callable[[Transaction], Any]) -> Any:
        return getattr(store, request.param)(verb)

    return called


@pytest.mark.parametrize("kind", [Unavailable, Overloaded, AccessDenied])
def test_all_of_the_stores_own_troubles_have_one_name(kind: type[Exception]) -> None:
    assert issubclass(kind, StoreTrouble)


# --- statements ----------------------------------------------------------------------------------------------------


def test_the_statement_itself_says_that_the_store_cannot_be_used(store: SqlStore, use: Use) -> None:
    heard: list[Exception] = []

    def verb(tx: Transaction) -> None:
        try:
            go_away(tx)
        except Exception as error:
            heard.append(error)
            raise

    with pytest.raises(Unavailable):
        use(store, verb)
    assert [type(error) for error in heard] == [Unavailable]
    assert store.write_now(lambda tx: tx.insert(User("after"))).pk == 1


def test_whoever_runs_one_that_is_denied_hears_that_it_cannot_be_used_and_the_log_says_why(
    store: SqlStore, use: Use, caplog: pytest.LogCaptureFixture
) -> None:
    """Doors and pages know what to do then; for anything else they would answer that the fault is theirs."""

    def denied(tx: Transaction) -> None:
        raise AccessDenied("permission denied for table user")

    with caplog.at_level(logging.WARNING), pytest.raises(Unavailable, match="permission denied"):
        use(store, denied)
    assert "permission denied for table user" in caplog.text


def test_a_fault_of_ours_stays_one(store: SqlStore) -> None:
    def wrong(tx: Transaction) -> None:
        connection_of(tx).execute(text("insert into meta (name, value) select name, value from meta"))

    with pytest.raises(IntegrityError):
        store.write_now(wrong)


def test_what_is_read_after_it_from_a_lost_connection_is_nothing(store: SqlStore) -> None:
    def hiding(tx: Transaction) -> int:
        with suppress(Exception):
            go_away(tx)
        return tx.count(User)

    def hiding_at_the_end(tx: Transaction) -> int:
        number = tx.count(User)
        with suppress(Exception):
            go_away(tx)
        return number

    for verb in (hiding, hiding_at_the_end):
        if store.read_now(lambda tx: connection_of(tx).dialect.name) == "sqlite":
            assert store.read_now(verb) == 0, "a file has no connection that could be lost"
        else:
            with pytest.raises(Unavailable, match="went away in the middle"):
                store.read_now(verb)
    assert store.read_now(lambda tx: tx.count(User)) == 0


# --- who is asked in the middle of it ------------------------------------------------------------------------------


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Says whether the database goes away while the policy of the kind ``asking`` is asked."""
    lasts = [True]
    monkeypatch.setitem(KINDS, "asking", asking_the_store(lambda: lasts[0]))
    return lasts


def bound_to_asking(tx: Transaction, target: str) -> None:
    policy = tx.insert(Policy("asking", "asking", settings={}))
    tx.insert(Binding(target, policy=policy.pk, failure_result=True))


def test_no_policy_is_blamed_and_no_failure_result_lets_in(store: SqlStore, use: Use, away: list[bool]) -> None:
    def make(tx: Transaction) -> Application:
        made = tx.insert(Application("App", "app"))
        bound_to_asking(tx, made.pk)
        return made

    application = store.write_now(make)
    asking = Asking(None, 0.0, "192.0.2.9")
    with pytest.raises(Unavailable):
        use(store, lambda tx: Judge().decide(tx, application, asking))
    away[0] = False
    assert use(store, lambda tx: Judge().decide(tx, application, asking)).passing


def test_no_rule_of_notifications_is_blamed_and_the_event_is_told_later(
    store: SqlStore, away: list[bool], caplog: pytest.LogCaptureFixture
) -> None:
    alice = store.write_now(lambda tx: tx.insert(User("alice")))

    def make(tx: Transaction) -> None:
        transport = notifications.create_transport(tx, {"name": "here", "mode": "local"})
        given = {"name": "rule", "transports": [transport.pk], "destination_event_user": True}
        bound_to_asking(tx, notifications.create_rule(tx, given).pk)

    store.write_now(make)
    store.write_now(lambda tx: tx.insert(Event("login_failed", user={"pk": alice.pk, "username": "alice"})))
    matching = Matching(ImmediateStore(store), Judge(), lambda *_: None, owners.by_mail(Post()))
    with caplog.at_level(logging.INFO), pytest.raises(Unavailable):
        run(matching.look())
    assert [record.exc_info for record in caplog.records] == [None], "the outage is told, and nothing else"
    away[0] = False
    run(matching.look())
    assert "alice" in "".join(one.body for one in store.read_now(lambda tx: tx.select(Notification)))
