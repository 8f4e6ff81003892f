"""App passwords and network passwords: whose they are, for how long, and what taking one back does."""

from __future__ import annotations

import math

import pytest

from control.records import Token, TokenUse, User
from control.store.interface import NotFound
from control.store.sql import SqlStore
from control.verbs import tokens
from control.verbs.tokens import APP_PASSWORD, LETTERS, NETWORK_PASSWORD
from tests.control.verbs.do import bytes_of, refused, same_bytes, user


def made(store: SqlStore, owner: User, intent: str, identifier: str = "t", expires: float | None = None) -> Token:
    random = bytes_of(identifier)
    return store.write_now(lambda tx: tokens.create(tx, owner.pk, identifier, random, intent, expires))


def is_app_password(store: SqlStore, owner: User, typed: str, *intents: str) -> bool:
    return store.read_now(lambda tx: tokens.app_password(tx, owner.pk, typed, intents or (APP_PASSWORD,)) is not None)


def version(store: SqlStore, owner: User) -> int:
    return store.read_now(lambda tx: tx.get(User, owner.pk)).credential_version


def test_a_network_password_has_at_least_96_bits_and_no_letter_twice_as_likely() -> None:
    keys = [tokens.network_key(bytes_of(str(number))) for number in range(200)]
    assert len(set(keys)) == 200
    assert {len(key) for key in keys} == {27}
    assert 24 * math.log2(len(LETTERS)) >= 96
    assert {letter for key in keys for letter in key} == {*LETTERS, "-"}


def test_an_app_password_is_its_owners_alone_and_of_its_kind(store: SqlStore) -> None:
    alice, bob = user(store, "alice"), user(store, "bob")
    key = made(store, alice, APP_PASSWORD).key
    network = made(store, alice, NETWORK_PASSWORD, "n").key
    api = made(store, alice, "api", "a").key
    assert is_app_password(store, alice, key)
    assert not is_app_password(store, bob, key)
    assert not is_app_password(store, alice, network)
    assert not is_app_password(store, alice, api)
    assert is_app_password(store, alice, network, APP_PASSWORD, NETWORK_PASSWORD)
    for wrong in ("", key.upper(), key[:-1], "x" * 5000, "\udcff"):
        assert not is_app_password(store, alice, wrong)


def test_neither_outlives_its_end(store: SqlStore) -> None:
    alice = user(store, "alice")
    now = store.read_now(lambda tx: tx.now)
    key = made(store, alice, APP_PASSWORD, expires=now).key
    made(store, alice, NETWORK_PASSWORD, "n", expires=now)
    good = made(store, alice, NETWORK_PASSWORD, "m", expires=now + 1)
    assert not is_app_password(store, alice, key)
    assert store.read_now(lambda tx: tokens.network_passwords(tx, alice.pk)[0]) == [good]


@pytest.mark.parametrize("intent", [APP_PASSWORD, NETWORK_PASSWORD])
def test_outposts_forget_at_once_what_is_taken_back_or_changed(store: SqlStore, intent: str) -> None:
    alice = user(store, "alice")
    token = made(store, alice, intent)
    before = version(store, alice)
    store.write_now(lambda tx: tokens.update(tx, token.pk, {"expiring": True, "expires": 5.0}))
    assert version(store, alice) == before + 1
    store.write_now(lambda tx: tokens.delete(tx, token.pk))
    assert version(store, alice) == before + 2


def test_an_api_token_is_no_password_and_changes_none(store: SqlStore) -> None:
    alice = user(store, "alice")
    token = made(store, alice, "api")
    before = version(store, alice)
    assert "intent" in refused(store, lambda tx: tokens.update(tx, token.pk, {"intent": APP_PASSWORD}))
    store.write_now(lambda tx: tokens.delete(tx, token.pk))
    assert version(store, alice) == before


def test_a_user_has_only_so_many_network_passwords(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST_NETWORK_PASSWORDS", 2)
    alice = user(store, "alice")
    made(store, alice, NETWORK_PASSWORD, "a")
    made(store, alice, NETWORK_PASSWORD, "b")
    too_many = refused(store, lambda tx: tokens.create(tx, alice.pk, "c", same_bytes, NETWORK_PASSWORD))
    assert "at most 2" in too_many["non_field_errors"][0]


def test_its_use_is_written_without_a_revision_and_goes_with_it(store: SqlStore) -> None:
    token = made(store, user(store, "alice"), APP_PASSWORD)
    revision = store.read_now(lambda tx: tx.revision())
    for _ in range(2):
        store.write_now(lambda tx: tokens.used(tx, token.pk))
    assert store.read_now(lambda tx: tx.revision()) == revision
    assert [use.pk for use in store.read_now(lambda tx: tx.select(TokenUse))] == [token.pk]
    store.write_now(lambda tx: tokens.delete(tx, token.pk))
    store.write_now(lambda tx: tokens.used(tx, token.pk))
    assert store.read_now(lambda tx: tx.select(TokenUse)) == []
    with pytest.raises(NotFound):
        store.write_now(lambda tx: tokens.reveal(tx, token.pk))
