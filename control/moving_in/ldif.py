"""A directory's LDIF (``slapcat``, ``ldapsearch -LLL``)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from control.moving_in.entries import take_entries
from control.moving_in.found import CannotRead, Found
from protocols.ldap import ldif


def read(octets: bytes) -> Found:
    """Raises CannotRead."""
    found = Found()
    entries = _entries(found, octets)
    first = next(entries, None)
    if first is None:
        raise CannotRead("; ".join(["holds no entries", *found.told()[:1]]))
    take_entries(found, chain([first], entries))
    return found


def _entries(found: Found, octets: bytes) -> Iterator[ldif.Entry]:
    for entry in ldif.read(octets.splitlines()):
        if isinstance(entry, ldif.Fault):
            found.leave(entry.line, entry.text)
        else:
            yield entry
