"""RADIUS over TLS: who may speak, for whom, and how long."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from OpenSSL import SSL
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from outpost.authentication import Authentication
from outpost.directory.draft import changed, whole
from outpost.directory.snapshot import Directory, Touched
from outpost.listeners.lean_tls import OverTls
from outpost.listeners.radius_eap import EapDoor
from outpost.listeners.radius_replies import Replies
from outpost.listeners.radsec import (
    HANDSHAKE_TIMEOUT,
    IDLE_TIMEOUT,
    PACKET_TIMEOUT,
    SEND_TIMEOUT,
    RadSecAccounting,
    RadSecFactory,
    RadSecLogins,
)
from outpost.listeners.radsec_trust import RadSecTls, trust_of
from protocols.link.messages import Configuration, NasRecord, ProviderRecord, RadiusSettings
from protocols.radius.pins import Pins
from tests.certificates import AUTHORITY, CLIENT, DAY, NOW, SERVER, Issued, issue, revocations
from tests.fakes import FakeLink, counted_random
from tests.outpost.listeners.test_radius import ACCEPT, RecordingTelemetry, a_provider
from tests.protocols.radius.nas_side import attribute, believes, expected_reply, keyed, pap, plain_reply, request

SECRET = b"radsec"
PLACE = IPv4Address("TCP", "198.51.100.7", 40_000)
AP = issue("ap-7", AUTHORITY, usage=[CLIENT], names=[x509.DNSName("AP-7.example.com")])
OTHER_AUTHORITY = issue("Another authority")
PRINCIPAL = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
"""What people are called, in their certificates."""


def a_radsec_provider(
    pk: int = 1, authority: Issued = AUTHORITY, name: str = "ap-7.example.com", revocations: str = ""
) -> ProviderRecord:
    provider = a_provider(pk)
    assert isinstance(provider.settings, RadiusSettings)
    nas = NasRecord(f"n{pk}", "ap-7", "192.0.2.7", "unused", radsec_name=name)
    settings = replace(provider.settings, nas=(nas,), client_authorities=authority.pem, client_revocations=revocations)
    return replace(provider, settings=settings)


class Door:
    def __init__(self, *providers: ProviderRecord) -> None:
        self.clock, self.directory, self.telemetry = Clock(), Directory(), RecordingTelemetry()
        self.clock.advance(1_700_000_000)
        self.link = FakeLink({"alice": "correct horse"})
        self.kept: list[dict[str, Any]] = []
        self.directory.publish(whole(1, providers or (a_radsec_provider(),)), Touched(everything=True))
        random, now = counted_random(), self.clock.seconds
        authentication = Authentication(self.link, lambda: "id", self.telemetry.fault)
        eap = EapDoor(self.directory, lambda _: SERVER.record, now, random)
        replies = Replies(self.directory, self.telemetry, now, random)
        tls = RadSecTls()
        self.factory = RadSecFactory(
            RadSecLogins(authentication, self.directory, self.telemetry, self.clock, eap, replies, random, Pins()),
            RadSecAccounting(self.directory, self.telemetry, self.keep, now, now),
            self.directory,
            self.telemetry,
            self.clock,
            tls,
            lambda snapshot: trust_of(snapshot, lambda pk: None, lambda: SERVER.record),
        )
        self.listening = OverTls(tls, isClient=False, wrappedFactory=self.factory, clock=self.clock)

    async def keep(self, kind: str, body: dict[str, Any]) -> bool:
        self.kept.append({"kind": kind, **body})
        return True

    def configure(self, *providers: ProviderRecord) -> None:
        base = self.directory.current
        self.directory.publish(*changed(base, base.revision + 1, [Configuration(providers)]))


class Nas:
    """The other end: OpenSSL's client, and the octets carried to and fro."""

    def __init__(self, door: Door, shown: Issued | None = AP) -> None:
        self.door = door
        context: Any = SSL.Context(SSL.TLS_CLIENT_METHOD)
        if shown is not None:
            context.use_certificate(shown.certificate)
            context.use_privatekey(shown.key)
        self.tls = SSL.Connection(context, None)
        self.tls.set_connect_state()
        self.transport = StringTransport(peerAddress=PLACE)
        self.server: Any = door.listening.buildProtocol(PLACE)
        self.refused = False
        self.server.makeConnection(self.transport)
        self.carry()

    def carry(self) -> None:
        for _ in range(10):
            try:
                self.tls.do_handshake()
            except SSL.WantReadError:
                pass
            except SSL.Error:
                self.refused = True
            self._out()
            self.door.clock.advance(0)
            told, _ = self.transport.value(), self.transport.clear()
            if told:
                self.tls.bio_write(told)

    def _out(self) -> None:
        try:
            while octets := self.tls.bio_read(65_536):
                self.server.dataReceived(octets)
        except SSL.WantReadError:
            pass

    def say(self, octets: bytes) -> bytes:
        """What comes back."""
        self.tls.send(octets)
        self._out()
        self.door.clock.advance(0)
        told, _ = self.transport.value(), self.transport.clear()
        if told:
            self.tls.bio_write(told)
        try:
            return bytes(self.tls.recv(65_536))
        except (SSL.WantReadError, SSL.ZeroReturnError):
            return b""

    @property
    def gone(self) -> bool:
        return bool(self.transport.disconnecting or self.transport.disconnected)


