import itertools
from dataclasses import replace
from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import FakeDatagramTransport

from outpost.authentication import Authentication
from outpost.directory.draft import changed, whole
from outpost.directory.snapshot import Directory, Touched
from outpost.listeners.nas import reported_pins
from outpost.listeners.onlookers import Onlookers
from outpost.listeners.radius import RadiusListener
from outpost.listeners.radius_eap import EapDoor
from outpost.listeners.radius_replies import Replies
from outpost.telemetry import Telemetry
from protocols.link.messages import (
    Authenticate,
    Authenticated,
    Configuration,
    GroupRecord,
    LdapSettings,
    NasRecord,
    Pinned,
    ProviderRecord,
    RadiusSettings,
    ReplyAttribute,
    ReplyRule,
)
from protocols.radius.exchange import REJECT_DELAY
from protocols.radius.pins import Pins
from tests.certificates import SERVER
from tests.fakes import FakeLink, an_identity, counted_random
from tests.outpost.directory.people import a_user
from tests.protocols.radius import nas_side
from tests.protocols.radius.nas_side import PEER, SECRET
from tests.protocols.radius.vectors import NETWORKS, Vector, vectors

ACCEPT, REJECT, CHALLENGE = 2, 3, 11
MS_CHAP_KEYS = {"authenticator_response": "S=" + "0" * 40, "password_hash_hash": "41c00c584bd2d91c4017a2a12fa59f3f"}


def a_provider(pk: int = 1, networks: tuple[str, ...] = NETWORKS, secret: str = SECRET.decode()) -> ProviderRecord:
    return ProviderRecord(
        pk, f"radius-{pk}", "radius", "wifi", "Wi-Fi", "a" * 32, "any", RadiusSettings(networks, secret)
    )


class RecordingTelemetry(Telemetry):
    """Keeps what it is told, and swallows faults after noting them."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.notes: list[str] = []

    def fault(self, where: str) -> None:
        self.faults.append(where)

    def noted(self, sentence: str) -> None:
        self.notes.append(sentence)


class SlowLink(FakeLink):
    """Answers when told to."""

    def __init__(self, passwords: dict[str, str]) -> None:
        super().__init__(passwords)
        self.gate: Deferred[None] = Deferred()

    async def ask(self, question: Authenticate) -> Authenticated:
        answer = await super().ask(question)
        await self.gate
        return answer


class Door:
    """A listener on an in-memory transport, with everything it stands on in reach."""

    def __init__(self, link: FakeLink | None = None, *records: ProviderRecord, pins: Pins | None = None) -> None:
        self.link = link or FakeLink({"alice": "correct horse"})
        self.directory = Directory()
        self.telemetry = RecordingTelemetry()
        self.clock = Clock()
        self.clock.advance(1_700_000_000.3)
        numbers = itertools.count(1)
        authentication = Authentication(self.link, lambda: str(next(numbers)), self.telemetry.fault)
        self.directory.publish(whole(1, records or (a_provider(),)), Touched(everything=True))
        self.listener = self.a_listener(authentication, pins)
        self.transport = FakeDatagramTransport()
        self.listener.makeConnection(self.transport)

    def a_listener(
        self, authentication: Authentication, pins: Pins | None = None, onlookers: Onlookers | None = None
    ) -> RadiusListener:
        random = counted_random()
        eap = EapDoor(self.directory, lambda _: SERVER.record, self.clock.seconds, random)
        replies = Replies(self.directory, self.telemetry, self.clock.seconds, random)
        return RadiusListener(
            authentication, self.directory, self.telemetry, self.clock, eap, replies, random, pins, onlookers
        )

    def send(self, datagram: bytes, peer: tuple[str, int] = PEER) -> None:
        self.listener.datagramReceived(datagram, peer)

    def replies(self) -> list[bytes]:
        """What has been sent since the last call, all of it to the NAS."""
        sent, self.transport.written = self.transport.written, []
        assert all(address == PEER for _, address in sent)
        return [octets for octets, _ in sent]

    def configure(self, *records: ProviderRecord) -> None:
        revision = self.directory.current.revision + 1
        self.directory.publish(*changed(self.directory.current, revision, [Configuration(records)]))


def granted(datagram: bytes, username: str = "alice", echoed: bytes = b"", secret: bytes = SECRET) -> bytes:
    """The Access-Accept of a provider without rules: the person's name, a Class, and Proxy-State."""
    said = nas_side.attribute(1, username.encode()) + nas_side.attribute(25, b"outpost:user:1")
    return nas_side.expected_reply(ACCEPT, datagram, said + echoed, secret)


