"""Matching rules (RFC 4517 s4): when are two values the same, and which comes first.

Each rule turns a value, as stored (``str`` or ``bytes``) or as asserted (``bytes``), into a form that compares with
``==`` and, where the rule has an ordering, with ``<``. A value that does not fit the syntax turns into None: it
matches nothing, and an assertion of it is Undefined.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from protocols.ldap import dn
from protocols.ldap.object_classes import BY_NAME
from protocols.ldap.oids import is_numeric
from protocols.ldap.prepare import case_exact, case_ignore

Value = str | bytes
Normal = Hashable
"""A value in the form that its rule compares."""


@dataclass(frozen=True, slots=True)
class MatchingRule:
    name: str
    oid: str
    syntax: str
    """OID of the syntax of its values (RFC 4517 s3.3)."""
    normalise: Callable[[Value], Any]
    """To a `Normal`, or None."""
    ordered: bool = False
    text: bool = False
    """Normalises to ``str``, so that parts of a value may be compared."""


def _on_text(rule: Callable[[str], Any], empty: Any = None) -> Callable[[Value], Any]:
    """``empty``: what a value of no octets stands for, where the syntax has one."""

    def normalise(value: Value) -> Any:
        if isinstance(value, bytes):
            try:
                value = value.decode()
            except UnicodeDecodeError:
                return None
        return rule(value) if value else empty

    return normalise


MOST_DIGITS = 1000
"""Of a number that a filter asserts. No value has more than twenty, but whatever is smaller than a huge one is."""
_INTEGER = re.compile(rf"(?:0|-?[1-9]\d{{0,{MOST_DIGITS - 1}}})\Z", re.ASCII)
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z")
_SID = re.compile(rb"S-1-\d{1,15}(?:-\d{1,10}){1,15}\Z")
_GUID = re.compile(rb"(?:%b|\{%b\})\Z" % ((_UUID.pattern.removesuffix(r"\Z").encode(),) * 2))
_BOOLEANS = {"true": True, "false": False}
_TIME = re.compile(r"(\d{10})(\d\d)?([0-5]\d|60)?(?:[.,](\d+))?(Z|[+-]\d\d(?:[0-5]\d)?)\Z", re.ASCII)


def _integer(text: str) -> int | None:
    return int(text) if _INTEGER.match(text) else None


def _generalized_time(text: str) -> datetime | None:
    """RFC 4517 s3.3.13: ``YYYYMMDDHH[MM[SS]][.fraction](Z|+-HH[MM])``; the fraction is of the last unit given.

    A leap second, 60, is the first one of the next minute to us, and the year 0, from which some clients ask for
    everything, the year 1.
    """
    found = _TIME.match(text)
    if not found:
        return None
    hours, minutes, seconds, fraction, zone = found.groups()
    if hours.startswith("0000"):
        hours = "0001" + hours[4:]
    unit = timedelta(seconds=1) if seconds else timedelta(minutes=1) if minutes else timedelta(hours=1)
    try:
        moment = datetime.strptime(hours + (minutes or "00"), "%Y%m%d%H%M") + timedelta(seconds=int(seconds or 0))
        offset = timedelta(0)
        if zone != "Z":
            offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:] or 0)) * (-1 if zone[0] == "-" else 1)
        moment = moment.replace(tzinfo=timezone(offset)) + unit * float(f"0.{(fraction or '0')[:MOST_DIGITS]}")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _uuid(text: str) -> str | None:
    """RFC 4530 s2.1: no braces, no blanks."""
    return text.lower() if _UUID.match(text) else None


def _dn(text: str) -> tuple[dn.RDN, ...] | None:
    try:
        return dn.parse(text).key or None  # blanks are no name; the empty one is
    except ValueError:
        return None


def _category(text: str) -> str | None:
    """The class that a DN in the schema stands for, or a name alone ([MS-ADTS] 3.1.1.3.1.3.1)."""
    try:
        name = dn.parse(text).key
    except ValueError:
        name = ()
    return name[0][0][1] if name else text.lower()


def _object_identifier(text: str) -> str | None:
    """One form for the name and the OID of a class; a name that nobody knows is Undefined (RFC 4517 s4.2.26)."""
    known = BY_NAME.get(text.lower())
    if known is not None:
        return known.name.lower()
    return text if is_numeric(text) else None


def _first_component(text: str) -> str | None:
    """Of a description, ``( oid ...``, its OID; an assertion is an OID, or the name of a class (RFC 4517 s4.2.27)."""
    if text.startswith("("):
        return text.strip("( ").split(" ")[0]
    known = BY_NAME.get(text.lower())
    if known is not None:
        return known.oid
    return text if is_numeric(text) else None


def _octets(value: Value) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def _sid(value: Value) -> bytes:
    """[MS-DTYP] 2.4.2: as octets; Active Directory's clients write ``S-1-5-21-...`` in filters."""
    octets = _octets(value)
    if not _SID.match(octets):
        return octets
    authority, *numbers = map(int, octets.split(b"-")[2:])
    try:
        parts = [
            bytes((1, len(numbers))),
            authority.to_bytes(6, "big"),
            *(one.to_bytes(4, "little") for one in numbers),
        ]
    except OverflowError:
        return octets
    return b"".join(parts)


def _guid(value: Value) -> bytes:
    """[MS-DTYP] 2.3.4: as octets, or the text of a UUID, perhaps in braces."""
    octets = _octets(value)
    return uuid.UUID(octets.decode()).bytes_le if _GUID.match(octets) else octets


def _undefined(value: Value) -> None:
    return None


_DN = _on_text(_dn, empty=())

DIRECTORY_STRING, IA5_STRING, TELEPHONE_NUMBER, OCTETS, JPEG, NAME_AND_OPTIONAL_UID = (
    f"1.3.6.1.4.1.1466.115.121.1.{number}" for number in (15, 26, 50, 40, 28, 34)
)
"""Syntaxes that more than one place names."""

CASE_IGNORE = MatchingRule("caseIgnoreMatch", "2.5.13.2", DIRECTORY_STRING, _on_text(case_ignore), text=True)
CASE_EXACT = MatchingRule("caseExactMatch", "2.5.13.5", DIRECTORY_STRING, _on_text(case_exact), text=True)
CASE_IGNORE_IA5 = MatchingRule(
    "caseIgnoreIA5Match", "1.3.6.1.4.1.1466.109.114.2", IA5_STRING, _on_text(case_ignore, empty=""), text=True
)
CASE_EXACT_IA5 = MatchingRule(
    "caseExactIA5Match", "1.3.6.1.4.1.1466.109.114.1", IA5_STRING, _on_text(case_exact, empty=""), text=True
)
"""These two compare as the two before do: addresses may hold more than ASCII since RFC 6531."""
TELEPHONE = MatchingRule(
    "telephoneNumberMatch",
    "2.5.13.20",
    TELEPHONE_NUMBER,
    _on_text(lambda text: case_ignore(text.replace(" ", "").replace("-", ""))),
    text=True,
)
OBJECT_IDENTIFIER = MatchingRule(
    "objectIdentifierMatch",
    "2.5.13.0",
    "1.3.6.1.4.1.1466.115.121.1.38",
    _on_text(_object_identifier),
)
INTEGER = MatchingRule("integerMatch", "2.5.13.14", "1.3.6.1.4.1.1466.115.121.1.27", _on_text(_integer), ordered=True)
BOOLEAN = MatchingRule(
    "booleanMatch",
    "2.5.13.13",
    "1.3.6.1.4.1.1466.115.121.1.7",
    _on_text(lambda text: _BOOLEANS.get(text.lower())),
)
GENERALIZED_TIME = MatchingRule(
    "generalizedTimeMatch",
    "2.5.13.27",
    "1.3.6.1.4.1.1466.115.121.1.24",
    _on_text(_generalized_time),
    ordered=True,
)
DISTINGUISHED_NAME = MatchingRule("distinguishedNameMatch", "2.5.13.1", "1.3.6.1.4.1.1466.115.121.1.12", _DN)
OBJECT_CATEGORY = MatchingRule("distinguishedNameMatch", "2.5.13.1", DISTINGUISHED_NAME.syntax, _on_text(_category))
"""Active Directory's: a DN in its schema, of which clients write the name alone."""
UNIQUE_MEMBER = MatchingRule("uniqueMemberMatch", "2.5.13.23", NAME_AND_OPTIONAL_UID, _DN)
UUID = MatchingRule("UUIDMatch", "1.3.6.1.1.16.2", "1.3.6.1.1.16.1", _on_text(_uuid), ordered=True)
OCTET_STRING = MatchingRule("octetStringMatch", "2.5.13.17", OCTETS, _octets, ordered=True)
OBJECT_SID = MatchingRule("octetStringMatch", OCTET_STRING.oid, OCTETS, _sid, ordered=True)
OBJECT_GUID = MatchingRule("octetStringMatch", OCTET_STRING.oid, OCTETS, _guid, ordered=True)
"""Active Directory's, of which a filter may hold the octets or their text."""
FIRST_COMPONENT = MatchingRule(
    "objectIdentifierFirstComponentMatch",
    "2.5.13.30",
    "1.3.6.1.4.1.1466.115.121.1.38",
    _on_text(_first_component),
)
UNMATCHED = MatchingRule("", "", JPEG, _undefined)
"""Of attributes that are only present or not, as photographs."""

EQUALITY_RULES = (
    CASE_IGNORE,
    CASE_EXACT,
    CASE_IGNORE_IA5,
    CASE_EXACT_IA5,
    TELEPHONE,
    OBJECT_IDENTIFIER,
    INTEGER,
    BOOLEAN,
    GENERALIZED_TIME,
    DISTINGUISHED_NAME,
    UNIQUE_MEMBER,
    UUID,
    OCTET_STRING,
    FIRST_COMPONENT,
)
