"""The next snapshot in slices: no slice is long, nothing half is seen, and the slices change nothing of the result."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outpost.directory import draft
from outpost.directory.draft import (
    MEMBERS_AT_ONCE,
    RECORD_COST,
    SLICE_COST,
    Draft,
    Loading,
    Slices,
    at_once,
    changed,
    changing,
    whole,
)
from outpost.directory.snapshot import Snapshot
from protocols.link.messages import (
    Change,
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
from tests.outpost.directory.people import a_user

LONGEST = SLICE_COST + max(RECORD_COST, 2 * MEMBERS_AT_ONCE) + RECORD_COST
"""A slice ends with the change that makes it full."""
USERS = tuple(a_user(pk, f"user{pk}", attributes={"badge": pk % 7}) for pk in range(1, 1001))
EVERYBODY = GroupRecord("g-all", "everybody", False, 1, (), tuple(range(1, 20_001)))
PROVIDER = ProviderRecord(1, "p", "ldap", "app", "App", "a", "any", LdapSettings())


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Of every slice that a draft made, once it rested."""
    found: list[int] = []
    real = Draft._is_tired

    def seen(self: Draft) -> bool:
        cost = self.cost
        if rests := real(self):
            found.append(cost)
        return rests

    monkeypatch.setattr(Draft, "_is_tired", seen)
    return found


def slices(work: Slices[object]) -> int:
    return sum(1 for _ in work)


@pytest.mark.parametrize(
    "changes",
    [
        [Put(user) for user in USERS],
        [Put(EVERYBODY)],
        [Put(EVERYBODY), Put(replace(EVERYBODY, members=(1,)))],
        [Put(EVERYBODY), Remove("group", EVERYBODY.pk)],
        [Members("g-all", added=EVERYBODY.members or ())],
        [*(Put(user) for user in USERS), *(Remove("user", user.pk) for user in USERS)],
    ],
    ids=["people", "a large group", "it shrinks", "it goes", "many join", "people go"],
)
def test_no_slice_is_long(changes: list[Change], costs: list[int]) -> None:
    count = slices(changing(Snapshot(), 1, changes))
    assert count == len(costs) > 5
    assert max(costs) <= LONGEST


def test_a_slice_holds_a_hundred_people(costs: list[int]) -> None:
    at_once(changing(Snapshot(), 1, [Put(user) for user in USERS]))
    assert costs == [SLICE_COST] * (len(USERS) * RECORD_COST // SLICE_COST)
    assert SLICE_COST // RECORD_COST == 100


def test_copying_a_large_group_counts(costs: list[int]) -> None:
    """One who joins is cheap; the set that they join is copied."""
    base, _ = changed(Snapshot(), 1, [Put(replace(EVERYBODY, members=tuple(range(200_000))))])
    costs.clear()
    at_once(changing(base, 2, [Members("g-all", added=(200_001,))]))
    assert len(costs) >= 2


def test_a_small_change_has_no_slices() -> None:
    base = whole(1, USERS)
    assert slices(changing(base, 2, [Put(a_user(1, "another")), Remove("user", 2)])) == 0


def test_each_chunk_ends_with_a_rest() -> None:
    loading = Loading(Snapshot())
    assert slices(loading.take(USERS[:1])) == 1
    assert slices(loading.take(())) == 1


def test_looking_for_who_is_gone_rests_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draft, "LOOKED_AT_ONCE", 100)
    loading = Loading(whole(1, USERS))
    at_once(loading.take(USERS))
    assert slices(loading.finish(2)) >= len(USERS) // 100


def test_a_load_leaves_the_base_alone() -> None:
    base = whole(1, USERS)
    loading = Loading(base)
    at_once(loading.take([a_user(1, "another")]))
    after = at_once(loading.finish(2))
    assert base == whole(1, USERS)
    assert after == whole(2, [a_user(1, "another")])


def test_what_is_alike_is_kept() -> None:
    """Encoded entries know by the record that they are current; and nothing of it is made twice."""
    base = whole(1, [*USERS, EVERYBODY])
    loading = Loading(base)
    at_once(loading.take([replace(user) for user in USERS]))
    at_once(loading.take([a_user(2000, "newcomer"), replace(EVERYBODY)]))
    after = at_once(loading.finish(2))
    assert all(after.users[user.pk] is base.users[user.pk] for user in USERS)
    assert after.groups["g-all"] is base.groups["g-all"]
    assert after.members["g-all"] is base.members["g-all"]
    assert after.indices.groups is base.indices.groups


@pytest.mark.parametrize(("old", "new"), [({"a": 1}, {"a": True}), ({"a": 1, "b": 2}, {"b": 2, "a": 1})])
def test_attributes_that_only_python_takes_for_equal_differ(old: dict[str, object], new: dict[str, object]) -> None:
    after, _ = changed(whole(1, [a_user(1, "a", attributes=old)]), 2, [Put(a_user(1, "a", attributes=new))])
    assert repr(after.users[1].attributes) == repr(new)


def test_people_in_the_same_groups_share_one_set() -> None:
    snapshot = whole(1, [*USERS, GroupRecord("g", "g", False, 1, (), tuple(user.pk for user in USERS))])
    assert len({id(groups) for groups in snapshot.memberships.values()}) == 1


PKS, GROUPS = st.integers(1, 6), st.sampled_from(["a", "b", "c"])
PEOPLE = st.builds(
    lambda pk, name, badge: a_user(pk, name, attributes={"badge": badge}),
    PKS,
    st.sampled_from(["x", "y", "z"]),
    st.sampled_from([1, True, "1", []]),
)


@st.composite
def directories(draw: st.DrawFn) -> list[Record]:
    """Members of groups name users that exist: the store sends no others."""
    users: list[UserRecord] = draw(st.lists(PEOPLE, max_size=6, unique_by=lambda user: user.pk))
    pks = [user.pk for user in users]
    groups = [
        GroupRecord(
            pk, draw(st.sampled_from("ab")), draw(st.booleans()), 1, tuple(draw(st.sets(GROUPS, max_size=2))), members
        )
        for pk in draw(st.sets(GROUPS))
        for members in [tuple(draw(st.sets(st.sampled_from(pks)))) if pks else ()]
    ]
    own: list[Record] = [OutpostRecord("o", "outpost", "any")] if draw(st.booleans()) else []
    providers = [replace(PROVIDER, pk=pk) for pk in draw(st.sets(PKS, max_size=2))]
    return draw(st.permutations([*users, *groups, *own, *providers]))


@given(directories(), directories(), st.integers(1, 5))
def test_a_load_over_anything_is_what_a_load_over_nothing_is(
    before: list[Record], after: list[Record], chunk: int
) -> None:
    loading = Loading(whole(1, before))
    for start, end in pairwise([*range(0, len(after), chunk), len(after)]):
        at_once(loading.take(after[start:end]))
    loaded, expected = at_once(loading.finish(2)), whole(2, after)
    assert loaded == expected
    assert {pk: repr(user) for pk, user in loaded.users.items()} == {
        pk: repr(user) for pk, user in expected.users.items()
    }
