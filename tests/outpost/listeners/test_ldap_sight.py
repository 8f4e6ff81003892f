"""Whom a reader does not see has no part in what they hear: the same questions over two directories that differ in
these people alone have the same answers, octet for octet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from protocols.ldap.ber import OCTET_STRING, SEQUENCE, tlv
from protocols.ldap.extensible import IN_CHAIN
from protocols.ldap.filter import Equality, Extensible, Filter, Not, Substrings
from protocols.link.messages import GroupRecord, Record
from tests.extent import rounds
from tests.outpost.directory.people import ALICE, BASE, BOB, NOW, USERS, People, a_provider, a_user
from tests.outpost.listeners.ldap_door import ALICE_DN, BOB_DN, PASSWORDS, Client, Door
from tests.protocols.ldap import peer
from tests.wire.questions import Questions

QUESTIONS = rounds(400)
SORT = "1.2.840.113556.1.4.473"
MEMBERSHIPS = ("member", "uniqueMember", "memberUid", "memberOf", "manager")
SORTED_BY = (b"uid", b"member", b"memberUid", b"memberOf", b"badge", b"sn")


def pk(number: int) -> str:
    return f"10000000-0000-4000-8000-{number:012d}"


def a_group(number: int, name: str, *parents: str, users: tuple[int, ...] = (), **fields: Any) -> GroupRecord:
    return GroupRecord(pk(number), name, number == 1, number, parents, users, created=NOW, updated=NOW, **fields)


MANAGED = a_user(BOB, "bob", attributes={"badge": 9, "department": ["Sales"], "manager": f"cn=carol,{USERS}"})


def beside_bob(other: bool) -> tuple[Record, ...]:
    """What bob, who may not read everything, sees of it is the same: his entry, and the groups that he is in."""
    return (
        a_user(ALICE, "alice"),
        MANAGED,
        a_user(3, "carola", name="Zed", attributes={"badge": 3, "department": "Sales", "uidNumber": 2002})
        if other
        else a_user(3, "carol", attributes={"badge": 17, "uidNumber": 5000, "manager": f"cn=alice,{USERS}"}),
        *([a_user(5, "emil", email="bob@example.com")] if other else [a_user(4, "dora", is_active=False)]),
        a_group(1, "admins", users=(ALICE,)),
        a_group(2, "staff", users=(5, ALICE) if other else (3,)),
        a_group(3, "Sales, EMEA", pk(2), users=(BOB,) if other else (BOB, 4), attributes={"site": "Basel"}),
        a_group(4, "below", pk(3), users=(ALICE,) if other else (3,)),
        *([a_group(6, "further", pk(3))] if other else [a_group(5, "others", users=(3,))]),
    )


def outside(other: bool) -> tuple[Record, ...]:
    """Staff alone is shown, which is bob and frank; groups are, all of them, without the people outside."""
    return (
        a_user(ALICE, "alice"),
        MANAGED,
        a_user(6, "frank", attributes={"badge": 1}),
        a_user(3, "carola", name="Zed", attributes={"badge": 3, "department": "Sales"})
        if other
        else a_user(3, "carol", attributes={"badge": 17, "manager": f"cn=alice,{USERS}"}),
        *([a_user(5, "emil", email="bob@example.com")] if other else [a_user(4, "dora", is_active=False)]),
        a_group(1, "admins", users=(ALICE,) if other else (ALICE, 3)),
        a_group(2, "staff", users=(6,)),
        a_group(3, "Sales, EMEA", pk(2), users=(BOB,), attributes={"site": "Basel"}),
        a_group(5, "others", users=(BOB, 5) if other else (BOB, 3)),
        a_group(7, "nobody's", pk(5), users=() if other else (3, 4)),
    )


def everything(*records: Record) -> list[peer.Answer]:
    client = Door(People((*records, a_provider(active_directory=True)))).connect()
    assert client.bind() == 0
    return client.ask(peer.search(2, BASE, attributes=["*", "+"]))[:-1]


def about_members(entries: list[peer.Answer]) -> Iterator[Filter]:
    """Every way to ask who is where, of every name that there is in either world."""
    for attribute in MEMBERSHIPS:
        for value in sorted({value for entry in entries for value in entry.attributes.get(attribute, ())}):
            for item in (
                Equality(attribute, value),
                Substrings(attribute, value[:-1], (), None),
                Extensible(IN_CHAIN.oid, attribute, value, False),
                Extensible(None, attribute, value, True),
            ):
                yield from (item, Not(item))


def heard(client: Client, message: bytes) -> bytes:
    client.send(message)
    client.turn()
    octets: bytes = client.wire.value()
    client.wire.clear()
    return octets


@pytest.mark.parametrize(
    ("world", "who", "settings"),
    [
        (beside_bob, "bob", {}),
        (beside_bob, "bob", {"active_directory": True, "samba": True, "nested_member_of": False}),
        (outside, "alice", {"show_only_groups": (pk(2),)}),
        (outside, "alice", {"show_only_groups": (pk(2),), "active_directory": True, "samba": True}),
    ],
)
def test_who_is_not_seen_changes_no_answer(
    world: Callable[[bool], tuple[Record, ...]], who: str, settings: dict[str, Any]
) -> None:
    one, other = (Door(People((*world(which), a_provider(**settings)))).connect() for which in (False, True))
    name = {"alice": ALICE_DN, "bob": BOB_DN}[who]
    assert one.bind(name, PASSWORDS[who]) == other.bind(name, PASSWORDS[who]) == 0
    random = Random(1)
    entries = everything(*world(False)) + everything(*world(True))
    for item in about_members(entries):
        message = peer.search(2, BASE, filter=item, attributes=["1.1"])
        assert heard(one, message) == heard(other, message), item
    questions = Questions(random, entries, lambda item: False)
    longer = 0
    for number in range(QUESTIONS):
        asked = questions.question()
        order = tlv(SEQUENCE, tlv(SEQUENCE, tlv(OCTET_STRING, random.choice(SORTED_BY))))
        message = peer.search(
            3,
            asked.base,
            asked.scope,
            asked.filter,
            ["*", "+"],
            size_limit=random.choice((0, 0, 1, 2)),
            controls=[(SORT, False, order)] if random.random() < 0.2 else [],
        )
        if number % 4 == 0:
            question = questions.comparison()
            message = peer.compare(3, question.entry, question.attribute, question.value)
        said = heard(one, message)
        assert said == heard(other, message), (asked, said)
        longer += len(said) > 200
    assert longer > QUESTIONS / 10
