"""Devices that show nothing but a hardware address, at the listener."""

from __future__ import annotations

import hashlib

import pytest

from protocols.link.messages import NasRecord, ReplyAttribute, ReplyRule
from tests.outpost.listeners.test_radius import ACCEPT, Door, with_settings
from tests.protocols.radius import nas_side
from tests.protocols.radius.nas_side import PEER, SECRET, attribute

MAC = b"02000000ab01"
STATION = attribute(31, b"02-00-00-00-AB-01")
CALL_CHECK = attribute(6, (10).to_bytes(4))
DIGEST = hashlib.md5(b"\x05" + MAC + bytes(range(16))).digest()
BY_CHAP = attribute(1, MAC) + attribute(3, b"\x05" + DIGEST) + CALL_CHECK + STATION
WITHOUT = attribute(1, MAC) + attribute(2, b"") + STATION
VLAN = tuple(
    ReplyAttribute(name, value, 1)
    for name, value in (("Tunnel-Type", 13), ("Tunnel-Medium-Type", 6), ("Tunnel-Private-Group-ID", "30"))
)
KEYS = tuple(ReplyAttribute("Cisco-AVPair", f"psk={letter * 63}") for letter in "abc")


def a_door(rule: tuple[ReplyAttribute, ...], requirement: str = "pinned") -> Door:
    nas = NasRecord("n1", "switch", PEER[0], SECRET.decode(), message_authenticator=requirement)
    door = Door(None, with_settings(nas=(nas,), rules=(ReplyRule(rule),), mac_authentication=True))
    door.link.verdicts[MAC.decode()] = "accepted"
    return door


def asked(door: Door, body: bytes, sign: str = "never") -> list[bytes]:
    door.send(nas_side.request(body, sign=sign))
    assert [question.proof["kind"] for question in door.link.questions] == ["device"]
    return door.replies()


@pytest.mark.parametrize("body", [BY_CHAP, WITHOUT], ids=["CHAP", "no octets"])
def test_114_the_keys_of_a_device_are_not_sent_to_whoever_can_forge_an_address(body: bytes) -> None:
    door = a_door(VLAN + KEYS)
    assert asked(door, body) == []
    assert door.telemetry.discards == {("radius", "longer_than_unsigned"): 1}


@pytest.mark.parametrize("body", [BY_CHAP, WITHOUT], ids=["CHAP", "no octets"])
@pytest.mark.parametrize(("requirement", "sign"), [("pinned", "first"), ("optional", "never"), ("unsigned", "never")])
def test_they_are_sent_to_a_nas_that_signs_and_to_one_that_cannot(body: bytes, requirement: str, sign: str) -> None:
    [reply] = asked(a_door(VLAN + KEYS, requirement), body, sign)
    assert reply[0] == ACCEPT
    assert reply.count(b"psk=") == len(KEYS)


def test_a_vlan_has_room_in_the_answer_to_what_switches_send() -> None:
    port = attribute(87, b"GigabitEthernet1/0/14") + attribute(4, bytes((192, 0, 2, 7))) + attribute(5, bytes(4))
    [reply] = asked(a_door(VLAN), BY_CHAP + port)
    assert reply[0] == ACCEPT
    assert bytes.fromhex("40060100000d") in reply
