import pytest
from ldaptor.protocols import pureber

from protocols.errors import RemoteProtocolError
from protocols.ldap import ber
from tests.deliveries import deliveries

LIMIT = 1000


@pytest.mark.parametrize("length", [0, 1, 0x7F, 0x80, 0xFF, 0x100])
def test_every_delivery_frames_the_same_message(length: int) -> None:
    message = ber.tlv(ber.SEQUENCE, bytes(length))
    for delivery in deliveries(message):
        buffer = bytearray()
        for piece in delivery.pieces[:-1]:
            buffer += piece
            assert ber.frame(buffer, LIMIT) is None, delivery
        buffer += delivery.pieces[-1]
        assert ber.frame(buffer, LIMIT) == len(message), delivery


@pytest.mark.parametrize(
    "octets",
    ["31", "16030100", "474554", "3080", "3085", "30ff", "3089010000000000000000"],
    ids=["set", "TLS", "HTTP", "indefinite", "five length octets", "reserved", "nine length octets"],
)
def test_what_is_no_message_is_refused_at_once(octets: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        ber.frame(bytes.fromhex(octets), LIMIT)
    assert caught.value.reason == "malformed"


def test_oversize_is_refused_from_the_header_alone() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        ber.frame(bytes.fromhex("308203e5"), LIMIT)
    assert caught.value.reason == "oversize"
    assert ber.frame(bytes.fromhex("308203e4"), LIMIT) is None


def test_a_length_may_be_longer_than_it_needs() -> None:
    assert ber.frame(bytes.fromhex("308400000001aa"), LIMIT) == 7
    assert ber.header(bytes.fromhex("048400000001aa"), 0, 7) == (4, 6, 7)


@pytest.mark.parametrize(
    "octets",
    ["", "04", "0402aa", "0480", "0481", "048500000000 01aa", "1f0101", "0484ffffffff"],
)
def test_an_element_never_leaves_what_contains_it(octets: str) -> None:
    inside = bytes.fromhex(octets)
    with pytest.raises(RemoteProtocolError):
        ber.header(inside + bytes(300), 0, len(inside))


@pytest.mark.parametrize("number", [0, 1, -1, 127, 128, -128, -129, 255, 256, 2**31 - 1, -(2**31)])
def test_integers_are_those_of_another_encoder(number: int) -> None:
    octets = pureber.BERInteger(number).toWire()
    assert ber.encode_integer(number) == octets
    assert ber.integer(octets, 0, len(octets)) == (number, len(octets))


@pytest.mark.parametrize("octets", ["0200", "0209000000000000000001", "0401aa"])
def test_what_is_no_integer(octets: str) -> None:
    with pytest.raises(RemoteProtocolError):
        ber.integer(bytes.fromhex(octets), 0, len(octets) // 2)


@pytest.mark.parametrize(("octets", "truth"), [("010100", False), ("0101ff", True), ("010101", True)])
def test_booleans(octets: str, truth: bool) -> None:
    assert ber.boolean(bytes.fromhex(octets), 0, 3) == (truth, 3)


def test_a_boolean_is_one_octet() -> None:
    with pytest.raises(RemoteProtocolError):
        ber.boolean(bytes.fromhex("01020000"), 0, 4)


@pytest.mark.parametrize("length", [0, 1, 127, 128, 255, 256, 65535, 65536])
def test_octet_strings_are_those_of_another_encoder(length: int) -> None:
    octets = pureber.BEROctetString(b"x" * length).toWire()
    assert ber.tlv(ber.OCTET_STRING, b"x" * length) == octets
    assert ber.octet_string(octets + b"more", 0, len(octets)) == (b"x" * length, len(octets))
