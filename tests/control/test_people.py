"""What expressions are told of a person in the store."""

from __future__ import annotations

from pathlib import Path

from control.expression.environment import Asked
from control.expression.evaluation import evaluate
from control.people import person_facts
from control.records import Authenticator, Group, Login, User
from control.store.interface import Transaction
from tests.stores import open_store


def test_a_person_with_groups_above_and_factors(tmp_path: Path) -> None:
    store = open_store(tmp_path)

    def fill(tx: Transaction) -> User:
        alice = tx.insert(User("alice", name="Alice", email="a@example.org", password="hash", attributes={"b": 2}))
        above = tx.insert(Group("above", attributes={"a": 1}, is_superuser=True))
        below = tx.insert(Group("below", parents=(above.pk,)))
        tx.add_members(below.pk, [alice.pk])
        tx.insert(Authenticator(alice.pk, "totp"))
        tx.insert(Authenticator(alice.pk, "static", confirmed=False))
        tx.insert(Login(alice.pk, 86_400.0))
        return alice

    alice = store.write_now(fill)
    facts = store.read_now(lambda tx: person_facts(tx, alice))
    assert facts.factors == ("totp",)
    assert "password" not in facts.fields
    source = (
        "return [user.username, [g.name for g in user.ak_groups.all()], [g.name for g in user.all_groups()],\n"
        "  user.is_superuser, user.group_attributes(), user.last_login.isoformat(), user.password_change_date,\n"
        "  len(user.uid), user.uuid != '', user.is_staff, user.has_usable_password()]"
    )
    found = evaluate(source, Asked(facts), lambda: 0.0)
    assert found.value == [
        *("alice", ["below"], ["above", "below"]),
        *(True, {"a": 1, "b": 2}, "1970-01-02T00:00:00+00:00", None),
        *(64, True, True, True),
    ]
