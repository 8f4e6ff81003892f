"""Searches with controls that change what is sent and when: pages, order, and windows on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from protocols.ldap import ber, paging, sorting, vlv
from protocols.ldap.controls import PAGED_RESULTS, SORT_REQUEST, SORT_RESPONSE, VLV_REQUEST, VLV_RESPONSE, Control
from protocols.ldap.evaluation import Predicate, Recognise, in_turns
from protocols.ldap.messages import SEARCH, encode_controls, encode_result
from protocols.ldap.paging import OpenSet, PageRequest
from protocols.ldap.result import SUCCESS, Refused, Result, ResultCode
from protocols.ldap.search import SLICE_CANDIDATES, SLICE_OCTETS, Entry, Selection, Slice, selection
from protocols.ldap.search_request import SearchRequest
from protocols.ldap.sorting import Leave, Order, Place, SortKey, TooMany, Unsortable
from protocols.ldap.vlv import ViewRequest

SEARCH_CONTROLS = frozenset((PAGED_RESULTS, SORT_REQUEST, VLV_REQUEST))
Expired = Callable[[], bool]
ResponseControls = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the controls of one search ask for."""

    page: PageRequest | None
    keys: tuple[SortKey, ...]
    sort_is_critical: bool
    view: ViewRequest | None


def wanted(controls: Iterable[Control]) -> Wanted | None:
    """None: nothing that changes the answer. ``controls``: each once. Raises Refused."""
    asked = {control.oid: control for control in controls if control.oid in SEARCH_CONTROLS}
    if not asked:
        return None
    page, sort, view = asked.get(PAGED_RESULTS), asked.get(SORT_REQUEST), asked.get(VLV_REQUEST)
    if view is not None and sort is None:
        code = ResultCode.SORT_CONTROL_MISSING
        told = encode_controls([(VLV_RESPONSE, vlv.encode(0, 0, code))])
        raise Refused(code, "A virtual list view needs a sort control.", controls=told)
    if view is not None and page is not None:
        raise Refused(ResultCode.UNWILLING_TO_PERFORM, "A virtual list view is not served in pages.")
    return Wanted(
        None if page is None else paging.decode(page.value),
        () if sort is None else sorting.decode(sort.value),
        sort is not None and sort.critical,
        None if view is None else vlv.decode(view.value),
    )


def matching(
    candidates: Iterable[Entry], selects: Predicate | None, most: int = SLICE_CANDIDATES
) -> Iterator[Entry | None]:
    """Those that the filter selects (None: all), and None whenever others should have their turn: after ``most``
    candidates, if not sooner."""
    looked, most = 0, min(most, SLICE_CANDIDATES)
    for entry in candidates:
        looked += 1
        if selects is None:
            yield entry
        else:
            yield from (None if truth is None else entry for truth in in_turns(selects, entry) if truth is not False)
        if looked == most:
            looked = 0
            yield None


class Sorted(NamedTuple):
    """``order`` None: unsorted, and ``said`` tells why, or nothing was asked."""

    order: Order | None
    said: ResponseControls


def order_of(asked: Wanted, recognise: Recognise) -> Sorted:
    """Raises Refused when a critical order cannot be had."""
    if not asked.keys:
        return Sorted(None, [])
    try:
        return Sorted(Order(asked.keys, recognise), [(SORT_RESPONSE, sorting.encode(ResultCode.SUCCESS))])
    except Unsortable as error:
        if asked.sort_is_critical or asked.view is not None:
            raise Refused(
                ResultCode.UNAVAILABLE_CRITICAL_EXTENSION,
                f"Entries cannot be sorted by {error.attribute}.",
                controls=encode_controls([(SORT_RESPONSE, sorting.encode(error.code, error.attribute))]),
            ) from None
        return Sorted(None, [(SORT_RESPONSE, sorting.encode(error.code, error.attribute))])


def in_order(entries: Iterator[Entry | None], order: Order | None, leave: Leave = list.clear) -> Iterator[Entry | None]:
    """Raises TooMany. ``leave`` as in `sorting.ordered`."""
    if order is None:
        yield from entries
        return
    for found in sorting.ordered(entries, order, leave):
        yield None if found is None else found[1]


