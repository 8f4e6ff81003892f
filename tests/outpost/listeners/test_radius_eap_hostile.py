"""Devices that break the rules of EAP, at the listener: an Access-Reject with EAP-Failure, and nobody is asked."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from OpenSSL import SSL

from protocols.link.messages import NasRecord
from protocols.radius.eap.sessions import MOST_PER_NAS, MOST_ROUNDS, MOST_SHORT_ROUNDS
from protocols.radius.exchange import REJECT_DELAY
from tests.outpost.listeners.test_radius import ACCEPT, CHALLENGE, REJECT, with_settings
from tests.outpost.listeners.test_radius_eap import PASSWORD, Wireless, attributes
from tests.protocols.radius import nas_side
from tests.protocols.radius.eap.supplicant import (
    IDENTITY,
    MSCHAPV2,
    NAK,
    PEAP,
    TTLS,
    TlsDevice,
    avp,
    client_context,
    gtc,
    old_context,
    response,
)
from tests.protocols.radius.nas_side import PEER


class Hostile(Wireless):
    """Sends what it likes, with the State that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.state = b""
        self.asked = b""
        """The last EAP-Request."""

    def ask(self, packet: bytes) -> bytes | None:
        """Time passes only where a reply has to be waited for: a hundred rounds take no minute."""
        self.door.send(packet)
        if not self.door.transport.written:
            self.door.clock.advance(REJECT_DELAY)
        [*replies] = self.door.replies()
        assert all(nas_side.believes(reply, packet) for reply in replies)
        return replies[0] if replies else None

    def say(self, eap: bytes) -> int:
        """The code of the reply; 0 is silence."""
        reply = self.ask(self.packet(eap, self.state))
        if reply is None:
            return 0
        found = attributes(reply)
        self.asked = b"".join(found[79])
        self.state = found.get(24, [self.state])[0]
        return reply[0]

    def answer(self, kind: int, data: bytes) -> int:
        return self.say(response(self.asked[1], kind, data))

    def begin(self, kind: int) -> None:
        self.state = b""
        assert self.say(response(1, IDENTITY, b"anonymous")) == CHALLENGE
        if self.asked[4] != kind:
            assert self.answer(NAK, bytes((kind,))) == CHALLENGE
        assert self.asked[4] == kind

    def was_refused(self, reason: str = "eap_malformed") -> None:
        assert self.asked[0] == 4
        assert self.door.telemetry.decisions == {("radius", reason): 1}
        assert self.link.questions == []
        assert self.door.telemetry.faults == []


def test_67_a_length_beyond_the_packet() -> None:
    device = Hostile()
    assert device.say(b"\x02\x09\xff\xff\x01alice") == REJECT
    device.was_refused()


def test_71_an_unknown_state() -> None:
    device = Hostile()
    device.state = bytes(16)
    assert device.say(response(5, TTLS, b"\0")) == REJECT
    assert device.asked == b"\x04\x05\x00\x04"
    device.was_refused("eap_session_unknown")


@pytest.mark.parametrize(
    "data",
    [
        b"\xc0\xff\xff\xff\xffx",
        b"\xc0" + struct.pack("!I", 70_000) + b"x",
        b"\x80\0\0\0\x01xx",
        b"\x80\0\0\0\x05xx",
        b"\x40",
        b"",
        b"\0",
        b"\0\x15\x03\x01\0\x02\x02\x28",
    ],
    ids=["79", "80", "81 longer", "81 shorter", "84", "85", "86", "an alert"],
)
@pytest.mark.parametrize("kind", [TTLS, PEAP])
def test_79_80_81_84_85_86_fragments_that_lie(kind: int, data: bytes) -> None:
    device = Hostile()
    device.begin(kind)
    assert device.answer(kind, data) == REJECT
    device.was_refused()


