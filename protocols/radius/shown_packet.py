"""A packet as people read it: attributes by their names in the dictionary, and nothing in it that is a secret.

Shown is what is known to be harmless: of a value that no dictionary knows, as of every secret, only its length is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from protocols.errors import RemoteProtocolError
from protocols.radius.definitions import TAGGED, VENDORS_PROTOCOL, placed
from protocols.radius.dictionary import ATTRIBUTES, EAP_MESSAGE, NAS_IDENTIFIER, STATE, USER_PASSWORD, VENDOR_SPECIFIC
from protocols.radius.dictionary import Attribute as Known
from protocols.radius.eap.packet import Type
from protocols.radius.packet import Code, Packet
from protocols.radius.value_names import NAMES
from protocols.radius.vendor import HEAD
from protocols.radius.vendor_dictionary import VENDORS

CHAP_PASSWORD, TUNNEL_PASSWORD, ARAP_PASSWORD, ARAP_SECURITY_DATA = 3, 69, 70, 74
SECRET = frozenset(
    {USER_PASSWORD, CHAP_PASSWORD, TUNNEL_PASSWORD, ARAP_PASSWORD, ARAP_SECURITY_DATA, STATE, EAP_MESSAGE}
)
SECRET_NAMES = re.compile("pass|psk|secret|key|credential|dpsk", re.IGNORECASE)
SECRET_PAIRS = re.compile("(?P<name>[^=]*(?:pass|psk|secret|key)[^=]*)=", re.IGNORECASE)
"""Of vendors' attributes that hold a name and a value in one text: ``psk=...``."""
HARMLESS_PAIRS = frozenset({"psk-mode"})
TEXTS = frozenset({"text"})
NUMBERS = frozenset({"integer", "enum", "time", "byte", "short", "integer64"})
NESTED = frozenset({"tlv", "vsa", "extended", "long-extended"})
WORDS = {"COA": "CoA", "ACK": "ACK", "NAK": "NAK"}
"""Of the names of codes, that are not written as others are."""
EAP_CODES = {1: "Request", 2: "Response", 3: "Success", 4: "Failure"}
MAX_TAG = 0x1F
LONGEST_SHOWN = 253

STANDARD: dict[int, Known] = {one.number: one for one in ATTRIBUTES}
VENDOR_NAMES = {number: name for name, number in VENDORS.items()}


class Shown(NamedTuple):
    name: str
    value: str


def code_name(code: int) -> str:
    try:
        return "-".join(WORDS.get(part, part.capitalize()) for part in Code(code).name.split("_"))
    except ValueError:
        return f"code {code}"


def identifier_of(octets: bytes) -> str:
    """What the NAS calls itself; "" where it does not, or where there is no packet."""
    try:
        return (Packet.parse(octets).get(NAS_IDENTIFIER) or b"").decode("utf-8", "replace")
    except RemoteProtocolError:
        return ""


def shown(octets: bytes) -> list[Shown]:
    """Every attribute in its order. Raises RemoteProtocolError for what is no packet."""
    packet = Packet.parse(octets)
    found: list[Shown] = []
    at = 20
    while at < len(packet.octets):
        number, size = packet.octets[at], packet.octets[at + 1]
        value = packet.octets[at + 2 : at + size]
        found += _of_vendor(value) if number == VENDOR_SPECIFIC else [_standard(number, value)]
        at += size
    return found


def _standard(number: int, value: bytes) -> Shown:
    known = STANDARD.get(number)
    if known is None:
        return Shown(f"Attr-{number}", _masked(value))
    if number == EAP_MESSAGE:
        return Shown(known.name, _eap(value))
    if number in SECRET or known.type in NESTED or SECRET_NAMES.search(known.name):
        return Shown(known.name, _masked(value))
    tag = ""
    if number in TAGGED and value and value[0] <= MAX_TAG:
        tag = f":{value[0]}" if value[0] else ""
        value = b"\0" + value[1:] if known.type in NUMBERS else value[1:]
    return Shown(known.name + tag, _text(known.name, str(known.type), value))


def _of_vendor(value: bytes) -> Iterator[Shown]:
    """The usual form (RFC 2865 section 5.26); of any other, its length."""
    vendor = int.from_bytes(value[:HEAD])
    name = VENDOR_NAMES.get(vendor, str(vendor))
    at, end = HEAD, len(value)
    if end <= HEAD:
        yield Shown(f"Vendor-Specific ({name})", _masked(value[HEAD:]))
    while at < end:
        if at + 2 > end or value[at + 1] < 2 or at + value[at + 1] > end:
            yield Shown(f"Vendor-Specific ({name})", _masked(value[at:]))
            return
        yield _sub(vendor, value[at], value[at + 2 : at + value[at + 1]])
        at += value[at + 1]


def _sub(vendor: int, number: int, value: bytes) -> Shown:
    known = placed(vendor, number)
    if known is None or (vendor, number) in VENDORS_PROTOCOL:
        name = known.name if known is not None else MICROSOFTS.get(number, "") if vendor == 311 else ""
        return Shown(name or f"Attr-26.{vendor}.{number}", _masked(value))
    if known.hidden or SECRET_NAMES.search(known.name):
        return Shown(known.name, _masked(value))
    text = _text(known.name, str(known.type), value)
    pair = SECRET_PAIRS.match(text.lstrip('"'))
    if pair is not None and pair["name"].strip() not in HARMLESS_PAIRS:
        return Shown(known.name, f"{pair['name']}=({len(value) - len(pair[0])} octets)")
    return Shown(known.name, text)


def _text(name: str, kind: str, value: bytes) -> str:
    if kind in NUMBERS and len(value) in (1, 2, 4, 8):
        number = int.from_bytes(value)
        return _value_names(name).get(number, str(number))
    if kind == "ipv4addr" and len(value) == 4:
        return str(IPv4Address(value))
    if kind == "ipv6addr" and len(value) == 16:
        return str(IPv6Address(value))
    text = value.decode("utf-8", "replace")
    if kind in TEXTS or (text.isprintable() and "\ufffd" not in text):
        return '"' + "".join(one if one.isprintable() and one != '"' else "?" for one in text) + '"'
    return f"0x{value[:LONGEST_SHOWN].hex()}"


@cache
def _value_names(attribute: str) -> dict[int, str]:
    pairs = (pair.partition(":") for pair in NAMES.get(attribute, "").split())
    return {int(number): name for number, _, name in pairs}


def _eap(value: bytes) -> str:
    """Its head, if this is where it begins; a login's name and answers are further on."""
    if len(value) < 4 or value[0] not in EAP_CODES or int.from_bytes(value[2:4]) < len(value):
        return _masked(value)
    kind = ""
    if value[0] in (1, 2) and len(value) > 4:
        kind = f" {Type(value[4]).name}" if value[4] in set(Type) else f" type {value[4]}"
    return f"{EAP_CODES[value[0]]} {value[1]}{kind} {_masked(value)}"


def _masked(value: bytes) -> str:
    return f"({len(value)} octets)"


MICROSOFTS = {
    1: "MS-CHAP-Response",
    2: "MS-CHAP-Error",
    11: "MS-CHAP-Challenge",
    16: "MS-MPPE-Send-Key",
    17: "MS-MPPE-Recv-Key",
    25: "MS-CHAP2-Response",
    26: "MS-CHAP2-Success",
}
