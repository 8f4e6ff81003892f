"""Attributes as people write them, against pyrad with FreeRADIUS' dictionaries, and what is refused."""

from __future__ import annotations

import re
import socket
import subprocess
from hashlib import md5
from pathlib import Path

import pytest

from protocols.radius.definitions import DEFINITIONS
from protocols.radius.mppe import salted
from protocols.radius.reply import check, encoded, hiding
from protocols.radius.value_names import VALUES
from protocols.radius.vendor_dictionary import VENDORS
from tests.peers import require
from tests.protocols.radius.nas_side import plain_reply

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


@pytest.mark.parametrize("size", [1, 15, 16, 239])
def test_whatever_can_be_hidden_comes_back(size: int) -> None:
    octets = encoded("Tunnel-Password", "k" * size, 31, HIDE)
    value = octets[2:]
    assert len(octets) == octets[1] <= 255
    plain, before = b"", bytes(16) + value[1:3]
    for at in range(3, len(value), 16):
        stream = md5(b"secret" + before, usedforsecurity=False).digest()
        before = value[at : at + 16]
        plain += bytes(one ^ other for one, other in zip(before, stream, strict=True))
    assert (value[0], plain[0], plain[1 : 1 + size]) == (31, size, b"k" * size)


def test_long_values_are_cut_where_their_attribute_allows_it() -> None:
    """RFC 6929 section 2.2 (the flag M), and the octet of continuation of WiMAX; the pieces stand together."""
    value, text = bytes(range(256)) * 3, "0x" + (bytes(range(256)) * 3).hex()
    extended = encoded("Attr-245.7", text, 0, HIDE)
    pieces = [extended[at : at + 255] for at in range(0, len(extended), 255)]
    assert [piece[:4].hex() for piece in pieces] == ["f5ff0780"] * 3 + ["f5130700"]
    assert b"".join(piece[4:] for piece in pieces) == value
    continued = encoded("Attr-26.65000/1,1,c.9", text, 0, HIDE)
    pieces = [continued[at : at + 255] for at in range(0, len(continued), 255)]
    assert [piece[:9].hex() for piece in pieces] == ["1aff0000fde809f980"] * 3 + ["1a270000fde8092100"]
    assert b"".join(piece[9:] for piece in pieces) == value
    assert encoded("Attr-245.7", "0x" + "ab" * 251, 0, HIDE) == b"\xf5\xff\x07\0" + b"\xab" * 251


def test_vendors_have_a_place_in_extended_attributes() -> None:
    """RFC 6929 sections 2.3 and 2.4: a vendor in four octets, and its number."""
    assert encoded("Attr-241.26.9.1", "0x0102", 0, HIDE).hex() == "f10a1a00000009010102"
    assert encoded("Attr-246.26.16777215.255", "0x01", 0, HIDE).hex() == "f60a1a0000ffffffff01"


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
        ("Session-Timeout", 2**32, 0, "Write a number from 0 to 4294967295."),
        ("Service-Type", "Boss", 0, "Write a number or a name, such as Login-User"),
        ("Framed-IP-Address", "::1", 0, "Write an IPv4 address."),
        ("Framed-IPv6-Prefix", "2001:db8::1/32", 0, "Write a network"),
        ("Framed-Interface-Id", "1:2", 0, "Write four groups of hexadecimal digits, such as 0:1:2:ffff."),
        ("Filter-Id", "x" * 254, 0, "is too long: 254 octets"),
        ("Cisco-AVPair", "x" * 248, 0, "is too long: 248 octets"),
        ("Filter-Id", "", 0, "needs a value"),
        ("Filter-Id", "x", 1, "takes no tag"),
        ("Tunnel-Type", "VLAN", 32, "lies between 0 and 31"),
        ("Tunnel-Type", 2**24, 0, "24 bits"),
        ("Class", "0xzz", 0, "or octets such as 0x01ff"),
        ("Tunnel-Password", "x" * 240, 0, "is too long: 240 octets"),
        ("Tunnel-Password", "x" * 300, 0, "is too long: 300 octets"),
        ("Tunnel-Password", "", 1, "needs a value"),
        ("Aruba-MPSK-Passphrase", "", 0, "needs a value"),
        ("Tunnel-Private-Group-ID", "", 1, "needs a value"),
        ("Attr-241.300", "0x01", 0, "is no RADIUS attribute"),
        ("Attr-241.0", "0x01", 0, "is no RADIUS attribute"),
        ("Attr-241.26", "0x01", 0, "is no RADIUS attribute"),
        ("Attr-241.26.9", "0x01", 0, "is no RADIUS attribute"),
        ("Attr-241.26.0.1", "0x01", 0, "is no RADIUS attribute"),
        ("Attr-241.26.9.256", "0x01", 0, "is no RADIUS attribute"),
        ("Attr-26.9.1.256", "0x01", 0, "is no RADIUS attribute"),
        ("Attr-241.5", "0x" + "ab" * 253, 0, "is too long: 253 octets"),
        ("Attr-245.5.6", "0x" + "ab" * 254, 0, "cannot hold 254 octets"),
        ("Attr-245.5", "0x" + "ab" * 3001, 0, "is too long: 3001 octets"),
        ("Attr-26.65000/1,1,c.1", "0x" + "ab" * 3001, 0, "is too long: 3001 octets"),
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


