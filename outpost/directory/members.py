"""The members of a group, encoded: for a group of 50,000 a tenth of a second of work, cut into turns."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from protocols.ldap.encoded import encode_values
from protocols.ldap.search import Pieces
from protocols.link.messages import UserRecord

if TYPE_CHECKING:
    from outpost.directory.tree import Tree

T = TypeVar("T")

MEMBERS_A_TURN = 2000
"""Members spelt out between two chances for other connections: some 5 ms."""
LONG = 256 * 1024
"""Octets of values that are not put together: 5,000 names."""


class MemberNames(Collection[str]):
    """In no order, each spelt out when it is looked at."""

    __slots__ = ("_records", "_users")

    def __init__(self, records: Mapping[int, UserRecord], users: frozenset[int]) -> None:
        self._records = records
        self._users = users

    def __iter__(self) -> Iterator[str]:
        records = self._records
        return (records[pk].username for pk in self._users if pk in records)

    def __len__(self) -> int:
        return len(self._users)

    def __contains__(self, name: object) -> bool:
        return any(one == name for one in self)


Spelling = Generator[None, None, Mapping[str, bytes | Pieces]]


def spelling(tree: Tree, users: frozenset[int], groups: frozenset[str]) -> Spelling:
    """Encoded values of the attributes that list members, by key; very many in pieces.

    After each `MEMBERS_A_TURN` it pauses once.
    """
    runs: list[list[str]] = []
    for pks in batches(users):
        if runs:
            yield
        runs.append(tree.names_of(pks))
    names: list[bytes] = []
    dns: list[bytes] = []
    for some in batches(merge(*runs) if len(runs) > 1 else runs[0] if runs else ()):
        if names:
            yield
        names.append(encode_values(some))
        dns.append(encode_values([tree.user_dn(name) for name in some]))
    dns.append(encode_values([tree.group_dn(name) for name in tree.group_names_of(groups)]))
    members = _values(dns)
    return {"member": members, "uniquemember": members, "memberuid": _values(names)}


def _values(pieces: list[bytes]) -> bytes | Pieces:
    return b"".join(pieces) if sum(map(len, pieces)) <= LONG else tuple(pieces)


def batches(values: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(values)
    while some := list(islice(rest, MEMBERS_A_TURN)):
        yield some