LOGIN = pap(secret=SECRET)


def test_a_login_over_tls() -> None:
    door = Door()
    reply = Nas(door).say(LOGIN)
    assert reply[0] == ACCEPT
    assert believes(reply, LOGIN, SECRET)
    [question] = door.link.questions
    assert (question.provider, question.peer) == (1, PLACE.host)


def test_accounting_and_status_on_the_same_stream() -> None:
    door = Door()
    nas = Nas(door)
    start = keyed(4, attribute(40, (1).to_bytes(4)) + attribute(44, b"01"), secret=SECRET)
    assert nas.say(start) == plain_reply(5, start, secret=SECRET)
    assert [one["session"] for one in door.kept] == ["01"]
    status = request(b"", code=12, secret=SECRET)
    assert believes(nas.say(status), status, SECRET)


def test_many_packets_at_once_and_one_in_pieces() -> None:
    nas = Nas(Door())
    second = pap(secret=SECRET, identifier=8)
    replies = nas.say(LOGIN + second[:10])
    replies += nas.say(second[10:])
    assert len(replies) == 2 * int.from_bytes(replies[2:4])


@pytest.mark.parametrize(
    "shown",
    [
        None,
        issue("ap-7", OTHER_AUTHORITY, usage=[CLIENT], names=[x509.DNSName("ap-7.example.com")]),
        issue("ap-7", AUTHORITY, usage=[CLIENT], names=[x509.DNSName("ap-7.example.com")], valid=(-2 * DAY, -DAY)),
        issue("ap-8", AUTHORITY, usage=[CLIENT], names=[x509.DNSName("ap-8.example.com")]),
        issue("ap-7.example.com", AUTHORITY, usage=[CLIENT], names=[x509.DNSName("ap-8.example.com")]),
        issue(
            "ap-7.example.com",
            AUTHORITY,
            usage=[CLIENT],
            names=[x509.OtherName(PRINCIPAL, b"\x0c\x10ap-7.example.com")],
        ),
        issue("ap-7.example.com", AUTHORITY, usage=[CLIENT], names=[x509.RFC822Name("bob@example.com")]),
        SERVER,
    ],
    ids=[
        "none",
        "foreign",
        "expired",
        "another name",
        "another name beside the common one",
        "of a person who is called so",
        "of a person with an address",
        "of a server",
    ],
)
def test_121_who_may_not_speak_gets_no_answer(shown: Issued | None) -> None:
    door = Door()
    nas = Nas(door, shown)
    if not nas.refused:
        with contextlib.suppress(SSL.Error):
            assert nas.say(LOGIN) == b""
    assert nas.gone
    assert door.link.questions == []


