"""A bounded queue that serves its owners in turn, so that one who asks much delays only themselves."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """``most`` items wait at the most. When it is full, whoever has most of them waiting loses their newest."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: OrderedDict[str, deque[T]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, owner: str, item: T) -> T | None:
        """Adds the item; the one that has to give way for it, which may be the item itself."""
        self._waiting.setdefault(owner, deque()).append(item)
        self._count += 1
        if self._count <= self._most:
            return None
        # The last of equals is the newcomer, if it is among them: who waits already keeps their place.
        longest = max(reversed(self._waiting), key=lambda name: (len(self._waiting[name]), name == owner))
        victim = self._waiting[longest].pop()
        self._count -= 1
        if not self._waiting[longest]:
            del self._waiting[longest]
        return victim

    def take(self) -> T | None:
        """The oldest item of the owner whose turn it is; None when nothing waits."""
        if not self._waiting:
            return None
        owner, items = self._waiting.popitem(last=False)
        item = items.popleft()
        self._count -= 1
        if items:
            self._waiting[owner] = items
        return item

    def discard(self, owner: str, item: T) -> None:
        """Takes the item out, if it still waits."""
        items = self._waiting.get(owner)
        if items is None or item not in items:
            return
        items.remove(item)
        self._count -= 1
        if not items:
            del self._waiting[owner]

    def clear(self) -> list[T]:
        """Everything that waited."""
        left = [item for items in self._waiting.values() for item in items]
        self._waiting.clear()
        self._count = 0
        return left