@pytest.mark.peer
def test_radclient_reads_every_form() -> None:
    """FreeRADIUS' client is told them in an answer, and prints them by its dictionaries."""
    require("radclient")
    written: list[tuple[str, str, int, str]] = [
        ("Attr-245.7", "0x" + "ab" * 300, 0, "Attr-245.7 = 0x" + "ab" * 300),
        ("Attr-241.26.9.1", "0x414243", 0, "Attr-241.26.9.1 = 0x414243"),
        ("Attr-26.24757/1,1,c.1.2", "0x01", 0, "WiMAX-Accounting-Capabilities = IP-Session-Based"),
        ("Attr-26.24757/1,1,c.9", "0x" + "cd" * 300, 0, "Attr-26.24757.9 = 0x" + "cd" * 300),
        ("Attr-26.429/4,0.232", "0x41", 0, 'USR-Last-Number-Dialed-In-DNIS = "A"'),
        ("Attr-26.4846/2,1.11", "0x414243", 0, "Attr-26.4846.11 = 0x414243"),
        ("Tunnel-Password", "k" * 239, 31, f'Tunnel-Password:31 = "{"k" * 239}"'),
        ("Tunnel-Private-Group-ID", "20", 0, 'Tunnel-Private-Group-Id:0 = "20"'),
    ]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(60)
        command = ["radclient", "-x", "-t", "60", "-r", "1", f"127.0.0.1:{server.getsockname()[1]}", "auth", "secret"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as asking:
            assert asking.stdin is not None
            asking.stdin.write("User-Name = bob\n")
            asking.stdin.close()
            asking.stdin = None
            asked, place = server.recvfrom(4096)
            hide = hiding(b"secret", asked[4:20], bytes)
            body = b"".join(encoded(name, value, tag, hide) for name, value, tag, _ in written)
            server.sendto(plain_reply(2, asked, body, b"secret"), place)
            printed, _ = asking.communicate(timeout=60)
    assert [line for *_, line in written if line not in printed] == [], printed


def test_attributes_that_the_documents_name_can_be_said() -> None:
    text = (Path(__file__).parents[3] / "docs" / "clients" / "radius.md").read_text()
    (table,) = re.findall(r"^## Equipment.*", text, re.MULTILINE | re.DOTALL)
    names = set(re.findall(r"`([A-Z][A-Za-z0-9]+(?:-[A-Za-z0-9]+)+)`", table))
    assert len(names) >= 15
    assert {name for name in names | {"Class"} if name.lower() not in DEFINITIONS} == set()
