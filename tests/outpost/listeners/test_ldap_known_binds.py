"""Binds that came before as they come now: let in again unread, only as long as they would be if they were read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2b
from typing import Any

import pytest

from outpost.directory.draft import whole
from outpost.directory.snapshot import Touched
from outpost.listeners.ldap_again import MOST_BINDS
from outpost.listeners.ldap_binds import Binds
from outpost.outcome import Decision, Password
from protocols.ldap import ber, dn
from protocols.ldap.again import question
from protocols.ldap.filter import Equality
from protocols.ldap.schema import WHO_AM_I
from protocols.link.messages import (
    Authenticate,
    Authenticated,
    BindingRecord,
    Change,
    Members,
    PasswordEnd,
    Put,
    Remove,
    Reuse,
)
from tests.fakes import FakeLink, an_identity
from tests.outpost.directory.people import ALICE, BASE, BOB, NOW, PROVIDER, RECORDS, USERS, People, a_provider, a_user
from tests.outpost.listeners.ldap_door import ALICE_DN, BOB_DN, PASSWORDS, TLS, Client, Door
from tests.protocols.ldap import peer

STAFF = BindingRecord("b1", 0, group="g-staff")
POLICY = "1.3.6.1.4.1.42.2.27.8.5.1"
ALICE_BINDS = peer.bind(7, ALICE_DN, "secret")


class Control(FakeLink):
    """On the outpost's own revision; what it accepts may be used again for ten minutes."""

    reuse = Reuse(600.0)
    door: Door

    async def ask(self, question: Authenticate) -> Authenticated:
        return replace(await super().ask(question), revision=self.door.people.directory.current.revision)


def a_door(*bindings: BindingRecord, **settings: Any) -> Door:
    control = Control(dict(PASSWORDS))
    door = Door(People((*RECORDS[:-1], a_provider(*bindings, **settings))), control, TLS, caches=True)
    control.door = door
    return door


