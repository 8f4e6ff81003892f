"""What all records share."""

from __future__ import annotations

from typing import ClassVar


class Record:
    """Base of all records; every one has a ``pk``, int or str as its annotation says."""

    __slots__ = ()
    TABLE: ClassVar[str]
    DIRECTORY: ClassVar[bool] = False
    QUIET: ClassVar[bool] = False
    SECRETS: ClassVar[frozenset[str]] = frozenset()
    HIDDEN: ClassVar[frozenset[str]] = frozenset()
    SEARCHED: ClassVar[tuple[str, ...]] = ()
    """Fields that ``?search=`` looks into."""
    UNIQUE: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Fields, or several together, that no two records share; None is shared by any number."""
    FOLDED: ClassVar[tuple[str, ...]] = ()
    """Text that `Query.alike` compares ignoring case. What is UNIQUE and FOLDED is unique ignoring case: two entries
    with one name would be one entry to LDAP (RFC 4519, 2.3 and 2.39: caseIgnoreMatch)."""
    ALIASES: ClassVar[tuple[str, ...]] = ()
    """Keys of the field ``attributes`` whose text `Query.alike` compares, too."""
    INDEXED: ClassVar[tuple[str, ...]] = ()
    """Fields that records are often found by, or that lists are often ordered by."""