def test_accept() -> None:
    door = Door()
    door.send(nas_side.pap())
    assert door.replies() == [granted(nas_side.pap())]
    assert door.telemetry.decisions == {("radius", "accepted"): 1}


def test_control_is_asked_once_with_what_is_known_of_the_request() -> None:
    door = Door()
    extra = nas_side.attribute(32, b"ap-7") + nas_side.attribute(31, b"02-00-00-00-00-01")
    door.send(nas_side.pap(extra=extra))
    [question] = door.link.questions
    assert (question.provider, question.username, question.protocol, question.peer) == (1, "alice", "radius", PEER[0])
    assert question.proof == {"kind": "password", "password": "correct horse"}
    assert question.attributes == {"nas": "ap-7", "calling_station": "02-00-00-00-00-01"}


@pytest.mark.parametrize("username", [b"alice", b"nobody"])
def test_5_118_a_reject_waits_a_second_whoever_it_is(username: bytes) -> None:
    door = Door()
    datagram = nas_side.pap(username, b"wrong")
    door.send(datagram)
    door.clock.advance(REJECT_DELAY - 0.01)
    assert door.replies() == []
    door.clock.advance(0.01)
    assert door.replies() == [nas_side.expected_reply(REJECT, datagram)]
    assert door.clock.getDelayedCalls() == []


def test_many_rejects_one_timer() -> None:
    door = Door()
    for identifier in range(100):
        door.send(nas_side.pap(password=b"wrong", identifier=identifier))
        assert len(door.clock.getDelayedCalls()) == 1
        door.clock.advance(0.003)
    for _ in range(200):
        door.clock.advance(0.01)
    assert [reply[1] for reply in door.replies()] == list(range(100))


def test_not_allowed_is_a_reject() -> None:
    door = Door()
    door.link.verdicts["alice"] = "no_binding"
    door.send(nas_side.pap())
    door.clock.advance(REJECT_DELAY)
    assert [reply[0] for reply in door.replies()] == [REJECT]


def test_76_108_a_duplicate_gets_the_same_octets_and_control_is_asked_once() -> None:
    door = Door()
    for _ in range(3):
        door.send(nas_side.pap())
        door.clock.advance(1)
    first, second, third = door.replies()
    assert first == second == third
    assert len(door.link.questions) == 1
    assert door.telemetry.decisions == {("radius", "accepted"): 1}


def test_78_another_password_under_the_same_authenticator_is_asked_about() -> None:
    door = Door()
    door.send(nas_side.pap())
    other = nas_side.pap(password=b"wrong horses!")
    assert other[:20] == nas_side.pap()[:20]
    door.send(other)
    assert door.replies() == [granted(nas_side.pap())]
    door.clock.advance(REJECT_DELAY)
    assert door.replies() == [nas_side.expected_reply(REJECT, other)]
    assert len(door.link.questions) == 2


def test_118_a_duplicate_of_a_reject_waits_with_it_and_then_gets_the_same_octets() -> None:
    door = Door()
    datagram = nas_side.pap(password=b"wrong")
    door.send(datagram)
    door.clock.advance(REJECT_DELAY / 2)
    door.send(datagram)
    assert door.telemetry.discards == {("radius", "duplicate_pending"): 1}
    door.clock.advance(REJECT_DELAY)
    door.send(datagram)
    first, second = door.replies()
    assert first == second
    assert len(door.link.questions) == 1
    assert door.telemetry.decisions == {("radius", "wrong_password"): 1}


def test_107_copies_in_flight_collapse_into_one_question_and_one_reply() -> None:
    link = SlowLink({"alice": "correct horse"})
    door = Door(link)
    for _ in range(3):
        door.send(nas_side.pap())
        door.clock.advance(3)
    assert door.replies() == []
    assert len(link.questions) == 1
    link.gate.callback(None)
    assert door.replies() == [granted(nas_side.pap())]
    assert door.telemetry.discards == {("radius", "duplicate_pending"): 2}
    assert door.telemetry.decisions == {("radius", "accepted"): 1}


def test_unavailable_is_silent_and_the_next_copy_asks_again() -> None:
    door = Door()
    door.link.away = True
    door.send(nas_side.pap())
    door.clock.advance(10)
    assert door.replies() == []
    assert door.telemetry.decisions == {("radius", "control_away"): 1}
    door.link.away = False
    door.send(nas_side.pap())
    assert [reply[0] for reply in door.replies()] == [ACCEPT]


