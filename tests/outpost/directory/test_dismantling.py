"""A snapshot that nobody needs goes in slices, none of which frees much."""

from __future__ import annotations

import weakref
from dataclasses import replace

from outpost.directory.dismantling import LEAVES_AT_ONCE, dismantled
from outpost.directory.draft import at_once, whole
from outpost.directory.snapshot import Snapshot
from protocols.link.messages import GroupRecord
from tests.outpost.directory.people import a_user

USERS = 5000


class Name(str):
    """Text whose end can be seen."""


def a_snapshot(names: list[Name]) -> Snapshot:
    users = [replace(a_user(pk, f"user{pk}"), name=name) for pk, name in enumerate(names, 1)]
    return whole(1, [*users, GroupRecord("g", "g", False, 1, (), tuple(user.pk for user in users))])


def test_it_goes_in_slices() -> None:
    names = [Name(f"Somebody {number}") for number in range(USERS)]
    alive = [weakref.ref(name) for name in names]
    work = dismantled(a_snapshot(names))
    del names
    freed, most = 0, 0
    for _ in work:
        now = sum(name() is None for name in alive)
        freed, most = now, max(most, now - freed)
    assert freed == USERS
    assert most <= LEAVES_AT_ONCE


def test_whoever_holds_a_snapshot_keeps_it() -> None:
    snapshot = a_snapshot([Name("Alice"), Name("Bob")])
    at_once(dismantled(snapshot))
    assert snapshot == a_snapshot([Name("Alice"), Name("Bob")])


def test_an_empty_one_goes_too() -> None:
    at_once(dismantled(Snapshot()))
