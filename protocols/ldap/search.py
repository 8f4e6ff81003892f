"""A search (RFC 4511 s4.5): the request and candidate entries in, slices of encoded messages out.

Access control and candidates are the caller's; nothing here knows where entries live.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from protocols.ldap import ber
from protocols.ldap.encoded import encode_attribute, encode_entry, encode_values
from protocols.ldap.evaluation import Matchable, Recognise, TakesTurns, Truth, in_turns, predicate
from protocols.ldap.filter import Filter, weight
from protocols.ldap.matching import MatchingRule, Normal, Value
from protocols.ldap.messages import SEARCH, encode_result
from protocols.ldap.object_classes import BY_NAME
from protocols.ldap.result import SUCCESS, Result, ResultCode
from protocols.ldap.schema import KNOWN, AttributeType, allowed, without_binary
from protocols.ldap.search_request import SearchRequest

SLICE_CANDIDATES = 256
"""Entries looked at between two chances for other connections: some 5 ms when none of their bodies is cached."""
SLICE_WORK = 4096
"""Comparisons between them: some 5 ms at most."""
SLICE_OCTETS = 64 * 1024
"""Octets of one slice: about what a socket buffer takes at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """Which attributes an answer shows (RFC 4511 s4.5.1.8, RFC 3673)."""

    user: bool
    """``*``, or an empty list."""
    operational: bool
    """``+``"""
    keys: frozenset[str]
    """`AttributeType.key` of those that are named."""
    types_only: bool = False
    recurring: bool = False
    """The same request gets this very object again, so that encoded entries may be cached by it."""

    def shows(self, attribute: AttributeType) -> bool:
        return (self.operational if attribute.operational else self.user) or attribute.key in self.keys


def selection(attributes: tuple[bytes, ...], types_only: bool) -> Selection:
    """Names in any case, OIDs, ``*``, ``+``, ``1.1`` and ``@class`` (RFC 4529); unknown, empty and repeated names
    select nothing more."""
    if sum(map(len, attributes)) > CACHED_OCTETS:
        return _selection(attributes, types_only, False)
    return _cached_selection(attributes, types_only, True)


def _selection(attributes: tuple[bytes, ...], types_only: bool, recurring: bool) -> Selection:
    names = {without_binary(attribute.decode("latin-1").lower()) for attribute in attributes}
    classes = {name for name in names if name[:1] == "@"}
    keys = frozenset(KNOWN[name].key if name in KNOWN else name for name in names - {"*", "+", "1.1", ""} - classes)
    keys = keys.union(*(allowed(name[1:]) for name in classes if name[1:] in BY_NAME))
    return Selection("*" in names or not attributes, "+" in names, keys, types_only, recurring)


CACHED_OCTETS = 2048
"""Longer lists are read every time, so that strangers cannot fill the cache with big ones."""
_cached_selection = lru_cache(maxsize=512)(_selection)


Pieces = tuple[bytes, ...]
Slice = bytes | Pieces
"""Encoded messages; where one is long it is in pieces, so that nobody waits while it is copied and sent."""


class Entry(Matchable, Protocol):
    def encoded(self, selection: Selection) -> bytes | Pieces | None:
        """The SearchResultEntry, without the envelope; a long one in pieces of about `SLICE_OCTETS`.

        None: ask again, after others had their turn.
        """
        ...


@dataclass(frozen=True, slots=True)
class PlainEntry:
    """An entry that simply holds its values; for the root DSE and the containers. Keys are `AttributeType.key`."""

    dn: str
    attributes: Mapping[str, Sequence[Value]]

    def attribute_types(self) -> Iterable[AttributeType]:
        return (KNOWN[key] for key in self.attributes)

    def values(self, key: str) -> Sequence[Value]:
        return self.attributes.get(key, ())

    def holds(self, key: str, rule: MatchingRule, assertion: Normal) -> bool:
        return any(rule.normalise(value) == assertion for value in self.values(key))

    def has(self, key: str) -> bool:
        return bool(self.values(key))

    def encoded(self, selection: Selection) -> bytes:
        return encode_entry(
            self.dn,
            [
                encode_attribute(KNOWN[key].name, b"" if selection.types_only else encode_values(values))
                for key, values in self.attributes.items()
                if values and selection.shows(KNOWN[key])
            ],
        )


def candidates_a_slice(filter: Filter) -> int:
    """Fewer than `SLICE_CANDIDATES` where each takes long."""
    return min(SLICE_CANDIDATES, max(1, SLICE_WORK // max(1, weight(filter))))


def results(
    message_id: int,
    request: SearchRequest,
    candidates: Iterable[Entry],
    recognise: Recognise,
    decided: bool = False,
    expired: Callable[[], bool] | None = None,
) -> Iterator[Slice]:
    """Slices of encoded messages, some of them empty; the last one ends with the SearchResultDone.

    ``decided``: all the candidates match, and the filter need not be asked. ``expired``: is the request's time limit
    over? Asked after every slice.
    """
    selects = None if decided else predicate(request.filter, recognise)
    most = SLICE_CANDIDATES if decided else candidates_a_slice(request.filter)
    shown = selection(request.attributes, request.types_only)
    identifier = ber.encode_integer(message_id)
    limit = request.size_limit or NO_LIMIT
    done = DONE
    selected: Truth = True
    rested = False
    out: list[bytes] = []
    looked = size = found = 0
    for entry in candidates:
        if rested:
            rested = False
            if expired is not None and expired():
                done = _TIME_LIMIT_EXCEEDED
                break
        looked += 1
        if selects is not None:
            try:
                selected = selects(entry)
            except TakesTurns:
                for selected in in_turns(selects, entry):
                    if selected is None:
                        yield b"".join(out)
                        out.clear()
                        rested = True
        if selected:
            if found == limit:
                done = _SIZE_LIMIT_EXCEEDED
                break
            found += 1
            while (body := entry.encoded(shown)) is None:
                yield b"".join(out)
                out.clear()
                looked = size = 0
                rested = True
            if isinstance(body, tuple):
                yield (*out, *ber.around(ber.SEQUENCE, (identifier, *body)))
                out.clear()
                looked = size = 0
                rested = True
                continue
            message = ber.tlv(ber.SEQUENCE, identifier + body)
            size += len(message)
            out.append(message)
        if looked >= most or size >= SLICE_OCTETS:
            yield b"".join(out)
            out.clear()
            looked = size = 0
            rested = True
    out.append(ber.tlv(ber.SEQUENCE, identifier + done))
    yield b"".join(out)


NO_LIMIT = -1
DONE = encode_result(SEARCH.response, SUCCESS)
_SIZE_LIMIT_EXCEEDED = encode_result(SEARCH.response, Result(ResultCode.SIZE_LIMIT_EXCEEDED))
_TIME_LIMIT_EXCEEDED = encode_result(SEARCH.response, Result(ResultCode.TIME_LIMIT_EXCEEDED))