class Read:
    """How many binds were read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        known_bind: Callable[..., Any] = Binds.known_bind

        def counted(*arguments: Any) -> Any:
            self.count += 1
            return known_bind(*arguments)

        monkeypatch.setattr(Binds, "known_bind", counted)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    return Read(monkeypatch)


def remembered(read: Read, door: Door, name: str = ALICE_DN, password: str = "secret", **how: Any) -> Client:
    """Who has just bound without having been read."""
    client = door.connect(**how)
    for _ in range(3):
        assert client.bind(name, password) == 0
    before = read.count
    assert client.bind(name, password) == 0
    assert read.count == before
    return client


def who(client: Client) -> bytes:
    (answer,) = client.ask(peer.extended(99, WHO_AM_I))
    return answer.value or b""


# --- what is remembered ---


def test_the_same_bind_is_read_until_it_is_known(read: Read) -> None:
    door = a_door()
    client = door.connect()
    said = [client.ask(peer.bind(number, ALICE_DN, "secret")) for number in (1, 2, 127, 128, 70_000, 2**31 - 1)]
    assert [one.code for (one,) in said] == [0] * 6
    assert [one.message_id for (one,) in said] == [1, 2, 127, 128, 70_000, 2**31 - 1]
    assert (len(door.link.questions), read.count) == (1, 2)
    assert who(client) == f"dn:{ALICE_DN}".encode()


def test_it_counts_as_any_other(read: Read) -> None:
    door = a_door()
    remembered(read, door)
    assert door.cache is not None
    assert door.telemetry.decisions == {("ldap", "accepted"): 4}
    assert door.cache.hits == {False: 3, True: 0}
    assert list(door.cache.uses.values()) == [3]


def test_a_long_name_is_known_as_well(read: Read) -> None:
    long = "x" * 120
    door = Door(People((*RECORDS, a_user(9, long))), Control({long: "secret"}), caches=True)
    door.link.door = door  # type: ignore[attr-defined]
    assert len(peer.bind(1, f"cn={long},{USERS}", "secret")) > 0x81
    remembered(read, door, f"cn={long},{USERS}")


def test_other_octets_are_read(read: Read) -> None:
    door = a_door()
    client = remembered(read, door)
    for at in range(9, len(ALICE_BINDS)):  # behind the message ID
        for other in (ALICE_BINDS[at] ^ 1, ALICE_BINDS[at] ^ 0x20):
            before = read.count
            answers = client.ask(ALICE_BINDS[:at] + bytes((other,)) + ALICE_BINDS[at + 1 :])
            accepted = [one.operation for one in answers if one.code == 0] == ["bindResponse"]
            assert not accepted or read.count == before + 1
            client = door.connect()


def test_a_wrong_password_is_asked_about_and_takes_the_identity_away(read: Read) -> None:
    client = remembered(read, a_door())
    assert client.bind(ALICE_DN, "Secret") == 49
    assert who(client) == b""
    assert client.door.link.questions[-1].proof["password"] == "Secret"
    assert client.bind() == 0
    assert who(client) == f"dn:{ALICE_DN}".encode()


def test_a_bind_takes_the_place_of_the_one_before(read: Read) -> None:
    door = a_door()
    client = remembered(read, door)
    remembered(read, door, BOB_DN, "hunter2")
    before = read.count
    for name, password in ((BOB_DN, "hunter2"), (ALICE_DN, "secret"), (BOB_DN, "hunter2")):
        assert client.bind(name, password) == 0
        assert who(client) == f"dn:{name}".encode()
    assert read.count == before
    assert client.names(peer.search(2, USERS, attributes=["1.1"])) == [USERS, BOB_DN]


def test_where_bases_differ_each_bind_is_its_own_providers(read: Read) -> None:
    other = "dc=other"
    door = Door(People((*RECORDS, a_provider(pk=6, base=other))), Control(dict(PASSWORDS)), caches=True)
    door.link.door = door  # type: ignore[attr-defined]
    here, there = remembered(read, door), remembered(read, door, f"cn=alice,ou=users,{other}")
    assert (who(here), who(there)) == (f"dn:{ALICE_DN}".encode(), f"dn:cn=alice,ou=users,{other}".encode())
    assert {one.provider for one in door.link.questions} == {5, 6}
    assert here.bind(f"cn=alice,ou=users,{other}") == 0
    assert who(here) == f"dn:cn=alice,ou=users,{other}".encode()


# --- what is not ---


def test_no_second_factor_is_good_twice(read: Read) -> None:
    """Control says of nothing that was typed with a code that it may be used again."""
    door = a_door()
    door.link.reuse = None
    client = door.connect()
    assert [client.bind() for _ in range(5)] == [0] * 5
    assert (len(door.link.questions), read.count) == (5, 5)


def test_the_password_policy_control_is_read_each_time(read: Read) -> None:
    """What it says depends on the hour."""
    door = a_door()
    remembered(read, door)
    door.link.password_end = PasswordEnd(NOW + 600, NOW)
    client, before = door.connect(), read.count
    asked = peer.bind(3, ALICE_DN, "secret", controls=[(POLICY, False, None)])
    assert [POLICY in one.controls for one in client.ask(asked) + client.ask(asked)] == [True, True]
    assert read.count == before + 2


def test_what_stands_behind_a_bind_makes_it_another(read: Read) -> None:
    client = remembered(read, a_door())
    before = read.count
    codes = [one.code for one in client.ask(ALICE_BINDS, peer.search(8, USERS, scope=0))]
    assert codes == [0, None, 0]
    assert read.count == before + 1


def test_it_waits_for_the_searches_before_it(read: Read) -> None:
    door = a_door()
    door.people.change(*(Put(a_user(pk, f"user{pk}")) for pk in range(100, 1100)))
    client = remembered(read, door)
    client.send(peer.search(2, USERS))
    client.send(ALICE_BINDS)
    said = client.answers()
    while said[-1].message_id != 7:
        client.turn()
        said += client.answers()
    assert [one.operation for one in said[-2:]] == ["searchResDone", "bindResponse"]


def test_a_peer_that_does_not_read_is_not_answered(read: Read) -> None:
    client = remembered(read, a_door())
    client.connection.pauseProducing()
    assert client.ask(ALICE_BINDS) == []
    client.connection.resumeProducing()
    assert [one.code for one in client.answers()] == [0]


def test_half_a_bind_is_waited_for(read: Read) -> None:
    client = remembered(read, a_door())
    for cut in range(1, len(ALICE_BINDS)):
        assert client.ask(ALICE_BINDS[:cut]) == []
        assert [one.code for one in client.ask(ALICE_BINDS[cut:])] == [0]
        client.send(ALICE_BINDS[:cut])
        assert [one.code for one in client.ask(ALICE_BINDS[cut:] + ALICE_BINDS)] == [0, 0]


def test_a_bind_with_more_behind_the_password_is_read(read: Read) -> None:
    """Later versions may add elements (RFC 4511 s4); what it ends with is not the password then."""
    asked = question(ALICE_BINDS)
    assert asked is not None
    longer = ber.tlv(0x30, ber.encode_integer(7) + ber.tlv(0x60, asked[2] + ber.tlv(0x45, b"x")))
    client = a_door().connect()
    for _ in range(4):
        assert client.code(longer) == 0
        assert client.connection.bound.password == "secret"
    assert read.count == 4


@pytest.mark.parametrize("within", [ALICE_BINDS, peer.search(8, USERS, filter="(uid=alice)")])
def test_what_is_a_part_of_something_else_asks_nothing(within: bytes, read: Read) -> None:
    """A value may hold whatever octets, and arrive in whatever pieces."""
    client = remembered(read, a_door())
    for _ in range(3):
        client.ask(peer.search(8, USERS, filter="(uid=alice)"))
    around = peer.search(9, USERS, filter=Equality("uid", within))
    at = around.index(within)
    assert client.ask(around[:at]) == []
    assert client.ask(around[at : at + len(within)]) == []
    assert [one.message_id for one in client.ask(around[at + len(within) :])] == [9]
    assert client.door.telemetry.faults == []


def test_nothing_is_said_behind_the_end(read: Read) -> None:
    client = remembered(read, a_door())
    client.send(peer.unbind(8))
    assert client.ask(ALICE_BINDS) == []


def test_a_knock_is_answered(read: Read) -> None:
    """Whoever set up a base DN that was missing sees that it is there now."""
    door = a_door()
    client = remembered(read, door)
    door.telemetry.knocked("base_dn", dn.top(dn.parse(BASE)), peer="192.0.2.1")
    door.telemetry.knocked("nas", "192.0.2.7")
    before = read.count
    assert client.bind() == 0
    assert read.count == before
    assert list(door.telemetry.knocks.open) == [("nas", "192.0.2.7")]


def test_no_password_is_kept(read: Read) -> None:
    door = a_door()
    remembered(read, door)
    again, asked = door.factory.again, question(ALICE_BINDS)
    assert asked is not None
    assert "secret" not in str(list(again._kept.items()))
    assert {digest for _, _, digest in again._kept} == {again._digest(asked[2])}
    assert again._digest(asked[2]) != blake2b(asked[2]).digest(), "without the key nobody can try passwords on it"


def test_whoever_changes_their_password_need_not_say_the_old_one(read: Read) -> None:
    client = remembered(read, a_door(), secure=True)
    changed = peer.modify(8, ALICE_DN, (2, "userPassword", ["another"]))
    assert client.code(changed) == 0
    assert client.door.link.changes[-1].old == "secret"


# --- how long ---


def _alice(**fields: Any) -> Put:
    return Put(a_user(ALICE, "alice", **fields))


@pytest.mark.parametrize(
    "change",
    [
        _alice(is_active=False),
        _alice(credential_version=2),
        _alice(valid_until=NOW - 1),
        _alice(valid_from=NOW + 1),
        Remove("user", ALICE),
        Members("g-staff", removed=(ALICE,)),
        Remove("group", "g-staff"),
        Put(a_provider()),
        Put(a_provider(BindingRecord("b1", 0, policy="p"))),
        Put(a_provider(STAFF, bind_by_mail=True)),
        Put(a_user(BOB, "bob", name="Another")),
    ],
)
def test_no_change_is_missed(change: Change, read: Read) -> None:
    """Of whatever in the directory: the bind is read again."""
    door = a_door(STAFF)
    door.people.change(Members("g-staff", added=(ALICE,)))
    client = remembered(read, door)
    door.people.change(change)
    door.link.passwords["alice"] = "another"
    before, other = read.count, door.connect()
    known = other.bind()
    assert read.count == before + 1
    harmless = isinstance(change, Put) and change.record == a_user(BOB, "bob", name="Another")
    assert known == (0 if harmless else 49)
    assert who(other) == (f"dn:{ALICE_DN}".encode() if harmless else b"")
    assert client.closed or client.bind() == known


def test_a_provider_that_is_gone_lets_nobody_in(read: Read) -> None:
    client = remembered(read, a_door())
    client.door.people.change(Remove("provider", PROVIDER))
    assert client.bind() == 49
    assert client.door.telemetry.decisions["ldap", "unknown_user"] == 1


def test_another_store_of_the_same_revision_knows_nobody(read: Read) -> None:
    door = a_door()
    client = remembered(read, door)
    same = door.people.directory.current.revision
    strangers = (a_user(ALICE, "alice", uuid="another"), a_provider())
    door.people.directory.publish(whole(same, strangers), Touched(everything=True))
    door.link.passwords.clear()
    assert door.connect().bind() == 49
    assert client.closed


@pytest.mark.parametrize(
    ("known", "seconds"),
    [
        (Reuse(600.0), 600.0),
        (Reuse(60.0), 60.0),
        (Reuse(600.0, not_after=NOW + 30), 30.0),  # an app password, or the yes of a policy, with an end
        (Reuse(3600.0), 600.0),
    ],
)
def test_it_is_good_as_long_as_the_credentials_are(known: Reuse, seconds: float, read: Read) -> None:
    door = a_door()
    door.link.reuse = known
    remembered(read, door)
    door.link.passwords.clear()
    door.now, before = NOW + seconds - 1, read.count
    assert door.connect().bind() == 0
    assert read.count == before
    door.now += 1
    assert door.connect().bind() == 49


def test_an_account_that_ends_ends(read: Read) -> None:
    door = a_door()
    door.people.change(_alice(valid_until=NOW + 60))
    remembered(read, door)
    door.link.verdicts["alice"] = "expired"
    door.now = NOW + 59
    assert door.connect().bind() == 0
    door.now = NOW + 60
    assert door.connect().bind() == 49
    assert door.telemetry.decisions["ldap", "expired"] == 1


def test_a_refusal_heard_at_another_connection_counts(read: Read) -> None:
    """Of the same credentials for the same provider."""
    door = a_door()
    remembered(read, door)
    assert door.cache is not None
    refused = Decision("policy_denied")
    door.cache.learn(Password("alice", "secret"), PROVIDER, "192.0.2.9", refused, None, 1)
    door.link.verdicts["alice"] = "policy_denied"
    assert door.connect().bind() == 50


# --- from where ---


def test_known_over_tls_is_not_known_in_the_clear(read: Read) -> None:
    door = a_door(require_tls=True)
    assert door.connect().bind() == 13
    secure = remembered(read, door, secure=True)
    clear = door.connect()
    assert [clear.bind() for _ in range(3)] == [13] * 3
    assert who(clear) == b""
    assert who(secure) == f"dn:{ALICE_DN}".encode()


def test_tls_required_from_now_on(read: Read) -> None:
    client = remembered(read, a_door())
    client.door.people.change(Put(a_provider(require_tls=True)))
    assert [client.bind(), client.bind()] == [13, 13]


def test_what_is_known_from_one_host_is_not_from_another(read: Read) -> None:
    door = a_door()
    door.link.reuse = Reuse(600.0, peer_only=True)
    remembered(read, door, host="192.0.2.1")
    door.link.verdicts["alice"] = "policy_denied"
    assert door.connect(host="192.0.2.2").bind() == 50
    assert door.connect(host="192.0.2.1").bind() == 0


# --- when things go wrong ---


def test_control_away_changes_nothing_before_the_credentials_end(read: Read) -> None:
    door = a_door()
    client = remembered(read, door)
    door.link.away = True
    before = read.count
    assert client.bind() == 0
    assert read.count == before
    door.now = NOW + 601
    assert [client.bind() for _ in range(3)] == [0] * 3, "in the grace, which is read each time"
    assert read.count == before + 3
    door.people.change(_alice(is_active=False))
    assert door.connect().bind() == 52


def test_a_fault_lets_nobody_in(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    door = a_door()
    client = remembered(read, door)
    door.link.passwords.clear()
    monkeypatch.setattr(door.cache, "_now", lambda: 1 / 0)
    assert client.bind() in (49, 80)
    assert who(client) == b""
    assert "ldap again" in door.telemetry.faults


def test_only_so_many_are_kept(read: Read) -> None:
    assert a_door().factory.again._kept._most == MOST_BINDS


def test_somebody_who_must_choose_another_password_is_read(read: Read) -> None:
    door = a_door()
    client = remembered(read, door, secure=True)
    assert client.bind(BOB_DN, "hunter2") == 0
    own = peer.search(4, BOB_DN, scope=0)
    assert [client.code(own) for _ in range(3)] == [0] * 3
    door.people.change(Put(a_user(BOB, "bob", credential_version=2)))
    client = remembered(read, door, secure=True)
    assert client.bind(ALICE_DN) == 0
    door.link.verdicts["bob"] = "must_change_password"
    (limited,) = client.ask(peer.bind(3, BOB_DN, "hunter2", controls=[(POLICY, False, None)]))
    assert limited.code == 0
    before = read.count
    assert client.code(peer.search(4, USERS, scope=0)) == 50
    assert client.bind() == 0
    assert read.count == before + 1
    assert client.code(peer.search(5, USERS, scope=0)) == 0


def test_the_same_identity_as_if_it_were_read(read: Read) -> None:
    door = a_door()
    door.link.identities["alice"] = an_identity("alice", ALICE, uuid=RECORDS[0].uuid, name="As control says")  # type: ignore[union-attr]
    client = door.connect()
    bounds = []
    for _ in range(4):
        assert client.bind() == 0
        bounds.append(client.connection.bound)
    assert read.count == 2
    assert bounds[1] == bounds[2] == bounds[3]
    assert bounds[3].password == "secret"