@pytest.mark.parametrize(
    "broken",
    ["link", "authenticate", "decided", "receive_datagram", "answer", "attributes"],
)
def test_an_exception_anywhere_denies_by_silence(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object) -> None:
        raise RuntimeError("injected")

    door = Door()
    match broken:
        case "link":
            door.link.fails = RuntimeError("injected")
        case "authenticate":
            monkeypatch.setattr(door.listener._authentication, "authenticate", explode)
        case "decided":
            monkeypatch.setattr(door.telemetry, "decided", explode)
            monkeypatch.setattr(door.telemetry, "accepted", explode)
        case "attributes":
            monkeypatch.setattr("outpost.listeners.radius._circumstances", explode)
        case "answer":
            monkeypatch.setattr("protocols.radius.exchange.signed_reply", explode)
        case name:
            monkeypatch.setattr(door.listener._exchange, name, explode)
    door.send(nas_side.pap())
    door.clock.advance(10)
    assert door.replies() == []
    assert len(door.telemetry.faults) == 1
    assert door.clock.getDelayedCalls() == []


def test_an_answer_that_names_another_question_denies() -> None:
    class Confused(FakeLink):
        async def ask(self, question: Authenticate) -> Authenticated:
            return Authenticated("another", "accepted", "accepted", 1, an_identity("alice"))

    door = Door(Confused())
    door.send(nas_side.pap())
    assert door.replies() == []
    assert len(door.telemetry.faults) == 1


def test_a_wrong_secret_is_silent_when_signed_and_a_reject_when_not() -> None:
    door = Door()
    door.send(nas_side.pap(secret=b"other"))
    assert door.telemetry.discards == {("radius", "bad_message_authenticator"): 1}
    door.send(nas_side.pap(secret=b"other", sign="never"))
    assert door.telemetry.decisions == {("radius", "garbled_password"): 1}
    door.clock.advance(REJECT_DELAY)
    assert [reply[0] for reply in door.replies()] == [REJECT]
    assert door.link.questions == []


def required(vector: Vector) -> list[ProviderRecord]:
    """In front of the provider, one whose NAS has the address and a requirement of its own."""
    if "message-authenticator" not in vector.headers:
        return []
    requirement = vector.headers["message-authenticator"]
    nas = NasRecord("n1", "its own", vector.peer[0], vector.secret.decode(), message_authenticator=requirement)
    provider = a_provider(2, (), vector.secret.decode())
    return [replace(provider, settings=replace(cast(RadiusSettings, provider.settings), nas=(nas,)))]


@pytest.mark.parametrize("vector", vectors(), ids=str)
def test_vector(vector: Vector) -> None:
    verb, reason = vector.expect
    link = FakeLink()
    if verb == "ask":
        link.passwords[vector.headers["user-name"]] = vector.headers["user-password"]
    if verb == "offer":
        link.verdicts[vector.headers["user-name"]] = "accepted"
        link.keys = MS_CHAP_KEYS if reason == "mschapv2" else {}
    door = Door(link, *required(vector), a_provider(secret=vector.secret.decode()), pins=Pins(vector.pinned))
    door.send(vector.datagram, vector.peer)
    refused = verb == "refuse" or (verb == "eap" and reason != "continue")
    if refused:
        assert door.transport.written == []
        door.clock.advance(REJECT_DELAY)
    if verb == "discard":
        assert door.transport.written == []
        assert door.telemetry.discards == {("radius", reason): 1}
    elif "reply" in vector.headers:
        reply = vector.reply
        if verb != "refuse" and verb != "status":
            reply = granted(vector.datagram, vector.headers["user-name"], reply[38:], vector.secret)
        assert door.transport.written == [(reply, vector.peer)]
    else:
        [(reply, peer)] = door.transport.written
        assert peer == vector.peer
        assert nas_side.believes(reply, vector.datagram[: int.from_bytes(vector.datagram[2:4])])
        assert reply[0] == (REJECT if refused else ACCEPT if verb == "offer" else CHALLENGE)
    match verb:
        case "ask" | "offer":
            assert door.telemetry.decisions == {("radius", "accepted"): 1}
        case "refuse" | "eap" if refused:
            assert door.telemetry.decisions == {("radius", reason): 1}
    assert [question.proof["kind"] for question in link.questions] == {"ask": ["password"], "offer": [reason]}.get(
        verb, []
    )
    assert door.telemetry.faults == []


