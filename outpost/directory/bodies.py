"""Encoded entries, kept so that what is asked for again is not encoded again."""

from __future__ import annotations

from collections.abc import Callable

from protocols.ldap.search import Pieces, Selection

MAX_BODIES_OCTETS = 240 * 1024 * 1024
"""Of encoded entries that are kept: 100,000 users with all their attributes fit into the young generation, so that
whoever goes round among all of them finds them kept."""
BODY_OVERHEAD = 300
"""Octets that Python needs around one body: key, stamps and the slot in the dictionary."""
FREED_AT_ONCE = 4
"""Bodies of a generation that went, for each that is kept: it is gone long before the next one goes."""

Key = tuple[str, int | str, int]
"""Kind of entry, pk of its record, pk of the provider."""
Body = tuple[tuple[object, ...], bytes | Pieces]


class Bodies:
    """Encoded entries, each good as long as what it was made from (its stamps) has not changed.

    Stamps are nearly always the same objects as before, which is what a tuple compares first.

    Two generations stand in for an exact order of use: when the young one has its half of the room, the old one goes.
    """

    def __init__(self, limit: int = MAX_BODIES_OCTETS, grown: Callable[[int], object] = bool) -> None:
        """``grown`` is told how many were added: they stay, and need not be looked through for garbage."""
        self._half = limit // 2
        self._grown = grown
        self._young: dict[Selection, dict[Key, Body]] = {}
        self._old: dict[Selection, dict[Key, Body]] = {}
        self._size = 0
        self._retired: list[dict[Key, Body]] = []
        """Dropped, and freed a few at a time: all at once takes 50 ms."""

    def encoded(
        self,
        key: Key,
        selection: Selection,
        stamps: tuple[object, ...],
        encode: Callable[[Selection], bytes | Pieces | None],
    ) -> bytes | Pieces | None:
        """What ``encode(selection)`` gives, perhaps from before. None: it has more to do, and should be asked again."""
        if not selection.recurring:
            return encode(selection)
        young = self._young.get(selection)
        if young is None:
            young = self._young[selection] = {}
        known = young.get(key)
        if known is not None and known[0] == stamps:
            return known[1]
        known = self._old.get(selection, young).get(key)
        if known is None or known[0] != stamps:
            body = encode(selection)
            if body is None:
                return None
            known = (stamps, body)
        self._keep(young, key, known)
        return known[1]

    def _keep(self, young: dict[Key, Body], key: Key, body: Body) -> None:
        replaced = young.get(key)
        if replaced is not None:
            self._size -= _octets(replaced[1]) + BODY_OVERHEAD
        else:
            self._grown(1)
        young[key] = body
        self._size += _octets(body[1]) + BODY_OVERHEAD
        if self._size > self._half:
            self._retired += self._old.values()
            self._old, self._young, self._size = self._young, {}, 0
        if self._retired:
            self._free(self._retired[-1])

    def _free(self, retired: dict[Key, Body]) -> None:
        for _ in range(FREED_AT_ONCE):
            if not retired:
                self._retired.pop()
                return
            retired.popitem()


def _octets(body: bytes | Pieces) -> int:
    return len(body) if isinstance(body, bytes) else sum(map(len, body))
