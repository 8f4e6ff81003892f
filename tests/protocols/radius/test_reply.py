"""Attributes as people write them, against pyrad with FreeRADIUS' dictionaries, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from protocols.radius.definitions import DEFINITIONS
from protocols.radius.mppe import salted
from protocols.radius.reply import check, encoded, hiding
from protocols.radius.value_names import VALUES
from protocols.radius.vendor_dictionary import VENDORS
from tests.peers import require

FREERADIUS = Path("/usr/share/freeradius")
HIDE = hiding(b"secret", bytes(16), bytes)


@pytest.mark.parametrize(
    ("name", "value", "tag", "octets"),
    [
        ("Tunnel-Type", "VLAN", 0, "400600 00000d"),
        ("tunnel-type", 13, 1, "4006 0100000d"),
        ("Tunnel-Medium-Type", "IEEE-802", 1, "4106 01000006"),
        ("Tunnel-Private-Group-ID", "20", 0, "5104 3230"),
        ("Tunnel-Private-Group-ID", 20, 1, "5105 013230"),
        ("Filter-Id", "guests", 0, "0b08 677565737473"),
        ("Session-Timeout", "3600", 0, "1b06 00000e10"),
        ("Acct-Interim-Interval", 300, 0, "5506 0000012c"),
        ("Service-Type", "Administrative-User", 0, "0606 00000006"),
        ("Class", "0x01ff", 0, "1904 01ff"),
        ("Class", "staff", 0, "1907 7374616666"),
        ("Framed-IP-Address", "192.0.2.9", 0, "0806 c0000209"),
        ("Framed-IPv6-Prefix", "2001:db8::/32", 0, "6108 002020010db8"),
        ("Framed-IPv6-Address", "2001:db8::1", 0, "a812 20010db8000000000000000000000001"),
        ("Framed-Interface-Id", "0:1:2:ffff", 0, "600a 000000010002ffff"),
        ("Cisco-AVPair", "shell:priv-lvl=15", 0, "1a19 00000009 0113 7368656c6c3a707269762d6c766c3d3135"),
        ("Mikrotik-Group", "full", 0, "1a0c 00003a8c 0306 66756c6c"),
        ("Fortinet-Group-Name", "vpn", 0, "1a0b 00003044 0105 76706e"),
        ("WISPr-Bandwidth-Max-Down", "1000000", 0, "1a0c 0000372a 0806 000f4240"),
        ("Aruba-User-Vlan", 30, 0, "1a0c 000039e7 0206 0000001e"),
        ("UBNT-Data-Rate-DL", "1000000", 0, "1a10 0000a098 010a 00000000000f4240"),
        ("Juniper-Local-User-Name", "ops", 0, "1a0b 00000a4c 0105 6f7073"),
    ],
)
def test_octets(name: str, value: str | int, tag: int, octets: str) -> None:
    assert encoded(name, value, tag, HIDE).hex() == octets.replace(" ", "")


def test_a_tunnel_password_is_hidden_and_every_salt_another() -> None:
    """RFC 2868 section 3.5, whatever chance gives; the highest bit is set."""
    hide = hiding(b"secret", bytes(16), lambda size: b"\x7f\xff" * (size // 2))
    several = [encoded("Tunnel-Password", "wifi key", 1, hide) for _ in range(300)]
    assert len({octets[3:5] for octets in several}) == 300
    for octets in several[:3]:
        assert (octets[0], octets[2]) == (69, 1)
        salt = octets[3:5]
        assert salt[0] & 0x80
        assert octets[5:] == salted(b"wifi key", b"secret", bytes(16), salt)
        assert b"wifi" not in octets


def test_vendor_keys_are_hidden_too() -> None:
    assert b"wifi key" not in encoded("Aruba-MPSK-Passphrase", "wifi key", 0, HIDE)


@pytest.mark.parametrize(
    ("name", "value", "tag", "words"),
    [
        ("No-Such-Thing", "x", 0, "is no RADIUS attribute that an answer can have"),
        ("User-Password", "x", 0, "is no RADIUS attribute that an answer can have"),
        ("Message-Authenticator", "x", 0, "is no RADIUS attribute that an answer can have"),
        ("Acct-Session-Id", "x", 0, "is no RADIUS attribute that an answer can have"),
        ("MS-MPPE-Send-Key", "x", 0, "is no RADIUS attribute that an answer can have"),
        ("Session-Timeout", "an hour", 0, "“an hour” is no value of Session-Timeout. Write a number"),
        ("Session-Timeout", -1, 0, "is no value of Session-Timeout"),
        ("Session-Timeout", 2**32, 0, "is no value of Session-Timeout"),
        ("Service-Type", "Boss", 0, "Write a number or a name, such as Login-User"),
        ("Framed-IP-Address", "::1", 0, "Write an IPv4 address."),
        ("Framed-IPv6-Prefix", "2001:db8::1/32", 0, "Write a network"),
        ("Framed-Interface-Id", "1:2", 0, "is no value"),
        ("Filter-Id", "x" * 254, 0, "is too long: 254 octets"),
        ("Cisco-AVPair", "x" * 248, 0, "is too long: 248 octets"),
        ("Filter-Id", "", 0, "needs a value"),
        ("Filter-Id", "x", 1, "takes no tag"),
        ("Tunnel-Type", "VLAN", 32, "lies between 0 and 31"),
        ("Tunnel-Type", 2**24, 0, "24 bits"),
        ("Class", "0xzz", 0, "or octets such as 0x01ff"),
        ("Tunnel-Password", "x" * 250, 0, "too long"),
    ],
)
def test_what_is_wrong_is_said(name: str, value: str | int, tag: int, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        check(name, value, tag)


@pytest.mark.peer
def test_freeradius_agrees_on_vendors_and_values() -> None:
    require("freeradius")
    text = "\n".join(path.read_text(errors="replace") for path in FREERADIUS.glob("dictionary.*"))
    vendors = {name: int(number) for name, number in re.findall(r"^VENDOR\s+(\S+)\s+(\d+)", text, re.MULTILINE)}
    assert {name: number for name, number in VENDORS.items() if vendors.get(name, number) != number} == {}
    assert VENDORS.keys() - vendors.keys() == {"UBNT"}  # newer than the distribution's
    theirs = {
        name.lower(): int(number) for name, number in re.findall(r"^ATTRIBUTE\s+(\S+)\s+(\d+)\s", text, re.MULTILINE)
    }
    ours = {name: one.number for name, one in DEFINITIONS.items() if one.vendor not in (0, VENDORS["UBNT"])}
    assert len(ours) > 300
    assert {name: number for name, number in ours.items() if theirs[name] != number} == {}
    values = re.findall(r"^VALUE\s+(\S+)\s+(\S+)\s+(\d+)", text, re.MULTILINE)
    for attribute, known in VALUES.items():
        said = {(name.lower(), int(number)) for owner, name, number in values if owner == attribute}
        assert set(known.items()) <= said


@pytest.mark.peer
def test_pyrad_reads_what_we_write() -> None:
    require("freeradius")
    from pyrad.dictionary import Dictionary
    from pyrad.packet import Packet

    dictionary = Dictionary(*(str(FREERADIUS / f"dictionary.{part}") for part in ("rfc2865", "cisco", "mikrotik")))
    written: list[tuple[str, str | int]] = [
        ("Filter-Id", "guests"),
        ("Session-Timeout", 3600),
        ("Framed-IP-Address", "192.0.2.9"),
        ("Cisco-AVPair", "shell:priv-lvl=15"),
        ("Mikrotik-Rate-Limit", "10M/10M"),
    ]
    body = b"".join(encoded(name, value, 0, HIDE) for name, value in written)
    packet = Packet(dict=dictionary, packet=bytes((2, 1)) + (20 + len(body)).to_bytes(2) + bytes(16) + body)
    assert [packet[name][0] for name, _ in written] == [value for _, value in written]


def test_attributes_that_the_documents_name_can_be_said() -> None:
    text = (Path(__file__).parents[3] / "docs" / "clients" / "radius.md").read_text()
    (table,) = re.findall(r"^## Equipment.*", text, re.MULTILINE | re.DOTALL)
    names = set(re.findall(r"`([A-Z][A-Za-z0-9]+(?:-[A-Za-z0-9]+)+)`", table))
    assert len(names) >= 15
    assert {name for name in names | {"Class"} if name.lower() not in DEFINITIONS} == set()
