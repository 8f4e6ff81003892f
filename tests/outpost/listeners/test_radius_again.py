"""Known logins that are answered unread: as they would be if they were read, only as long as they would be let in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2s
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outpost.directory.draft import changed, whole
from outpost.directory.snapshot import Touched
from outpost.kept.credential_cache import CredentialCache
from outpost.outcome import Decision, Password
from protocols.link.messages import (
    Authenticate,
    Authenticated,
    BindingRecord,
    Change,
    GroupRecord,
    Members,
    NasRecord,
    ProviderRecord,
    Put,
    Record,
    ReplyAttribute,
    ReplyRule,
    Reuse,
)
from protocols.radius.exchange import REJECT_DELAY, RadiusExchange
from protocols.radius.pins import Pins
from tests.extent import rounds
from tests.fakes import FakeLink, an_identity
from tests.outpost.directory.people import a_user
from tests.outpost.listeners.test_radius import Door, granted, with_settings
from tests.protocols.radius import nas_side
from tests.protocols.radius.nas_side import PEER, SECRET, attribute

STAFF = BindingRecord("b1", 0, group="g-staff")
GROUP = GroupRecord("g-staff", "staff", False, 1, (), (1, 2))
STATION = attribute(31, b"02-00-00-00-00-01")
AP = NasRecord("n1", "ap", "192.0.2.8", "another secret")
BRIDGE = (NasRecord("n2", "one", "192.0.2.9", SECRET.decode(), "nas-1"),)
PASSWORDS = {"alice": "correct horse", "bob": "hunter2"}


def a_provider(*bindings: BindingRecord, **fields: Any) -> ProviderRecord:
    return replace(with_settings(nas=(AP, *BRIDGE), **fields), bindings=bindings)


class Control(FakeLink):
    """On the outpost's own revision; what it accepts may be used again for ten minutes."""

    reuse = Reuse(600.0)
    reply: tuple[ReplyAttribute, ...] = ()
    """What property mappings add."""
    door: Door

    async def ask(self, question: Authenticate) -> Authenticated:
        revision = self.door.directory.current.revision
        return replace(await super().ask(question), revision=revision, reply=self.reply)


class KnownDoor(Door):
    """Keeps what control has accepted. ``unread``: may it answer without reading?"""

    def __init__(self, unread: bool = True) -> None:
        control = Control(dict(PASSWORDS), {"alice": an_identity("alice", 1), "bob": an_identity("bob", 2)})
        control.door = self
        self.pins = Pins()
        super().__init__(control, pins=self.pins)
        records: list[Record] = [a_provider(STAFF), a_user(1, "alice"), a_user(2, "bob"), GROUP]
        self.directory.publish(whole(2, records), Touched(everything=True))
        self.cache = CredentialCache(bytes(32), self.directory, self.clock.seconds)
        self.listener._authentication._cache = self.cache
        if not unread:
            self.listener._exchange.again = lambda *_: None  # type: ignore[method-assign]
        self.number = 0
        self.read = 0
        receive = self.listener._exchange.receive_datagram

        def counted(*arguments: Any) -> Any:
            self.read += 1
            return receive(*arguments)

        self.listener._exchange.receive_datagram = counted  # type: ignore[method-assign,assignment]

    def next(self, name: str = "alice", password: str = "correct horse", **fields: Any) -> bytes:
        """No two are alike."""
        self.number += 1
        fields = {"extra": STATION, **fields}
        authenticator, identifier = self.number.to_bytes(16), self.number % 256
        return nas_side.pap(
            name.encode(), password.encode(), authenticator=authenticator, identifier=identifier, **fields
        )

    def change(self, *changes: Change) -> None:
        current = self.directory.current
        self.directory.publish(*changed(current, current.revision + 1, changes))

    def is_let_in_unread(self, **fields: Any) -> bool:
        self.transport.written.clear()
        before, datagram = self.read, self.next(**fields)
        self.send(datagram)
        assert self.telemetry.faults == []
        if self.read != before:
            return False
        assert self.replies() == [granted(datagram)]
        return True


def known() -> KnownDoor:
    """Alice was asked about, then known, and is answered unread from now on."""
    door = KnownDoor()
    assert not door.is_let_in_unread()
    assert not door.is_let_in_unread()
    assert door.is_let_in_unread()
    door.transport.written.clear()
    return door


def test_a_known_login_is_answered_unread_and_counted_like_any() -> None:
    door = known()
    assert [door.is_let_in_unread() for _ in range(3)] == [True] * 3
    assert len(door.link.questions) == 1
    assert door.telemetry.decisions == {("radius", "accepted"): 6}
    assert sum(door.cache.uses.values()) == door.cache.hits[False] == 5


def test_76_108_a_copy_gets_the_same_octets_and_is_no_second_use() -> None:
    door = known()
    datagram = door.next()
    for _ in range(3):
        door.send(datagram)
        door.clock.advance(1)
    first, second, third = door.replies()
    assert first == second == third == granted(datagram)
    assert door.telemetry.decisions == {("radius", "accepted"): 4}
    assert sum(door.cache.uses.values()) == 3


