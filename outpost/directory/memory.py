"""What was worked out on one revision of the directory, and is good for no other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from outpost.directory.plans import Plans
from protocols.ldap.dn import DN

if TYPE_CHECKING:
    from outpost.directory.reader import Reader
    from outpost.directory.tree import Tree

LONGEST_ANSWER = 4 * 1024
"""Octets of an answer that is remembered: one person, and then some. All of them take some 15 MB, at worst 50."""
MOST_REMEMBERED = 10_000
"""Of each kind; past it the memory starts again. Names are at most `dn.CACHED_LENGTH` long: 5 MB at worst."""

Asked = tuple[int, int, bool, bytes]
"""pks of provider and user, over TLS or not, and the search as it came."""
KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True)
class Memory:
    logins: dict[str, tuple[Tree, str]] = field(default_factory=dict)
    """Name of a bind, as written, to whose login it is."""
    places: dict[str, tuple[DN, Tree | None]] = field(default_factory=dict)
    """Base of a search, as written, to where it is."""
    readers: dict[tuple[int, int], Reader | None] = field(default_factory=dict)
    """pks of provider and user to what bindings and groups let them read."""
    answers: dict[Asked, Sequence[bytes]] = field(default_factory=dict)
    """What was answered to whom: what the messages carried behind their message IDs."""
    heard: set[int] = field(default_factory=set)
    """Hashes of what was asked."""
    plans: Plans = field(default_factory=Plans)
    """How searches are answered that differ from others in what they assert."""

    def comes_again(self, asked: Asked) -> bool:
        """Has it been asked before? Most searches come once: to keep their answers would take longer than to give them,
        and would push out others."""
        number = hash(asked)
        if number in self.heard:
            return True
        if len(self.heard) >= MOST_REMEMBERED:
            self.heard.clear()
        self.heard.add(number)
        return False

    def keep(self, asked: Asked, said: Sequence[bytes]) -> None:
        if sum(map(len, said)) <= LONGEST_ANSWER:
            remember(self.answers, asked, said)


def remember(known: dict[KeyT, ValueT], key: KeyT, value: ValueT) -> ValueT:
    if len(known) >= MOST_REMEMBERED:
        known.clear()
    known[key] = value
    return value
