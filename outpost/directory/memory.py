"""What was worked out on one revision of the directory, and is good for no other."""

from __future__ import annotations

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
Remembered = bytes | tuple[bytes, ...]
"""Messages as they were sent, or what they carry behind their message IDs."""

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
    answers: dict[Asked, Remembered] = field(default_factory=dict)
    """What was answered to whom."""
    plans: Plans = field(default_factory=Plans)
    """How searches are answered that differ from others in what they assert."""


def remember(known: dict[KeyT, ValueT], key: KeyT, value: ValueT) -> ValueT:
    if len(known) >= MOST_REMEMBERED:
        known.clear()
    known[key] = value
    return value
