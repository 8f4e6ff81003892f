"""What the LDAP door answers unread is what it would answer if it read everything, whatever happens in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from outpost.outcome import Decision, Password
from protocols.ldap.schema import WHO_AM_I
from protocols.link.messages import BindingRecord, Change, Members, PasswordEnd, Put, Remove, Reuse
from tests.extent import rounds
from tests.outpost.directory.people import (
    ALICE,
    BASE,
    BOB,
    NOW,
    PROVIDER,
    RECORDS,
    USERS,
    People,
    a_provider,
    a_user,
)
from tests.outpost.listeners.ldap_door import ALICE_DN, BOB_DN, PASSWORDS, TLS, Client, Door
from tests.outpost.listeners.test_ldap_known_binds import POLICY, Control
from tests.protocols.ldap import peer

OTHER = 6
EITHER = "(&(objectClass=posixAccount)(|(uid={0})(mail={0}@example.com)))"
ELSEWHERE = "dc=elsewhere"
STAFF = BindingRecord("b1", 0, group="g-staff")
HOSTS = ("192.0.2.1", "192.0.2.2")
Step = Callable[["Compared"], None]


class Compared:
    """One door, asked over three connections, of which the last is over TLS. ``again``: does it answer unread?"""

    def __init__(self, again: bool) -> None:
        control = Control(dict(PASSWORDS))
        records = (*RECORDS[:-1], a_provider(STAFF), a_provider(pk=OTHER, base=ELSEWHERE))
        self.door = control.door = Door(People(records), control, TLS, caches=True)
        if not again:
            self.door.factory.again.answer = lambda *_: None  # type: ignore[method-assign]
            self.door.factory.reads.again = lambda *_: None  # type: ignore[method-assign]
        self.clients = [self.connect(number) for number in range(3)]
        self.said: list[Any] = []

    def connect(self, number: int) -> Client:
        return self.door.connect(HOSTS[number % 2], secure=number == 2)

    def ask(self, number: int, octets: bytes) -> None:
        client = self.clients[number]
        if client.closed or client.wire.aborted:
            client = self.clients[number] = self.connect(number)
        client.send(octets)
        self.said += [client.answers(), client.closed]

    @property
    def told(self) -> Any:
        """Everything that anybody was told, and what was counted and asked."""
        door, telemetry = self.door, self.door.telemetry
        assert door.cache is not None
        counted = [dict(one) for one in (telemetry.decisions, telemetry.refusals, telemetry.taken, door.cache.uses)]
        bound = [client.connection.bound for client in self.clients]
        deadlines = [client.connection.deadline for client in self.clients]
        knocks = list(telemetry.knocks.open)
        return self.said, counted, door.cache.hits, door.link.questions, bound, deadlines, knocks, telemetry.faults


# --- what is asked ---------------------------------------------------------------------------------------------------

RIGHT = ((ALICE_DN, "secret"), (BOB_DN, "hunter2"), (f"cn=alice,ou=users,{ELSEWHERE}", "secret"))
OTHERWISE = (
    *((ALICE_DN, password) for password in ("another", "Secret", "")),
    *((name, "secret") for name in (ALICE_DN.upper(), BOB_DN, "alice", "cn=x,dc=no", f"cn=dora,{USERS}")),
)
ids = st.sampled_from((1, 2, 127, 128, 70_000))
controls = st.sampled_from((*[()] * 9, ((POLICY, False, None),)))
binds = st.builds(
    lambda number, who, more: peer.bind(number, who[0], who[1], controls=more),
    ids,
    st.sampled_from((*RIGHT[:1] * 8, *RIGHT * 4, *OTHERWISE)),
    controls,
)
searches = st.builds(
    lambda number, base, filter, attributes, scope, size_limit: peer.search(
        number, base, scope=scope, filter=filter, attributes=attributes, size_limit=size_limit
    ),
    ids,
    st.sampled_from((*[USERS] * 4, *[BASE] * 3, "", ELSEWHERE, "dc=no", f"cn=alice,{USERS}")),
    st.sampled_from(
        (
            *["(uid=alice)", "(uid=bob)", "(uid=dave)", "(uid=carol)", "(cn=staff)"] * 3,
            *[EITHER.format(name) for name in ("alice", "carol", "users")],
            *("(memberOf=*)", "(uid=x)", "(cn=users)", "(uid=\\ff\\fe\\fdxy)", "(title=carol)", "(department=EMEA)"),
            *(f"(member=cn={name},{USERS})" for name in ("alice", "carol")),
        )
    ),
    st.sampled_from(((), ("cn",), ("*", "+"))),
    st.sampled_from((*[peer.SUB] * 6, peer.ONE, peer.BASE)),
    st.sampled_from((*[0] * 6, 1)),
)
changed = st.builds(
    lambda message, at, octet: message[: at % len(message)] + bytes((octet,)) + message[at % len(message) + 1 :],
    searches,
    st.integers(0, 500),
    st.sampled_from((0, 1, 2, 4, 0x30, 0x63, 0x7F, 0x80, 0x81, 0xA0, 0xA3, 0xFF)) | st.integers(0, 255),
)
others = st.sampled_from((peer.extended(9, WHO_AM_I), peer.bind(9, "", ""), peer.unbind(9), peer.abandon(9, 2)))
questions = st.one_of(*[binds] * 4, *[searches] * 5, changed, others)


def _asks(number: int, octets: bytes, cut: int) -> Step:
    """Whole or in two pieces."""

    def ask(compared: Compared) -> None:
        if 0 < cut < len(octets):
            compared.ask(number, octets[:cut])
            compared.clients[number].send(octets[cut:])
            compared.said.append(compared.clients[number].answers())
        else:
            compared.ask(number, octets)

    return ask


asking = st.builds(
    _asks,
    st.sampled_from((0, 0, 0, 1, 2)),
    st.one_of(*[questions] * 5, st.lists(questions, min_size=2, max_size=3).map(b"".join)),
    st.sampled_from((*[0] * 8, 1, 10, 30)),
)


# --- what happens ----------------------------------------------------------------------------------------------------


def _changes(*changes: Change) -> Step:
    return lambda compared: compared.door.people.change(*changes)


def _wait(seconds: float) -> Step:
    def wait(compared: Compared) -> None:
        compared.door.now += seconds
        compared.door.clock.advance(1.0)

    return wait


def _link(**fields: Any) -> Step:
    def say(compared: Compared) -> None:
        for name, value in fields.items():
            setattr(compared.door.link, name, value)

    return say


def _password(name: str, password: str) -> Step:
    return lambda compared: compared.door.link.passwords.update({name: password})


def _verdict(name: str, reason: str) -> Step:
    return lambda compared: compared.door.link.verdicts.update({name: reason})


def _learn(accepted: bool) -> Step:
    """At another door of the same outpost."""

    def learn(compared: Compared) -> None:
        door = compared.door
        assert door.cache is not None
        decision = Decision("accepted", door.link.identities["alice"]) if accepted else Decision("wrong_password")
        revision = door.people.directory.current.revision
        reuse = Reuse(90.0) if accepted else None
        door.cache.learn(Password("alice", "secret"), PROVIDER, HOSTS[0], decision, reuse, revision)

    return learn


def _knock(compared: Compared) -> None:
    compared.door.telemetry.knocked("base_dn", "DC=ldap,DC=goauthentik,DC=io", peer=HOSTS[0])


happens = st.sampled_from(
    [
        *[_wait(seconds) for seconds in (1.0, 50.0, 100.0, 600.0)],
        _changes(Members("g-staff", added=(ALICE,))),
        _changes(Members("g-staff", added=(ALICE, BOB))),
        _changes(Members("g-staff", removed=(ALICE,))),
        _changes(Put(a_user(ALICE, "alice", is_active=False))),
        _changes(Put(a_user(ALICE, "alice"))),
        _changes(Put(a_user(ALICE, "alice", credential_version=2))),
        _changes(Put(a_user(ALICE, "alice", valid_until=NOW + 120))),
        _changes(Put(a_user(ALICE, "alice", valid_from=NOW + 120))),
        _changes(Put(a_user(BOB, "bobby"))),
        _changes(Remove("user", BOB)),
        _changes(Put(a_user(9, "somebody"))),
        _changes(Put(a_user(9, "dave", attributes={"title": ["carol", "alice"], "uid": "carol"}))),
        _changes(Put(a_provider())),
        _changes(Put(a_provider(STAFF))),
        _changes(Put(a_provider(BindingRecord("b2", 0, policy="p"), STAFF))),
        _changes(Put(a_provider(require_tls=True))),
        _changes(Put(a_provider(samba=True, samba_password_hashes=True))),
        _changes(Put(a_provider(mapped=True, show_only_groups=("g-staff", "g-admins")))),
        _changes(Put(a_provider(bind_by_name=True))),
        _changes(Put(a_provider(base=ELSEWHERE)), Put(a_provider(pk=OTHER))),
        _changes(Remove("provider", PROVIDER)),
        _link(reuse=None),
        _link(reuse=Reuse(600.0)),
        _link(reuse=Reuse(600.0, peer_only=True)),
        _link(reuse=Reuse(600.0, not_after=NOW + 120)),
        _link(reuse=Reuse(600.0, words={"b2": True})),
        _link(password_end=PasswordEnd(NOW + 120, NOW)),
        _link(away=True),
        _link(away=False),
        _password("alice", "another"),
        _password("alice", "secret"),
        _verdict("alice", "policy_denied"),
        _verdict("alice", "must_change_password"),
        _verdict("alice", ""),
        _learn(True),
        _learn(False),
        _knock,
    ]
)


@settings(max_examples=rounds(150))
@given(st.lists(asking, min_size=1, max_size=5), st.lists(st.one_of(happens, asking), min_size=3, max_size=12))
def test_nobody_is_told_otherwise(asked: list[Step], then: list[Step]) -> None:
    told = []
    for again in (True, False):
        compared = Compared(again)
        for step in [_changes(Members("g-staff", added=(ALICE, BOB))), *then]:
            step(compared)
            for ask in asked * 3:
                ask(compared)
        told.append(compared.told)
    assert told[0] == told[1]
