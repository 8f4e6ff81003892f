"""Search filters (RFC 4511 s4.5.1.7): the values, and how they are read from BER. `evaluation` says what they mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from protocols.ldap import ber
from protocols.ldap.result import Refused, ResultCode

MAX_DEPTH = 100
"""Filters inside filters that have others beside them. Real clients reach 6; recursion here must stay far from Python's
limit."""
MAX_PARTS = 4096
"""Filters in one request, each counted by its `weight`. sssd's largest has some 60; generated ORs over a team's names
reach hundreds."""
OF_EVERY_ATTRIBUTE, BY_A_RULE = 512, 8
"""What an extensible match takes of an entry's time, without an attribute and with one; equality takes 1."""
OF_MANY_VALUES = 512
"""The same, of what looks at each of the names that a large group has."""
MANY_VALUES = frozenset(("memberuid", "1.3.6.1.1.1.1.12"))
"""memberUid (RFC 2307), whose values are text, so that rules look into them."""
OF_A_WAY, OF_EVERY_WAY = 512, 2048
"""The same, of what goes from an entry to those that it names, and on: over one attribute, and over each."""
IN_CHAIN_NAMES = frozenset(("1.2.840.113556.1.4.1941", "ldap_matching_rule_in_chain"))
KNOWN_WAYS = frozenset(("member", "uniquemember", "memberof"))
"""Attributes over which entries know the way without going it."""