@pytest.mark.parametrize(
    ("name", "password"), [("alice", "another"), ("alice", "correct horsE"), ("bobby", "correct horse")]
)
def test_another_name_or_password_is_read_and_refused(name: str, password: str) -> None:
    door = known()
    datagram = door.next(name, password)
    door.send(datagram)
    door.clock.advance(REJECT_DELAY)
    assert door.replies() == [nas_side.expected_reply(3, datagram)]
    assert door.is_let_in_unread()


def test_a_wrong_signature_is_silence() -> None:
    door = known()
    door.send(door.next(secret=b"other"))
    assert door.replies() == []
    assert door.telemetry.discards == {("radius", "bad_message_authenticator"): 1}


def _alice(**fields: Any) -> Put:
    return Put(a_user(1, "alice", **fields))


@pytest.mark.parametrize(
    "change",
    [
        _alice(is_active=False),
        _alice(credential_version=2),
        _alice(valid_until=1.0),
        Members("g-staff", removed=(1,)),
        Put(a_provider(BindingRecord("b2", 0, user=2))),
        Put(a_provider(STAFF, rules=(ReplyRule((ReplyAttribute("Filter-Id", "guests"),)),))),
        Put(a_provider(STAFF, mac_authentication=True)),
        Put(a_user(9, "somebody else")),
    ],
)
def test_no_change_is_missed(change: Change) -> None:
    door = known()
    door.change(change)
    door.cache.known(Password("alice", "correct horse"), 1, PEER[0])  # at another door
    assert not door.is_let_in_unread()


def test_it_is_good_as_long_as_the_credentials_are() -> None:
    door = known()
    door.clock.advance(599)
    assert door.is_let_in_unread()
    door.clock.advance(2)
    assert not door.is_let_in_unread()
    assert len(door.link.questions) == 2


def test_what_control_refuses_at_another_door_is_over_here() -> None:
    door = known()
    over = Decision("wrong_password", id="x")
    door.cache.learn(Password("alice", "correct horse"), 1, "192.0.2.99", over, None, 2)
    assert not door.is_let_in_unread()
    assert len(door.link.questions) == 2


def test_an_account_that_ends_ends() -> None:
    door = KnownDoor()
    door.change(_alice(valid_until=door.clock.seconds() + 60))
    for _ in range(3):
        assert not door.is_let_in_unread(), "its Session-Timeout is another one each second"
    assert len(door.link.questions) == 1
    door.clock.advance(61)
    assert not door.is_let_in_unread()
    assert len(door.link.questions) == 2


@pytest.mark.parametrize("peer_only", [False, True])
def test_what_is_known_from_one_nas_is_asked_about_where_another_asks(peer_only: bool) -> None:
    door = KnownDoor()
    door.link.reuse = Reuse(600.0, peer_only=peer_only)
    for _ in range(3):
        door.is_let_in_unread()
    before = door.read
    door.send(door.next(secret=b"another secret"), ("192.0.2.8", 1645))
    assert door.read == before + 1
    assert len(door.link.questions) == 1 + peer_only


def test_what_a_rule_chooses_is_chosen_each_time() -> None:
    door = KnownDoor()
    door.change(Put(a_provider(STAFF, rules=(ReplyRule((ReplyAttribute("Filter-Id", "guests"),), nas="ap-1"),))))
    for name, told in ((b"ap-1", True), (b"ap-2", False)) * 3:
        datagram = door.next(extra=attribute(32, name))
        door.send(datagram)
        [reply] = door.replies()
        assert (attribute(11, b"guests") in reply) == told


def test_what_mappings_add_is_said_each_time() -> None:
    door = known()
    assert isinstance(door.link, Control)
    door.link.reply = (ReplyAttribute("Filter-Id", "guests"),)
    door.clock.advance(601)
    for _ in range(3):
        assert not door.is_let_in_unread()
        assert all(attribute(11, b"guests") in reply for reply in door.replies())
    assert len(door.link.questions) == 2


def test_a_chargeable_identity_is_answered_to_whoever_asks() -> None:
    door = known()
    for _ in range(3):
        assert not door.is_let_in_unread(extra=attribute(89, b"\0"))
    assert all(attribute(89, b"0" * 63 + b"1") in reply for reply in door.replies())


def test_proxy_state_comes_back() -> None:
    door = known()
    for number in range(3):
        datagram = door.next(extra=attribute(33, b"%d" % number))
        door.send(datagram)
        assert door.replies() == [granted(datagram, echoed=attribute(33, b"%d" % number))]


def test_whoever_knocked_is_told_of() -> None:
    door = known()
    door.telemetry.knocked("nas", PEER[0])
    assert not door.is_let_in_unread()
    assert not door.telemetry.knocks.open
    assert door.is_let_in_unread()


def test_no_password_is_kept() -> None:
    door = known()
    again = door.listener._again
    [(provider, address, digest)] = again._kept
    assert "correct horse" not in str(list(again._kept.items()))
    login = b"\x01\x07alicecorrect horse"
    assert (provider, address, digest) == (1, PEER[0], again._digest(login))
    assert digest != blake2s(login).digest(), "without the key nobody can try passwords on it"