@pytest.mark.parametrize(("piece", "most"), [(b"x", MOST_SHORT_ROUNDS), (b"x" * 100, MOST_ROUNDS)])
def test_82_more_and_more_fragments(piece: bytes, most: int) -> None:
    device = Hostile()
    device.begin(TTLS)
    rounds = 0
    while device.answer(TTLS, b"\x40" + piece) == CHALLENGE:
        rounds += 1
        assert rounds <= most
    device.was_refused("eap_too_many_rounds")


def test_87_another_identifier_is_passed_over_and_the_conversation_goes_on() -> None:
    device = Hostile()
    device.begin(PEAP)
    proposed = device.asked
    assert device.say(response((proposed[1] + 1) % 256, NAK, bytes((TTLS,)))) == 0
    assert device.door.telemetry.discards == {("radius", "eap_unexpected"): 1}
    assert device.answer(NAK, bytes((TTLS,))) == CHALLENGE


def test_88_the_same_response_in_a_new_packet_is_passed_over() -> None:
    """A NAS that has lost our answer sends its packet again, and not its device's response in another one."""
    device = Hostile()
    device.begin(PEAP)
    refusing = response(device.asked[1], NAK, bytes((TTLS,)))
    assert device.say(refusing) == CHALLENGE
    assert device.say(refusing) == 0
    assert device.asked[4] == TTLS
    assert device.answer(NAK, bytes((MSCHAPV2,))) == CHALLENGE


def test_89_a_state_is_worth_nothing_after_the_end() -> None:
    wireless = Wireless()
    states: list[bytes] = []
    device = wireless.device()
    eap, reply = response(1, IDENTITY, b"anonymous"), b""
    while not reply or reply[0] == CHALLENGE:
        packet = wireless.packet(eap, states[-1] if states else b"")
        reply = wireless.ask(packet) or b""
        found = attributes(reply)
        states += found.get(24, [])
        if reply[0] == CHALLENGE:
            eap = device.respond(b"".join(found[79]))
    assert reply[0] == ACCEPT
    again = wireless.ask(wireless.packet(eap, states[-1]))
    assert again is not None
    assert again[0] == REJECT
    assert len(wireless.link.questions) == 1


def test_a_nas_behind_the_same_address_is_another_one() -> None:
    """Whose flood is its own, and who cannot go on with what came through its neighbour."""
    wireless = Wireless()
    names = (b"nas-1", b"nas-2")
    records = tuple(
        NasRecord(f"n{at}", f"{at}", PEER[0], name.decode(), name.decode()) for at, name in enumerate(names)
    )
    wireless.put(with_settings(nas=records))
    sessions = wireless.door.listener._eap.sessions

    def ask(name: bytes, number: int, state: bytes = b"", kind: int = IDENTITY) -> dict[int, list[bytes]]:
        eap = nas_side.attribute(79, response(number % 256, kind, b"x"))
        body = nas_side.attribute(32, name) + eap + (nas_side.attribute(24, state) if state else b"")
        packet = nas_side.request(body, identifier=number % 256, authenticator=number.to_bytes(16), secret=name)
        wireless.door.send(packet)
        if not wireless.door.transport.written:
            wireless.door.clock.advance(REJECT_DELAY)
        [reply] = wireless.door.replies()
        return attributes(reply)

    begun = ask(names[0], 1)
    [state], [asked] = begun[24], begun[79]
    refused = ask(names[1], asked[1], state, NAK)
    assert refused[79][0][0] == 4
    assert wireless.door.telemetry.decisions == {("radius", "eap_session_unknown"): 1}
    for number in range(1000, 1000 + MOST_PER_NAS + 5):
        ask(names[1], number)
    assert len(sessions) == MOST_PER_NAS + 1
    assert ask(names[0], 256 + asked[1], state, NAK)[79][0][0] == 4
    assert wireless.door.telemetry.decisions["radius", "eap_no_common_method"] == 1, "its own was still there"