class Sending:
    """Entries as slices of encoded messages."""

    def __init__(self, message_id: int, request: SearchRequest) -> None:
        self._identifier = ber.encode_integer(message_id)
        self._shown: Selection = selection(request.attributes, request.types_only)
        self._out: list[bytes] = []
        self._size = 0

    def entry(self, entry: Entry) -> Iterator[Slice]:
        while (body := entry.encoded(self._shown)) is None:
            yield self.rest()
        if isinstance(body, tuple):
            yield (self.rest(), *ber.around(ber.SEQUENCE, (self._identifier, *body)))
            return
        message = ber.tlv(ber.SEQUENCE, self._identifier + body)
        self._size += len(message)
        self._out.append(message)
        if self._size >= SLICE_OCTETS or len(self._out) >= SLICE_CANDIDATES:
            yield self.rest()

    def rest(self) -> bytes:
        out = b"".join(self._out)
        self._out.clear()
        self._size = 0
        return out

    def done(self, result: Result, controls: ResponseControls) -> bytes:
        operation = encode_result(SEARCH.response, result)
        said = encode_controls(controls)
        self._out.append(ber.tlv(ber.SEQUENCE, self._identifier + operation + said))
        return self.rest()


def answer(
    message_id: int,
    request: SearchRequest,
    opened: OpenSet,
    size: int | None,
    said: ResponseControls,
    keep: Callable[[OpenSet], bytes],
    expired: Expired,
) -> Iterator[Slice]:
    """Slices of the next ``size`` entries of a set (None: of all), the last of which ends with the SearchResultDone.

    ``keep`` puts away what is left and gives the cookie for it. The size limit counts over all pages.
    """
    sending = Sending(message_id, request)
    limit = request.size_limit or None
    result, cookie, on_page = SUCCESS, b"", 0
    try:
        for entry in _rest_of(opened):
            if entry is None:
                yield sending.rest()
                if expired():
                    result = Result(ResultCode.TIME_LIMIT_EXCEEDED)
                    break
                continue
            if opened.sent == limit:
                result = Result(ResultCode.SIZE_LIMIT_EXCEEDED)
                break
            if on_page == size:
                opened.ahead = entry
                cookie = keep(opened)
                break
            yield from sending.entry(entry)
            opened.sent += 1
            on_page += 1
    except TooMany:
        result, said = _too_many(said)
    paged = [] if size is None else [(PAGED_RESULTS, paging.encode(cookie))]
    yield sending.done(result, [*said, *paged])


def _rest_of(opened: OpenSet) -> Iterator[Entry | None]:
    if opened.ahead is not None:
        ahead, opened.ahead = opened.ahead, None
        yield ahead
    for entry in opened.entries:  # noqa: UP028  # "yield from" would close them when a page is full
        yield entry


def _too_many(said: ResponseControls) -> tuple[Result, ResponseControls]:
    code = ResultCode.ADMIN_LIMIT_EXCEEDED
    other = [(oid, value) for oid, value in said if oid != SORT_RESPONSE]
    diagnostic = f"More than {sorting.MAX_SORTED} entries are not sorted. Narrow the filter."
    return Result(code, "", diagnostic), [(SORT_RESPONSE, sorting.encode(code)), *other]


def view(
    message_id: int,
    request: SearchRequest,
    entries: Iterator[Entry | None],
    order: Order,
    asked: ViewRequest,
    said: ResponseControls,
    expired: Expired,
    leave: Leave = list.clear,
) -> Iterator[Slice]:
    """As `answer`, for a window on the whole sorted result."""
    sending = Sending(message_id, request)
    found = list[tuple[Place, Entry]]()
    try:
        for number, one in enumerate(sorting.ordered(entries, order, leave)):
            if one is not None:
                found.append(one)
            if one is None or number % SLICE_CANDIDATES == 0:
                yield b""
                if expired():
                    yield sending.done(Result(ResultCode.TIME_LIMIT_EXCEEDED), said)
                    return
        shown = vlv.window(asked, found, order)
        told = (VLV_RESPONSE, vlv.encode(shown.target, len(found), ResultCode.SUCCESS))
        entries_shown = [entry for _, entry in found[shown.start : shown.stop]]
    except TooMany:
        yield sending.done(*_too_many(said))
        return
    except vlv.OutOfRange:
        told = (VLV_RESPONSE, vlv.encode(0, len(found), ResultCode.OFFSET_RANGE_ERROR))
        yield sending.done(Result(ResultCode.VIRTUAL_LIST_VIEW_ERROR, "", "The list ends before that."), [*said, told])
        return
    except Refused as refused:
        yield sending.done(refused.result, said)
        return
    finally:
        leave(found)
    for sent, entry in enumerate(entries_shown):
        if request.size_limit and sent == request.size_limit:
            yield sending.done(Result(ResultCode.SIZE_LIMIT_EXCEEDED), said)
            return
        yield from sending.entry(entry)
    yield sending.done(SUCCESS, [*said, told])
