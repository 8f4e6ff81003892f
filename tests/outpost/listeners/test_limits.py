"""How many connections a door takes, where the process may have only so many descriptors open."""

from __future__ import annotations

import pytest

from outpost.listeners.limits import MAX_CONNECTIONS, MAX_CONNECTIONS_OF_PEER, most_of_door


@pytest.mark.parametrize(
    ("descriptors", "most", "of_peer"),
    [
        (-1, MAX_CONNECTIONS, MAX_CONNECTIONS_OF_PEER),
        (1 << 20, MAX_CONNECTIONS, MAX_CONNECTIONS_OF_PEER),
        (1024, 256, 128),
        (200, 50, 25),
    ],
)
def test_a_door_leaves_descriptors_for_others(descriptors: int, most: int, of_peer: int) -> None:
    assert most_of_door(descriptors) == (most, of_peer)