def test_90_ten_thousand_beginnings_leave_room_for_another_nas() -> None:
    device = Hostile()
    device.begin(PEAP)
    sessions = device.door.listener._eap.sessions
    body = nas_side.attribute(1, b"x") + nas_side.attribute(79, response(1, IDENTITY, b"x"))
    for number in range(10_000):
        packet = nas_side.request(body, identifier=number % 256, authenticator=number.to_bytes(16))
        device.door.send(packet, ("192.0.2.66", 1645))
        assert len(sessions) <= MOST_PER_NAS + 1
        device.door.transport.written.clear()
    assert device.answer(NAK, bytes((TTLS,))) == CHALLENGE


@pytest.mark.parametrize("kind", [TTLS, PEAP])
@pytest.mark.parametrize("version", [SSL.TLS1_VERSION, SSL.TLS1_1_VERSION], ids=["1.0", "1.1"])
def test_95_old_tls_is_refused_with_an_alert(version: int, kind: int) -> None:
    wireless, device = Wireless(), TlsDevice(kind, context=old_context(version))
    code, found = wireless.login(device)
    assert (code, found[79][0][0]) == (REJECT, 4)
    assert "alert protocol version" in device.heard_alert
    assert wireless.door.telemetry.decisions == {("radius", "eap_tls_failed"): 1}


@pytest.mark.parametrize(
    "said",
    [
        b"\0\0\0\x01\x40\0\0\x07",
        b"\0\0\0\x01\x40\0\0\xff",
        avp(1, b"alice") + avp(999, b"x") + avp(2, PASSWORD),
        avp(1, b"alice") + avp(2, PASSWORD)[:-1],
        avp(1, b"alice") + avp(1, b"bob") + avp(2, PASSWORD),
        avp(1, b"al\nice") + avp(2, PASSWORD),
    ],
    ids=["length-7", "overrun", "unknown-mandatory", "unpadded", "name-twice", "control"],
)
def test_99_100_ttls_avps_that_are_refused(said: bytes) -> None:
    wireless = Wireless()
    code, found = wireless.login(wireless.device(inside=lambda _: said))
    assert (code, found[79][0][0]) == (REJECT, 4)
    assert wireless.link.questions == []


@pytest.mark.parametrize("confirmation", [b"", bytes.fromhex("800300020002"), bytes.fromhex("000c003800000000")])
def test_101_102_peap_is_over_only_when_success_is_confirmed(confirmation: bytes) -> None:
    wireless = Wireless()
    code, found = wireless.login(TlsDevice(PEAP, gtc(b"alice", PASSWORD, confirmation), client_context()))
    assert (code, found[79][0][0]) == (REJECT, 4)
    assert 26 not in found


def a_response(op: int = 2, size: int = 49, name: bytes = b"alice", challenge: bytes = b"p" * 16) -> Any:
    value = challenge + bytes(8) + b"r" * 24 + b"\0"
    return lambda asked: struct.pack("!BBHB", op, asked[6], 5 + len(value) + len(name), size) + value + name


@pytest.mark.parametrize(
    "made",
    [
        lambda asked: b"\x03",
        lambda asked: b"\x04",
        a_response(size=48),
        a_response(name=b""),
        lambda asked: a_response()(asked)[:-1],
        lambda asked: a_response(challenge=asked[10:26])(asked),
    ],
    ids=["success first", "failure first", "value size", "no name", "length", "reflected"],
)
def test_103_mschapv2_that_is_refused(made: Any) -> None:
    device = Hostile()
    device.begin(MSCHAPV2)
    assert device.answer(MSCHAPV2, made(device.asked)) == REJECT
    device.was_refused()


def test_104_a_wrong_password_is_told_in_mschapv2_and_cannot_become_a_success() -> None:
    device = Hostile()
    device.link.verdicts["alice"] = "wrong_network_password"
    device.begin(MSCHAPV2)
    assert device.answer(MSCHAPV2, a_response()(device.asked)) == CHALLENGE
    assert device.asked[5] == 4
    assert device.asked[9:].startswith(b"E=691 R=0 C=")
    assert device.answer(MSCHAPV2, b"\x03") == REJECT
