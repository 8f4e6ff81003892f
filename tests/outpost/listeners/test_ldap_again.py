"""Searches that were asked before: the same answer, to the same person, while nothing has changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outpost.directory.memory import LONGEST_ANSWER
from outpost.directory.reader import Reader
from protocols.link.messages import Put
from tests.outpost.directory.people import BASE, GROUPS, NOW, RECORDS, USERS, People, a_user
from tests.outpost.listeners.ldap_door import BOB_DN, Client, Door
from tests.protocols.ldap import peer
from tests.protocols.ldap.peer import Answer


class Searched:
    """How many searches were really made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        answer: Callable[..., Any] = Reader.answer

        def counted(*arguments: Any) -> Any:
            self.count += 1
            return answer(*arguments)

        monkeypatch.setattr(Reader, "answer", counted)


@pytest.fixture
def client() -> Client:
    client = Door().connect()
    assert client.bind() == 0
    return client


def about(uid: str, message_id: int = 2, base: str = BASE, **more: Any) -> bytes:
    return peer.search(message_id, base, filter=f"(uid={uid})", **more)


def said(client: Client, message: bytes) -> list[Answer]:
    """Without message IDs."""
    return [replace(answer, message_id=0) for answer in client.ask(message)]


def test_what_comes_again_is_remembered(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the second time on: most searches come once."""
    searched = Searched(monkeypatch)
    first = client.ask(peer.search(2, BASE, filter="(uid=bo*)"))
    assert [entry.text for entry in first[:-1]] == [BOB_DN]
    for message_id in (3, 128, 70_000):
        again = client.ask(peer.search(message_id, BASE, filter="(uid=bo*)"))
        assert again == [replace(answer, message_id=message_id) for answer in first]
    assert searched.count == 2


def test_what_differs_in_values_alone_is_searched_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    people, searched = client.door.people, Searched(monkeypatch)
    people.change(*(Put(a_user(pk, f"user{pk}")) for pk in range(100, 200)))
    taken = client.door.telemetry.taken["ldap", "search"]
    for pk in range(100, 200):
        (entry, done) = client.ask(about(f"USER{pk}", pk))
        assert (entry.text, done.code) == (f"cn=user{pk},{USERS}", 0)
        assert entry.message_id == done.message_id == pk
    assert client.ask(about("user999"), about("user9x9", 3))[0].operation == "searchResDone"
    assert searched.count == 1
    assert client.door.telemetry.taken["ldap", "search"] == taken + 102
    people.change(Put(a_user(100, "else100")))
    assert len(client.ask(about("user100"))) == 1
    assert len(client.ask(about("else100"))) == len(client.ask(about("user101"))) == 2
    assert searched.count == 2


def test_the_same_question_is_searched_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    searched = Searched(monkeypatch)
    first = client.ask(about("bob", 3))
    for message_id in (4, 127, 128, 70_000, 2**31 - 1):
        again = client.ask(about("bob", message_id))
        assert again == [replace(answer, message_id=message_id) for answer in first]
    assert searched.count == 1
    assert [entry.text for entry in first[:-1]] == [BOB_DN]
    assert client.ask(about("nobody", 5)) == client.ask(about("nobody", 5))
    assert searched.count == 2


FILTERS = ("(uid=alice)", "(uid=bob)", "(cn=*)", "(memberOf=*)", "(objectClass=group)", "(uid=none)", "(bad=*)")
ATTRIBUTES = ((), ("cn",), ("*", "+"), ("1.1",), ("uid", "memberOf"))


@given(
    asked=st.lists(
        st.tuples(
            st.sampled_from(["alice", "bob", "carol"]),
            st.sampled_from([BASE, USERS, GROUPS, "", f"cn=bob,{USERS}", f"cn=gone,{USERS}", "dc=elsewhere"]),
            st.sampled_from([peer.BASE, peer.ONE, peer.SUB]),
            st.sampled_from(FILTERS),
            st.sampled_from(ATTRIBUTES),
            st.sampled_from([0, 1]),
        ),
        max_size=12,
    )
)
def test_what_is_kept_is_what_would_be_found(asked: list[tuple[str, str, int, str, tuple[str, ...], int]]) -> None:
    door = Door()
    passwords = {"alice": "secret", "bob": "hunter2", "carol": "carol's"}
    clients = {name: door.connect() for name in passwords}
    for name, password in passwords.items():
        assert clients[name].bind(f"cn={name},{USERS}", password) == 0
    for who, base, scope, filter, attributes, size_limit in asked * 3:
        message = peer.search(7, base, scope=scope, filter=filter, attributes=attributes, size_limit=size_limit)
        anew = Door().connect()
        assert anew.bind(f"cn={who},{USERS}", passwords[who]) == 0
        assert clients[who].ask(message) == anew.ask(message)


def test_another_person_is_answered_for_themselves(client: Client) -> None:
    assert len(client.ask(about("alice"))) == 2
    assert len(client.ask(about("alice"))) == 2
    carol = client.door.connect()
    assert carol.bind(f"cn=carol,{USERS}", "carol's") == 0
    assert len(carol.ask(about("alice"))) == 1
    nobody = client.door.connect()
    assert [answer.code for answer in nobody.ask(about("alice"))] == [50]


def test_who_is_anonymous_again_is_refused(client: Client) -> None:
    assert len(client.ask(about("alice"))) == 2
    assert client.ask(peer.bind(5, "", ""))[0].code == 0
    assert [answer.code for answer in client.ask(about("alice"))] == [50]


def test_a_change_is_seen_at_once(client: Client) -> None:
    assert client.ask(about("bob", attributes=["mail"]))[0].attributes["mail"] == [b"bob@example.com"]
    (bob,) = [one for one in RECORDS if getattr(one, "username", "") == "bob"]
    client.door.people.change(Put(replace(bob, email="new@example.com")))  # type: ignore[arg-type]
    assert client.ask(about("bob", attributes=["mail"]))[0].attributes["mail"] == [b"new@example.com"]


def test_what_was_asked_before_a_change_and_answered_behind_it_is_not_kept() -> None:
    """Behind a long answer a search waits, and ends on the revision that it began on."""
    people = People((*RECORDS, *(a_user(pk, f"user{pk}") for pk in range(100, 1100))))
    client = Door(people).connect()
    assert client.bind() == 0
    client.ask(peer.search(2, USERS), about("bob", 3, attributes=["mail"]))
    bob = people.directory.current.users[2]
    assert bob.username == "bob"
    people.change(Put(replace(bob, email="new@example.com")))
    said: list[Answer] = []
    while not said or said[-1].message_id != 3:
        client.turn()
        said += client.answers()
    assert said[-2].attributes["mail"] == [b"bob@example.com"]
    client.turn()
    assert client.ask(about("bob", attributes=["mail"]))[0].attributes["mail"] == [b"new@example.com"]


def test_whose_account_is_over_reads_nothing_more() -> None:
    door = Door(People((*RECORDS[1:], a_user(1, "alice", valid_until=NOW + 60))))
    client = door.connect()
    assert client.bind() == 0
    assert len(client.ask(about("bob"))) == len(client.ask(about("bob"))) == 2
    door.now = NOW + 61
    assert [answer.code for answer in client.ask(about("bob"))] == [50]


def test_what_is_long_is_searched_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    door = Door(People((*RECORDS, *(a_user(pk, f"user{pk}") for pk in range(100, 190)))))
    client = door.connect()
    assert client.bind() == 0
    searched = Searched(monkeypatch)
    for _ in range(3):
        octets = sum(len(answer.text) for answer in client.ask(peer.search(2, USERS, attributes=["cn"])))
        assert octets > LONGEST_ANSWER
    assert searched.count == 3


def test_an_id_that_is_still_in_use_is_none_for_what_was_asked_before(client: Client) -> None:
    people = client.door.people
    people.change(*(Put(a_user(pk, f"user{pk}")) for pk in range(100, 1100)))
    for _ in range(3):
        assert client.ask(about("bob", 2))[-1].code == 0
    client.send(peer.search(2, USERS))
    client.send(about("bob", 2))
    assert client.closed


def test_a_kept_answer_leaves_room_for_others(client: Client) -> None:
    """A search is over when it is answered: no ID stays taken, none counts as outstanding."""
    for _ in range(100):
        assert client.ask(about("bob", 2))[-1].code == 0
    assert len(client.ask(*(about("bob", number) for number in range(2, 90)))) == 2 * 88
