"""Attributes that people add to users and groups, as LDAP shows them.

``department: [Sales, "EMEA"]`` becomes two values of ``department``. A name that LDAP cannot carry, a value that is
no scalar or list of scalars, and everything in `RESERVED` stay out.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from protocols.ldap.matching import Value
from protocols.ldap.schema import ATTRIBUTE_TYPES, DESCRIBED
from protocols.link.messages import GroupRecord, UserRecord

MAX_VALUES = 1000
"""Values of one custom attribute; the rest is not shown. Larger lists belong into groups."""
MAX_NAMES = 4096
"""Names of custom attributes whose key is remembered: directories have dozens, on thousands of records."""
MAX_RAW_NAME = 512
"""Characters of a name as people wrote it; LDAP's have at most 128, and full stops are dropped."""

RESERVED = frozenset(attribute.key for attribute in ATTRIBUTE_TYPES if attribute.operational or attribute.hidden) | {
    *("dn", "objectclass", "cn", "uid", "member", "uniquemember", "memberuid", "memberof", "ak-active", "ak-superuser"),
    *("samaccountname", "objectguid", "objectsid", "useraccountcontrol", "samaccounttype", "primarygroupid"),
    *("grouptype", "accountexpires", "pwdlastset", "whencreated", "whenchanged", "distinguishedname"),
    "objectcategory",
    *("sambasid", "sambaprimarygroupsid", "sambaacctflags", "sambapwdlastset", "sambakickofftime"),
    *("sambagrouptype", "sambadomainname", "sambalmpassword", "unicodepwd", "authpassword", "shadowpassword"),
}
"""Names that nobody may set: what we derive ourselves, and secrets."""

BINARY = frozenset({"jpegphoto"})
"""Attributes whose values are octets."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}\Z")
_NONE: dict[str, tuple[str, tuple[Value, ...]]] = {}
NO_MAPPED: Mapping[str, Any] = {}


def custom_attributes(
    record: UserRecord | GroupRecord, mapped: Mapping[str, Any] = NO_MAPPED
) -> Mapping[str, tuple[str, tuple[Value, ...]]]:
    """Key (lower case) to the spelling and the values. ``/`` in a name becomes ``-``, full stops go, ``%s`` in a value
    is the record's name: authentik's habits. ``mapped``: what property mappings say instead, or beside it."""
    if not record.attributes and not mapped:
        return _NONE
    name = record.username if isinstance(record, UserRecord) else record.name
    found: dict[str, tuple[str, tuple[Value, ...]]] = {}
    for raw, value in (*record.attributes.items(), *mapped.items()):
        served = _served(raw) if len(raw) <= MAX_RAW_NAME else None
        if served is not None and (values := _values(served[0], value, name)):
            found[served[0]] = (served[1], values)
    return found


def custom_values(
    record: UserRecord | GroupRecord, key: str, mapped: Mapping[str, Any] = NO_MAPPED
) -> tuple[Value, ...] | None:
    """Those of one key; None if the record does not have it, or nobody may."""
    if (not record.attributes and not mapped) or key in RESERVED:
        return None
    found = None
    for raw, value in (*record.attributes.items(), *mapped.items()):
        served = _served(raw) if len(raw) <= MAX_RAW_NAME else None
        if served is not None and served[0] == key:
            name = record.username if isinstance(record, UserRecord) else record.name
            found = _values(key, value, name) or found
    return found


@lru_cache(maxsize=MAX_NAMES)
def _served(raw: str) -> tuple[str, str] | None:
    """Key and spelling of a name that people gave, ours where it is another word for one of ours; None for one that is
    not shown."""
    spelling = raw.replace("/", "-").replace(".", "")
    known = DESCRIBED.get(spelling.lower())
    key, spelling = (spelling.lower(), spelling) if known is None else (known.key, known.name)
    return (key, spelling) if key not in RESERVED and _NAME.match(spelling) else None


def _values(key: str, value: Any, name: str) -> tuple[Value, ...]:
    texts = _texts(value, name)
    return texts if key not in BINARY else tuple(octets for text in texts if (octets := _octets(text)))


def _octets(text: str) -> bytes:
    """Base64, as JSON carries it, perhaps as a ``data:`` URL; none for what is not."""
    try:
        return b64decode("".join(text.rpartition(",")[2].split()), validate=True)
    except ValueError:
        return b""


def _texts(value: Any, name: str) -> tuple[str, ...]:
    if type(value) is str:
        return (value.replace("%s", name) if "%" in value else value,) if value else ()
    many = value if isinstance(value, (list, tuple)) else (value,)
    texts = (_text(one, name) for one in many[:MAX_VALUES])
    return tuple(dict.fromkeys(text for text in texts if text))  # LDAP values are a set; the order is kept


def _text(value: Any, name: str) -> str:
    match value:
        case bool():
            return "TRUE" if value else "FALSE"
        case str():
            return value.replace("%s", name)
        case int() | float():
            return str(value)
    return ""
