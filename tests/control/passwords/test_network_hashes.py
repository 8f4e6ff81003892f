"""NT hashes of network passwords reach the outposts of LDAP providers that give them to Samba, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control.outposts import view as outposts
from control.passwords import network_hashes
from control.records import Application, Outpost, Provider, Token, User
from control.store.interface import Transaction
from control.store.sql import SqlStore
from control.verbs import tokens
from protocols.link.messages import Configuration, ProviderRecord
from protocols.radius.mschapv2 import nt_hash
from tests.stores import open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


def populate(tx: Transaction, **settings: Any) -> str:
    alice, bob = tx.insert(User(username="alice")), tx.insert(User(username="bob"))
    day = 86_400.0
    given: tuple[tuple[User, str, str, float | None], ...] = (
        (alice, "short", "network_password", day),
        (alice, "long", "network_password", 2 * day),
        (alice, "over", "network_password", -1.0),
        (bob, "app", "app_password", 9 * day),
    )
    for user, key, intent, ends in given:
        tx.insert(Token(key, user.pk, intent, key=key, key_digest=key, expires=tx.now + ends if ends else None))
    provider = tx.insert(Provider("files", "ldap", settings={"samba": True, **settings}))
    tx.insert(Application("Files", "files", provider=provider.pk))
    return tx.insert(Outpost("home", "ldap", providers=(provider.pk,))).pk


def delivered(tx: Transaction, outpost: str) -> ProviderRecord:
    (record,) = [one for one in outposts.configuration(tx, outpost) if isinstance(one, ProviderRecord)]
    return record


def test_of_several_the_one_that_ends_last_and_no_other_kind(store: SqlStore) -> None:
    outpost = store.write_now(lambda tx: populate(tx, samba_password_hashes=True))
    (told,) = store.read_now(lambda tx: delivered(tx, outpost)).network_hashes
    assert told.nt_hash == nt_hash("long").hex().upper()
    assert told.until is not None
    assert told.nt_hash not in repr(told)


@pytest.mark.parametrize(
    "settings", [{}, {"samba_password_hashes": False}, {"samba_password_hashes": True, "samba": False}]
)
def test_unless_it_is_switched_on_none_leave(store: SqlStore, settings: dict[str, Any]) -> None:
    outpost = store.write_now(lambda tx: populate(tx, **settings))
    record = store.read_now(lambda tx: delivered(tx, outpost))
    assert record.network_hashes == ()
    assert store.read_now(lambda tx: network_hashes.warnings(tx.select(Provider)[0])) == []


@pytest.mark.parametrize("switched_on", [True, False])
def test_a_new_or_deleted_password_is_a_change_where_hashes_are_told(store: SqlStore, switched_on: bool) -> None:
    outpost = store.write_now(lambda tx: populate(tx, samba_password_hashes=switched_on))
    since = store.read_now(lambda tx: tx.revision().number)
    gone = store.read_now(lambda tx: tx.find(Token, key_digest="long"))
    assert gone is not None
    store.write_now(lambda tx: tokens.delete(tx, gone.pk))
    changes = store.read_now(lambda tx: outposts.changes(tx, outpost, since))
    again = [record for change in changes if isinstance(change, Configuration) for record in change.records]
    hashes = [one.nt_hash for record in again if isinstance(record, ProviderRecord) for one in record.network_hashes]
    assert hashes == ([nt_hash("short").hex().upper()] if switched_on else [])


def test_it_warns(store: SqlStore) -> None:
    store.write_now(lambda tx: populate(tx, samba_password_hashes=True))
    provider = store.read_now(lambda tx: tx.select(Provider)[0])
    (warning,) = network_hashes.warnings(provider)
    assert "as good as the password" in warning
    assert network_hashes.warnings(replace(provider, kind="radius")) == []
