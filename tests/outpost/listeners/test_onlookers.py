"""Packets for whoever looks on: of the NAS that they asked for, while they look, and not more than they read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, cast

import pytest
from twisted.internet.testing import StringTransport

from outpost.authentication import Authentication
from outpost.commands.packets_seen import as_text
from outpost.directory.draft import whole
from outpost.directory.snapshot import Directory, Touched
from outpost.listeners.onlookers import LONGEST_QUESTION, MOST, Onlookers
from outpost.listeners.radius_accounting import AccountingListener
from protocols.link.messages import NasRecord, RadiusSettings
from protocols.radius.packet import attribute
from tests.fakes import FakeClock
from tests.outpost.listeners.test_radius import Door, a_provider
from tests.protocols.radius import nas_side
from tests.protocols.radius.test_shown_packet import CANARY, packet

PEER = ("192.0.2.7", 40_000)
ASKED = packet(attribute(1, b"bob"), attribute(2, CANARY[:16]), attribute(32, b"switch-3"))


class Looking:
    def __init__(self, onlookers: Onlookers, nas: str) -> None:
        self.transport = StringTransport()
        self.onlooker = cast(Any, onlookers.buildProtocol(None))
        self.onlooker.makeConnection(self.transport)
        self.say(json.dumps({"nas": nas}).encode())

    def say(self, line: bytes) -> None:
        self.onlooker.dataReceived(line + b"\n")

    def lines(self) -> list[dict[str, Any]]:
        told = self.transport.value()
        self.transport.clear()
        return [json.loads(line) for line in told.splitlines()]


@pytest.fixture
def onlookers() -> Onlookers:
    provider = a_provider()
    assert isinstance(provider.settings, RadiusSettings)
    nas = NasRecord("n1", "First floor", "198.51.100.0/24", "another secret")
    directory = Directory()
    known = replace(provider, settings=replace(provider.settings, nas=(nas,)))
    directory.publish(whole(1, (known,)), Touched(everything=True))
    return Onlookers(directory, FakeClock())


@pytest.mark.parametrize(
    ("nas", "peer", "shown"),
    [
        ("192.0.2.7", PEER, True),
        ("192.0.2.0/24", PEER, True),
        ("::ffff:192.0.2.7", PEER, True),
        ("192.0.2.7", ("::ffff:192.0.2.7", 1), True),
        ("192.0.2.8", PEER, False),
        ("first floor", ("198.51.100.9", 1), True),
        ("first floor", PEER, False),
        ("switch-3", PEER, True),
        ("2001:db8::/32", ("2001:db8::1", 1), True),
    ],
)
def test_of_the_nas_that_is_asked_for(onlookers: Onlookers, nas: str, peer: tuple[str, int], shown: bool) -> None:
    looking = Looking(onlookers, nas)
    onlookers.saw(True, ASKED, peer)
    lines = looking.lines()
    assert bool(lines) == shown
    if shown:
        assert lines[0]["attributes"] == [
            ["User-Name", '"bob"'],
            ["User-Password", "(16 octets)"],
            ["NAS-Identifier", '"switch-3"'],
        ]
        assert (lines[0]["code"], lines[0]["received"], lines[0]["peer"]) == ("Access-Request", True, peer[0])


@pytest.mark.parametrize(
    ("nas", "peer", "told"),
    [
        ("192.0.2.7", PEER, True),
        ("switch-3", PEER, True),
        ("switch-3", ("192.0.2.7", 1), False),
        ("192.0.2.8", PEER, False),
    ],
)
def test_what_shows_in_no_answer_is_told_to_whoever_saw_the_packet(
    onlookers: Onlookers, nas: str, peer: tuple[str, int], told: bool
) -> None:
    looking = Looking(onlookers, nas)
    onlookers.saw(True, ASKED, PEER)
    looking.lines()
    onlookers.heard_why("dropped", "malformed", "It is cut short.", peer)
    assert [(line["dropped"], line["why"]) for line in looking.lines()] == [("malformed", "It is cut short.")] * told


async def keep(kind: str, body: dict[str, Any]) -> bool:
    return True


def test_the_doors_tell_why() -> None:
    door = Door()
    onlookers = Onlookers(door.directory, FakeClock())
    authentication = Authentication(door.link, lambda: "1", door.telemetry.fault)
    listener = door.a_listener(authentication, onlookers=onlookers)
    listener.makeConnection(door.transport)
    accounting = AccountingListener(door.directory, door.telemetry, keep, FakeClock(), FakeClock(), onlookers)
    looking = Looking(onlookers, "192.0.2.7")
    name = attribute(1, b"bob")
    listener.datagramReceived(nas_side.request(name), PEER)
    listener.datagramReceived(nas_side.request(name, secret=b"other"), PEER)
    accounting.datagramReceived(nas_side.keyed(4, name, secret=b"other"), PEER)
    told = [line for line in looking.lines() if "why" in line]
    assert [line.get("refused") or line["dropped"] for line in told] == [
        "unsupported_proof",
        "bad_message_authenticator",
        "bad_request_authenticator",
    ]
    assert all("shared secret" in line["why"] for line in told[1:])
    assert "unsupported_proof: This way of proving" in as_text(told[0])
    assert "no answer to 192.0.2.7:40000  bad_message_authenticator: " in as_text(told[1])


def test_whoever_leaves_is_told_nothing_more(onlookers: Onlookers) -> None:
    looking = Looking(onlookers, PEER[0])
    assert len(onlookers.looking) == 1
    looking.onlooker.connectionLost()
    assert onlookers.looking == []
    onlookers.saw(True, ASKED, PEER)
    assert looking.lines() == []


def test_who_reads_too_slowly_is_told_what_they_missed_and_nothing_is_kept(onlookers: Onlookers) -> None:
    looking = Looking(onlookers, PEER[0])
    looking.onlooker.pauseProducing()
    for _ in range(1000):
        onlookers.saw(False, ASKED, PEER)
    assert looking.lines() == []
    looking.onlooker.resumeProducing()
    assert looking.lines() == [{"missed": 1000}]


def test_there_are_only_so_many(onlookers: Onlookers) -> None:
    looking = [Looking(onlookers, PEER[0]) for _ in range(MOST + 1)]
    assert [one.transport.disconnecting for one in looking] == [False] * MOST + [True]


@pytest.mark.parametrize(
    "line", [b"", b"{}", b"[]", b'{"nas": ""}', b'{"nas": 1}', b"\xff", b"x" * LONGEST_QUESTION * 2]
)
def test_a_question_that_is_none_ends_it(onlookers: Onlookers, line: bytes) -> None:
    transport = StringTransport()
    onlooker: Any = onlookers.buildProtocol(None)
    onlooker.makeConnection(transport)
    onlooker.dataReceived(line + b"\n")
    assert transport.disconnecting
    assert onlookers.looking == []


@pytest.mark.parametrize("octets", [b"", b"\1", b"\1\2", ASKED[:30]])
def test_what_is_no_packet_is_shown_as_that_or_not_at_all(onlookers: Onlookers, octets: bytes) -> None:
    looking = Looking(onlookers, PEER[0])
    onlookers.saw(True, octets, PEER)
    assert all("malformed" in line for line in looking.lines())
