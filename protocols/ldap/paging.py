"""Simple paged results (RFC 2696): the control, and the sets of which a part was sent and the rest is waited for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from protocols.errors import RemoteProtocolError
from protocols.ldap import ber
from protocols.ldap.result import Refused, ResultCode
from protocols.ldap.search import Entry
from protocols.ldap.search_request import SearchRequest
from protocols.ldap.sorting import SortKey

MAX_OPEN_SETS = 16
"""Of one connection. A client walks one or two at a time; the one that was left longest ago goes first."""
MAX_OPEN_SETS_OF_ALL = 1000
"""Of one door. Each holds on to the revision that it began with."""
MAX_PAGE = 2**31 - 1


class PageRequest(NamedTuple):
    """``realSearchControlValue ::= SEQUENCE { size INTEGER (0..maxInt), cookie OCTET STRING }``"""

    size: int
    cookie: bytes


def decode(value: bytes | None) -> PageRequest:
    """Raises Refused."""
    octets = value or b""
    try:
        at, end = ber.expect(octets, 0, len(octets), ber.SEQUENCE)
        size, at = ber.integer(octets, at, end)
        cookie, at = ber.octet_string(octets, at, end)
        ber.ignore(octets, at, end)
        if end != len(octets) or not 0 <= size <= MAX_PAGE:
            raise ber.Malformed("a page is a size and a cookie")
    except RemoteProtocolError:
        raise Refused(ResultCode.PROTOCOL_ERROR, "The paged results control could not be decoded.") from None
    return PageRequest(size, cookie)


def encode(cookie: bytes) -> bytes:
    """Value of the response's control. We estimate no total, so that the size is 0."""
    return ber.tlv(ber.SEQUENCE, ber.encode_integer(0) + ber.tlv(ber.OCTET_STRING, cookie))


@dataclass(slots=True)
class OpenSet:
    """What is left of one search. ``whose`` and ``request`` must be the same for every page."""

    whose: Hashable
    request: SearchRequest
    entries: Iterator[Entry | None]
    """None: others should have their turn."""
    ahead: Entry | None = None
    """Found already, and the first of the next page."""
    sent: int = 0
    keys: tuple[SortKey, ...] = ()
    """By which the entries are in order; a later page names the same ones, or none."""


class OpenSets:
    """Of all connections of a door; a cookie is good on the connection that it was given to, once."""

    def __init__(self, most_of_owner: int = MAX_OPEN_SETS, most: int = MAX_OPEN_SETS_OF_ALL) -> None:
        self._most_of_owner = most_of_owner
        self._most = most
        self._number = 0
        self._open: OrderedDict[bytes, Hashable] = OrderedDict()
        """Cookie to owner, oldest first."""
        self._of_owner: dict[Hashable, OrderedDict[bytes, OpenSet]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def keep(self, owner: Hashable, opened: OpenSet) -> bytes:
        """The cookie by which it is found."""
        self._number += 1
        cookie = self._number.to_bytes(8, "big")
        own = self._of_owner.setdefault(owner, OrderedDict())
        own[cookie] = opened
        self._open[cookie] = owner
        if len(own) > self._most_of_owner:
            self._drop(next(iter(own)))
        if len(self._open) > self._most:
            self._drop(next(iter(self._open)))
        return cookie

    def take(self, owner: Hashable, cookie: bytes) -> OpenSet | None:
        """The set, which is no longer kept."""
        own = self._of_owner.get(owner)
        if own is None or cookie not in own:
            return None
        opened = own[cookie]
        self._drop(cookie)
        return opened

    def forget(self, owner: Hashable) -> None:
        """Everything of a connection that has ended."""
        for cookie in self._of_owner.pop(owner, ()):
            del self._open[cookie]

    def _drop(self, cookie: bytes) -> None:
        owner = self._open.pop(cookie)
        own = self._of_owner[owner]
        del own[cookie]
        if not own:
            del self._of_owner[owner]
