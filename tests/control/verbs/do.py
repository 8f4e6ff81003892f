"""Verbs on a store, one transaction each, and what they refuse."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from control.records import Application, Binding, Group, Outpost, Provider, Record, User
from control.store.interface import Transaction
from control.store.sql import SqlStore
from control.verbs import applications, bindings, groups, outposts, providers, users
from control.verbs.fields import Invalid

ABSENT = "00000000-0000-4000-8000-000000000000"


def same_bytes(size: int) -> bytes:
    return b"\x5a" * size


def user(store: SqlStore, username: str, **fields: Any) -> User:
    return store.write_now(lambda tx: users.create(tx, {"username": username, "name": username, **fields}))


def group(store: SqlStore, name: str, **fields: Any) -> Group:
    return store.write_now(lambda tx: groups.create(tx, {"name": name, **fields}))


def application(store: SqlStore, slug: str, **fields: Any) -> Application:
    return store.write_now(lambda tx: applications.create(tx, {"name": slug, "slug": slug, **fields}))


def binding(store: SqlStore, target: str, **fields: Any) -> Binding:
    return store.write_now(lambda tx: bindings.create(tx, {"target": target, **fields}))


def provider(store: SqlStore, kind: str, name: str = "", **fields: Any) -> Provider:
    random = bytes_of(name or kind)
    return store.write_now(lambda tx: providers.create(tx, kind, {"name": name or kind, **fields}, random))


def outpost(store: SqlStore, name: str, **fields: Any) -> Outpost:
    random = bytes_of(name)
    return store.write_now(lambda tx: outposts.create(tx, {"name": name, "type": "any", **fields}, random))


def bytes_of(name: str) -> Callable[[int], bytes]:
    return lambda size: hashlib.shake_256(name.encode()).digest(size)


def count(store: SqlStore, kind: type[Record]) -> int:
    return store.read_now(lambda tx: tx.count(kind))


def refused(store: SqlStore, verb: Callable[[Transaction], object]) -> dict[str, list[str]]:
    """The sentences of the Invalid that the verb must raise."""
    before = store.read_now(lambda tx: tx.revision())
    with pytest.raises(Invalid) as caught:
        store.write_now(verb)
    assert store.read_now(lambda tx: tx.revision()) == before, "something was written all the same"
    return caught.value.fields