@pytest.mark.parametrize("broken", ["again", "granted", "accepted", "plain", "remember"])
def test_an_exception_on_the_way_lets_nobody_in(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object) -> None:
        raise RuntimeError("injected")

    door = known() if broken not in ("plain", "remember") else KnownDoor()
    door.send(door.next())
    door.transport.written.clear()
    match broken:
        case "again":
            monkeypatch.setattr(RadiusExchange, "again", explode)
        case "accepted":
            monkeypatch.setattr(door.telemetry, "accepted", explode)
        case "plain":
            monkeypatch.setattr(door.listener._replies, "plain", explode)
        case name:
            monkeypatch.setattr(door.listener._again, name, explode)
    door.send(door.next())
    assert len(door.telemetry.faults) == 1
    assert len(door.transport.written) == (broken in ("plain", "remember")), "those are let in who have been read"


# --- whatever happens in between -------------------------------------------------------------------------------------

Step = Callable[[KnownDoor], None]


def _asks(name: str, password: str, extra: bytes, sign: str, place: str, port: int) -> Step:
    def ask(door: KnownDoor) -> None:
        secret = AP.shared_secret.encode() if place == AP.network else SECRET
        door.send(door.next(name, password, extra=extra, sign=sign, secret=secret), (place, port))

    return ask


asking = st.builds(
    _asks,
    st.sampled_from(("alice", "alice", "bob", "alice@example.com")),
    st.sampled_from(("correct horse", "correct horse", "hunter2")),
    st.sampled_from(
        (
            STATION,
            STATION,
            attribute(31, b"02-00-00-00-00-02"),
            attribute(32, b"nas-1"),
            attribute(32, b"nas-2"),
            attribute(33, b"state"),
            attribute(24, b"state"),
            attribute(89, b"\0"),
            attribute(26, (9).to_bytes(4) + b"\x01\x06abcd"),
            attribute(26, (311).to_bytes(4) + b"\x19\x06abcd"),
        )
    ),
    st.sampled_from(("first", "first", "last", "never")),
    st.sampled_from((PEER[0], PEER[0], AP.network, "192.0.2.9", "198.51.100.1")),
    st.sampled_from((1645, 1646)),
)


def _same(door: KnownDoor) -> None:
    """The last one once more."""
    door.number -= 1


def _set(**fields: Any) -> Step:
    def say(door: KnownDoor) -> None:
        for name, value in fields.items():
            setattr(door.link, name, value)

    return say


def _learn(accepted: bool) -> Step:
    """At another door of the same outpost."""

    def learn(door: KnownDoor) -> None:
        decision = Decision("accepted", door.link.identities["alice"]) if accepted else Decision("wrong_password")
        revision, reuse = door.directory.current.revision, Reuse(90.0) if accepted else None
        door.cache.learn(Password("alice", "correct horse"), 1, PEER[0], decision, reuse, revision)

    return learn


happens = st.sampled_from(
    [
        *[lambda door, seconds=seconds: door.clock.advance(seconds) for seconds in (0.5, 5.0, 100.0, 601.0)],
        *[
            lambda door, one=one: door.change(one)
            for one in (
                Members("g-staff", removed=(1,)),
                Members("g-staff", added=(1, 2)),
                _alice(is_active=False),
                _alice(credential_version=2),
                _alice(),
                Put(a_user(9, "somebody")),
                Put(a_provider()),
                Put(a_provider(STAFF, stripped_realms=("example.com",))),
                Put(a_provider(STAFF, mac_authentication=True)),
                Put(a_provider(STAFF, rules=(ReplyRule((ReplyAttribute("Filter-Id", "x"),), nas="nas-1"),))),
                Put(replace(a_provider(STAFF), pk=2)),
            )
        ],
        _set(reuse=None),
        _set(reuse=Reuse(600.0)),
        _set(reuse=Reuse(600.0, peer_only=True)),
        _set(away=True),
        _set(away=False),
        _set(keys={"session": "another"}),
        _set(reply=(ReplyAttribute("Filter-Id", "guests"),)),
        _learn(True),
        _learn(False),
        _same,
        lambda door: door.pins.addresses.clear(),
        lambda door: door.telemetry.knocked("nas", PEER[0]),
    ]
)


@settings(max_examples=rounds(150))
@given(st.lists(asking, min_size=1, max_size=4), st.lists(st.one_of(happens, asking), min_size=3, max_size=12))
def test_nobody_is_told_otherwise(asked: list[Step], then: list[Step]) -> None:
    told = []
    for unread in (True, False):
        door = KnownDoor(unread)
        for step in [lambda door: None, *then]:
            step(door)
            for ask in asked * 3:
                ask(door)
        door.clock.advance(REJECT_DELAY)
        telemetry = door.telemetry
        counted = [dict(one) for one in (telemetry.decisions, telemetry.discards, door.cache.uses, door.cache.hits)]
        knocks = list(telemetry.knocks.open)
        told.append(
            (door.transport.written, counted, door.link.questions, door.pins.addresses, knocks, telemetry.faults)
        )
    assert told[0] == told[1]
