from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from zope.interface import implementer

from outpost.directory.draft import whole
from outpost.directory.entries import UserEntry
from outpost.directory.reader import Reader
from outpost.directory.snapshot import Touched
from outpost.listeners.ldap import EVENTS_A_TURN, FIRST_MESSAGE_TIMEOUT, IDLE_TIMEOUT, SEND_TIMEOUT
from outpost.listeners.ldap_reads import Reads
from outpost.listeners.lean_tls import OverTls
from outpost.listeners.limits import SWEEP_INTERVAL, Connections
from outpost.listeners.tls import ServerTls
from protocols.ldap.ber import encode_integer, tlv
from protocols.ldap.result import ResultCode
from protocols.ldap.schema import CANCEL, START_TLS, WHO_AM_I
from protocols.link.messages import Members, Put
from tests.deliveries import deliveries
from tests.outpost.directory.people import (
    ALICE,
    BASE,
    BOB,
    CAROL,
    GROUPS,
    NOW,
    PROVIDER,
    RECORDS,
    USERS,
    People,
    a_provider,
    a_user,
)
from tests.outpost.listeners.ldap_door import ALICE_DN, BOB_DN, PASSWORDS, TLS, Client, Door, SlowLink, Wire
from tests.outpost.listeners.tls_client import TlsClient
from tests.protocols.ldap import peer
from tests.protocols.ldap.peer import Answer, answers
from tests.protocols.ldap.vectors import Vector, entries_in, results_in, vectors


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def client(door: Door) -> Client:
    return door.connect()


# --- vectors -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", vectors(), ids=str)
def test_vectors(vector: Vector) -> None:
    door = Door(tls=TLS)
    others = [door.connect() for _ in range(vector.connections)]
    client = door.connect()
    for number, message in enumerate(vector.send):
        if number == vector.reads:
            client.wire.producer.pauseProducing()
        client.send(message)
    if vector.reads is not None:
        door.clock.pump([1.0] * int(SEND_TIMEOUT + 1))
    assert all(not other.closed for other in others)
    assert results_in(client.wire.value()) == vector.answers
    if vector.entries is not None:
        assert entries_in(client.wire.value()) == sorted(vector.entries, key=lambda entry: entry[:2])
    assert client.closed == vector.closed
    assert client.door.telemetry.faults == []


PLAIN = [one for one in vectors() if one.name != "start-tls-pipelined" and not one.connections and one.reads is None]


@pytest.mark.parametrize("vector", PLAIN, ids=str)
def test_vectors_however_delivered(vector: Vector) -> None:
    for delivery in deliveries(b"".join(vector.send), trailing=b""):
        client = Door(tls=TLS).connect()
        for piece in delivery.pieces:
            client.send(piece)
        assert results_in(client.wire.value()) == vector.answers, delivery
        assert client.closed == vector.closed, delivery


# --- why a request is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        (peer.bind(1, "no name at all", "x"), 34, "no_dn"),
        (peer.bind(1, ALICE_DN, ""), 53, "empty_credentials"),
        (peer.bind(1, "", "secret"), 49, "empty_credentials"),
        (peer.bind(1, ALICE_DN, "secret", version=2), 2, "impossible_request"),
        (peer.bind(1, ALICE_DN, "secret", controls=[("1.2.3", True, None)]), 12, "unserved_control"),
        (peer.bind(1, "cn=alice,dc=elsewhere", "secret"), 49, "unknown_user"),
        (peer.sasl_bind(1, "", "FOO", "x"), 7, "unsupported_proof"),
        (peer.sasl_bind(1, "", "PLAIN", "\0alice\0secret"), 13, "tls_required"),
        (peer.sasl_bind(1, "", "EXTERNAL", ""), 48, "tls_required"),
    ],
)
def test_a_bind_that_is_refused_early_has_a_reason(client: Client, message: bytes, code: int, reason: str) -> None:
    assert client.code(message) == code
    assert client.door.telemetry.decisions == {("ldap", reason): 1}


