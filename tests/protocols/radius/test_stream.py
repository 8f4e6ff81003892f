"""Packets out of a stream, however it is cut."""

from __future__ import annotations

import pytest

from protocols.errors import RemoteProtocolError
from protocols.radius.stream import PacketStream
from tests.protocols.radius.nas_side import pap

PACKETS = [pap(), pap(b"bob", b"x" * 40), pap(extra=b"")]


@pytest.mark.parametrize("size", [1, 3, 4, 19, 21, 4096])
def test_packets_are_found_however_they_come(size: int) -> None:
    whole, stream = b"".join(PACKETS), PacketStream()
    found = [packet for at in range(0, len(whole), size) for packet in stream.receive(whole[at : at + size])]
    assert found == PACKETS
    assert stream.is_whole


def test_a_packet_that_has_begun_is_kept() -> None:
    stream = PacketStream()
    assert stream.receive(PACKETS[0][:-1]) == []
    assert not stream.is_whole


@pytest.mark.parametrize("length", [0, 19, 4097, 65_535])
def test_121_a_length_that_no_packet_has_ends_the_stream(length: int) -> None:
    with pytest.raises(RemoteProtocolError):
        PacketStream().receive(b"\1\1" + length.to_bytes(2) + bytes(16))
