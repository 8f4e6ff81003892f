"""Groups: a graph without cycles; members; and nothing opens when one goes."""

from __future__ import annotations

from functools import partial

import pytest

from control.records import Group
from control.store.interface import NotFound
from control.store.sql import SqlStore
from control.verbs import groups
from control.verbs.fields import NON_FIELD
from control.verbs.rights import closure, every_superuser, is_superuser
from tests.control.verbs.do import ABSENT, application, binding, group, refused, user


def test_a_group_may_have_several_parents(store: SqlStore) -> None:
    left, right = group(store, "left"), group(store, "right")
    child = group(store, "child", parents=[left.pk, right.pk, left.pk])
    assert child.parents == (left.pk, right.pk)
    alice = user(store, "alice", groups=[child.pk])
    assert [one.name for one in store.read_now(lambda tx: closure(tx, alice.pk))] == ["child", "left", "right"]


def test_no_group_becomes_its_own_ancestor(store: SqlStore) -> None:
    top = group(store, "top")
    middle = group(store, "middle", parents=[top.pk])
    bottom = group(store, "bottom", parents=[middle.pk])
    assert refused(store, lambda tx: groups.update(tx, top.pk, {"parents": [top.pk]})) == {
        "parents": ["Cannot set group as parent of itself."]
    }
    for descendant in (middle, bottom):
        body = {"parents": [descendant.pk]}
        assert list(refused(store, partial(groups.update, pk=top.pk, given=body))) == ["parents"]


def test_unknown_parents_and_members_are_refused(store: SqlStore) -> None:
    assert refused(store, lambda tx: groups.create(tx, {"name": "g", "parents": [ABSENT]})) == {
        "parents": [f'Invalid pk "{ABSENT}" - object does not exist.']
    }
    assert refused(store, lambda tx: groups.create(tx, {"name": "g", "users": [7]})) == {
        "users": ['Invalid pk "7" - object does not exist.']
    }
    mine = group(store, "mine")
    assert list(refused(store, lambda tx: groups.update(tx, mine.pk, {"users": [7]}))) == ["users"]


def test_members_given_replace_the_old_ones(store: SqlStore) -> None:
    alice, bob, carol = (user(store, name).pk for name in ("alice", "bob", "carol"))
    staff = group(store, "staff", users=[alice, bob])
    store.write_now(lambda tx: groups.update(tx, staff.pk, {"users": [bob, carol]}))
    assert store.read_now(lambda tx: tx.members_of([staff.pk])) == {staff.pk: [bob, carol]}
    store.write_now(lambda tx: groups.update(tx, staff.pk, {"name": "all"}))
    assert store.read_now(lambda tx: tx.members_of([staff.pk])) == {staff.pk: [bob, carol]}


def test_joining_and_leaving_twice_is_once(store: SqlStore) -> None:
    alice, staff = user(store, "alice"), group(store, "staff")
    for _ in range(2):
        store.write_now(lambda tx: groups.add_user(tx, staff.pk, alice.pk))
    assert store.read_now(lambda tx: tx.members_of([staff.pk])) == {staff.pk: [alice.pk]}
    for _ in range(2):
        store.write_now(lambda tx: groups.remove_user(tx, staff.pk, alice.pk))
    assert store.read_now(lambda tx: tx.members_of([staff.pk])) == {staff.pk: []}
    with pytest.raises(NotFound):
        store.write_now(lambda tx: groups.add_user(tx, staff.pk, 99))
    with pytest.raises(NotFound):
        store.write_now(lambda tx: groups.add_user(tx, ABSENT, alice.pk))


def test_children_lose_a_deleted_parent(store: SqlStore) -> None:
    parent, other = group(store, "parent"), group(store, "other")
    child = group(store, "child", parents=[parent.pk, other.pk])
    store.write_now(lambda tx: groups.delete(tx, parent.pk))
    assert store.read_now(lambda tx: tx.get(Group, child.pk)).parents == (other.pk,)


def test_deleting_a_group_opens_no_application(store: SqlStore) -> None:
    staff, guests = group(store, "staff"), group(store, "guests")
    app = application(store, "app")
    binding(store, app.pk, group=staff.pk)
    binding(store, app.pk, group=staff.pk, negate=True)
    (sentence,) = refused(store, lambda tx: groups.delete(tx, staff.pk))[NON_FIELD]
    assert "“app”" in sentence
    binding(store, app.pk, group=guests.pk)
    store.write_now(lambda tx: groups.delete(tx, staff.pk))


def test_superusers_are_members_of_superuser_groups_and_their_descendants(store: SqlStore) -> None:
    ruling = group(store, "ruling", is_superuser=True)
    child = group(store, "child", parents=[ruling.pk])
    parent = group(store, "parent")
    store.write_now(lambda tx: groups.update(tx, ruling.pk, {"parents": [parent.pk]}))
    direct, nested, above = (
        user(store, name, groups=[pk]).pk
        for name, pk in (("direct", ruling.pk), ("nested", child.pk), ("above", parent.pk))
    )
    assert store.read_now(every_superuser) == {direct, nested}
    assert [store.read_now(partial(is_superuser, user=pk)) for pk in (direct, nested, above)] == [True, True, False]
