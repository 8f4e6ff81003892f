"""Distinguished names (RFC 4514): text to RDNs, comparison, escaping.

Values compare by caseIgnoreMatch, whatever the attribute type: every naming attribute that we serve does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from protocols.errors import RemoteProtocolError
from protocols.ldap import ber
from protocols.ldap.prepare import case_ignore

TYPE_NAMES = {
    "2.5.4.3": "cn",
    "commonname": "cn",
    "2.5.4.11": "ou",
    "organizationalunitname": "ou",
    "2.5.4.10": "o",
    "organizationname": "o",
    "2.5.4.6": "c",
    "countryname": "c",
    "0.9.2342.19200300.100.1.1": "uid",
    "userid": "uid",
    "0.9.2342.19200300.100.1.25": "dc",
    "domaincomponent": "dc",
}
"""OIDs and long names of naming attributes, and the short name that stands for them."""

MAX_LENGTH = 8192
"""Characters. Real names stay under 300; this leaves room for deep trees of escaped Unicode."""
CACHED_LENGTH = 256
"""Longer names are parsed every time, so that a stranger cannot fill the cache with big ones."""

RDN = tuple[tuple[str, str], ...]
"""One or more (attribute type, value), sorted by type; more than one is a multi-valued RDN."""

_NUMBER = "(?:0|[1-9][0-9]*)"
_TYPE = re.compile(rf"(?:[A-Za-z][A-Za-z0-9-]*|(?:[Oo][Ii][Dd]\.)?{_NUMBER}(?:\.{_NUMBER})+)\Z")
"""A keystring or a numericoid (RFC 4512 s1.4)."""
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+\Z")
_QUOTING = frozenset('\\";')
_UNESCAPED = re.compile(r"[<>\x00]")
"""May not stand in a value as themselves (RFC 4514 s2.4), besides what ends it."""
_PAIR = re.compile(r"\\.", re.DOTALL)
_ESCAPED = re.compile(r'[\\"+,;<>=\x00]')


@dataclass(frozen=True, slots=True)
class DN:
    """Equal when the names are the same for LDAP, however they were written."""

    rdns: tuple[RDN, ...] = field(compare=False)
    """Leaf first, values as written, unescaped."""
    key: tuple[RDN, ...]
    """The same, normalised."""


ROOT = DN((), ())


def parse(text: str) -> DN:
    """Raises ValueError if ``text`` is no DN."""
    return _cached(text) if len(text) <= CACHED_LENGTH else _parse(text)


def is_under(dn: DN, base: DN) -> bool:
    """Is ``dn`` the base itself or below it?"""
    depth = len(base.key)
    return depth == 0 or dn.key[-depth:] == base.key


def top(dn: DN) -> str:
    """The domain that a name lies in, as text: its last ``dc`` RDNs; without any, its last RDN. "" of the root."""
    last = [*dn.rdns[-1:]]
    for rdn in reversed(dn.rdns[:-1]):
        if not all(len(one) == 1 and one[0][0] == "dc" for one in (rdn, last[0])):
            break
        last.insert(0, rdn)
    return ",".join("+".join(f"{kind}={escape(value.lower())}" for kind, value in rdn) for rdn in last)


def escape(value: str) -> str:
    """``value`` as it stands in the text of a DN (RFC 4514 s2.4)."""
    if value.isalnum():
        return value  # nearly every one; the rest below would say the same
    text = _ESCAPED.sub(lambda found: "\\00" if found[0] == "\x00" else "\\" + found[0], value)
    if text[:1] in (" ", "#"):
        text = "\\" + text
    if text.endswith(" ") and len(value) > 1:
        text = text[:-1] + "\\ "
    return text


def written(text: str) -> str:
    """The same name as RFC 4514 s2 writes it: without blanks, semicolons and quotation marks. As it is, where but its
    case differs from that. Raises ValueError."""
    rdns = parse(text).rdns
    name = ",".join("+".join(f"{kind}={escape(value)}" for kind, value in rdn) for rdn in rdns)
    return text if text.lower() == name.lower() else name


def _parse(text: str) -> DN:
    if not text or text.isspace():
        return ROOT
    if len(text) > MAX_LENGTH:
        raise ValueError("a DN that long is none of ours")
    pieces = text.split(",") if _QUOTING.isdisjoint(text) else _split(text, ",;")
    rdns = tuple(_rdn(piece) for piece in pieces)
    return DN(rdns, tuple(tuple(sorted((kind, case_ignore(value)) for kind, value in rdn)) for rdn in rdns))


_cached = lru_cache(maxsize=4096)(_parse)
# 4,096 names of at most 256 characters: about 4 MB at worst, and every search base in use fits.


def _split(text: str, separators: str) -> list[str]:
    """Cut at separators that are neither escaped nor quoted."""
    pieces: list[str] = []
    begin = at = 0
    quoted = False
    while at < len(text):
        character = text[at]
        if character == "\\":
            at += 1
        elif character == '"':
            quoted = not quoted
        elif character in separators and not quoted:
            pieces.append(text[begin:at])
            begin = at + 1
        at += 1
    if quoted:
        raise ValueError("a quotation is not closed")
    pieces.append(text[begin:])
    return pieces


def _rdn(text: str) -> RDN:
    if "+" not in text:
        return (_type_and_value(text),)
    rdn = tuple(sorted(map(_type_and_value, _split(text, "+"))))
    if len(dict(rdn)) != len(rdn):
        raise ValueError("an RDN with two values of one type")
    return rdn


def _type_and_value(text: str) -> tuple[str, str]:
    kind, equals, value = text.partition("=")
    kind = kind.strip().lower()
    if not equals or not _TYPE.match(kind):
        raise ValueError("an RDN is an attribute type, an equals sign and a value")
    kind = kind.removeprefix("oid.")
    value = value.lstrip(" ")
    plain = "\\" not in value and '"' not in value and value[:1] != "#"
    if plain and _UNESCAPED.search(value):
        raise ValueError("a value holds what must be escaped")
    value = value.rstrip(" ") if plain else _unescape(value)
    if not value:
        raise ValueError("an RDN without a value")
    if not value.isascii():
        value.encode()  # a lone surrogate stands for octets that were not UTF-8; UnicodeEncodeError is a ValueError
    return TYPE_NAMES.get(kind, kind), value


def _unescape(text: str) -> str:
    if text.startswith("#"):
        return _from_hexstring(text[1:].rstrip(" "))
    stripped = text.rstrip(" ")
    if len(stripped) > 1 and stripped[0] == stripped[-1] == '"':  # RFC 2253 quoting
        return _unescape_pairs(stripped[1:-1])
    if _ends_in_backslash(stripped) and stripped != text:
        stripped += " "  # that blank was escaped
    if '"' in stripped.replace('\\"', ""):
        raise ValueError("a quotation mark must be escaped")
    if _UNESCAPED.search(_PAIR.sub("", stripped)):
        raise ValueError("a value holds what must be escaped")
    return _unescape_pairs(stripped)


def _ends_in_backslash(text: str) -> bool:
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1


def _unescape_pairs(text: str) -> str:
    out = bytearray()
    at = 0
    while at < len(text):
        character = text[at]
        if character != "\\":
            out += character.encode()
            at += 1
            continue
        pair = text[at + 1 : at + 3]
        if _HEX.match(pair):
            out += bytes.fromhex(pair)
            at += 3
        elif pair and pair[0] in ' "#+,;<=>\\':
            out += pair[0].encode()
            at += 2
        else:
            raise ValueError("a backslash that escapes nothing")
    return out.decode()


def _from_hexstring(text: str) -> str:
    """``#`` and the BER of a string (RFC 4514 s2.4)."""
    if not _HEX.match(text):
        raise ValueError("a hexadecimal value that is none")
    octets = bytes.fromhex(text)
    try:
        _, start, stop = ber.header(octets, 0, len(octets))
    except RemoteProtocolError as error:
        raise ValueError("a hexadecimal value that holds no BER") from error
    if stop != len(octets):
        raise ValueError("a hexadecimal value that holds more than a string")
    return octets[start:].decode()
