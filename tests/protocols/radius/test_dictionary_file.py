"""FreeRADIUS' dictionary files: what they say, how it is written, and what is wrong with them."""

from __future__ import annotations

import random
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocols.radius import definitions
from protocols.radius.definitions import BUILT_IN, learn
from protocols.radius.dictionary_file import Dictionary, DictionaryError, read_dictionary
from protocols.radius.reply import check, encoded, hiding, portable
from tests.extent import rounds
from tests.peers import require

FREERADIUS = Path("/usr/share/freeradius")
ACME = """
# A vendor of our own
VENDOR       Acme  65000
BEGIN-VENDOR Acme
ATTRIBUTE    Acme-Level     1  integer          # with names
VALUE        Acme-Level     Guest  1
VALUE        Acme-Level     Boss   0x0f
ATTRIBUTE    Acme-Name      2  string array
ATTRIBUTE    Acme-Key       3  octets encrypt=2
ATTRIBUTE    Acme-Tagged    4  string has_tag
ATTRIBUTE    Acme-Both      5  string has_tag,encrypt=2
ATTRIBUTE    Acme-Small     6  byte
ATTRIBUTE    Acme-Short     7  short
ATTRIBUTE    Acme-Signed    8  signed
ATTRIBUTE    Acme-Mac       9  ether
ATTRIBUTE    Acme-Any       10 combo-ip
ATTRIBUTE    Acme-Three     11 octets[3]
ATTRIBUTE    Acme-List      12 tlv
BEGIN-TLV    Acme-List
ATTRIBUTE    Acme-Item      1  string
END-TLV      Acme-List
ATTRIBUTE    Acme-Deep      12.2.3 byte
ATTRIBUTE    Acme-Secret    13 string encrypt=1
ATTRIBUTE    Acme-Number    14 integer has_tag
END-VENDOR   Acme
$INCLUDE     more/wide
"""
WIDE = """
VENDOR Wide 65001 format=2,2
BEGIN-VENDOR Wide
ATTRIBUTE Wide-Name 300 string
END-VENDOR Wide
VENDOR Long 65002 format=4,0
BEGIN-VENDOR Long
ATTRIBUTE Long-Name 7 string
END-VENDOR Long
VENDOR More 65003 format=1,1,c
BEGIN-VENDOR More
ATTRIBUTE More-Name 1 string
END-VENDOR More
ATTRIBUTE Extended-One 241.7 string
ATTRIBUTE Extended-Five 245.7 string
ATTRIBUTE Own-Timeout 27 integer
ATTRIBUTE Kept-Inside 3000 integer
VALUE Service-Type Barista 200
VALUE Own-Timeout Long 7200
$INCLUDE- not-there
"""
FILES = {"dictionary": "$INCLUDE acme\n", "acme": ACME, "more/wide": WIDE}


