"""The verb that ends the setup: of two who have the code, one becomes the administrator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from control.bootstrap import SETUP_CODE, FirstStart, bootstrap
from control.flows.stages.initial_setup import expected_digest, finish, is_code
from control.records import Setting, User
from control.store.sql import SqlStore
from tests.fakes import counted_random
from tests.stores import open_store

RANDOM = counted_random()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


def start(store: SqlStore) -> tuple[str, str]:
    """The code that this start prints, and the digest that is stored of it."""
    code = store.write_now(lambda tx: bootstrap(tx, FirstStart(), None, {}, RANDOM))
    digest = store.read_now(expected_digest)
    assert code is not None
    assert digest is not None
    return code, digest


def test_only_the_newest_code_is_right(store: SqlStore) -> None:
    first, _ = start(store)
    second, digest = start(store)
    assert is_code(second, digest)
    assert not is_code(first, digest)
    assert not is_code("", digest)
    assert not is_code(digest, digest)


def test_the_first_one_wins(store: SqlStore) -> None:
    _, digest = start(store)
    winner = store.write_now(lambda tx: finish(tx, digest, "a@example.com", "hash of a"))
    assert winner is not None
    assert store.write_now(lambda tx: finish(tx, digest, "b@example.com", "hash of b")) is None
    stored = store.read_now(lambda tx: tx.get(User, winner.pk))
    assert (stored.email, stored.password) == ("a@example.com", "hash of a")
    assert store.read_now(lambda tx: tx.find(Setting, pk=SETUP_CODE)) is None
    assert store.read_now(expected_digest) is None


def test_a_code_that_was_renewed_meanwhile_does_nothing(store: SqlStore) -> None:
    _, old = start(store)
    start(store)
    assert store.write_now(lambda tx: finish(tx, old, "a@example.com", "hash")) is None
    assert store.read_now(expected_digest) is not None
