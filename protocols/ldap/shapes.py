"""Searches that differ in the values alone which they assert: what one of them means, the others need not be read for.

A search whose octets are those of another one but for the values of its equality matches, and these of the same
lengths, is read as that one, with its own values: neither the grammar nor any bound looks into them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from protocols.ldap import ber
from protocols.ldap.filter import And, Equality, Filter, Or
from protocols.ldap.search_request import SearchRequest, filter_at

OBJECT_CLASS = frozenset(("objectclass", "2.5.4.0"))
"""Its values are part of a shape: clients always ask for the same few."""
_AND, _OR, _EQUALITY = 0xA0, 0xA1, 0xA3
_NUMBERS = 5 * 3
"""Octets between base and filter, or a few less than there are."""

Values = list[bytes]


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    request: SearchRequest
    """The one that the others are like."""
    octets: int
    around: tuple[tuple[int, bytes], ...]
    """What stands around the values, and where."""
    places: tuple[slice, ...]
    """Of the values, in the order of `asserted`."""

    def values(self, content: bytes) -> Values | None:
        """Those of another search; None: that is none of this shape."""
        if len(content) != self.octets:
            return None
        for at, octets in self.around:
            if not content.startswith(octets, at):
                return None
        return [content[place] for place in self.places]

    def filter(self, values: Values) -> Filter:
        """What a search of this shape with these values asks for."""
        return _with(self.request.filter, iter(values))


def alike(content: bytes) -> tuple[int, bytes]:
    """What searches of one shape have in common, and few others: their length, and what stands before the first
    value."""
    if len(content) < 2:
        return 0, content
    size, at = content[1], 2
    if size >= 0x80:
        at += size & 0x7F
        size = int.from_bytes(content[2:at], "big")
    return len(content), content[: at + size + _NUMBERS + 4]


def shape(content: bytes, request: SearchRequest) -> Shape | None:
    """Of a search that was read from ``content``. None: it asserts nothing, or not where that is easily told."""
    places = tuple(_places(content, filter_at(content)))
    if not places or [content[place] for place in places] != [part.value for part in asserted(request.filter)]:
        return None
    begins = (0, *(place.stop for place in places))
    ends = (*(place.start for place in places), len(content))
    around = tuple((begin, content[begin:end]) for begin, end in zip(begins, ends, strict=True))
    return Shape(request, len(content), around, places)


def _places(octets: bytes, at: int) -> Iterator[slice]:
    """Of the values of equality matches in the filter at ``at``, as far as they stand in sets alone."""
    _, _, end = ber.header(octets, at, len(octets))
    while at < end:
        tag, start, stop = ber.header(octets, at, end)
        if tag == _EQUALITY:
            attribute, value_at = ber.octet_string(octets, start, stop)
            if attribute.decode("latin-1").lower() not in OBJECT_CLASS:
                _, begins, ends = ber.header(octets, value_at, stop)
                yield slice(begins, ends)
        at = start if tag in (_AND, _OR) else stop


def is_asserted(filter: Filter) -> bool:
    """Does the value of this part, one of a set or alone, belong to no shape?"""
    return isinstance(filter, Equality) and filter.attribute.lower() not in OBJECT_CLASS


def asserted(filter: Filter) -> Iterator[Equality]:
    """The parts whose values belong to no shape, in their order."""
    match filter:
        case And(parts) | Or(parts):
            for part in parts:
                yield from asserted(part)
        case Equality() if is_asserted(filter):
            yield filter


def _with(filter: Filter, values: Iterator[bytes]) -> Filter:
    match filter:
        case And(parts):
            return And(tuple(_with(part, values) for part in parts))
        case Or(parts):
            return Or(tuple(_with(part, values) for part in parts))
        case Equality(attribute) if is_asserted(filter):
            return Equality(attribute, next(values))
    return filter
