"""Tokens: only the digest is looked up; everything that ends an account or a token ends its key."""

from __future__ import annotations

from pathlib import Path

from control.records import Token, User
from control.store.sql import SqlStore
from control.verbs import tokens, users
from tests.control.stores import a_store
from tests.control.verbs.do import refused, same_bytes, user
from tests.fakes import FakeClock


def owner(store: SqlStore, key: str, intent: str = "api") -> User | None:
    return store.read_now(lambda tx: tokens.owner(tx, key, intent))


def test_a_key_is_sixty_hexadecimal_digits_found_by_its_digest(store: SqlStore) -> None:
    alice = user(store, "alice")
    token = store.write_now(lambda tx: tokens.create(tx, alice.pk, "t", same_bytes))
    assert token.key == "5a" * 30
    assert token.key_digest == "fa6268b72705242f2f8aa849e8b635ef6ccd1c56dec22a6901a26d0df53da58f"
    assert owner(store, token.key) == alice
    for wrong in ("", token.key[:-1], token.key.upper(), token.key_digest, token.key + " ", "x" * 10_000, "\udcff"):
        assert owner(store, wrong) is None
    assert owner(store, token.key, "app_password") is None


def test_identifiers_are_taken_once(store: SqlStore) -> None:
    alice = user(store, "alice")
    store.write_now(lambda tx: tokens.create(tx, alice.pk, "t", same_bytes))
    again = refused(store, lambda tx: tokens.create(tx, alice.pk, "t", lambda size: b"\x01" * size))
    assert again == {"identifier": ["This field must be unique."]}


def test_expiry_and_account(tmp_path: Path) -> None:
    clock = FakeClock()
    store = a_store(tmp_path, clock)
    try:
        alice = user(store, "alice")
        token = store.write_now(lambda tx: tokens.create(tx, alice.pk, "t", same_bytes, expires=clock() + 10))
        assert token.expiring is True
        clock.advance(9.9)
        assert owner(store, token.key) is not None
        clock.advance(0.1)
        assert owner(store, token.key) is None
        forever = store.write_now(lambda tx: tokens.create(tx, alice.pk, "f", lambda size: b"\x01" * size))
        assert owner(store, forever.key) is not None
        store.write_now(lambda tx: users.update(tx, alice.pk, {"is_active": False}))
        assert owner(store, forever.key) is None
    finally:
        store.close()


def test_the_key_is_not_readable_in_the_database(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    alice = user(store, "alice")
    token = store.write_now(lambda tx: tokens.create(tx, alice.pk, "t", same_bytes))
    assert store.read_now(lambda tx: tx.get(Token, token.pk)).key == token.key
    store.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert token.key_digest.encode() in stored
    assert token.key.encode() not in stored
