"""The door for accounting: what NAS tell is kept first and answered then, or not answered."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.testing import FakeDatagramTransport

from outpost.directory.draft import whole
from outpost.directory.snapshot import Directory, Touched
from outpost.listeners.radius_accounting import ACCOUNTING, AccountingListener
from tests.outpost.listeners.test_radius import RecordingTelemetry, a_provider
from tests.protocols.radius.nas_side import PEER, attribute, keyed, plain_reply
from tests.protocols.radius.test_accounting import SESSION, START, asked, integer

NOW = 1_700_000_000.0
PACKET = asked(START, SESSION, integer(41, 30))


class Door:
    def __init__(self) -> None:
        self.kept: list[tuple[str, dict[str, Any]]] = []
        self.waiting: list[Deferred[bool]] = []
        self.telemetry = RecordingTelemetry()
        directory = Directory()
        self.listener = AccountingListener(directory, self.telemetry, self.keep, lambda: NOW, lambda: NOW)
        directory.publish(whole(1, [a_provider()]), Touched(everything=True))
        self.transport = FakeDatagramTransport()
        self.listener.makeConnection(self.transport)

    async def keep(self, kind: str, body: dict[str, Any]) -> bool:
        self.kept.append((kind, body))
        done: Deferred[bool] = Deferred()
        self.waiting.append(done)
        return await done

    def send(self, packet: bytes = PACKET) -> None:
        self.listener.datagramReceived(packet, PEER)

    @property
    def sent(self) -> list[bytes]:
        return [octets for octets, _ in self.transport.written]


def test_it_is_answered_when_it_is_kept() -> None:
    door = Door()
    door.send()
    assert door.sent == []
    [(kind, body)] = door.kept
    assert kind == ACCOUNTING
    assert (body["status"], body["session"], body["at"]) == ("start", "0000002A", NOW - 30)
    door.send()  # a copy while it is being kept
    door.waiting.pop().callback(True)
    assert door.sent == [plain_reply(5, PACKET)]
    door.send()
    assert door.sent == [plain_reply(5, PACKET)] * 2
    assert len(door.kept) == 1


EPOCH = int(NOW)
WEEK = 7 * 86_400


@pytest.mark.parametrize(
    ("told", "at"),
    [
        ([], NOW),
        ([integer(55, EPOCH - 7200)], NOW - 7200),
        ([integer(55, EPOCH)], NOW),
        ([integer(55, EPOCH - WEEK)], NOW - WEEK),
        ([integer(55, EPOCH - WEEK - 1)], NOW),
        ([integer(55, EPOCH + 1)], NOW),
        ([integer(55, 0)], NOW),
        ([attribute(55, b"\0\0\1")], NOW),
        ([integer(41, 5), integer(55, EPOCH - 7200)], NOW - 5),
        ([integer(41, 0), integer(55, EPOCH - 7200)], NOW),
        ([integer(41, 2**32 - 1)], NOW - WEEK),
    ],
)
def test_when_it_happened(told: list[bytes], at: float) -> None:
    door = Door()
    door.send(asked(START, SESSION, *told))
    [(_, body)] = door.kept
    assert body["at"] == at


@pytest.mark.parametrize("answer", [False, ValueError("full")])
def test_what_is_not_kept_is_not_answered_and_may_come_again(answer: bool | ValueError) -> None:
    door = Door()
    door.send()
    if isinstance(answer, ValueError):
        door.waiting.pop().errback(answer)
    else:
        door.waiting.pop().callback(answer)
    assert door.sent == []
    assert door.telemetry.discards["radius", "not_kept"] == 1
    door.send()
    door.waiting.pop().callback(True)
    assert door.sent == [plain_reply(5, PACKET)]


def test_110_123_what_does_not_verify_is_neither_kept_nor_answered() -> None:
    signed = keyed(4, PACKET[20:], sign=True)
    flipped = keyed(4, signed[20:24] + bytes((signed[24] ^ 1,)) + signed[25:])
    door = Door()
    for packet in (PACKET[:4] + bytes(16) + PACKET[20:], flipped):
        door.send(packet)
    assert (door.kept, door.sent) == ([], [])
    assert door.telemetry.discards == {("radius", "bad_request_authenticator"): 2}
    door.send(signed)
    assert len(door.kept) == 1


def test_a_wrong_secret_is_a_knock() -> None:
    door = Door()
    door.send(asked(START, SESSION, secret=b"wrong"))
    assert door.kept == []
    assert door.telemetry.discards["radius", "bad_request_authenticator"] == 1
    assert door.telemetry.knocks.open
    door.send()
    assert not door.telemetry.knocks.open, "it is the right one now"