@dataclass(frozen=True, slots=True)
class And:
    """``and [0] SET OF filter``; without parts it is true (RFC 4526)."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """``or [1] SET OF filter``; without parts it is false (RFC 4526)."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """``not [2] Filter``"""

    part: Filter


@dataclass(frozen=True, slots=True)
class Equality:
    """``equalityMatch [3] AttributeValueAssertion``"""

    attribute: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Substrings:
    """``substrings [4] SEQUENCE { type, substrings SEQUENCE SIZE (1..MAX) OF CHOICE { initial, any, final } }``"""

    attribute: str
    initial: bytes | None
    any: tuple[bytes, ...]
    final: bytes | None


@dataclass(frozen=True, slots=True)
class GreaterOrEqual:
    """``greaterOrEqual [5] AttributeValueAssertion``"""

    attribute: str
    value: bytes


@dataclass(frozen=True, slots=True)
class LessOrEqual:
    """``lessOrEqual [6] AttributeValueAssertion``"""

    attribute: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Present:
    """``present [7] AttributeDescription``"""

    attribute: str


@dataclass(frozen=True, slots=True)
class Approx:
    """``approxMatch [8] AttributeValueAssertion``; served as equality, which RFC 4511 allows."""

    attribute: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Extensible:
    """``extensibleMatch [9] MatchingRuleAssertion``; `extensible` has the rules."""

    rule: str | None
    attribute: str | None
    value: bytes
    dn_attributes: bool


@dataclass(frozen=True, slots=True)
class Unrecognised:
    """A choice, or a kind of piece in `Substrings`, that a later standard may define; Undefined (RFC 4511 s4.5.1.7)."""

    tag: int


Filter = (
    And | Or | Not | Equality | Substrings | GreaterOrEqual | LessOrEqual | Present | Approx | Extensible | Unrecognised
)


def weight(filter: Filter) -> int:
    """How long one entry takes, in comparisons of some microsecond."""
    match filter:
        case And(parts) | Or(parts):
            return sum(map(weight, parts))
        case Not(part):
            return weight(part)
        case Extensible(str(rule), attribute) if rule.lower() in IN_CHAIN_NAMES:
            return OF_EVERY_WAY if attribute is None else BY_A_RULE if attribute.lower() in KNOWN_WAYS else OF_A_WAY
        case Extensible(_, None):
            return OF_EVERY_ATTRIBUTE
        case Extensible(_, str(attribute)):
            return OF_MANY_VALUES if _has_many(attribute) else BY_A_RULE
        case Substrings(attribute):
            return OF_MANY_VALUES if _has_many(attribute) else 1
    return 1


def _has_many(attribute: str) -> bool:
    return attribute.partition(";")[0].lower() in MANY_VALUES


# --- from BER ------------------------------------------------------------------------------------------------------


def decode(octets: bytes, at: int, end: int) -> tuple[Filter, int]:
    """The Filter at ``at``, and where the next element begins.

    What stands alone in a set, or is negated twice, is given as itself: a thousand of these inside each other are as
    good as one. Raises RemoteProtocolError for octets that are no filter, and Refused for one that is too complex or
    ill-formed.
    """
    return _decode(octets, at, end, MAX_DEPTH, [MAX_PARTS])


def _decode(octets: bytes, at: int, end: int, depth: int, parts_left: list[int]) -> tuple[Filter, int]:
    tag, start, stop = ber.header(octets, at, end)
    _count(parts_left, depth)
    negated = False
    while tag in _AROUND and start < stop:
        inner = ber.header(octets, start, stop)
        if inner[2] != stop:
            break
        negated ^= tag == _NOT
        tag, start, _ = inner
        _count(parts_left, depth)
    filter = _of_kind(tag, octets, start, stop, depth, parts_left)
    return (Not(filter) if negated else filter), stop


def _count(parts_left: list[int], depth: int, parts: int = 1) -> None:
    parts_left[0] -= parts
    if depth == 0 or parts_left[0] < 0:
        raise Refused(ResultCode.ADMIN_LIMIT_EXCEEDED, "The filter is too deep or has too many parts.")


def _of_kind(tag: int, octets: bytes, start: int, stop: int, depth: int, parts_left: list[int]) -> Filter:
    if tag in _ASSERTIONS:
        attribute, value_at = ber.octet_string(octets, start, stop)
        value, rest = ber.octet_string(octets, value_at, stop)
        if rest != stop:
            ber.ignore(octets, rest, stop, ber.OCTET_STRING)
        return _ASSERTIONS[tag](attribute.decode("latin-1"), value)
    if tag == 0x87:
        return Present(octets[start:stop].decode("latin-1"))
    if tag in _SETS:
        parts: list[Filter] = []
        while start < stop:
            part, start = _decode(octets, start, stop, depth - 1, parts_left)
            parts.append(part)
        return _SETS[tag](tuple(parts))
    if tag == _NOT:
        raise ber.Malformed("not has one part")
    if tag == 0xA4:
        pieces = _substrings(octets, start, stop, depth, parts_left)
        _count(parts_left, depth, weight(pieces) - 1)
        return pieces
    if tag == 0xA9:
        found = _extensible(octets, start, stop)
        _count(parts_left, depth, weight(found) - 1)
        return found
    return Unrecognised(tag)


_ASSERTIONS: dict[int, Callable[[str, bytes], Filter]] = {
    0xA3: Equality,
    0xA5: GreaterOrEqual,
    0xA6: LessOrEqual,
    0xA8: Approx,
}
_SETS: dict[int, Callable[[tuple[Filter, ...]], Filter]] = {0xA0: And, 0xA1: Or}
_NOT = 0xA2
_AROUND = frozenset((*_SETS, _NOT))


def _substrings(octets: bytes, at: int, end: int, depth: int, parts_left: list[int]) -> Substrings | Unrecognised:
    """Each piece counts: they are prepared one by one, and looked for one by one in each value."""
    attribute, at = ber.octet_string(octets, at, end)
    at, stop = ber.expect(octets, at, end, ber.SEQUENCE)
    ber.ignore(octets, stop, end, ber.OCTET_STRING, ber.SEQUENCE)
    initial = final = unknown = None
    middle: list[bytes] = []
    first = True
    while at < stop:
        tag, start, at = ber.header(octets, at, stop)
        _count(parts_left, depth)
        piece = octets[start:at]
        if tag == 0x80 and first:
            initial = piece
        elif tag == 0x81:
            middle.append(piece)
        elif tag == 0x82 and at == stop:
            final = piece
        elif tag in (0x80, 0x82):
            raise Refused(ResultCode.PROTOCOL_ERROR, "The parts of a substring filter are out of order.")
        else:
            unknown = tag
        first = False
    if first:
        raise Refused(ResultCode.PROTOCOL_ERROR, "A substring filter needs at least one part.")
    if unknown is not None:
        return Unrecognised(unknown)
    return Substrings(attribute.decode("latin-1"), initial, tuple(middle), final)


def _extensible(octets: bytes, at: int, end: int) -> Extensible:
    fields: dict[int, bytes] = {}
    for known in (0x81, 0x82, 0x83):
        if at < end and octets[at] == known:
            fields[known], at = ber.octet_string(octets, at, end, known)
    dn_attributes = False
    if at < end and octets[at] == 0x84:
        dn_attributes, at = ber.boolean(octets, at, end, 0x84)
    ber.ignore(octets, at, end, 0x81, 0x82, 0x83, 0x84)
    if 0x83 not in fields:
        raise ber.Malformed("an extensible match without a value")
    rule, attribute = (
        None if name is None else name.decode("latin-1") for name in (fields.get(0x81), fields.get(0x82))
    )
    return Extensible(rule, attribute, fields[0x83], dn_attributes)
