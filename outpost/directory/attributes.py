"""Attributes that people add to users and groups, as LDAP shows them.

``department: [Sales, "EMEA"]`` becomes two values of ``department``. A name that LDAP cannot carry, a value that is
no scalar or list of scalars, and everything in `RESERVED` stay out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from protocols.ldap.schema import ATTRIBUTE_TYPES
from protocols.link.messages import GroupRecord, UserRecord

MAX_VALUES = 1000
"""Values of one custom attribute; the rest is not shown. Larger lists belong into groups."""

OVERRIDABLE = frozenset(
    {"sn", "givenname", "name", "displayname", "mail", "uidnumber", "gidnumber"}
    | {"homedirectory", "loginshell", "description", "ou", "o"}
)
"""Our own attributes that a custom one of the same name replaces."""
RESERVED = frozenset(attribute.key for attribute in ATTRIBUTE_TYPES) - OVERRIDABLE | {
    "dn",
    "userpassword",
    "unicodepwd",
    "sambantpassword",
    "sambalmpassword",
    "authpassword",
    "shadowpassword",
}
"""Names that nobody may set: what we derive ourselves, and secrets."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}\Z")
_NONE: dict[str, tuple[str, tuple[str, ...]]] = {}


def custom_attributes(record: UserRecord | GroupRecord) -> Mapping[str, tuple[str, tuple[str, ...]]]:
    """Key (lower case) to the spelling and the values. ``/`` in a name becomes ``-``, full stops go, ``%s`` in a value
    is the record's name: authentik's habits."""
    if not record.attributes:
        return _NONE
    name = record.username if isinstance(record, UserRecord) else record.name
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for raw, value in record.attributes.items():
        spelling = raw.replace("/", "-").replace(".", "")
        key = spelling.lower()
        if key in RESERVED or not _NAME.match(spelling):
            continue
        values = tuple(_texts(value, name))
        if values:
            found[key] = (spelling, values)
    return found


def _texts(value: Any, name: str) -> list[str]:
    many = value if isinstance(value, (list, tuple)) else (value,)
    texts = (_text(one, name) for one in many[:MAX_VALUES])
    return list(dict.fromkeys(text for text in texts if text))  # LDAP values are a set; the order is kept


def _text(value: Any, name: str) -> str:
    match value:
        case bool():
            return "TRUE" if value else "FALSE"
        case str():
            return value.replace("%s", name)
        case int() | float():
            return str(value)
    return ""
