"""A password that somebody changes at a door: the old one is proved, and the new one is fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control.passwords.changes import PasswordChanges
from control.passwords.hashing import Busy, Candidate, Verified, Wanted
from control.records import Application, Binding, Event, Outpost, Provider, Tries, User
from control.store.interface import Query, Transaction
from control.verbs.users import INTERNAL_SERVICE_ACCOUNT
from protocols.link.messages import ChangePassword, PasswordChanged
from tests.fakes import FakeClock, counted_random
from tests.stores import ImmediatePasswords, ImmediateStore, open_store, run

OLD, NEW = "the old password", "the new password"


class World:
    """alice, whom a binding lets in, and her password."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.sql = open_store(folder, self.clock)
        self.passwords = ImmediatePasswords()
        self.changes = PasswordChanges(
            ImmediateStore(self.sql),
            self.passwords,
            counted_random("made"),
            self.clock,
        )
        self.sql.write_now(self._populate)

    def close(self) -> None:
        self.passwords.close()
        self.sql.close()

    def _populate(self, tx: Transaction) -> None:
        stored = run(self.passwords.hash(OLD))
        self.alice = tx.insert(User(username="alice", password=stored)).pk
        self.provider = tx.insert(Provider("p", "ldap")).pk
        application = tx.insert(Application("app", "app", provider=self.provider))
        tx.insert(Binding(application.pk, user=self.alice))
        self.outpost = tx.insert(Outpost("o", "any", providers=(self.provider,))).pk
        self.other_outpost = tx.insert(Outpost("p", "any")).pk

    def ask(self, outpost: str | None = None, **fields: Any) -> PasswordChanged:
        given = {"old": OLD, "new": NEW, "user": self.alice, "provider": self.provider, **fields}
        question = ChangePassword(**{"id": "q1", "protocol": "ldap", "peer": "192.0.2.1", **given})
        return run(self.changes.answer(outpost or self.outpost, question))

    def bob(self, tx: Transaction) -> int:
        return tx.insert(User(username="bob")).pk

    @property
    def user(self) -> User:
        return self.sql.read_now(lambda tx: tx.get(User, self.alice))

    def has(self, password: str) -> bool:
        return run(self.passwords.verify(self.user.password, password)).ok

    def change(self, **fields: Any) -> None:
        self.sql.write_now(lambda tx: tx.update(replace(tx.get(User, self.alice), **fields)))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def test_the_old_one_gives_a_new_one(world: World) -> None:
    before = world.user
    answer = world.ask()
    assert answer == PasswordChanged("q1", "accepted", before.credential_version + 1)
    assert world.user.credential_version == answer.credential_version
    assert world.has(NEW)
    assert not world.has(OLD)
    events = world.sql.read_now(lambda tx: tx.select(Event, Query()))
    left = [(event.action, event.user["username"], event.client_ip) for event in events if event.user]
    assert sorted(left) == [("model_updated", "alice", "192.0.2.1"), ("password_set", "alice", "192.0.2.1")]


def test_a_code_behind_the_old_one_is_not_looked_at(world: World) -> None:
    assert world.ask(old=f"{OLD};123456").reason == "accepted"


def test_one_is_made(world: World) -> None:
    answer = world.ask(new=None)
    assert answer.reason == "accepted"
    assert answer.generated is not None
    assert len(answer.generated) == 24
    assert world.has(answer.generated)


@pytest.mark.parametrize("old", ["wrong", "", "wrong;123456", f"x;{OLD}", OLD.upper()])
def test_another_old_one_changes_nothing_and_is_a_wrong_try(world: World, old: str) -> None:
    assert world.ask(old=old).reason == "wrong_password"
    assert world.has(OLD)
    tries = world.sql.read_now(lambda tx: tx.select(Tries, Query(equal={"account": "alice"})))
    assert {one.wrong for one in tries} == {1}


def test_guesses_are_held_up_before_anything_is_hashed(world: World) -> None:
    for _ in range(30):
        last = world.ask(old="wrong").reason
    assert last == "too_many_tries"
    assert world.ask().reason == "too_many_tries"
    assert world.has(OLD)


@pytest.mark.parametrize(("new", "said"), [("short", "8 characters"), ("", "blank"), ("\ud800" * 9, "valid string")])
def test_an_unfit_one_is_refused_with_sentences(world: World, new: str, said: str) -> None:
    answer = world.ask(new=new)
    assert answer.reason == "unfit_password"
    assert said in answer.sentences[0]
    assert world.has(OLD)


def test_the_account_of_an_outpost_has_none(world: World) -> None:
    world.change(type=INTERNAL_SERVICE_ACCOUNT)
    assert world.ask().reason == "unfit_password"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda world: world.change(is_active=False), "inactive"),
        (lambda world: world.change(valid_until=1.0), "expired"),
        (lambda world: world.change(password=None), "wrong_password"),
    ],
)
def test_who_may_not_sign_in_changes_nothing(world: World, change: Callable[[World], None], reason: str) -> None:
    change(world)
    before = world.user.password
    assert world.ask().reason == reason
    assert world.user.password == before


def test_who_is_not_let_in_changes_nothing(world: World) -> None:
    world.sql.write_now(lambda tx: tx.update(replace(tx.select(Binding, Query())[0], user=world.bob(tx))))
    assert world.ask().reason == "no_binding"
    assert world.has(OLD)


def test_an_outpost_changes_nothing_through_providers_that_it_does_not_serve(world: World) -> None:
    assert world.ask(outpost=world.other_outpost).reason == "unknown_provider"
    assert world.ask(provider=world.provider + 1).reason == "unknown_provider"
    assert world.ask(user=world.alice + 999).reason == "unknown_user"
    assert world.has(OLD)


def test_a_password_that_was_changed_meanwhile_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    hashing = world.passwords.measure

    async def slow(password: str, wanted: Wanted, owner: str = "") -> Candidate:
        world.change(credential_version=world.user.credential_version + 1)
        return await hashing(password, wanted, owner)

    monkeypatch.setattr(world.passwords, "measure", slow)
    assert world.ask().reason == "credential_changed"
    assert world.has(OLD)


@pytest.mark.parametrize(("error", "reason"), [(Busy("full"), "busy"), (RuntimeError("broken"), "internal_error")])
def test_any_exception_refuses(world: World, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str) -> None:
    async def broken(stored: str | None, password: str, owner: str = "") -> Verified:
        raise error

    monkeypatch.setattr(world.passwords, "verify", broken)
    assert world.ask().reason == reason


def test_passwords_are_in_no_representation(world: World) -> None:
    question = ChangePassword("q", 1, 1, OLD, NEW, "ldap", "::1")
    assert OLD not in repr(question)
    assert NEW not in repr(question)
    assert "made" not in repr(PasswordChanged("q", "accepted", 1, "made"))


def test_whom_the_outpost_does_not_know_it_cannot_try_passwords_for(world: World) -> None:
    bob = world.sql.write_now(world.bob)
    assert world.ask(user=bob, old="guessed").reason == "wrong_password"  # the directory is shown whole
    settings = {"show_only_admitted": True}
    world.sql.write_now(lambda tx: tx.update(replace(tx.get(Provider, world.provider), settings=settings)))
    assert world.ask(user=bob, old="guessed").reason == "unknown_user"
    assert world.ask(user=bob + 1, old="guessed").reason == "unknown_user"
    assert world.ask(old="guessed").reason == "wrong_password"