def test_a_name_counts_with_the_authority_of_its_own_provider_alone() -> None:
    """Both authorities are believed by the door; the name belongs to the provider of one."""
    door = Door(a_radsec_provider(1), a_radsec_provider(2, OTHER_AUTHORITY, "ap-9.example.com"))
    shown = issue("x", AUTHORITY, usage=[CLIENT], names=[x509.DNSName("ap-9.example.com")])
    assert Nas(door, shown).gone
    assert door.telemetry.discards["radius", "unknown_radsec_client"] == 1
    good = issue("x", OTHER_AUTHORITY, usage=[CLIENT], names=[x509.DNSName("ap-9.example.com")])
    Nas(door, good).say(LOGIN)
    assert [question.provider for question in door.link.questions] == [2]


def test_121_a_revoked_certificate_is_refused_and_ends_the_connection_that_it_has() -> None:
    door = Door()
    nas, another = Nas(door), issue("x", AUTHORITY, usage=[CLIENT], names=[x509.DNSName("ap-7.example.com")])
    assert nas.say(LOGIN)[0] == ACCEPT
    revoked = revocations(AUTHORITY.certificate.subject, AUTHORITY.key, NOW - 9 * DAY, AP.certificate)
    door.configure(a_radsec_provider(revocations=revoked))
    assert nas.gone
    again = Nas(door)
    assert again.gone
    assert Nas(door, another).say(pap(secret=SECRET, identifier=9))[0] == ACCEPT, "by a list that is out of date"


def test_121_a_list_that_another_authority_has_signed_revokes_nothing() -> None:
    for name in (AUTHORITY.certificate.subject, OTHER_AUTHORITY.certificate.subject):
        forged = revocations(name, OTHER_AUTHORITY.key, NOW, AP.certificate)
        assert Nas(Door(a_radsec_provider(revocations=forged))).say(LOGIN)[0] == ACCEPT


START = keyed(4, attribute(40, (1).to_bytes(4)) + attribute(44, b"01"), secret=SECRET)


@pytest.mark.parametrize(
    "packet",
    [
        LOGIN[:20] + b"\1\1" + LOGIN[22:],
        LOGIN[:-1] + bytes((LOGIN[-1] ^ 1,)),
        pap(secret=b"another"),
        request(b"", code=12, secret=b"another"),
        START[:4] + bytes(16) + START[20:],
        keyed(40, attribute(44, b"01"), secret=b"another"),
    ],
    ids=["attribute length", "flipped bit", "another secret", "status", "accounting", "order"],
)
def test_121_what_cannot_be_believed_ends_the_connection_and_what_comes_behind_is_not_heard(packet: bytes) -> None:
    """RFC 6613 section 2.6.4: over UDP it would be passed over."""
    door = Door()
    nas = Nas(door)
    assert nas.say(packet + LOGIN) == b""
    assert nas.gone
    assert (door.link.questions, door.kept) == ([], [])
    assert sum(door.telemetry.discards.values()) == 1


@pytest.mark.parametrize(
    "packet", [request(b"", code=2, secret=SECRET), request(b"", code=12, secret=SECRET, sign="never")]
)
def test_121_what_is_only_out_of_place_is_passed_over(packet: bytes) -> None:
    nas = Nas(Door())
    assert nas.say(packet + LOGIN)[0] == ACCEPT
    assert not nas.gone


@pytest.mark.parametrize(("order", "nak"), [(40, 42), (43, 45)])
@pytest.mark.parametrize("sign", [False, True])
def test_orders_are_declined(order: int, nak: int, sign: bool) -> None:
    """RFC 6614 section 2.5."""
    door = Door()
    nas = Nas(door)
    asked = keyed(order, attribute(44, b"01") + attribute(33, b"p"), secret=SECRET, sign=sign)
    reply = expected_reply if sign else plain_reply
    expected = reply(nak, asked, attribute(101, (406).to_bytes(4)) + attribute(33, b"p"), secret=SECRET)
    assert nas.say(asked + LOGIN)[: len(expected)] == expected
    assert len(door.link.questions) == 1
    assert not nas.gone


@pytest.mark.parametrize(
    "octets",
    [
        keyed(40, attribute(44, b"01"), secret=b"another"),
        keyed(43, attribute(44, b"01"), secret=b"another", sign=True),
        keyed(43, attribute(80, bytes(16)), secret=SECRET),
        keyed(43, attribute(80, bytes(16)), secret=SECRET, sign=True),
        keyed(40, b"\x2c\x01", secret=SECRET),
    ],
    ids=["another secret", "another secret, signed", "wrongly signed", "signed twice", "attribute length"],
)
def test_orders_that_cannot_be_believed_end_the_connection(octets: bytes) -> None:
    door = Door()
    nas = Nas(door)
    assert nas.say(octets + LOGIN) == b""
    assert nas.gone
    assert sum(door.telemetry.discards.values()) == 1
    assert door.link.questions == []


