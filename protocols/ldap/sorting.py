"""Server-side sorting (RFC 2891): the control, and entries in order, a slice at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import total_ordering
from heapq import merge
from typing import Any, NamedTuple

from protocols.errors import RemoteProtocolError
from protocols.ldap import ber
from protocols.ldap.evaluation import Recognise
from protocols.ldap.extensible import NAMED
from protocols.ldap.filter import MANY_VALUES
from protocols.ldap.matching import DISTINGUISHED_NAME, UNIQUE_MEMBER, UNMATCHED, MatchingRule
from protocols.ldap.result import Refused, ResultCode
from protocols.ldap.search import Entry

MAX_KEYS = 8
"""Attributes that one request sorts by. People give one or two."""
MAX_SORTED = 100_000
"""Entries of one request: they are all held until the last one is found."""
NAMES = frozenset((DISTINGUISHED_NAME, UNIQUE_MEMBER))
"""Rules without an order (RFC 4519). One name of an entry sorts; the least of a group's fifty thousand takes
seconds."""
BATCH = 2000
"""Entries that are sorted between two chances for others: some 2 ms."""


class SortKey(NamedTuple):
    """``SEQUENCE { attributeType, orderingRule [0] OPTIONAL, reverseOrder [1] BOOLEAN DEFAULT FALSE }``"""

    attribute: str
    rule: str | None
    reverse: bool


class Unsortable(Exception):
    """``code`` is a sortResult of RFC 2891, ``attribute`` the one that it is about."""

    def __init__(self, code: ResultCode, attribute: str) -> None:
        super().__init__(attribute)
        self.code = code
        self.attribute = attribute


class TooMany(Exception):
    """More entries than are sorted for one request."""


def decode(value: bytes | None) -> tuple[SortKey, ...]:
    """Raises Refused."""
    octets = value or b""
    keys: list[SortKey] = []
    try:
        at, end = ber.expect(octets, 0, len(octets), ber.SEQUENCE)
        if end != len(octets):
            raise ber.Malformed("octets behind the keys")
        while at < end:
            start, at = ber.expect(octets, at, end, ber.SEQUENCE)
            keys.append(_key(octets, start, at))
        if not keys:
            raise ber.Malformed("no keys")
    except RemoteProtocolError:
        raise Refused(ResultCode.PROTOCOL_ERROR, "The sort control could not be decoded.") from None
    if len(keys) > MAX_KEYS:
        raise Refused(ResultCode.ADMIN_LIMIT_EXCEEDED, f"No more than {MAX_KEYS} sort keys are served.")
    return tuple(keys)


def _key(octets: bytes, at: int, end: int) -> SortKey:
    attribute, at = ber.octet_string(octets, at, end)
    rule, reverse = None, False
    if at < end and octets[at] == 0x80:
        named, at = ber.octet_string(octets, at, end, 0x80)
        rule = named.decode("latin-1")
    if at < end and octets[at] == 0x81:
        reverse, at = ber.boolean(octets, at, end, 0x81)
    ber.ignore(octets, at, end, ber.OCTET_STRING, 0x80, 0x81)
    return SortKey(attribute.decode("latin-1"), rule, reverse)


def encode(code: int, attribute: str = "") -> bytes:
    """Value of the response's control: ``SEQUENCE { sortResult ENUMERATED, attributeType [0] OPTIONAL }``."""
    about = ber.tlv(0x80, attribute.encode("latin-1", "replace")) if attribute else b""
    return ber.tlv(ber.SEQUENCE, ber.encode_integer(code, ber.ENUMERATED) + about)


# --- order ---------------------------------------------------------------------------------------------------------

Place = tuple[Any, ...]
"""Where an entry stands among others."""


@total_ordering
class _Reversed:
    __slots__ = ("place",)

    def __init__(self, place: Any) -> None:
        self.place = place

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and bool(self.place == other.place)

    def __lt__(self, other: _Reversed) -> bool:
        return bool(other.place < self.place)


class Order:
    """By the given keys; without a value an entry is behind all others, and in reverse before them (RFC 2891 s2.2).

    Raises Unsortable. Attributes of text sort without being asked for a rule, which RFC 4519 gives them none of.
    """

    def __init__(self, keys: tuple[SortKey, ...], recognise: Recognise) -> None:
        self._keys: list[tuple[str, MatchingRule, bool]] = []
        for key in keys:
            known = recognise(key.attribute.lower())
            if known is None:
                raise Unsortable(ResultCode.NO_SUCH_ATTRIBUTE, key.attribute)
            rule = known.rule
            if key.rule is not None:
                named = NAMED.get(key.rule.lower())
                if named is None or not named.applies_to(rule):
                    raise Unsortable(ResultCode.INAPPROPRIATE_MATCHING, key.attribute)
                rule = named.rule
            if rule is UNMATCHED or (rule in NAMES and not known.single) or known.key in MANY_VALUES:
                raise Unsortable(ResultCode.INAPPROPRIATE_MATCHING, key.attribute)
            self._keys.append((known.key, rule, key.reverse))

    def place(self, entry: Entry) -> Place:
        return tuple(self._part(entry, *key) for key in self._keys)

    def reaches(self, value: bytes) -> Callable[[Place], bool]:
        """Does a place stand at or behind this value of the first key? For VLV."""
        _, rule, reverse = self._keys[0]
        normal = rule.normalise(value)
        if normal is None:
            raise Refused(ResultCode.PROTOCOL_ERROR, "The value to begin at does not fit the attribute.")
        least: Any = (0, normal)
        if reverse:
            least = _Reversed(least)
        return lambda place: bool(place[0] >= least)

    def _part(self, entry: Entry, key: str, rule: MatchingRule, reverse: bool) -> Any:
        values = [normal for value in entry.values(key) if (normal := rule.normalise(value)) is not None]
        part = (0, min(values)) if values else (1,)
        return _Reversed(part) if reverse else part


Leave = Callable[[list[Any]], object]
"""Takes a list that nobody needs any more: to free a long one in one turn takes others' time."""


def ordered(
    entries: Iterator[Entry | None], order: Order, leave: Leave = list.clear
) -> Iterator[tuple[Place, Entry] | None]:
    """None: others should have their turn. Raises TooMany. ``leave`` gets what is held when nobody wants the rest."""
    runs: list[list[tuple[Place, int, Entry]]] = [[]]
    number = 0
    try:
        for entry in entries:
            if entry is None:
                yield None
                continue
            number += 1
            if number > MAX_SORTED:
                raise TooMany
            runs[-1].append((order.place(entry), number, entry))
            if len(runs[-1]) == BATCH:
                runs[-1].sort()
                runs.append([])
                yield None
        runs[-1].sort()
        for place, _, entry in merge(*map(_emptied, runs)):
            yield place, entry
    finally:
        for run in runs:
            leave(run)


def _emptied(run: list[tuple[Place, int, Entry]]) -> Iterator[tuple[Place, int, Entry]]:
    """One after another, and what is taken is let go."""
    run.reverse()
    while run:
        yield run.pop()
