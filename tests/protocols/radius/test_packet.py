import pytest
from pyrad.packet import Packet as PyradPacket

from protocols.errors import LocalProtocolError, RemoteProtocolError
from protocols.radius.packet import MAX_ATTRIBUTES, MAX_LENGTH, Packet, attribute
from tests.protocols.radius import nas_side
from tests.protocols.radius.vectors import vectors


def packet_of(attributes: bytes) -> Packet:
    return Packet.parse(nas_side.request(attributes, sign="never"))


def test_header_and_values() -> None:
    packet = packet_of(nas_side.attribute(1, b"alice") + nas_side.attribute(32, b"nas") + nas_side.attribute(1, b"bob"))
    assert (packet.code, packet.identifier, packet.authenticator) == (1, 7, bytes(range(16)))
    assert packet.get(1) == b"alice"
    assert packet.get(32) == b"nas"
    assert packet.get(2) is None


def test_repeated_attributes_stay_in_order() -> None:
    parts = [nas_side.attribute(33, b"a"), nas_side.attribute(1, b"!"), nas_side.attribute(33, b""), b"\x21\x03b"]
    packet = packet_of(b"".join(parts))
    assert packet.encoded(33) == parts[0] + parts[2] + parts[3]
    assert packet.encoded(99) == b""
    assert packet.repeats(frozenset((33, 1)))
    assert not packet.repeats(frozenset((1, 2)))


def test_padding_behind_length_is_ignored() -> None:
    datagram = nas_side.pap()
    assert Packet.parse(datagram + b"\x00\xff\x30" * 100) == Packet.parse(datagram)
    assert Packet.parse(datagram + b"padding").octets == datagram


def test_every_truncation_is_malformed() -> None:
    datagram = nas_side.pap(extra=nas_side.attribute(33, b"state"))
    for length in range(len(datagram)):
        with pytest.raises(RemoteProtocolError) as caught:
            Packet.parse(datagram[:length])
        assert caught.value.reason == "malformed"


def test_every_shortened_length_is_malformed_or_ends_at_an_attribute() -> None:
    datagram = nas_side.pap()
    whole = Packet.parse(datagram)
    ends = {20} | {at + datagram[at + 1] for number in whole.first for at in whole.offsets(number)}
    for length in range(len(datagram)):
        shortened = datagram[:2] + length.to_bytes(2) + datagram[4:]
        if length in ends:
            assert len(Packet.parse(shortened).octets) == length
        else:
            with pytest.raises(RemoteProtocolError):
                Packet.parse(shortened)


def test_bounds() -> None:
    filler = nas_side.attribute(32, bytes(253)) * 15 + nas_side.attribute(32, bytes(249))
    exactly = nas_side.request(filler, sign="never")
    assert len(exactly) == MAX_LENGTH
    assert Packet.parse(exactly).count == 16
    with pytest.raises(RemoteProtocolError):
        Packet.parse(nas_side.request(filler[:-251] + nas_side.attribute(32, bytes(250)), sign="never"))
    assert packet_of(b"\x20\x03x" * MAX_ATTRIBUTES).count == MAX_ATTRIBUTES
    with pytest.raises(RemoteProtocolError):
        packet_of(b"\x20\x03x" * (MAX_ATTRIBUTES + 1))


def test_attribute() -> None:
    assert attribute(33, b"xyz") == b"\x21\x05xyz"
    assert len(attribute(33, bytes(253))) == 255
    with pytest.raises(LocalProtocolError):
        attribute(33, bytes(254))


@pytest.mark.parametrize("vector", [v for v in vectors() if v.expect[0] == "ask" and v.is_exact], ids=str)
def test_pyrad_reads_the_same_values(vector) -> None:  # type: ignore[no-untyped-def]
    theirs = PyradPacket(packet=vector.datagram, secret=vector.secret)
    ours = Packet.parse(vector.datagram)
    assert (theirs.code, theirs.id, theirs.authenticator) == (ours.code, ours.identifier, ours.authenticator)
    assert {number for number in theirs if isinstance(number, int)} - {26} == set(ours.first) - {26}
    for number in set(ours.first) - {26}:
        values = [ours.octets[at + 2 : at + ours.octets[at + 1]] for at in ours.offsets(number)]
        assert theirs[number] == values
