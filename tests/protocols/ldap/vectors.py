"""Conversations from tests/vectors/ldap, for the core and for the listener.

``send`` holds messages in hexadecimal; ``answers`` what comes back, entries aside: message ID, operation, result code.
``entries``, where they matter: message ID, name, attributes. `ldap-cases.json` numbers what they are there for.
``closed``: the connection ends.
``connections``: so many of the same peer are open before; ``reads``: after so many messages the peer reads no more.
``level: listener``: the answer depends on the directory, which the core does not know.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.protocols.ldap.peer import answers

FOLDER = Path(__file__).parents[2] / "vectors" / "ldap"
CASES = FOLDER.with_name("ldap-cases.json")

ALICE_NAMES = ("cn=alice,ou=users,DC=ldap,DC=goauthentik,DC=io", "uid=alice,ou=users,DC=ldap,DC=goauthentik,DC=io")
ALICE_PASSWORD = b"secret"


Entry = tuple[int, str, dict[str, list[str]]]
"""Message ID, name, attributes."""


@dataclass(frozen=True, slots=True)
class Vector:
    name: str
    send: tuple[bytes, ...]
    answers: tuple[tuple[int, str, int], ...]
    closed: bool
    level: str
    entries: list[Entry] | None
    connections: int = 0
    reads: int | None = None

    def __str__(self) -> str:
        return self.name


def vectors() -> list[Vector]:
    return [_vector(path.stem, json.loads(path.read_text())) for path in sorted(FOLDER.glob("*.json"))]


def _vector(name: str, fields: dict[str, Any]) -> Vector:
    return Vector(
        name,
        tuple(bytes.fromhex(message) for message in fields["send"]),
        tuple((message_id, operation, code) for message_id, operation, code in fields["answers"]),
        fields.get("closed", False),
        fields.get("level", "core"),
        None if "entries" not in fields else [(number, name, shown) for number, name, shown in fields["entries"]],
        fields.get("connections", 0),
        fields.get("reads"),
    )


def results_in(octets: bytes) -> tuple[tuple[int, str, int], ...]:
    """Message ID, operation and code of every answer that is no entry."""
    return tuple(
        (answer.message_id, answer.operation, answer.code) for answer in answers(octets) if answer.code is not None
    )


def entries_in(octets: bytes) -> list[Entry]:
    """In the order of their message IDs and names: a search promises no other."""
    found = [
        (
            answer.message_id,
            answer.text,
            {name: [value.decode() for value in values] for name, values in answer.attributes.items()},
        )
        for answer in answers(octets)
        if answer.code is None
    ]
    return sorted(found, key=lambda entry: entry[:2])
