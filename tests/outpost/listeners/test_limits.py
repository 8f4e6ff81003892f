"""How many connections a door takes, where the process may have only so many descriptors open."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from twisted.internet.task import Clock

from outpost.listeners.limits import (
    MAX_CONNECTIONS,
    MAX_CONNECTIONS_OF_HOST,
    SWEEP_INTERVAL,
    Connections,
    most_of_door,
)


@pytest.mark.parametrize(
    ("descriptors", "most", "of_host"),
    [
        (-1, MAX_CONNECTIONS, MAX_CONNECTIONS_OF_HOST),
        (1 << 20, MAX_CONNECTIONS, MAX_CONNECTIONS_OF_HOST),
        (1024, 256, 128),
        (200, 50, 25),
    ],
)
def test_a_door_leaves_descriptors_for_others(descriptors: int, most: int, of_host: int) -> None:
    assert most_of_door(descriptors) == (most, of_host)


@dataclass(eq=False)
class Idle:
    peer: str
    deadline: float = 900.0

    def abort(self) -> None:
        raise AssertionError("its time is not over")


@pytest.mark.parametrize(
    ("peers", "another", "stranger"),
    [
        (("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"), "2001:db8:1:2::77", "2001:db8:1:3::1"),
        (("192.0.2.1", "192.0.2.1"), "192.0.2.1", "192.0.2.2"),
        (("::ffff:192.0.2.1", "192.0.2.1"), "::ffff:192.0.2.1", "::ffff:192.0.2.2"),
    ],
)
def test_a_host_with_many_addresses_is_one_host(peers: tuple[str, str], another: str, stranger: str) -> None:
    connections = Connections(Clock(), most=10, most_of_host=2)
    first, second = (Idle(peer) for peer in peers)
    assert connections.admit(first)
    assert connections.admit(second)
    assert not connections.admit(Idle(another))
    assert connections.admit(Idle(stranger))
    connections.leave(first)
    connections.leave(first)
    assert connections.admit(Idle(another))
    assert not connections.admit(Idle(another))


def test_a_trusted_proxy_brings_more_than_one_host_may_and_no_more_than_there_is_room_for() -> None:
    connections = Connections(Clock(), most=4, most_of_host=2, brings_others="127.0.0.1".__eq__)
    assert [connections.admit(Idle("192.0.2.1")) for _ in range(3)] == [True, True, False]
    assert [connections.admit(Idle("127.0.0.1")) for _ in range(3)] == [True, True, False]
    proxied = Connections(Clock(), most=4, most_of_host=2, brings_others="127.0.0.1".__eq__)
    assert [proxied.admit(Idle("127.0.0.1")) for _ in range(5)] == [True] * 4 + [False]
    assert not proxied.admit(Idle("192.0.2.1"))


@dataclass(eq=False)
class Silent(Idle):
    ended: list[float] = field(default_factory=list)

    def abort(self) -> None:
        self.ended.append(self.deadline)


def test_deadlines_are_watched_again_after_everybody_was_gone_for_a_while_and_for_no_time() -> None:
    clock = Clock()
    connections = Connections(clock)
    for away in (0.0, SWEEP_INTERVAL / 2, 10 * SWEEP_INTERVAL):
        gone, late = Idle("192.0.2.1"), Silent("192.0.2.1", clock.seconds() + away + 5.0)
        connections.admit(gone)
        connections.leave(gone)
        clock.advance(away)
        connections.admit(late)
        clock.advance(5.0 - SWEEP_INTERVAL)
        assert late.ended == []
        clock.advance(2 * SWEEP_INTERVAL)
        assert late.ended
        connections.leave(late)
    clock.advance(SWEEP_INTERVAL)
    assert clock.getDelayedCalls() == []
