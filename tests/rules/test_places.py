"""Where somebody tries from: as much as one subscriber gets, however their address is written."""

from __future__ import annotations

import pytest

from rules.places import host, is_address, place


@pytest.mark.parametrize(
    ("peer", "station", "expected"),
    [
        ("192.0.2.7", "", "192.0.2.0/24"),
        ("2001:db8:1:2:3::4", "", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "", "192.0.2.0/24"),
        ("::FFFF:c000:0207", "", "192.0.2.0/24"),
        ("::192.0.2.7", "", "::/64"),
        ("::ffff:nonsense", "", "::ffff:nonsense"),
        ("unix", "", "unix"),
        ("", "", ""),
        ("192.0.2.7", "02-00", "192.0.2.7 02-00"),
        ("::ffff:192.0.2.7", "02-00", "192.0.2.7 02-00"),
        ("2001:db8::4", "02-00", "2001:db8::4 02-00"),
    ],
)
def test_a_place_is_a_network_or_a_device(peer: str, station: str, expected: str) -> None:
    assert place(peer, station) == expected


def test_people_on_a_dual_stack_socket_are_not_all_in_one_place() -> None:
    assert place("::ffff:192.0.2.7") != place("::ffff:203.0.113.9")


def test_a_host_cannot_change_its_address_of_ipv4_nor_its_network_of_ipv6() -> None:
    assert [host(peer) for peer in ("192.0.2.7", "::ffff:192.0.2.7", "2001:db8::7", "unix")] == [
        "192.0.2.7",
        "192.0.2.7",
        "2001:db8::/64",
        "unix",
    ]


@pytest.mark.parametrize("text", ["192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7"])
def test_an_address(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize("text", ["", "ap-1", "192.0.2", "192.0.2.7:1812", "[2001:db8::7]"])
def test_what_is_none(text: str) -> None:
    assert not is_address(text)