def test_before_the_first_snapshot_all_is_silence() -> None:
    door = Door()
    door.directory = Directory()
    door.listener = door.a_listener(door.listener._authentication)
    door.listener.makeConnection(door.transport)
    door.send(nas_side.pap())
    assert door.telemetry.discards == {("radius", "not_ready"): 1}
    door.directory.publish(whole(1, [a_provider()]), Touched(everything=True))
    door.send(nas_side.pap())
    assert [reply[0] for reply in door.replies()] == [ACCEPT]


def test_the_table_follows_the_directory() -> None:
    door = Door()
    door.configure()
    door.send(nas_side.pap(identifier=1))
    assert door.telemetry.discards == {("radius", "unknown_nas"): 1}
    door.configure(a_provider(2, ("192.0.2.0/24",)), a_provider(3, ("192.0.2.7/32",), "another"))
    door.send(nas_side.pap(identifier=2, secret=b"another"))
    assert [question.provider for question in door.link.questions] == [3]


def test_other_providers_are_no_nas() -> None:
    ldap = ProviderRecord(5, "ldap", "ldap", "ldap", "LDAP", "b" * 32, "any", LdapSettings())
    door = Door(None, ldap)
    door.send(nas_side.pap())
    assert door.telemetry.discards == {("radius", "unknown_nas"): 1}
    assert door.telemetry.notes == []


@pytest.mark.parametrize("extra", [b"", nas_side.attribute(32, b"x"), nas_side.attribute(33, bytes(253)) * 15])
def test_114_nothing_is_sent_for_less_than_it_costs(extra: bytes) -> None:
    record = NasRecord("n1", "ap", PEER[0], SECRET.decode(), message_authenticator="optional")
    door = Door(None, with_settings(nas=(record,)))
    door.send(nas_side.request(extra, sign="never"))
    door.clock.advance(REJECT_DELAY)
    assert door.replies() == []
    assert door.telemetry.discards == {("radius", "malformed"): 1}


def test_117_a_provider_without_a_secret_answers_nobody() -> None:
    door = Door(None, a_provider(secret=""))
    door.send(nas_side.pap(secret=b""))
    assert door.replies() == []
    assert door.telemetry.discards == {("radius", "unknown_nas"): 1}
    assert "empty shared secret" in door.telemetry.notes[0]


def test_124_equipment_that_drops_what_is_signed_is_answered_without() -> None:
    record = NasRecord("n1", "ap", PEER[0], SECRET.decode(), message_authenticator="unsigned")
    door = Door(None, with_settings(nas=(record,)))
    datagram = nas_side.pap(sign="never")
    door.send(datagram)
    said = nas_side.attribute(1, b"alice") + nas_side.attribute(25, b"outpost:user:1")
    assert door.replies() == [nas_side.plain_reply(ACCEPT, datagram, said)]
    signed = nas_side.pap(identifier=8)
    door.send(signed)
    assert door.replies() == [granted(signed)]


def test_a_network_that_is_none_is_noted_and_the_others_serve() -> None:
    door = Door(None, a_provider(1, ("nonsense", "", "192.0.2.0/24")), a_provider(2, ("198.51.100.0/24",), ""))
    door.send(nas_side.pap())
    assert [reply[0] for reply in door.replies()] == [ACCEPT]
    assert len(door.telemetry.notes) == 3
    door.configure(a_provider(1, ("nonsense", "also", "192.0.2.0/24")))
    assert len(door.telemetry.notes) == 4, "what was said once is not said again"
    assert SECRET.decode() not in "".join(door.telemetry.notes)


def test_pins_shared_by_two_sockets() -> None:
    pins = Pins()
    first, second = Door(pins=pins), Door(pins=pins)
    first.send(nas_side.pap())
    second.send(nas_side.pap(sign="never"))
    assert second.telemetry.discards == {("radius", "missing_message_authenticator"): 1}


def test_a_pin_that_control_keeps_holds_after_a_restart_until_it_is_forgiven() -> None:
    door = Door(None, with_settings(pinned=(PEER[0],)))
    door.send(nas_side.pap(sign="never"))
    assert door.telemetry.discards == {("radius", "missing_message_authenticator"): 1}
    door.configure(with_settings())
    door.send(nas_side.pap(sign="never", identifier=8))
    assert len(door.replies()) == 1


