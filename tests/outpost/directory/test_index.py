import random
from dataclasses import replace

from outpost.directory.draft import changed, whole
from outpost.directory.index import Index, Indices
from protocols.link.messages import Change, GroupRecord, Members, Put, Remove
from tests.outpost.directory.people import PROVIDER, a_user


def test_equal_and_present() -> None:
    empty: Index[int] = Index()
    index = empty.updated(
        [
            (1, frozenset(), frozenset({("cn", "a"), ("mail", "m")})),
            (2, frozenset(), frozenset({("cn", "a"), ("cn", "b")})),
            (3, frozenset(), frozenset({("cn", "a")})),
        ]
    )
    assert sorted(index.equal("cn", "a")) == [1, 2, 3]
    assert list(index.equal("cn", "b")) == [2]
    assert list(index.equal("cn", "x")) == list(index.equal("sn", "a")) == []
    assert sorted(index.present("cn")) == [1, 2, 3]
    assert list(index.present("mail")) == [1]
    assert list(index.present("sn")) == []
    assert list(empty.present("cn")) == []  # the one before is as it was


def test_taking_away() -> None:
    empty: Index[str] = Index()
    one = empty.updated([(pk, frozenset(), frozenset({("cn", "a")})) for pk in "xyz"])
    two = one.updated([("x", frozenset({("cn", "a")}), frozenset()), ("y", frozenset({("cn", "a")}), frozenset())])
    assert list(two.equal("cn", "a")) == ["z"]
    assert list(two.present("cn")) == ["z"]
    three = two.updated([("z", frozenset({("cn", "a")}), frozenset())])
    assert list(three.equal("cn", "a")) == []
    assert dict(three.equality) == dict(three.presence) == {}
    assert sorted(one.equal("cn", "a")) == ["x", "y", "z"]


def spelt_out(index: Indices) -> object:
    return [
        {(key, value): sorted(part.equal(key, value)) for key, values in part.equality.items() for value in values}
        | {key: sorted(part.present(key)) for key in part.presence}
        for part in (index.users, index.groups)
    ]


def a_change(dice: random.Random) -> Change:
    pk, group = dice.randrange(8), f"g{dice.randrange(4)}"
    departments = dice.sample(["Sales", "EMEA", "Lab"], dice.randrange(3))
    match dice.randrange(6):
        case 0 | 1:
            name = dice.choice(["", "Same Name", f"User {pk}"])
            return Put(a_user(pk, f"user{pk}", name=name, email="", attributes={"department": departments}))
        case 2:
            return Remove("user", pk)
        case 3:
            return Put(
                GroupRecord(group, dice.choice(["a", "b"]), False, 1, (), (pk,), attributes={"site": departments})
            )
        case 4:
            return Remove("group", group)
    return Members(group, added=(pk,))


def test_following_changes_gives_the_same_as_building_anew() -> None:
    dice = random.Random(20261123)
    snapshot = whole(1, ())
    for revision in range(2, 302):
        snapshot, _ = changed(snapshot, revision, [a_change(dice) for _ in range(dice.randrange(1, 4))])
        anew = whole(revision, [*snapshot.users.values(), *snapshot.groups.values()])
        assert spelt_out(snapshot.indices) == spelt_out(anew.indices)


def test_a_membership_change_leaves_the_indices_alone() -> None:
    snapshot = whole(1, [a_user(1, "a"), GroupRecord("g", "g", False, 1, (), ())])
    after, _ = changed(snapshot, 2, [Members("g", added=(1,))])
    assert after.indices is snapshot.indices


def test_a_name_leaves_the_indices_of_other_attributes_alone() -> None:
    snapshot = whole(1, [a_user(1, "a"), a_user(2, "b")])
    after, _ = changed(snapshot, 2, [Put(a_user(1, "a", name="Another"))])
    before, now = snapshot.indices.users, after.indices.users
    assert now.equality["name"] is not before.equality["name"]
    assert now.equality["mail"] is before.equality["mail"]
    assert now.presence["uid"] is before.presence["uid"]


def test_attributes_of_people_are_recognised_while_somebody_has_them() -> None:
    user = a_user(1, "a", attributes={"Department": "x"})
    snapshot = whole(1, [user])
    assert snapshot.indices.recognises("department", PROVIDER)
    after, _ = changed(snapshot, 2, [Put(replace(user, attributes={}))])
    assert not after.indices.recognises("department", PROVIDER)