def hide(value: bytes) -> bytes:
    """As the first value of an answer."""
    return hiding(b"secret", bytes(16), bytes)(value)


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is learned in a test."""
    monkeypatch.setattr(definitions, "LEARNED", known := dict(definitions.LEARNED))
    monkeypatch.setattr("protocols.radius.reply.LEARNED", known)
    monkeypatch.setattr(definitions, "LEARNED_AT", dict(definitions.LEARNED_AT))


@pytest.fixture
def acme() -> Dictionary:
    found = read_dictionary("dictionary", FILES.get)
    learn(found.definitions.values(), found.values)
    return found


def vsa(vendor: int, body: bytes) -> bytes:
    value = struct.pack("!I", vendor) + body
    return bytes((26, len(value) + 2)) + value


def tlv(number: int, value: bytes) -> bytes:
    return bytes((number, len(value) + 2)) + value


SAID: list[tuple[str, str | int, int, bytes]] = [
    ("Acme-Level", "boss", 0, vsa(65000, tlv(1, b"\0\0\0\x0f"))),
    ("Acme-Level", 7, 0, vsa(65000, tlv(1, b"\0\0\0\x07"))),
    ("acme-name", "bob", 0, vsa(65000, tlv(2, b"bob"))),
    ("Acme-Tagged", "x", 3, vsa(65000, tlv(4, b"\x03x"))),
    ("Acme-Tagged", "x", 0, vsa(65000, tlv(4, b"x"))),
    ("Acme-Small", 255, 0, vsa(65000, tlv(6, b"\xff"))),
    ("Acme-Short", 258, 0, vsa(65000, tlv(7, b"\x01\x02"))),
    ("Acme-Signed", -2, 0, vsa(65000, tlv(8, b"\xff\xff\xff\xfe"))),
    ("Acme-Mac", "02-00-00-00-00-0a", 0, vsa(65000, tlv(9, b"\x02\0\0\0\0\x0a"))),
    ("Acme-Any", "192.0.2.1", 0, vsa(65000, tlv(10, b"\xc0\0\x02\x01"))),
    ("Acme-Any", "::1", 0, vsa(65000, tlv(10, bytes(15) + b"\1"))),
    ("Acme-Three", "0x010203", 0, vsa(65000, tlv(11, b"\1\2\3"))),
    ("Acme-Item", "x", 0, vsa(65000, tlv(12, tlv(1, b"x")))),
    ("Acme-Deep", 9, 0, vsa(65000, tlv(12, tlv(2, tlv(3, b"\x09"))))),
    ("Acme-Number", 9, 2, vsa(65000, tlv(14, b"\x02\0\0\x09"))),
    ("Wide-Name", "x", 0, vsa(65001, b"\x01\x2c\x00\x05x")),
    ("Long-Name", "x", 0, vsa(65002, b"\0\0\0\x07x")),
    ("More-Name", "x", 0, vsa(65003, b"\x01\x04\0x")),
    ("Extended-One", "x", 0, b"\xf1\x04\x07x"),
    ("Extended-Five", "x", 0, b"\xf5\x05\x07\0x"),
    ("Own-Timeout", "long", 0, b"\x1b\x06\0\0\x1c\x20"),
    ("Service-Type", "Barista", 0, b"\x06\x06\0\0\0\xc8"),
    ("Service-Type", "Login-User", 0, b"\x06\x06\0\0\0\x01"),
]


@pytest.mark.parametrize(("name", "value", "tag", "octets"), SAID, ids=[f"{said[0]}-{said[1]}" for said in SAID])
def test_what_a_dictionary_names_can_be_said(
    acme: Dictionary, name: str, value: str | int, tag: int, octets: bytes
) -> None:
    assert encoded(name, value, tag, hide) == octets
    definitions.LEARNED.clear()  # an outpost has no dictionary
    learned = read_dictionary("dictionary", FILES.get)
    learn(learned.definitions.values(), learned.values)
    words = portable(name, value, tag)
    definitions.LEARNED.clear()
    assert encoded(*words, hide) == octets


def test_what_is_hidden_stays_so_at_an_outpost_without_the_dictionary(acme: Dictionary) -> None:
    key, both = portable("Acme-Key", "0x01", 0), portable("Acme-Both", "x", 3)
    expected = [encoded("Acme-Key", "0x01", 0, hide), encoded("Acme-Both", "x", 3, hide)]
    definitions.LEARNED.clear()
    assert [encoded(*key, hide), encoded(*both, hide)] == expected
    assert expected[0] == vsa(65000, tlv(3, hide(b"\x01")))
    assert expected[1] == vsa(65000, tlv(5, b"\x03" + hide(b"x")))


def test_a_built_in_attribute_keeps_its_name_so_that_other_rules_for_it_hold(acme: Dictionary) -> None:
    assert portable("Own-Timeout", "Long", 0) == ("Session-Timeout", 7200, 0)
    assert portable("Service-Type", "Barista", 0) == ("Service-Type", 200, 0)
    assert portable("Session-Timeout", 60, 0) == ("Session-Timeout", 60, 0)
    assert acme.internal == 1
    with pytest.raises(ValueError, match="Write Session-Timeout instead"):
        check("Attr-27", "0x00000001", 0)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("Acme-Level", "Chef", "Write a number or a name, such as guest, boss."),
        ("Acme-Small", 256, "Write a number"),
        ("Acme-Three", "0x01", "Write 3 octets"),
        ("Acme-Mac", "02:00", "Write a hardware address"),
        ("Acme-Any", "x", "Write an address."),
        ("Acme-Secret", "x", "It has a form that cannot be written here."),
        ("Acme-List", "x", "It has a form that cannot be written here."),
        ("Kept-Inside", 1, "is no RADIUS attribute that an answer can have"),
        ("Attr-1", "0x01", "is no RADIUS attribute"),
        ("Attr-26.311.16", "0x01", "is no RADIUS attribute"),
        ("Attr-26.9/1,1.400", "0x01", "none is 0"),
    ],
)
def test_what_cannot_be_said_is_refused_with_a_sentence(
    acme: Dictionary, name: str, value: str | int, words: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        check(name, value, 0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("NONSENSE x", "dictionary, line 1: NONSENSE is nothing that a dictionary says."),
        ("\nATTRIBUTE X 1", "dictionary, line 2: Write ATTRIBUTE, a name, a number and a type."),
        ("ATTRIBUTE X one string", "line 1: one is no number."),
        ("ATTRIBUTE X 1 strong", "line 1: strong is no type that is known."),
        ("ATTRIBUTE X 1 octets[999]", "line 1: 999 lies outside of 0 to 253."),
        ("VALUE X y", "line 1: Write VALUE"),
        ("VENDOR X", "line 1: Write VENDOR"),
        ("VENDOR X 99999999", "lies outside of"),
        ("VENDOR X 9 format=3,1", "format=3,1 is no format"),
        ("BEGIN-VENDOR X", "No VENDOR line before this one names X."),
        ("VENDOR X 9\nBEGIN-VENDOR X", "dictionary, at its end: X was begun and not ended."),
        ("VENDOR X 9\nEND-VENDOR X", "line 2: END-VENDOR X does not fit here"),
        ("BEGIN-TLV X", "line 1: BEGIN-TLV X does not fit here"),
        ("$INCLUDE", "Write $INCLUDE and one file."),
        ("$INCLUDE gone", "There is no file gone in the folder."),
        ("$INCLUDE /etc/passwd", "/etc/passwd lies outside of the dictionary's folder."),
        ("$INCLUDE ../passwd", "../passwd lies outside of the dictionary's folder."),
        ("$INCLUDE a/../../passwd", "lies outside of the dictionary's folder."),
        ("$INCLUDE dictionary", "Files are included more than 20 deep"),
        ("PROTOCOL RADIUS 1", "PROTOCOL is of FreeRADIUS 4"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, words: str) -> None:
    with pytest.raises(DictionaryError, match=re.escape(words)):
        read_dictionary("dictionary", {"dictionary": text}.get)


def test_a_missing_dictionary_is_said() -> None:
    with pytest.raises(DictionaryError, match="There is no file dictionary in the folder"):
        read_dictionary("dictionary", lambda _: None)


def mutations(seed: int) -> Iterator[str]:
    chance = random.Random(seed)
    words = (ACME + WIDE).split()
    for _ in range(rounds(2_000)):
        lines = (ACME + WIDE).splitlines()
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(lines))
            lines[at] = " ".join(chance.choices([*words, "-1", "0x", "9" * 30, "format=", "has_tag", "\u202e"], k=5))
        yield "\n".join(lines)


def test_whatever_a_file_says_it_is_read_or_refused() -> None:
    read = 0
    for text in mutations(2026):
        try:
            found = read_dictionary("dictionary", {"dictionary": text, "more/wide": ""}.get)
        except DictionaryError:
            continue
        read += bool(found.definitions)
        learn(found.definitions.values(), found.values)
        for name in found.definitions:
            try:
                assert len(encoded(*portable(name, "1", 0), hide)) > 2
            except ValueError:
                continue
    assert read > 0


@pytest.mark.peer
def test_every_dictionary_of_freeradius_is_read_whole() -> None:
    require("freeradius")
    from pyrad.packet import Packet

    seen: set[str] = set()

    def read(name: str) -> str | None:
        path = FREERADIUS / name
        seen.add(name)
        return path.read_text(errors="replace") if path.is_file() else None

    main = read_dictionary("dictionary", read)
    names = sorted(path.name for path in FREERADIUS.glob("dictionary?*"))
    apart = [name for name in names if name not in seen]
    assert len(seen) > 150
    assert len(apart) > 5
    together = "\n".join(f"$INCLUDE {name}" for name in ("dictionary", *apart))
    whole = read_dictionary("all", lambda name: read(name) or together)
    every = "".join((FREERADIUS / name).read_text(errors="replace") for name in names)
    said = {name.lower() for name in re.findall(r"^ATTRIBUTE\s+(\S+)\s", every, re.MULTILINE)}
    assert len(said) > 8_000
    assert len(said - whole.definitions.keys()) <= whole.internal
    learn(main.definitions.values(), main.values)
    assert len(definitions.LEARNED) > 5_000
    ours = {
        one.name: place for place, one in BUILT_IN.items() if not one.name.startswith("Digest-")
    }  # theirs: a draft's
    theirs = {name: main.definitions[name.lower()].place for name in ours if name.lower() in main.definitions}
    assert len(theirs) > 400
    assert {name: place for name, place in theirs.items() if place != ours[name]} == {}
    octets = encoded("SN-VPN-Name", "x", 0, hide)
    assert octets == vsa(8164, b"\x00\x02\x00\x05x")
    assert encoded("WiMAX-Release", "1.0", 0, hide) == vsa(24757, b"\x01\x08\0" + tlv(1, b"1.0"))
    assert Packet(packet=bytes((2, 1)) + (20 + len(octets)).to_bytes(2) + bytes(16) + octets)
