from collections.abc import Iterator

import pytest

from outpost.directory import chains
from outpost.directory.tree import Tree
from protocols.ldap.again import question
from protocols.ldap.dn import parse
from protocols.ldap.extensible import IN_CHAIN
from protocols.ldap.filter import OF_A_WAY
from protocols.ldap.matching import Normal
from protocols.ldap.search import SLICE_WORK
from protocols.ldap.search_request import decode
from protocols.link.messages import GroupRecord, UserRecord
from tests.outpost.directory.people import ALICE, BOB, GROUPS, USERS, People, a_provider, a_user
from tests.protocols.ldap import peer

CARL, DAVE, ERIN, FAYE, GUS = 13, 14, 15, 16, 17
BOSS = GroupRecord("g-boss", "boss", True, 1, (), (ALICE,))
TEAM = GroupRecord("g-team", "team", False, 2, (), (BOB,), attributes={"owner": f"uid=carl,{USERS}"})


def managed(pk: int, name: str, *managers: str) -> UserRecord:
    return a_user(pk, name, attributes={"manager": [f"cn={manager},{USERS}" for manager in managers]})


PEOPLE = People(
    (
        managed(ALICE, "alice"),
        managed(BOB, "bob", "alice"),
        a_user(CARL, "carl", attributes={"manager": f"UID=Bob , {USERS}"}),
        managed(DAVE, "dave", "nobody", "carl"),
        managed(ERIN, "erin", "faye"),
        managed(FAYE, "faye", "erin"),  # each is above the other
        a_user(GUS, "gus", attributes={"manager": "not a name"}),
        BOSS,
        TEAM,
        a_provider(),
    )
)


def under(name: str, attribute: str = "manager", by: int = ALICE) -> list[str]:
    return PEOPLE.names(f"({attribute}:{IN_CHAIN.oid}:={name})", by=by)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (f"cn=alice,{USERS}", ["user:bob", "user:carl", "user:dave"]),
        (f"uid=ALICE,{USERS}", ["user:bob", "user:carl", "user:dave"]),
        (f"cn=bob,{USERS}", ["user:carl", "user:dave"]),
        (f"cn=dave,{USERS}", []),
        (f"cn=nobody,{USERS}", ["user:dave"]),
        (f"cn=erin,{USERS}", ["user:erin", "user:faye"]),
        (f"cn=team,{GROUPS}", []),
        ("nonsense", []),
    ],
)
def test_whoever_is_under_somebody(name: str, found: list[str]) -> None:
    assert under(name) == found


def test_from_groups_over_people() -> None:
    assert under(f"cn=carl,{USERS}", "owner") == ["group:team"]
    assert under(f"cn=bob,{USERS}", "owner") == []


def test_who_is_not_under_somebody() -> None:
    filter = f"(&(manager=*)(!(manager:{IN_CHAIN.oid}:=cn=alice,{USERS})))"
    assert PEOPLE.names(filter) == ["user:erin", "user:faye", "user:gus"]


def test_a_name_leads_to_itself() -> None:
    assert under(f"cn=bob,{USERS}", "entryDN") == ["user:bob"]


def test_who_reads_their_own_entry_alone_learns_who_is_right_above() -> None:
    """Not who is above those, whose entries they may not read."""
    assert under(f"cn=bob,{USERS}", by=CARL) == []  # written in another way, which a reader of bob's entry could tell
    assert under(f"uid=bob,{USERS}", by=CARL) == ["user:carl"]
    assert under(f"cn=alice,{USERS}", by=CARL) == []


def test_who_is_not_shown_is_no_link() -> None:
    some = People((*PEOPLE.directory.current.users.values(), BOSS, TEAM, a_provider(show_only_groups=("g-boss",))))
    assert some.names(f"(manager:{IN_CHAIN.oid}:=cn=alice,{USERS})") == []


def test_long_ways_are_not_walked_to_their_end(monkeypatch: pytest.MonkeyPatch) -> None:
    records = a_user(ALICE, "alice"), *(managed(number, f"u{number}", f"u{number - 1}") for number in range(10, 90))
    asked = f"(&(uid=u89)(manager:{IN_CHAIN.oid}:=cn=u10,{USERS}))"
    assert People((*records, BOSS, a_provider())).names(asked) == ["user:u89"]
    monkeypatch.setattr(chains, "MOST_STEPS", 50)
    assert People((*records, BOSS, a_provider())).names(asked) == []


def test_others_have_their_turn_between_long_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "MOST_STEPS", 50)
    records = [managed(number, f"u{number}", f"u{number + 1}") for number in range(10, 1000)]
    people = People((a_user(ALICE, "alice"), *records, BOSS, a_provider()))
    asked, steps = peer.search(1, USERS, filter=f"(manager:{IN_CHAIN.oid}:=cn=nobody,{USERS})"), list[int]()
    named = chains._named

    def counted(tree: Tree, pk: chains.Pk, key: str) -> Iterator[Normal]:
        steps.append(1)
        return named(tree, pk, key)

    monkeypatch.setattr(chains, "_named", counted)
    found = question(asked)
    assert found is not None
    a_turn = list[int]()
    for _ in people.reader(ALICE).answer(1, decode(found[2], 0, len(found[2])), parse(USERS)):
        a_turn.append(len(steps))
        steps.clear()
    assert sum(a_turn) > 4 * max(a_turn)
    assert max(a_turn) <= (chains.MOST_STEPS + 2) * SLICE_WORK // OF_A_WAY


def test_names_are_steps_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of whoever is on the way; one's own are looked at, as they are for equality."""
    nobody = [f"nobody{number}" for number in range(60)]
    records = a_user(ALICE, "alice"), managed(BOB, "bob", *nobody, "alice"), managed(CARL, "carl", "bob")
    people = People((*records, BOSS, a_provider()))
    asked = f"(manager:{IN_CHAIN.oid}:=cn=alice,{USERS})"
    assert people.names(asked) == ["user:bob", "user:carl"]
    monkeypatch.setattr(chains, "MOST_STEPS", 50)
    people = People((*records, BOSS, a_provider()))
    assert people.names(f"(&(uid=carl){asked})") == []
    assert people.names(f"(&(uid=bob){asked})") == ["user:bob"]


def test_little_is_remembered() -> None:
    tree = PEOPLE.reader(ALICE).tree
    for number in range(3 * chains.MOST_REMEMBERED):
        tree.leads(DAVE, "manager", parse(f"cn=x{number},{USERS}").key)
    assert len(tree.chains) <= chains.MOST_REMEMBERED
