"""What one login asks of the database, and that what is not asked again is not believed longer than it is true."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event

from control.authentication import Authentication
from control.proofs import proofs
from control.records import Application, Binding, Flow, Group, Outpost, Provider, Stage, StageBinding, Token, User
from control.store.interface import Query, Transaction
from control.verbs import tokens
from protocols.link.messages import Authenticate
from tests.control.flows.house import House
from tests.control.proofs.test_network import mschapv2
from tests.stores import run

OWN_STATEMENTS = 2
"""Of `tests.stores.ImmediateStore`, which compares revisions."""


class Door(House):
    """A RADIUS provider for staff, of which engineering is a part, where alice and bob are."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.users = {name: self.user(name) for name in ("alice", "bob")}
        self.keys = {name: self.token(pk, "network_password", name).key for name, pk in self.users.items()}
        self.sql.write_now(self._populate)
        self.authentication = Authentication(self.services.store, proofs(self.services), self.clock)
        self.statements: list[str] = []
        for engine in (self.sql._dialect.reading, self.sql._dialect.writing):
            event.listen(engine, "before_cursor_execute", self._listen)

    def _populate(self, tx: Transaction) -> None:
        staff = tx.insert(Group("staff"))
        engineering = tx.insert(Group("engineering", parents=(staff.pk,)))
        tx.add_members(engineering.pk, self.users.values())
        self.radius = tx.insert(Provider("r", "radius")).pk
        application = tx.insert(Application("app", "app", provider=self.radius))
        tx.insert(Binding(application.pk, group=staff.pk))
        self.outpost = tx.insert(Outpost("o", "any", providers=(self.radius,))).pk

    def _listen(self, _connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if not statement.startswith(("BEGIN", "SAVEPOINT", "RELEASE")):
            self.statements.append(statement)

    def log_in(self, name: str, proof: dict[str, object] | None = None) -> str:
        """The reason; ``statements`` are then its own."""
        self.statements.clear()
        proof = mschapv2(self.keys[name], name) if proof is None else proof
        question = Authenticate("q", self.radius, name, proof, "radius", "192.0.2.1")
        return run(self.authentication.answer(self.outpost, question)).reason


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    opened = Door(tmp_path)
    yield opened
    opened.close()


PASSWORD = {"kind": "password", "password": "right"}


@pytest.mark.parametrize(
    ("proof", "another", "again"),
    [(None, 31, 16), (PASSWORD, 31, 22)],
    ids=["network password", "password"],
)
def test_statements_of_a_login(door: Door, proof: dict[str, object] | None, another: int, again: int) -> None:
    """Once somebody has logged in since the directory changed: somebody else, and the same once more."""
    assert door.log_in("alice", proof) == "accepted"
    assert door.log_in("bob", proof) == "accepted"
    assert len(door.statements) - OWN_STATEMENTS <= another
    assert door.log_in("bob", proof) == "accepted"
    assert len(door.statements) - OWN_STATEMENTS <= again


def change_user(name: str, **fields: object) -> Callable[[Transaction], object]:
    def verb(tx: Transaction) -> None:
        (user,) = tx.select(User, Query(equal={"username": name}))
        tx.update(replace(user, **fields))  # type: ignore[arg-type]

    return verb


def take_back(tx: Transaction) -> None:
    (token,) = tx.select(Token, Query(equal={"identifier": "alice"}))
    tokens.delete(tx, token.pk)


def leave(tx: Transaction) -> None:
    (group,) = tx.select(Group, Query(equal={"name": "engineering"}))
    tx.remove_members(group.pk, tx.members_of([group.pk])[group.pk])


def orphan(tx: Transaction) -> None:
    (group,) = tx.select(Group, Query(equal={"name": "engineering"}))
    tx.update(replace(group, parents=()))


def unbind(tx: Transaction) -> None:
    (binding,) = (one for one in tx.select(Binding) if one.group is not None)
    tx.update(replace(binding, negate=True))


def serve_nothing(tx: Transaction) -> None:
    (outpost,) = tx.select(Outpost, Query(equal={"name": "o"}))
    tx.update(replace(outpost, providers=()))


def find_by_mail(tx: Transaction) -> None:
    (flow,) = tx.select(Flow, Query(equal={"slug": "default-authentication-flow"}))
    lines = tx.select(StageBinding, Query(equal={"flow": flow.pk}))
    for stage in (tx.get(Stage, line.stage) for line in lines):
        if stage.kind == "identification":
            tx.update(replace(stage, settings={**stage.settings, "user_fields": ["email"]}))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (change_user("alice", is_active=False), "inactive"),
        (change_user("alice", valid_until=1.0), "expired"),
        (take_back, "needs_network_password"),
        (leave, "no_binding"),
        (orphan, "no_binding"),
        (unbind, "no_binding"),
        (serve_nothing, "unknown_provider"),
        (find_by_mail, "unknown_user"),
        (change_user("alice", username="alicia"), "unknown_user"),
    ],
)
def test_every_change_is_in_force_at_once(door: Door, change: Callable[[Transaction], object], reason: str) -> None:
    for _ in range(2):
        assert door.log_in("alice") == "accepted"
    door.sql.write_now(change)
    assert door.log_in("alice") == reason


def test_a_password_that_has_ended_ends_without_a_change(door: Door) -> None:
    """It is remembered with its end, not as good."""
    alice = door.users["alice"]
    door.keys["alice"] = door.token(alice, "network_password", "guest", door.clock.now() + 60).key
    assert door.log_in("alice") == "accepted"
    door.clock.advance(60)
    assert door.log_in("alice") == "device_password_expired"