def test_a_pin_that_comes_alone_holds_from_then_on_until_it_is_forgiven() -> None:
    door = Door(None, with_settings())
    for number, (addresses, answered) in enumerate((((), 1), ((PEER[0],), 0), ((), 1))):
        revision = door.directory.current.revision + 1
        door.directory.publish(*changed(door.directory.current, revision, [Pinned(1, addresses)]))
        door.send(nas_side.pap(sign="never", identifier=number))
        assert len(door.replies()) == answered


def test_control_is_told_of_a_new_pin() -> None:
    told: list[tuple[str, dict[str, Any]]] = []
    telemetry = RecordingTelemetry()
    telemetry.report = lambda kind, body: told.append((kind, body))
    record = NasRecord("n1", "ap", PEER[0], SECRET.decode())
    door = Door(None, with_settings(nas=(record,)), pins=reported_pins(telemetry))
    for identifier in (1, 2):
        door.send(nas_side.pap(identifier=identifier))
    assert told == [("radius_pin", {"address": PEER[0], "provider": 1, "nas": "ap"})]


def test_a_reply_that_cannot_be_sent_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object) -> None:
        raise OSError(113, "No route to host")

    door = Door()
    monkeypatch.setattr(door.transport, "write", unreachable)
    door.send(nas_side.pap())
    assert door.telemetry.discards == {("radius", "send_failed"): 1}
    assert door.telemetry.faults == []


def test_closing_the_port_stops_the_timer_and_late_decisions_go_nowhere() -> None:
    link = SlowLink({"alice": "correct horse"})
    door = Door(link)
    door.send(nas_side.request(nas_side.attribute(1, b"alice") + nas_side.attribute(3, bytes(16))))
    door.send(nas_side.pap(identifier=1))
    door.send(nas_side.pap(identifier=2, password=b"wrong"))
    assert len(door.clock.getDelayedCalls()) == 1
    door.listener.transport = None
    door.listener.stopProtocol()
    link.gate.callback(None)
    assert door.clock.getDelayedCalls() == []
    assert door.replies() == []
    assert door.telemetry.faults == []


# --- rules and NAS of their own -------------------------------------------------------------------------------------

VLAN = (
    ReplyAttribute("Tunnel-Type", "VLAN", 1),
    ReplyAttribute("Tunnel-Medium-Type", "IEEE-802", 1),
    ReplyAttribute("Tunnel-Private-Group-ID", "20", 1),
)


def with_settings(**fields: Any) -> ProviderRecord:
    provider = a_provider()
    return replace(provider, settings=replace(cast(RadiusSettings, provider.settings), **fields))


def accepted(door: Door, datagram: bytes) -> bytes:
    """The attributes of the Access-Accept, Message-Authenticator aside."""
    door.send(datagram)
    [reply] = door.replies()
    assert reply[0] == ACCEPT
    return reply[38:]


def test_rules_choose_attributes_by_group_and_place() -> None:
    staff = ReplyRule(VLAN, group="g1")
    elsewhere = ReplyRule((ReplyAttribute("Filter-Id", "guests"),), nas="other")
    door = Door(None, with_settings(rules=(elsewhere, staff)))
    vlan = bytes.fromhex("40060100000d4106010000065105013230")
    assert not accepted(door, nas_side.pap()).startswith(vlan)
    group = GroupRecord("g1", "staff", False, 1, members=(1,))
    door.directory.publish(
        whole(9, [with_settings(rules=(elsewhere, staff)), a_user(1, "alice"), group]), Touched(True)
    )
    assert accepted(door, nas_side.pap(identifier=9)).startswith(vlan)
    at_other = nas_side.pap(identifier=10, extra=nas_side.attribute(32, b"other"))
    assert accepted(door, at_other).startswith(nas_side.attribute(11, b"guests") + vlan)


def test_a_chargeable_identity_is_for_those_who_ask() -> None:
    """RFC 4372: it stands for the person, and does not name them."""
    door = Door(FakeLink({"alice": "correct horse"}, {"alice": an_identity("alice", 1, uid="abc")}))
    asks = nas_side.attribute(89, b"\0")
    assert nas_side.attribute(89, b"abc") not in accepted(door, nas_side.pap())
    assert nas_side.attribute(89, b"abc") in accepted(door, nas_side.pap(identifier=8, extra=asks))
    rule = ReplyRule((ReplyAttribute("Chargeable-User-Identity", "room 7"),))
    door = Door(None, with_settings(rules=(rule,)))
    told = accepted(door, nas_side.pap(extra=asks))
    assert told.startswith(nas_side.attribute(89, b"room 7"))
    assert told.count(b"\x59") == 1


