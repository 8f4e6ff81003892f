"""The search request (RFC 4511 s4.5.1)."""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from protocols.errors import RemoteProtocolError
from protocols.ldap import ber
from protocols.ldap.filter import Filter
from protocols.ldap.filter import decode as decode_filter
from protocols.ldap.prepare import text
from protocols.ldap.result import Refused, ResultCode

MAX_INT = 2**31 - 1
MAX_ATTRIBUTES = 1024
"""Attributes asked for in one search. TrueNAS asks for 35, sssd for some 40, repeated names included."""


class Scope(IntEnum):
    BASE = 0
    ONE = 1
    SUB = 2
    CHILDREN = 3
    """draft-sermersheim-ldap-subordinate-scope; slapd serves it too."""


_SCOPES = {int(scope): scope for scope in Scope}


class SearchRequest(NamedTuple):
    """``[APPLICATION 3] SEQUENCE { baseObject, scope, derefAliases, sizeLimit, timeLimit, typesOnly, filter,
    attributes }``

    There are no aliases, so that any derefAliases means the same and is not kept.
    """

    base: str
    scope: Scope
    size_limit: int
    time_limit: int
    types_only: bool
    filter: Filter
    attributes: tuple[bytes, ...]


def decode(octets: bytes, at: int, end: int) -> SearchRequest:
    """Raises RemoteProtocolError or Refused."""
    if end - at > CACHED_SEARCH:
        return _parsed_search(octets[at:end])
    return _cached_search(octets[at:end])


def _parsed_search(octets: bytes) -> SearchRequest:
    """Only the filter is read anew: what stands before and behind it is the same in most requests of a client."""
    head = (len(octets) > 1 and _common_head(octets[: octets[1] + SHORT_HEAD])) or _head(octets)
    filter, at = decode_filter(octets, head.end, len(octets))
    rest = octets[at:]
    attributes = _common_attributes(rest) if len(rest) <= CACHED_SEARCH else _attributes(rest)
    if len(attributes) > MAX_ATTRIBUTES:
        raise Refused(ResultCode.ADMIN_LIMIT_EXCEEDED, "Too many attributes are asked for.")
    if head.scope not in _SCOPES:
        raise Refused(ResultCode.PROTOCOL_ERROR, "The scope is none of base, one, sub and children.")
    if not 0 <= head.size_limit <= MAX_INT >= head.time_limit >= 0:
        raise Refused(ResultCode.PROTOCOL_ERROR, "A limit is negative, or larger than LDAP allows.")
    return SearchRequest(
        head.base, _SCOPES[head.scope], head.size_limit, head.time_limit, head.types_only, filter, attributes
    )


def filter_at(octets: bytes) -> int:
    """Where the filter begins. Raises RemoteProtocolError."""
    return ((len(octets) > 1 and _common_head(octets[: octets[1] + SHORT_HEAD])) or _head(octets)).end


class _Head(NamedTuple):
    """What stands before the filter, and where that begins."""

    base: str
    scope: int
    size_limit: int
    time_limit: int
    types_only: bool
    end: int


def _head(octets: bytes) -> _Head:
    end = len(octets)
    base, at = ber.octet_string(octets, 0, end)
    scope, at = ber.integer(octets, at, end, ber.ENUMERATED)
    _dereference, at = ber.integer(octets, at, end, ber.ENUMERATED)
    size_limit, at = ber.integer(octets, at, end)
    time_limit, at = ber.integer(octets, at, end)
    types_only, at = ber.boolean(octets, at, end)
    return _Head(text(base), scope, size_limit, time_limit, types_only, at)


SHORT_HEAD = 2 + 5 * 3
"""Octets of a head besides those of a base, if that is short and none of the numbers needs more than one."""


@lru_cache(maxsize=512)
def _common_head(octets: bytes) -> _Head | None:
    """None: that is not all of it."""
    try:
        head = _head(octets)
    except RemoteProtocolError:
        return None
    return head if head.end == len(octets) else None


def _attributes(octets: bytes) -> tuple[bytes, ...]:
    """What stands behind the filter."""
    at, stop = ber.expect(octets, 0, len(octets), ber.SEQUENCE)
    ber.ignore(octets, stop, len(octets))
    attributes = []
    while at < stop:
        attribute, at = ber.octet_string(octets, at, stop)
        attributes.append(attribute)
    return tuple(attributes)


_common_attributes = lru_cache(maxsize=512)(_attributes)


CACHED_SEARCH = 512
"""Octets. Longer requests are read every time, so that strangers cannot fill the cache with big ones."""
_cached_search = lru_cache(maxsize=2048)(_parsed_search)
# Clients ask the same again and again. 2,048 requests of at most 512 octets: some 5 MB at worst.
