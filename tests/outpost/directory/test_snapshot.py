"""Snapshots: whatever the changes, the maps say the same as a snapshot made from scratch."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outpost.directory.draft import changed, whole
from outpost.directory.snapshot import Directory, Snapshot, Touched
from protocols.link.messages import (
    Change,
    Configuration,
    GroupRecord,
    LdapSettings,
    Members,
    OutpostRecord,
    ProviderRecord,
    Put,
    Record,
    Remove,
    UserRecord,
)


def user(pk: int, name: str = "") -> UserRecord:
    return UserRecord(pk, f"u{pk}", f"{pk:064x}", name or f"user{pk}", "", "", "internal", True, pk, 1)


def group(pk: str, *parents: str, members: tuple[int, ...] | None = None, superuser: bool = False) -> GroupRecord:
    return GroupRecord(pk, pk, superuser, 1, parents, members)


PROVIDER = ProviderRecord(1, "p", "ldap", "app", "App", "a", "any", LdapSettings())
RECORDS: tuple[Record, ...] = (
    user(1),
    user(2),
    group("staff", members=(1,), superuser=True),
    group("engineering", "staff", members=(2,)),
    PROVIDER,
    OutpostRecord("o", "outpost", "any"),
)


def test_membership_reaches_parents_and_so_do_the_rights() -> None:
    snapshot = whole(3, RECORDS)
    assert snapshot.groups_of(1) == {"staff"}
    assert snapshot.groups_of(2) == {"engineering", "staff"}
    assert snapshot.groups_of(99) == frozenset()
    assert snapshot.is_superuser(2)
    assert snapshot.children["staff"] == {"engineering"}


def test_a_snapshot_in_hand_never_changes() -> None:
    before = whole(3, RECORDS)
    after, _ = changed(before, 4, [Members("engineering", removed=(2,)), Remove("user", 1), Configuration(())])
    assert before.groups_of(2) == {"engineering", "staff"}
    assert 1 in before.users
    assert before.providers
    assert after.groups_of(2) == frozenset()
    assert 1 not in after.users
    assert after.revision == 4


def test_a_configuration_takes_the_place_of_the_one_before() -> None:
    other = replace(PROVIDER, pk=2)
    after, touched = changed(whole(3, RECORDS), 4, [Configuration((other,))])
    assert dict(after.providers) == {2: other}
    assert after.outpost is None
    assert touched == Touched(configuration=True)


def test_providers_come_and_go_one_by_one() -> None:
    base, other = whole(3, RECORDS), replace(PROVIDER, pk=2)
    more, touched = changed(base, 4, [Put(other)])
    assert dict(more.providers) == {PROVIDER.pk: PROVIDER, 2: other}
    assert touched == Touched(configuration=True)
    fewer, touched = changed(more, 5, [Remove("provider", PROVIDER.pk), Remove("provider", 9)])
    assert dict(fewer.providers) == {2: other}
    assert touched == Touched(configuration=True)
    assert fewer.outpost == base.outpost


def test_a_group_without_members_in_its_record_keeps_those_it_has() -> None:
    after, touched = changed(whole(3, RECORDS), 4, [Put(group("engineering", superuser=True))])
    assert after.members["engineering"] == {2}
    assert after.groups_of(2) == {"engineering"}
    assert touched.groups == {"engineering", "staff"}


def test_touched_names_whose_entry_differs() -> None:
    _, touched = changed(whole(3, RECORDS), 4, [Members("staff", added=(2,), removed=(1,)), Put(user(5))])
    assert touched == Touched(users=frozenset({1, 2, 5}), groups=frozenset({"staff"}))


def test_an_unknown_change_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown change"):
        changed(Snapshot(), 1, ["nonsense"])  # type: ignore[list-item]


def test_followers_are_told_what_there_is_and_what_comes() -> None:
    directory, told = Directory(), []
    directory.publish(whole(3, RECORDS), Touched(everything=True))
    directory.follow(lambda snapshot, touched: told.append((snapshot.revision, touched)))
    directory.publish(*changed(directory.current, 4, [Remove("user", 1)]))
    assert told == [
        (3, Touched(everything=True)),
        (4, Touched(users=frozenset({1}), groups=frozenset({"staff"}))),
    ]
    assert directory.loaded


USERS, GROUPS = st.integers(1, 4), st.sampled_from(["a", "b", "c"])
CHANGES = st.one_of(
    st.builds(lambda pk, name: Put(user(pk, name)), USERS, st.sampled_from(["x", "y"])),
    st.builds(
        lambda pk, parents, members: Put(group(pk, *parents, members=members)),
        GROUPS,
        st.sets(GROUPS, max_size=2),
        st.none() | st.sets(USERS).map(tuple),
    ),
    st.builds(lambda pk: Remove("user", pk), USERS),
    st.builds(lambda pk: Remove("group", pk), GROUPS),
)


def rebuilt(snapshot: Snapshot) -> Snapshot:
    groups = (replace(g, members=tuple(snapshot.members.get(g.pk, ()))) for g in snapshot.groups.values())
    return whole(snapshot.revision, [*snapshot.users.values(), *groups])


@given(st.lists(CHANGES, max_size=12))
def test_deltas_lead_where_a_whole_snapshot_would(changes: list[Change]) -> None:
    """Members of groups name users that exist: the store sends no others."""
    snapshot = Snapshot()
    for change in changes:
        if isinstance(change, Put) and isinstance(change.record, GroupRecord) and change.record.members:
            present = tuple(pk for pk in change.record.members if pk in snapshot.users)
            change = Put(replace(change.record, members=present))
        snapshot, _ = changed(snapshot, snapshot.revision + 1, [change])
    assert snapshot == rebuilt(snapshot)