def test_an_order_whose_refusal_does_not_fit_beside_its_proxy_states_is_passed_over() -> None:
    door = Door()
    nas = Nas(door)
    states = attribute(33, bytes(253)) * 15 + attribute(33, bytes(249))
    assert nas.say(keyed(40, states, secret=SECRET)) == b""
    assert door.telemetry.discards == {("radius", "reply_too_long"): 1}
    assert nas.say(LOGIN)[0] == ACCEPT


def test_an_order_is_told_of_and_nothing_else_comes_of_it() -> None:
    door = Door()
    nas = Nas(door)
    asked = keyed(40, attribute(44, b"01") + attribute(1, b"alice"), secret=SECRET)
    expected = plain_reply(42, asked, attribute(101, (406).to_bytes(4)), secret=SECRET)
    assert nas.say(asked) == expected
    assert nas.say(asked) == expected
    assert door.telemetry.refusals == {("radius", "order_unserved"): 2}
    assert (door.link.questions, door.kept, door.telemetry.decisions) == ([], [], {})
    assert nas.say(LOGIN)[0] == ACCEPT


@pytest.mark.parametrize("length", [0, 19, 4097, 65_535])
def test_121_a_length_that_no_packet_has(length: int) -> None:
    door = Door()
    nas = Nas(door)
    assert nas.say(LOGIN + b"\1\1" + length.to_bytes(2) + bytes(16))[:1] in (b"", bytes((ACCEPT,)))
    assert nas.gone


def test_a_second_connection_from_the_same_place_keeps_its_answers_when_the_first_one_ends() -> None:
    """A NAS may reach us at two addresses from one port of its own."""
    door = Door()
    first, second = Nas(door), Nas(door)
    first.server.connectionLost(Failure(ConnectionDone()))
    assert second.say(LOGIN)[0] == ACCEPT


def test_121_who_is_slow_is_cut_off() -> None:
    door = Door()
    nas = Nas(door)
    nas.say(LOGIN[:10])
    door.clock.advance(PACKET_TIMEOUT - 2)
    nas.say(LOGIN[10:12])
    assert not nas.gone
    door.clock.advance(4)
    assert nas.gone


def test_121_who_does_not_read_is_not_heard_and_then_cut_off() -> None:
    """Else answers would heap up here."""
    door = Door()
    nas = Nas(door)
    connection: Any = nas.transport.producer
    for read in (True, False):
        connection.pauseProducing()
        assert nas.transport.producerState == "paused"
        if read:
            door.clock.advance(SEND_TIMEOUT - 2)
            connection.resumeProducing()
            assert nas.transport.producerState == "producing"
            assert nas.say(LOGIN)[0] == ACCEPT
        nas.say(status())
        door.clock.advance(SEND_TIMEOUT + 2)
        assert nas.gone != read


def status() -> bytes:
    return request(b"", code=12, secret=SECRET)


def test_who_says_nothing_is_cut_off_later() -> None:
    door = Door()
    nas, mute = Nas(door), Nas.__new__(Nas)
    mute.server = door.listening.buildProtocol(PLACE)
    mute.transport = StringTransport(peerAddress=PLACE)
    mute.server.makeConnection(mute.transport)
    door.clock.advance(HANDSHAKE_TIMEOUT + 2)
    assert mute.gone
    assert not nas.gone
    door.clock.advance(IDLE_TIMEOUT)
    assert nas.gone


def test_a_change_that_takes_the_name_away_ends_the_connection() -> None:
    door = Door()
    nas = Nas(door)
    door.configure(a_radsec_provider())
    assert not nas.gone
    door.configure(a_radsec_provider(name=""))
    assert nas.gone


def test_without_anybody_who_may_speak_nobody_is_listened_to() -> None:
    nas = Nas(Door(a_provider()))
    assert nas.refused
    assert nas.gone
