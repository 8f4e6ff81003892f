"""A directory's LDIF (``slapcat``, ``ldapsearch -LLL``)."""

from __future__ import annotations

from collections.abc import Iterator

from control.moving_in.entries import take_entries
from control.moving_in.found import CannotRead, Found
from protocols.ldap import ldif


def read(octets: bytes) -> Found:
    """Raises CannotRead."""
    found = Found()
    take_entries(found, _entries(found, octets))
    if not found.lines and not found.left:
        raise CannotRead("holds no entries")
    return found


def _entries(found: Found, octets: bytes) -> Iterator[ldif.Entry]:
    for entry in ldif.read(octets.splitlines()):
        if isinstance(entry, ldif.Fault):
            found.leave(entry.line, entry.text)
        else:
            yield entry
