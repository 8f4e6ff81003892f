"""Packets as people read them: names from the dictionary, and no secret whatever the packet holds."""

from __future__ import annotations

import pytest

from protocols.errors import RemoteProtocolError
from protocols.radius.definitions import VENDORS_PROTOCOL
from protocols.radius.packet import MAX_VALUE, attribute
from protocols.radius.reply import encoded, hiding
from protocols.radius.shown_packet import SECRET, code_name, identifier_of, shown
from protocols.radius.vendor import vendor_attribute

CANARY = b"correct horse battery"
HIDE = hiding(b"secret", bytes(16), bytes)


def packet(*attributes: bytes, code: int = 1) -> bytes:
    body = b"".join(attributes)
    return bytes((code, 7)) + (20 + len(body)).to_bytes(2) + bytes(16) + body


def test_names_numbers_and_addresses() -> None:
    asked = packet(
        attribute(1, b"bob"),
        attribute(4, bytes((192, 0, 2, 7))),
        attribute(5, (14).to_bytes(4)),
        attribute(61, (19).to_bytes(4)),
        attribute(32, b"switch-3"),
        attribute(95, bytes(15) + b"\1"),
    )
    assert shown(asked) == [
        ("User-Name", '"bob"'),
        ("NAS-IP-Address", "192.0.2.7"),
        ("NAS-Port", "14"),
        ("NAS-Port-Type", "Wireless-802.11"),
        ("NAS-Identifier", '"switch-3"'),
        ("NAS-IPv6-Address", "::1"),
    ]
    assert identifier_of(asked) == "switch-3"
    assert (code_name(1), code_name(2), code_name(99)) == ("Access-Request", "Access-Accept", "code 99")


def test_a_vlan_with_its_tag_and_vendors_words() -> None:
    accept = packet(
        encoded("Tunnel-Type", "VLAN", 1, HIDE),
        encoded("Tunnel-Private-Group-ID", "42", 1, HIDE),
        encoded("Cisco-AVPair", "shell:priv-lvl=15", 0, HIDE),
        encoded("Cisco-AVPair", "psk-mode=ascii", 0, HIDE),
        code=2,
    )
    assert shown(accept) == [
        ("Tunnel-Type:1", "VLAN"),
        ("Tunnel-Private-Group-ID:1", '"42"'),
        ("Cisco-AVPair", '"shell:priv-lvl=15"'),
        ("Cisco-AVPair", '"psk-mode=ascii"'),
    ]


@pytest.mark.parametrize("number", sorted(SECRET))
def test_secrets_are_told_by_their_length_alone(number: int) -> None:
    ((name, value),) = shown(packet(attribute(number, CANARY)))
    assert value == f"({len(CANARY)} octets)"
    assert name


@pytest.mark.parametrize("number", sorted(number for _, number in VENDORS_PROTOCOL))
def test_what_microsofts_protocols_say_is_masked(number: int) -> None:
    """Keys, and answers to challenges that a guess at the password could be tried on."""
    ((_, value),) = shown(packet(vendor_attribute(311, number, CANARY)))
    assert value == f"({len(CANARY)} octets)"


@pytest.mark.parametrize(
    "name", ["Cisco-AVPair", "Aruba-MPSK-Passphrase", "Mikrotik-Wireless-PSK", "Ruckus-Dpsk", "Tunnel-Password"]
)
def test_a_devices_own_key_is_masked_in_every_vendors_words(name: str) -> None:
    value = f"psk={CANARY.decode()}" if name == "Cisco-AVPair" else CANARY.decode()
    ((told, text),) = shown(packet(encoded(name, value, 0, HIDE), code=2))
    assert (told, CANARY.decode() in text, "octets)" in text) == (name, False, True)


@pytest.mark.parametrize("number", [n for n in range(1, 256) if n not in (26, 1, 18)])
def test_what_is_not_known_to_be_harmless_is_masked(number: int) -> None:
    """Of octets that are text in no dictionary, and of every number that has no name."""
    unprintable = b"\xff\xfe" + CANARY
    ((name, value),) = shown(packet(attribute(number, unprintable)))
    if name.startswith("Attr-") or number in SECRET:
        assert "octets)" in value


@pytest.mark.parametrize("vendor", [9, 311, 429, 8164, 65535])
@pytest.mark.parametrize("size", [0, 1, 3, 255])
def test_a_vendors_attribute_that_is_malformed_is_masked(vendor: int, size: int) -> None:
    value = vendor.to_bytes(4) + bytes((1, size)) + CANARY
    for _, text in shown(packet(attribute(26, value))):
        assert CANARY.decode() not in text


def test_a_terminal_is_told_nothing_but_what_can_be_printed() -> None:
    ((_, value),) = shown(packet(attribute(1, b"bob\x1b[2J\r\n\xe2\x80\xae")))
    assert value.isprintable()


def test_of_eap_the_head_is_shown() -> None:
    ((_, value),) = shown(packet(attribute(79, bytes((2, 9, 0, 5 + len(CANARY), 6)) + CANARY)))
    assert value == f"Response 9 GTC ({5 + len(CANARY)} octets)"


def test_every_length_of_every_attribute_can_be_shown() -> None:
    for number in range(1, 256):
        for size in (0, 1, 2, 3, 4, 5, 8, 16, 18, MAX_VALUE):
            assert shown(packet(attribute(number, bytes(size))))


@pytest.mark.parametrize("octets", [b"", b"\1", packet()[:19], packet() + b"\1\1", b"\1\1\0\x15" + bytes(17)])
def test_what_is_no_packet_is_none(octets: bytes) -> None:
    if len(octets) > 20 and octets[3] == 20:
        assert shown(octets) == [], "octets behind the packet are padding"
        return
    with pytest.raises(RemoteProtocolError):
        shown(octets)
    assert identifier_of(octets) == ""
