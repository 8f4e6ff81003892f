"""A packet that is laid out as another was is read as if nothing had been remembered."""

import random
from collections.abc import Callable

import pytest

from protocols.errors import RemoteProtocolError
from protocols.radius import layouts as module
from protocols.radius.layouts import MOST_ATTRIBUTES, SELDOM, Layouts
from protocols.radius.packet import Packet
from tests.protocols.radius import nas_side
from tests.protocols.radius.vectors import vectors

HERE, THERE = "192.0.2.7", "192.0.2.8"


def both(layouts: Layouts, datagram: bytes, address: str = HERE) -> tuple[Packet | str, Packet | str]:
    """What is read with what is remembered, and without."""
    return read(lambda: layouts.parse(datagram, address)), read(lambda: Packet.parse(datagram))


def read(parse: Callable[[], Packet]) -> Packet | str:
    try:
        return parse()
    except RemoteProtocolError as error:
        return str(error)


def test_another_packet_of_the_same_layout_is_read_by_it() -> None:
    layouts = Layouts()
    first = layouts.parse(nas_side.pap(b"alice", b"one"), HERE)
    second = layouts.parse(nas_side.pap(b"clara", b"two"), HERE)
    assert second.get(1) == b"clara"
    assert second == Packet.parse(nas_side.pap(b"clara", b"two"))
    assert second.first is first.first
    assert len(layouts) == 1


def test_every_octet_of_a_remembered_packet_may_become_another() -> None:
    """Heads that say something else are read as what they say, or refused as they would be."""
    datagram = nas_side.pap(extra=nas_side.attribute(33, b"state") + nas_side.attribute(31, b"02-00-00-00-00-01"))
    for at in range(len(datagram)):
        for octet in (0, 1, 2, 3, 18, 80, 255, datagram[at] ^ 1, datagram[at] ^ 2):
            layouts = Layouts()
            layouts.parse(datagram, HERE)
            remembered, plain = both(layouts, datagram[:at] + bytes((octet,)) + datagram[at + 1 :])
            assert remembered == plain


def test_of_one_length_and_many_layouts_each_is_read_as_it_is() -> None:
    chance, layouts = random.Random(2865), Layouts()
    for _ in range(300):
        parts, left = [], 60
        while left:
            size = left if left < 4 else chance.randint(2, min(left, 12))
            size = left if left - size == 1 else size
            parts.append(nas_side.attribute(chance.choice((1, 4, 31, 33)), bytes(size - 2)))
            left -= size
        remembered, plain = both(layouts, nas_side.request(b"".join(parts), sign="never"))
        assert remembered == plain
        assert isinstance(plain, Packet)


def test_of_two_layouts_of_one_length_that_come_in_turn_few_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bytes] = []
    look = module.heads

    def heads(octets: bytes) -> Callable[[bytes], tuple[int, ...]]:
        made.append(octets)
        return look(octets)

    monkeypatch.setattr(module, "heads", heads)
    layouts = Layouts()
    parts = nas_side.attribute(4, b"abcd"), nas_side.attribute(18, b"ab")
    both_ways = [
        nas_side.request(parts[0] + parts[1], sign="never"),
        nas_side.request(parts[1] + parts[0], sign="never"),
    ]
    for _ in range(100):
        for datagram in both_ways:
            assert layouts.parse(datagram, HERE) == Packet.parse(datagram)
    assert 2 <= len(made) <= 1 + 200 // SELDOM


def test_heads_say_whose_the_attributes_of_vendors_are() -> None:
    def with_vendor(content: bytes) -> bytes:
        return nas_side.request(nas_side.attribute(26, content) + nas_side.attribute(1, b"alice"), sign="never")

    datagram = with_vendor(b"\0\0\0\x09\x01\x03a")
    look = module.heads(datagram)
    assert look(datagram) == look(with_vendor(b"\0\0\0\x09\x02\x03b"))
    assert look(datagram) != look(with_vendor(b"\0\0\1\x37\x01\x03a"))
    short = with_vendor(b"abc")
    assert len(module.heads(short)(short)) == 6


def test_vectors_one_after_another() -> None:
    layouts = Layouts()
    for vector in [*vectors(), *vectors()]:
        remembered, plain = both(layouts, vector.datagram)
        assert remembered == plain


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_LAYOUTS", 3)
    layouts = Layouts()
    for number in range(10):
        layouts.parse(nas_side.pap(b"a" * (number + 1)), HERE)
        layouts.parse(nas_side.pap(b"a" * (number + 1)), THERE)
        assert len(layouts) <= 3
    layouts = Layouts()
    layouts.parse(nas_side.request(b"\x20\x03x" * (MOST_ATTRIBUTES + 1), sign="never"), HERE)
    assert len(layouts) == 0


def test_padding_and_the_length_field_count() -> None:
    datagram, layouts = nas_side.pap(), Layouts()
    layouts.parse(datagram, HERE)
    for number in range(256):
        for at in (2, 3):
            remembered, plain = both(layouts, datagram[:at] + bytes((number,)) + datagram[at + 1 :])
            assert remembered == plain
    for padding in (b"x", bytes(40)):
        remembered, plain = both(layouts, datagram + padding)
        assert remembered == plain == Packet.parse(datagram)