REFUSED = [
    (peer.search(2, "dc=elsewhere"), 32, "unknown_base_dn"),
    (peer.search(2, "nonsense"), 34, "no_dn"),
    (peer.search(2, BASE, scope=9), 2, "impossible_request"),
    (peer.search(2, BASE, attributes=["a"] * 1025), 11, "too_large_request"),
    (peer.search(2, BASE, controls=[("1.2.3", True, None)]), 12, "unserved_control"),
    (peer.search(2, BASE, controls=[("1.2.840.113556.1.4.319", True, b"x")]), 2, "impossible_request"),
    (peer.compare(2, ALICE_DN, "userPassword", "secret"), 50, "never_told"),
    (peer.compare(2, "dc=elsewhere", "cn", "x"), 32, "unknown_base_dn"),
    (peer.delete(2, BOB_DN), 53, "read_only"),
    (peer.modify(2, ALICE_DN, (2, "mail", ["a@example.com"])), 53, "read_only"),
    (peer.password_modify(2, None, "secret", "another"), 13, "tls_required"),
    (peer.extended(2, "1.2.3.4"), 2, "impossible_request"),
]


@pytest.mark.parametrize(("message", "code", "reason"), REFUSED)
def test_a_request_that_is_refused_has_a_reason(client: Client, message: bytes, code: int, reason: str) -> None:
    client.bind()
    assert client.code(message) == code
    assert client.door.telemetry.refusals == {("ldap", reason): 1}
    assert client.door.telemetry.decisions == {("ldap", "accepted"): 1}


@pytest.mark.parametrize("message", [peer.search(2, BASE), peer.compare(2, ALICE_DN, "cn", "x")])
def test_who_has_not_bound_is_told_so(client: Client, message: bytes) -> None:
    assert client.code(message) == 50
    assert client.door.telemetry.refusals == {("ldap", "not_bound"): 1}


@pytest.mark.parametrize(
    "message",
    [peer.search(2, f"cn=nobody,{USERS}"), peer.compare(2, ALICE_DN, "cn", "x"), peer.search(2, BASE, size_limit=1)],
)
def test_an_answer_is_no_refusal(client: Client, message: bytes) -> None:
    client.bind()
    assert client.code(message) in (4, 5, 32)
    assert client.door.telemetry.refusals == {}


# --- bind ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [ALICE_DN, f"uid=alice,{USERS}", f" UID = ALICE , {USERS.lower()}"])
def test_bind_asks_control_once(client: Client, name: str) -> None:
    assert client.bind(name) == 0
    (question,) = client.door.link.questions
    assert (question.username, question.provider) == ("alice", PROVIDER)
    assert (question.protocol, question.peer) == ("ldap", "127.0.0.1")
    assert question.proof == {"kind": "password", "password": "secret"}
    assert client.door.telemetry.decisions == {("ldap", "accepted"): 1}


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("wrong_password", 49),
        ("unknown_user", 49),
        ("inactive", 49),
        ("expired", 49),
        ("no_binding", 50),
        ("unknown_provider", 50),
        ("busy", 52),
        ("control_away", 52),
    ],
)
def test_refusals(client: Client, reason: str, code: int) -> None:
    client.door.link.verdicts["alice"] = reason
    assert client.bind() == code
    assert client.door.telemetry.decisions == {("ldap", reason): 1}
    assert client.code(peer.search(2, BASE)) == 50


@pytest.mark.parametrize("reason", ["wrong_password", "unknown_user", "inactive", "expired"])
def test_every_account_that_is_refused_hears_the_same(client: Client, reason: str) -> None:
    client.door.link.verdicts["alice"] = reason
    (answer,) = client.ask(peer.bind(1, ALICE_DN, "secret"))
    assert answer.diagnostic == "Name or password is wrong. (id)"


def test_somebody_whom_the_snapshot_lacks_is_asked_about_so_that_time_tells_nothing(client: Client) -> None:
    assert client.bind(f"cn=Nobody,{USERS}") == 49
    assert [question.username for question in client.door.link.questions] == ["Nobody"]


@pytest.mark.parametrize("name", [f"cn=staff,{GROUPS}", "cn=alice,dc=elsewhere", USERS])
def test_a_name_that_is_no_users_asks_nobody(client: Client, name: str) -> None:
    assert client.bind(name) == 49
    assert client.door.link.questions == []
    assert client.door.telemetry.decisions == {("ldap", "unknown_user"): 1}


