"""lldap's database, a file of SQLite (``users.db``; schema 5 and newer, of lldap 0.5 on).

Values of attributes are bincode: integers of eight octets, little-endian, and texts and lists behind their length.
"""

from __future__ import annotations

import sqlite3
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from control.apply.sections import Given
from control.moving_in.entries import MOST_PHOTO, MOST_VALUES
from control.moving_in.found import CannotRead, Found

ATTRIBUTES = {"first_name": "givenName", "last_name": "sn", "avatar": "jpegPhoto"}
"""lldap's word to LDAP's; others keep theirs."""
OWN_GROUPS = frozenset({"lldap_admin", "lldap_password_manager", "lldap_strict_readonly"})
"""Whose members have rights there; nobody gets any here from a file."""
NO_PASSWORD = "a password that lldap alone can verify (OPAQUE); its user needs a new one"  # noqa: S105
MAGIC = b"SQLite format 3\0"
JOURNAL = slice(18, 20)
"""Where a file says how it is written (sqlite.org/fileformat2, 1.3.3): a log beside it cannot be read from memory."""
WORD = 8
"""Octets of a length."""


def read(octets: bytes) -> Found:
    """Raises CannotRead."""
    if not octets.startswith(MAGIC):
        raise CannotRead("is no database of SQLite")
    image = bytearray(octets)
    image[JOURNAL] = b"\1\1"
    found = Found(unit="row")
    with closing(sqlite3.connect(":memory:")) as database:
        try:
            database.deserialize(bytes(image))
            database.execute("PRAGMA trusted_schema = OFF")
            _people(found, database)
            _groups(found, database)
        except sqlite3.Error as error:
            raise CannotRead(f"is no database of lldap 0.5 or newer: {error}") from None
    return found


def _people(found: Found, database: sqlite3.Connection) -> None:
    kept = _attributes(found, database, "user")
    statement = "SELECT rowid, user_id, email, display_name, password_hash IS NOT NULL FROM users ORDER BY rowid"
    for row, username, email, name, has_password in database.execute(statement):
        attributes = kept.get(username, {})
        given: Given = {"name": name or str(username), "attributes": attributes}
        if email:
            given["email"] = email
        if found.take("users", str(username), given, row) and has_password:
            found.leave(row, NO_PASSWORD)


def _groups(found: Found, database: sqlite3.Connection) -> None:
    kept = _attributes(found, database, "group")
    members: dict[int, list[str]] = {}
    for group, username in database.execute("SELECT group_id, user_id FROM memberships ORDER BY user_id"):
        members.setdefault(group, []).append(str(username))
    for row, name in database.execute("SELECT group_id, display_name FROM groups ORDER BY group_id"):
        if name in OWN_GROUPS:
            found.leave(row, f"group {name} is about rights in lldap; left out")
        else:
            given = {"users": members.get(row, []), "attributes": kept.get(row, {})}
            found.take("groups", str(name), given, row)


def _attributes(found: Found, database: sqlite3.Connection, of: str) -> dict[Any, Given]:
    """By whose they are. ``of``: user or group."""
    kept: dict[Any, Given] = {}
    owner = f"{of}_attribute_{of}_id"
    statement = (
        f"SELECT value.rowid, {owner}, {of}_attribute_name, {of}_attribute_value, {of}_attribute_schema_type, "  # noqa: S608
        f"{of}_attribute_schema_is_list FROM {of}_attributes value "
        f"JOIN {of}_attribute_schema ON {of}_attribute_schema_name = {of}_attribute_name ORDER BY value.rowid"
    )
    for row, whose, name, octets, kind, is_list in database.execute(statement):
        try:
            values = list(_values(bytes(octets), str(kind), bool(is_list)))
        except (ValueError, TypeError):
            found.leave(row, f"{name} of a {of} is not understood")
            continue
        if values:
            shown = ATTRIBUTES.get(name, str(name))
            kept.setdefault(whose, {})[shown] = values[:MOST_VALUES] if is_list else values[0]
    return kept


def _values(octets: bytes, kind: str, is_list: bool) -> Iterator[Any]:
    """Raises ValueError."""
    at = 0

    def taken(count: int) -> bytes:
        nonlocal at
        part = octets[at : at + count]
        at += count
        if len(part) != count:
            raise ValueError("cut short")
        return part

    def number() -> int:
        return int.from_bytes(taken(WORD), "little")

    for _ in range(number() if is_list else 1):
        if kind == "Integer":
            yield int.from_bytes(taken(WORD), "little", signed=True)
        elif kind in ("String", "DateTime"):
            yield taken(number()).decode()
        elif kind == "JpegPhoto":
            photo = taken(number())
            if len(photo) > MOST_PHOTO:
                raise ValueError("too large")
            if photo:
                yield b64encode(photo).decode()
        else:
            raise ValueError("of no known kind")
    if at != len(octets):
        raise ValueError("longer than it says")