def test_an_attribute_that_cannot_be_sent_is_left_out_and_told() -> None:
    rule = ReplyRule((ReplyAttribute("Acct-Interim-Interval", "often"), ReplyAttribute("Filter-Id", "x")))
    door = Door(None, with_settings(rules=(rule,)))
    assert accepted(door, nas_side.pap()).startswith(nas_side.attribute(11, b"x"))
    assert any("often" in note for note in door.telemetry.notes)


@pytest.mark.parametrize("name", ["Session-Timeout", "session-timeout"])
@pytest.mark.parametrize(
    ("asked", "left"), [(None, 600), (60, 60), ("0x3c", 60), (7200, 600), ("0x1c20", 600), ("0", 600), ("long", 600)]
)
def test_a_session_does_not_outlive_the_account(asked: str | int | None, left: int, name: str) -> None:
    rules = () if asked is None else (ReplyRule((ReplyAttribute(name, asked),)),)
    door = Door(None, with_settings(rules=rules))
    ends = a_user(1, "alice", valid_until=door.clock.seconds() + 600.5)
    door.directory.publish(whole(9, [with_settings(rules=rules), ends]), Touched(everything=True))
    told = accepted(door, nas_side.pap())
    assert told.startswith(nas_side.attribute(27, left.to_bytes(4)) + nas_side.attribute(1, b"alice"))


def test_a_nas_has_a_secret_and_a_requirement_of_its_own() -> None:
    record = NasRecord("n1", "ap", PEER[0], "of its own", message_authenticator="required")
    door = Door(None, with_settings(nas=(record,)))
    accepted(door, nas_side.pap(secret=b"of its own"))
    door.send(nas_side.pap(identifier=8))
    assert door.telemetry.discards == {("radius", "bad_message_authenticator"): 1}
    door.send(nas_side.pap(identifier=9, secret=b"of its own", sign="never"))
    assert door.telemetry.discards["radius", "missing_message_authenticator"] == 1


def test_nas_behind_one_address_are_told_apart_by_their_identifier() -> None:
    first = NasRecord("n1", "one", "192.0.2.0/24", "secret one", "nas-1")
    second = NasRecord("n2", "two", "192.0.2.0/24", "secret two", "nas-2")
    door = Door(None, with_settings(nas=(first, second)))
    for number, (identifier, secret) in enumerate([(b"nas-1", b"secret one"), (b"nas-2", b"secret two")]):
        door.send(nas_side.pap(identifier=number, secret=secret, extra=nas_side.attribute(32, identifier)))
        assert [reply[0] for reply in door.replies()] == [ACCEPT]
    door.send(nas_side.pap(identifier=5, secret=b"secret one", extra=nas_side.attribute(32, b"nas-2")))
    assert door.telemetry.discards == {("radius", "bad_message_authenticator"): 1}
    door.send(nas_side.pap(identifier=6, extra=nas_side.attribute(32, b"another")))
    assert [reply[0] for reply in door.replies()] == [ACCEPT], "whoever names none of them has the network's secret"


def test_98_realms_are_taken_off_where_the_provider_says_so() -> None:
    provider = a_provider()
    settings = replace(cast(RadiusSettings, provider.settings), stripped_realms=("Example.com",))
    door = Door(None, replace(provider, settings=settings))
    packet = nas_side.pap(b"alice@example.com")
    door.send(packet)
    assert door.replies() == [granted(packet)]
    assert [question.username for question in door.link.questions] == ["alice"]
    door.send(nas_side.pap(b"alice@other.example", identifier=9))
    assert door.link.questions[-1].username == "alice@other.example"


def test_57_an_answer_that_does_not_fit_beside_proxy_state_is_told_of() -> None:
    """It is no fault of the program, and an operator can do something about it."""
    rule = ReplyRule(tuple(ReplyAttribute("Reply-Message", "x" * 200) for _ in range(10)))
    settings = RadiusSettings(NETWORKS, SECRET.decode(), rules=(rule,))
    door = Door(None, replace(a_provider(), settings=settings))
    datagram = nas_side.pap(extra=nas_side.attribute(33, bytes(253)) * 10)
    for times in (1, 2):
        door.send(datagram)
        assert door.replies() == []
        assert door.telemetry.discards == {("radius", "reply_too_long"): times}
    assert door.telemetry.faults == []
    door.send(nas_side.pap(identifier=8, extra=nas_side.attribute(33, bytes(253)) * 5))
    assert [reply[0] for reply in door.replies()] == [ACCEPT]
