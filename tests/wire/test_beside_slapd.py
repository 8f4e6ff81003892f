"""The same questions to our door and to a real slapd that holds the same entries: result codes, and who is found."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from protocols.ldap import dn
from protocols.ldap.filter import Not
from protocols.ldap.filter_text import parse
from protocols.ldap.subschema import subschema
from protocols.link.messages import GroupRecord, Record
from tests.extent import rounds
from tests.outpost.directory.people import ALICE, BASE, NOW, People, a_provider, a_user
from tests.outpost.listeners.ldap_door import Client, Door
from tests.protocols.ldap import peer
from tests.protocols.ldap.peer import Answer
from tests.wire.differences import BOTH_WRONG, DIFFERENCES, Difference, covered, uncomparable
from tests.wire.questions import Question, Questions
from tests.wire.slapd import Slapd, slapd


def _group(number: int, name: str, *parents: str, users: tuple[int, ...] = (), **attributes: object) -> GroupRecord:
    return GroupRecord(
        _pk(number), name, number == 1, number, parents, users, attributes=attributes, created=NOW, updated=NOW + number
    )


def _pk(number: int) -> str:
    return f"10000000-0000-4000-8000-{number:012d}"


RECORDS: tuple[Record, ...] = (
    a_user(ALICE, "alice", name="Alice Ann Example", attributes={"telephoneNumber": "+41 61 555-01 02", "badge": 17}),
    a_user(2, "bob", attributes={"department": ["Sales", "EMEA"], "badge": 9, "loginShell": "/bin/zsh"}),
    a_user(3, "carol", name="", email=""),
    a_user(4, "dora", is_active=False, password_changed=NOW + 5.0, valid_until=NOW + 86400.0 * 90),
    a_user(5, "émile", name="Émile  Straße", attributes={"l": "Zürich", "title": "Chef de  projet"}),
    a_user(6, "Smith, John", name="John Smith", email="John.Smith@Example.com"),
    a_user(7, "o'neil+x", attributes={"uidNumber": 70, "mobile": "0041 61 555 01 02", "homeDirectory": "/home/On"}),
    a_user(8, "ALICE2", name="alice ann example", attributes={"description": ["a*b", "(c)", "d\\e"], "sn": "Two"}),
    _group(1, "admins", users=(ALICE,)),
    _group(2, "staff", users=(3,)),
    _group(3, "Sales, EMEA", _pk(2), users=(2, 4), site="Basel"),
    _group(4, "Sales  West", _pk(3), users=(5, 6, 7), gidNumber=90),
    _group(5, "empty"),
    a_provider(active_directory=True),
)


pytestmark = pytest.mark.peer

SEARCHES, COMPARISONS = rounds(500), rounds(200)
LEAST_FOUND = 0.2
"""Of the searches: those that find nothing anywhere say little."""


@pytest.fixture(scope="module")
def door() -> Door:
    return Door(People(RECORDS))


@pytest.fixture(scope="module")
def ours(door: Door) -> Client:
    client = door.connect()
    assert client.bind() == 0
    return client


@pytest.fixture(scope="module")
def entries(ours: Client) -> list[Answer]:
    *found, done = ours.ask(peer.search(2, BASE, attributes=["*", "+"]))
    assert done.code == 0
    return found


@pytest.fixture(scope="module")
def theirs(door: Door, entries: list[Answer], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    described = subschema(door.people.reader(ALICE).tree.custom_types())
    with slapd(tmp_path_factory.mktemp("slapd"), BASE, entries, described) as running:
        yield running


def outcome(found: list[Answer]) -> tuple[int | None, object, frozenset[object]]:
    """Result code, matched DN, and who was found."""
    *entries, done = found
    return done.code, dn.parse(done.text).key, frozenset(dn.parse(entry.text).key for entry in entries)


def searched(question: Question) -> bytes:
    return peer.search(3, question.base, question.scope, question.filter, ["1.1"])


def test_both_find_the_same(ours: Client, theirs: Slapd, entries: list[Answer]) -> None:
    questions = Questions(Random(1), entries, covered)
    differ, some = [], 0
    for _ in range(SEARCHES):
        question = questions.question()
        wanted, got = (outcome(asked.ask(searched(question))) for asked in (theirs, ours))
        some += bool(wanted[2])
        if wanted != got:
            differ.append((question, wanted, got))
    assert differ[:3] == []
    assert some > SEARCHES * LEAST_FOUND


def test_both_compare_alike(ours: Client, theirs: Slapd, entries: list[Answer]) -> None:
    questions = Questions(Random(2), entries, uncomparable)
    differ, codes = [], set()
    for _ in range(COMPARISONS):
        question = questions.comparison()
        asked = peer.compare(3, question.entry, question.attribute, question.value)
        wanted, got = outcome(theirs.ask(asked)), outcome(ours.ask(asked))
        codes.add(wanted[0])
        if wanted != got and (wanted[0], got[0]) not in BOTH_WRONG:
            differ.append((question, wanted, got))
    assert differ[:3] == []
    assert codes >= {5, 6, 16, 17, 21, 32, 34}


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda difference: difference.example[:60])
def test_what_differs_on_purpose_does(ours: Client, theirs: Slapd, difference: Difference) -> None:
    asked = parse(difference.example)
    assert difference.covers(asked.part if isinstance(asked, Not) else asked)
    wanted, got = (outcome(one.ask(searched(Question(BASE, peer.SUB, asked)))) for one in (theirs, ours))
    assert wanted != got
    assert (wanted[0], got[0]) == (0, 0)
