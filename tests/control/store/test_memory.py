"""What readers were told already is not asked again, and never told when it is no longer so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import event

from control.records import Binding, Group, Login, User
from control.store.interface import Query, Transaction
from control.store.sql import SqlStore, memory
from tests.conformance.store import KEY

Names = list[str]


def staff(tx: Transaction) -> Names:
    """In each way in which the directory is asked."""
    group = tx.find(Group, name="staff")
    users = tx.select(User, Query(alike={"username": "ALICE"})) + tx.select(User, Query(within={"pk": [1, 2]}))
    return [user.name for user in users if group is not None and tx.groups_of([user.pk])[user.pk] == [group.pk]]


@pytest.fixture
def store(store_url: str) -> Iterator[SqlStore]:
    opened = SqlStore(store_url, (KEY,))

    def populate(tx: Transaction) -> None:
        alice = tx.insert(User("alice", name="Alice"))
        tx.add_members(tx.insert(Group("staff")).pk, [alice.pk])

    opened.write_now(populate)
    yield opened
    opened.close()


def asked(store: SqlStore, verb: Callable[[Transaction], object]) -> list[str]:
    """The statements of one reading transaction, without its beginning."""
    said: list[str] = []

    def listen(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if not statement.startswith("BEGIN"):
            said.append(statement)

    engine = store._dialect.reading
    event.listen(engine, "before_cursor_execute", listen)
    try:
        store.read_now(verb)
    finally:
        event.remove(engine, "before_cursor_execute", listen)
    return said


def test_a_second_reader_asks_only_where_the_store_stands(store: SqlStore) -> None:
    assert len(asked(store, staff)) == 5
    (head,) = asked(store, staff)
    assert "FROM head" in head
    assert store.read_now(staff) == ["Alice", "Alice"]


def test_a_change_is_heard_of_at_once_whoever_made_it(store: SqlStore, store_url: str) -> None:
    def rename(name: str) -> Callable[[Transaction], object]:
        return lambda tx: tx.update(replace(tx.get(User, 1), name=name))

    other = SqlStore(store_url, (KEY,))
    for number, writer in enumerate((store, other, store)):
        writer.write_now(rename(f"Alice {number}"))
        assert store.read_now(staff) == other.read_now(staff) == [f"Alice {number}"] * 2
    group = store.read_now(lambda tx: tx.select(Group))[0].pk
    other.write_now(lambda tx: tx.remove_members(group, [1]))
    assert store.read_now(staff) == []
    other.close()


def test_what_a_failed_verb_wrote_is_told_to_nobody(store: SqlStore) -> None:
    def fail(tx: Transaction) -> None:
        tx.update(replace(tx.get(User, 1), name="Mallory"))
        assert staff(tx) == ["Mallory", "Mallory"]  # whoever writes sees what it wrote
        raise LookupError

    assert store.read_now(staff) == ["Alice", "Alice"]
    with pytest.raises(LookupError):
        store.write_now(fail)
    assert store.read_now(staff) == ["Alice", "Alice"]


def test_activity_is_asked_each_time(store: SqlStore) -> None:
    """It makes no revision."""
    for moment in (1.0, 2.0):
        store.write_now(
            lambda tx: tx.update(Login(1, moment)) if tx.find(Login, pk=1) else tx.insert(Login(1, moment))  # noqa: B023
        )
        found = store.read_now(lambda tx: tx.find(Login, pk=1))
        assert found is not None
        assert found.last_login == moment


def test_one_is_not_true(store: SqlStore) -> None:
    """Though Python finds the one where the other was put."""
    store.write_now(lambda tx: tx.insert(Binding("target", order=1, enabled=True)))
    assert store.read_now(lambda tx: tx.find(User, pk=1))
    assert not store.read_now(lambda tx: tx.find(User, pk=True))
    assert store.read_now(lambda tx: tx.select(User, Query(within={"pk": [1]})))
    assert not store.read_now(lambda tx: tx.select(User, Query(within={"pk": [True]})))
    assert store.read_now(lambda tx: tx.select(Binding, Query(equal={"enabled": True})))
    assert not store.read_now(lambda tx: tx.select(Binding, Query(equal={"enabled": 1})))


def test_what_one_reader_does_to_a_list_is_its_own(store: SqlStore) -> None:
    store.read_now(lambda tx: tx.select(User).clear())
    assert len(store.read_now(lambda tx: tx.select(User))) == 1


def test_it_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MOST_RECORDS", 10)
    answers = memory.Answers("chain")
    for number in range(100):
        answers.keep(number, ("record",))
        assert answers.get(number) == ("record",)
        assert len(answers._kept) <= 5
    answers.keep("everybody", ("record",) * (memory.MOST_TOGETHER + 1))
    assert answers.get("everybody") is None


def test_whoever_alters_what_others_are_told_is_found(store: SqlStore) -> None:
    """By the tests, all of which are watched for it (tests/conftest.py)."""

    def told(tx: Transaction) -> dict[str, object]:
        (alice,) = tx.select(User, Query(equal={"username": "alice"}))
        return alice.attributes

    store.read_now(told)["team"] = "altered"
    with pytest.raises(AssertionError, match="altered"):
        store.read_now(told)