def test_the_longest_base_dn_is_the_provider() -> None:
    inner = f"ou=inner,{BASE}"
    door = Door(People((*RECORDS, a_provider(pk=8, base=inner))))
    client = door.connect()
    assert client.bind(f"cn=alice,ou=users,{inner}") == 0
    assert door.link.questions[0].provider == 8
    assert client.code(peer.search(2, inner)) == 0
    assert client.code(peer.search(3, BASE)) == 50  # bound there, not here


def test_control_away(client: Client) -> None:
    client.door.link.away = True
    assert client.bind() == 52
    assert not client.closed


@pytest.mark.parametrize(
    "break_it",
    [
        lambda door: setattr(door.link, "fails", RuntimeError("injected")),
        lambda door: setattr(door.factory.binds, "_authentication", None),
        lambda door: setattr(door.factory.binds, "_contexts", None),
        lambda door: setattr(door.factory.binds, "_answer", None),
    ],
    ids=["link", "authentication", "directory", "deciding"],
)
def test_an_exception_denies(break_it: Callable[[Door], None]) -> None:
    door = Door()
    client = door.connect()
    break_it(door)
    assert client.bind() in (52, 80)
    assert door.telemetry.faults
    assert client.connection._session.identity is None
    assert not client.closed


def test_an_exception_while_answering_a_bind_ends_the_connection(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = []
    monkeypatch.setattr(client.door.telemetry, "failed", lambda where, failure: failures.append(failure))

    def broken(*_: Any) -> bytes:
        raise RuntimeError("injected")

    monkeypatch.setattr(client.connection._session, "bind_answered", broken)
    assert client.ask(peer.bind(1, ALICE_DN, "secret")) == []
    assert client.wire.aborted
    assert failures


def test_a_failed_rebind_is_anonymous(client: Client) -> None:
    client.bind()
    assert client.code(peer.search(2, BASE, peer.BASE)) == 0
    assert client.bind(password="wrong") == 49
    assert client.code(peer.search(3, BASE, peer.BASE)) == 50
    assert client.ask(peer.extended(4, WHO_AM_I))[0].value == b""


def test_nothing_overtakes_a_bind_and_the_transport_is_paused() -> None:
    link = SlowLink(dict(PASSWORDS))
    client = Door(link=link).connect()
    client.send(peer.bind(1, ALICE_DN, "secret") + peer.search(2, BASE, peer.BASE))
    assert client.answers() == []
    assert not client.reading
    link.gate.callback(None)
    assert [(answer.message_id, answer.code) for answer in client.answers()] == [(1, 0), (2, None), (2, 0)]
    assert client.reading


def test_a_bind_that_is_answered_after_the_connection_is_lost_does_nothing() -> None:
    link = SlowLink(dict(PASSWORDS))
    client = Door(link=link).connect()
    client.send(peer.bind(1, ALICE_DN, "secret"))
    client.connection.connectionLost()
    link.gate.callback(None)
    assert client.answers() == []
    assert client.door.telemetry.faults == []


def test_who_am_i(client: Client) -> None:
    assert client.ask(peer.extended(1, WHO_AM_I))[0].value == b""
    client.bind(f"uid=alice,{USERS}")
    assert client.ask(peer.extended(2, WHO_AM_I))[0].value == f"dn:{ALICE_DN}".encode()


def test_who_is_renamed_is_called_so_from_then_on(client: Client) -> None:
    client.bind()
    people = client.door.people
    people.change(Put(replace(people.directory.current.users[ALICE], username="alicia")))
    assert client.ask(peer.extended(2, WHO_AM_I))[0].value == f"dn:cn=alicia,{USERS}".encode()


# --- search --------------------------------------------------------------------------------------------------------


def test_the_root_dse_is_read_anonymously(client: Client) -> None:
    entry, done = client.ask(peer.search(1, "", peer.BASE, attributes=["*", "+"]))
    assert (entry.text, done.code) == ("", 0)
    assert entry.attributes["namingContexts"] == [BASE.encode()]
    assert entry.attributes["supportedLDAPVersion"] == [b"3"]
    assert START_TLS.encode() not in entry.attributes["supportedExtension"]
    entry, _ = Door(tls=TLS).connect().ask(peer.search(1, "", peer.BASE, attributes=["supportedExtension"]))
    assert START_TLS.encode() in entry.attributes["supportedExtension"]


@pytest.mark.parametrize(
    ("base", "scope"),
    [("", peer.SUB), ("", peer.ONE), (BASE, peer.BASE), (BASE, peer.SUB), ("dc=elsewhere", peer.BASE)],
)
def test_nothing_else_is(client: Client, base: str, scope: int) -> None:
    (answer,) = client.ask(peer.search(1, base, scope))
    assert (answer.code, answer.text) == (50, "")
    assert not client.closed


def test_a_superuser_sees_everybody(client: Client) -> None:
    client.bind()
    names = client.names(peer.search(2, BASE, filter="(objectClass=user)", attributes=["1.1"]))
    assert sorted(names) == sorted(f"cn={name},{USERS}" for name in PASSWORDS)


def test_others_see_themselves(client: Client) -> None:
    client.bind(BOB_DN, "hunter2")
    assert client.names(peer.search(2, BASE, filter="(objectClass=user)", attributes=["1.1"])) == [BOB_DN]
    assert client.code(peer.search(3, ALICE_DN, peer.BASE)) == 32


def test_rights_follow_the_revision_on_an_open_connection(client: Client) -> None:
    client.bind()
    users = peer.search(2, USERS, peer.ONE, attributes=["1.1"])
    assert len(client.names(users)) == 4
    client.door.people.change(Members("g-admins", removed=(ALICE,)))
    assert client.names(users) == [ALICE_DN]
    client.door.people.change(Put(a_user(ALICE, "alice", valid_until=NOW - 1)))
    assert client.code(users) == 50
    client.door.people.change(Put(a_user(ALICE, "alice")))
    assert client.names(users) == [ALICE_DN]


def test_a_membership_removed_is_gone_from_the_next_answer(client: Client) -> None:
    client.bind()
    search = peer.search(2, BASE, filter=f"(memberOf=cn=staff,{GROUPS})", attributes=["1.1"])
    assert f"cn=carol,{USERS}" in client.names(search)
    client.door.people.change(Members("g-staff", removed=(CAROL,)))
    assert f"cn=carol,{USERS}" not in client.names(search)


def test_a_time_limit_ends_a_long_search(crowd: People) -> None:
    door = Door(crowd)
    client = door.connect()
    client.bind()
    client.send(peer.search(2, BASE, time_limit=5), peer.search(3, BASE, filter="(uid=bob)", time_limit=5))
    door.now += 5
    for _ in range(50):
        client.turn()
    *entries, late, bob, done = client.answers()
    assert (late.message_id, late.code) == (2, 3)
    assert 0 < len(entries) < MANY
    assert (bob.text, done.code) == (BOB_DN, 0)  # one slice is always given


def test_an_exception_in_a_search_answers_other(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.bind()

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("injected")

    with monkeypatch.context() as patch:
        patch.setattr(Reads, "search", broken)
        assert client.code(peer.search(2, BASE)) == 80
    with monkeypatch.context() as patch:
        patch.setattr(Reader, "_entry", broken)
        assert client.code(peer.search(3, BASE)) == 80
    assert len(client.door.telemetry.faults) == 2
    assert client.code(peer.search(4, BASE)) == 0


def test_answers_of_one_turn_leave_in_one_write(client: Client) -> None:
    client.bind()
    client.wire.writes.clear()
    client.send(*(peer.search(number, BOB_DN) for number in range(2, 10)))
    (octets,) = client.wire.writes
    assert len(answers(octets)) == 16


# --- long answers --------------------------------------------------------------------------------------------------

MANY = 2000


@pytest.fixture(scope="module")
def crowd() -> People:
    return People((*RECORDS, *(a_user(pk, f"user{pk}") for pk in range(100, 100 + MANY))))


@pytest.fixture
def big(crowd: People) -> Iterator[Client]:
    client = Door(crowd).connect()
    client.bind()
    yield client
    client.door.telemetry.faults.clear()


EVERYBODY = peer.search(2, USERS, peer.ONE, attributes=["1.1"])


def turns(client: Client) -> list[list[Answer]]:
    """What each turn of the reactor brings, until one brings the result."""
    found: list[list[Answer]] = []
    while not found or not found[-1] or found[-1][-1].code is None:
        assert len(found) < 100
        client.turn()
        found.append(client.answers())
    return found


def test_a_long_answer_takes_many_turns_and_others_come_between(big: Client) -> None:
    first = big.ask(EVERYBODY)
    assert 0 < len(first) < MANY
    other = big.door.connect()
    assert other.bind(BOB_DN, "hunter2") == 0
    slices = turns(big)
    assert len(slices) > 3
    everything = first + [answer for one in slices for answer in one]
    assert len(everything) == MANY + 4 + 1
    assert everything[-1].code == 0


def test_a_scan_that_finds_nothing_takes_many_turns_too(big: Client) -> None:
    assert big.ask(peer.search(2, USERS, peer.ONE, "(!(cn=*))")) == []
    slices = turns(big)
    assert len(slices) > 3
    assert [answer.code for one in slices for answer in one] == [0]


def test_a_peer_that_does_not_read_stops_the_answer(big: Client) -> None:
    big.ask(EVERYBODY)
    big.connection.pauseProducing()
    for _ in range(10):
        big.turn()
    assert big.answers() == []
    big.connection.resumeProducing()
    assert turns(big)[-1][-1].code == 0


def test_a_peer_that_does_not_read_is_not_read_either(big: Client) -> None:
    big.connection.pauseProducing()
    assert big.ask(peer.search(3, BOB_DN)) == []
    assert not big.reading
    big.connection.resumeProducing()
    assert [answer.message_id for answer in big.answers()] == [3, 3]
    assert big.reading


def test_abandon_stops_a_long_answer_silently(big: Client) -> None:
    big.ask(EVERYBODY)
    assert big.ask(peer.abandon(3, 2), peer.extended(4, WHO_AM_I))[0].message_id == 4
    for _ in range(10):
        big.turn()
    assert big.answers() == []
    assert big.code(peer.search(2, BOB_DN)) == 0


def test_a_message_id_of_a_search_that_is_being_answered_ends_the_connection(big: Client) -> None:
    first = big.ask(EVERYBODY)
    (notice,) = big.ask(EVERYBODY)
    assert (notice.message_id, notice.code, notice.oid) == (0, 2, "1.3.6.1.4.1.1466.20036")
    for _ in range(10):
        big.turn()
    assert big.answers() == []
    assert big.closed
    assert 0 < len(first) < MANY


@pytest.mark.parametrize("most", [1, 200, 250, 255, 256, 257, 511, 512, 513, 1000])
def test_its_message_id_is_free_as_soon_as_the_peer_hears_the_end(crowd: People, most: int) -> None:
    client = Door(crowd, tls=TLS).connect()
    client.bind()
    question = peer.search(2, USERS, peer.ONE, attributes=["1.1"], size_limit=most)
    following = [
        (peer.search(2, BOB_DN), 0),
        (question, 4),
        (peer.extended(3, CANCEL, tlv(0x30, encode_integer(2))), 119),
        (peer.bind(2, ALICE_DN, "secret"), 0),
        (peer.extended(2, START_TLS), 0),
    ]
    for message, code in following:
        heard = client.ask(question)
        while not heard or heard[-1].code is None:
            client.turn()
            heard += client.answers()
        assert (len(heard), heard[-1].code) == (most + 1, 4)
        answered = client.ask(message)
        if message is question:
            client.send(peer.abandon(4, 2))
        else:
            assert answered[-1].code == code
    assert not client.closed


def test_tls_does_not_start_while_a_search_is_being_answered(crowd: People) -> None:
    client = Door(crowd, tls=TLS).connect()
    client.bind()
    client.ask(EVERYBODY)
    assert client.code(peer.extended(3, START_TLS)) == 1
    assert client.wire.protocol is None
    assert turns(client)[-1][-1].code == 0


def test_answers_behind_a_long_one_keep_their_order(big: Client) -> None:
    big.ask(EVERYBODY, peer.search(3, BOB_DN))
    order = [answer.message_id for one in turns(big) + turns(big) for answer in one]
    assert order == sorted(order)
    assert order[-1] == 3


def test_a_bind_waits_for_the_long_answer_before_it(big: Client) -> None:
    big.ask(EVERYBODY, peer.bind(3, BOB_DN, "hunter2"))
    assert not big.reading
    assert len(big.door.link.questions) == 1
    last = turns(big)[-1]
    assert [(answer.message_id, answer.code) for answer in last][-1] in [(2, 0), (3, 0)]
    big.turn()
    assert len(big.door.link.questions) == 2
    assert big.reading


def test_a_search_ends_on_the_revision_that_it_began_on() -> None:
    people = People((*RECORDS, *(a_user(pk, f"user{pk}") for pk in range(100, 100 + MANY))))
    client = Door(people).connect()
    client.bind()
    before = len(client.ask(EVERYBODY))
    people.change(
        *(Put(replace(people.directory.current.users[pk], username=f"renamed{pk}")) for pk in range(100, 2100))
    )
    names = [answer.text for one in turns(client) for answer in one]
    assert len(names) + before == MANY + 5
    assert not any(name.startswith("cn=renamed") for name in names)


def test_an_exception_in_the_middle_of_a_long_answer_ends_it_as_other(
    big: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    big.ask(EVERYBODY)

    def broken(*_: Any) -> Any:
        raise RuntimeError("injected")

    monkeypatch.setattr(UserEntry, "encoded", broken)
    assert turns(big)[-1][-1].code == 80
    assert big.code(peer.extended(3, WHO_AM_I)) == 0


def test_a_connection_lost_in_the_middle_of_a_long_answer(big: Client) -> None:
    big.ask(EVERYBODY)
    big.connection.connectionLost()
    big.turn()
    assert big.answers() == []


def test_many_pipelined_messages_take_turns(client: Client) -> None:
    count = EVENTS_A_TURN * 2 + 10
    asked = [peer.extended(number, WHO_AM_I) for number in range(1, count + 1)]
    assert len(client.ask(*asked)) == EVENTS_A_TURN
    assert not client.reading
    client.turn()
    assert len(client.answers()) == EVENTS_A_TURN
    client.turn()
    assert len(client.answers()) == 10
    assert client.reading


# --- the connection ------------------------------------------------------------------------------------------------


def test_start_tls() -> None:
    client = Door(tls=TLS).connect()
    assert client.code(peer.extended(1, START_TLS)) == 0
    over_tls = TlsClient(client.wire.protocol, client.wire)
    over_tls.shake_hands()
    (bound,) = answers(over_tls.ask(peer.bind(1, ALICE_DN, "secret")))
    (again,) = answers(over_tls.ask(peer.extended(2, START_TLS)))
    assert (bound.code, again.code) == (0, 1)


def test_after_start_tls_the_peers_pace_is_still_followed() -> None:
    client = Door(tls=TLS).connect()
    client.send(peer.extended(1, START_TLS))
    assert client.wire.streaming
    client.wire.producer.pauseProducing()
    assert client.connection._out.paused


def test_start_tls_without_a_certificate_is_not_offered(client: Client) -> None:
    assert client.code(peer.extended(1, START_TLS)) == 2
    assert client.wire.protocol is None
    assert not client.closed


def test_start_tls_that_fails_ends_the_connection() -> None:
    client = Door(tls=ServerTls(lambda name: None)).connect()
    client.send(peer.extended(1, START_TLS))
    assert client.wire.aborted
    assert client.door.telemetry.faults


def test_garbage_is_counted_with_its_reason(client: Client) -> None:
    client.send(b"GET / HTTP/1.1\r\n\r\n")
    assert client.closed
    assert client.door.telemetry.discards == {("ldap", "malformed"): 1}
    oversize = client.door.connect()
    oversize.send(b"\x30\x84\x7f\xff\xff\xff")
    assert oversize.closed
    assert client.door.telemetry.discards[("ldap", "oversize")] == 1


def test_after_the_end_nothing_is_read(client: Client) -> None:
    client.send(peer.unbind(1))
    assert client.closed
    assert client.ask(peer.bind(2, ALICE_DN, "secret")) == []
    assert client.door.link.questions == []


def test_a_fault_in_the_core_ends_the_connection(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise RuntimeError("injected")

    monkeypatch.setattr(client.connection._session, "next_event", broken)
    assert client.ask(peer.bind(1, ALICE_DN, "secret")) == []
    assert client.wire.aborted
    assert client.door.telemetry.faults == ["ldap"]


def test_silence_ends_the_connection(client: Client) -> None:
    client.door.clock.advance(FIRST_MESSAGE_TIMEOUT - 1)
    client.send(peer.bind(1, ALICE_DN, "secret"))
    client.door.clock.pump([1] * int(IDLE_TIMEOUT - 2))
    assert not client.wire.aborted
    client.door.clock.pump([1] * 4)
    assert client.wire.aborted


def test_a_connection_that_never_says_anything_ends_soon(client: Client) -> None:
    client.send(b"\x30")
    client.door.clock.pump([1] * int(FIRST_MESSAGE_TIMEOUT + 2))
    assert client.wire.aborted


def test_a_peer_that_never_reads_ends_soon(client: Client) -> None:
    client.bind()
    client.connection.pauseProducing()
    client.door.clock.pump([1] * int(SEND_TIMEOUT + 2))
    assert client.wire.aborted


def test_connections_are_bounded(door: Door) -> None:
    door.factory.connections = Connections(door.clock, most=3, most_of_host=2)
    first, second = door.connect(), door.connect()
    third = door.connect()
    (notice,) = third.answers()
    assert (notice.message_id, notice.code) == (0, 51)
    assert third.closed
    third.connection.connectionLost()
    first.connection.connectionLost()
    assert door.connect().bind() == 0
    assert second.bind() == 0
    assert len(door.factory.connections) == 2
    assert door.telemetry.discards == {("ldap", "too_many_connections"): 1}


@implementer(IOpenSSLServerConnectionCreator)
class _ToShake:
    def serverConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        return SSL.Connection(SSL.Context(SSL.TLS_SERVER_METHOD), None)


def test_over_tls_nobody_waits_for_the_handshake_of_one_connection_too_many(door: Door) -> None:
    door.factory.connections = Connections(door.clock, most_of_host=0)
    made = OverTls(_ToShake(), isClient=False, wrappedFactory=door.factory, clock=door.clock)
    wire: Any = Wire()
    wire.setTcpNoDelay = bool
    one: Any = made.buildProtocol(wire.peerAddr)
    one.makeConnection(wire)
    assert wire.aborted
    assert door.telemetry.discards == {("ldap", "too_many_connections"): 1}


def test_no_timer_is_left_when_all_connections_are_gone(door: Door) -> None:
    clients = [door.connect() for _ in range(3)]
    for client in clients:
        client.connection.connectionLost()
    assert door.clock.getDelayedCalls(), "for whoever comes next"
    door.clock.advance(SWEEP_INTERVAL)
    assert door.clock.getDelayedCalls() == []


def test_a_provider_that_cannot_be_served_is_told_once() -> None:
    people = People()
    door = Door(people)
    assert door.telemetry.notes == []
    people.change(Put(a_provider(pk=9, base="nonsense")))
    people.change(Put(a_user(BOB, "bob", name="Robert")))
    (note,) = door.telemetry.notes
    assert "'ldap-9'" in note


# --- knocks --------------------------------------------------------------------------------------------------------


def test_a_base_dn_that_nobody_serves_knocks_until_it_is_served(client: Client) -> None:
    reports: list[tuple[str, dict[str, Any]]] = []
    client.door.telemetry.report = lambda kind, body: reports.append((kind, body))
    assert client.bind("cn=alice,ou=people,dc=Other,dc=net") == 49
    assert client.bind(f"cn=staff,{GROUPS}") == 49  # served, only nobody's name
    assert reports == [("knock", {"kind": "base_dn", "what": "dc=other,dc=net", "count": 1, "peer": "127.0.0.1"})]
    people = client.door.people
    people.directory.publish(
        whole(people.directory.current.revision + 1, (*RECORDS, a_provider(pk=8, base="dc=other,dc=net"))),
        Touched(everything=True),
    )
    assert client.bind("cn=alice,ou=users,dc=other,dc=net") == 0
    assert reports[1:] == [("knock_answered", {"kind": "base_dn", "what": "dc=other,dc=net"})]


def test_a_search_below_a_base_dn_that_nobody_serves_knocks_too(client: Client) -> None:
    reports: list[tuple[str, dict[str, Any]]] = []
    client.door.telemetry.report = lambda kind, body: reports.append((kind, body))
    client.bind()
    assert client.code(peer.search(2, "ou=users,dc=elsewhere")) == 32
    assert [body["what"] for _, body in reports] == ["dc=elsewhere"]


def test_a_connection_that_is_ended_is_told_why_once(client: Client) -> None:
    for _ in range(2):
        client.connection.disconnect(ResultCode.UNAVAILABLE, "This server stops.")
    (notice,) = client.answers()
    assert (notice.message_id, notice.code, notice.oid) == (0, 52, "1.3.6.1.4.1.1466.20036")
    assert client.closed
