"""The subschema entry (RFC 4512 s4.2): everything that is ever returned, described so that clients can parse it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from protocols.ldap import dn, object_classes
from protocols.ldap.extensible import ORDERING, RULES, SUBSTRINGS, NamedRule
from protocols.ldap.object_classes import OBJECT_CLASSES, ObjectClass
from protocols.ldap.schema import ATTRIBUTE_TYPES, AttributeType
from protocols.ldap.search import PlainEntry

SUBSCHEMA = "cn=Subschema"
SUBSCHEMA_KEY = dn.parse(SUBSCHEMA).key

UNCHANGED_SINCE = "20261101000000Z"
"""When what is written here was last another; custom attributes have no such moment."""

_STANDARD = "1.3.6.1.4.1.1466.115.121.1"
SYNTAXES: dict[str, str] = {
    f"{_STANDARD}.3": "Attribute Type Description",
    f"{_STANDARD}.7": "Boolean",
    f"{_STANDARD}.12": "DN",
    f"{_STANDARD}.15": "Directory String",
    f"{_STANDARD}.24": "Generalized Time",
    f"{_STANDARD}.26": "IA5 String",
    f"{_STANDARD}.27": "INTEGER",
    f"{_STANDARD}.28": "JPEG",
    f"{_STANDARD}.30": "Matching Rule Description",
    f"{_STANDARD}.31": "Matching Rule Use Description",
    f"{_STANDARD}.34": "Name And Optional UID",
    f"{_STANDARD}.37": "Object Class Description",
    f"{_STANDARD}.38": "OID",
    f"{_STANDARD}.40": "Octet String",
    f"{_STANDARD}.50": "Telephone Number",
    f"{_STANDARD}.54": "LDAP Syntax Description",
    f"{_STANDARD}.58": "Substring Assertion",
    "1.3.6.1.1.16.1": "UUID",
}
"""OID to what RFC 4517 calls it."""
OF_THE_SUBSCHEMA = {
    "objectClasses": 37,
    "attributeTypes": 3,
    "matchingRules": 30,
    "matchingRuleUse": 31,
    "ldapSyntaxes": 54,
}
"""Attributes whose values are descriptions, to the last number of their syntax."""


def subschema(custom: Iterable[AttributeType]) -> PlainEntry:
    """``custom``: attributes that people added, beside `ATTRIBUTE_TYPES`."""
    added = sorted(custom, key=lambda one: one.key)
    attributes: dict[str, Sequence[str]] = {
        "objectclass": ("top", "subentry", "subschema"),
        "structuralobjectclass": ("subentry",),
        "cn": ("Subschema",),
        **_fixed(),
        "entrydn": (SUBSCHEMA,),
        "subschemasubentry": (SUBSCHEMA,),
        "hassubordinates": ("FALSE",),
        "createtimestamp": (UNCHANGED_SINCE,),
        "modifytimestamp": (UNCHANGED_SINCE,),
    }
    if added:
        attributes["attributetypes"] = [*attributes["attributetypes"], *map(_attribute_type, added)]
        attributes["objectclasses"] = [_object_class(one, added) for one in OBJECT_CLASSES]
    return PlainEntry(SUBSCHEMA, attributes)


@lru_cache(maxsize=1)
def _fixed() -> dict[str, Sequence[str]]:
    return {
        "ldapsyntaxes": [f"( {oid} DESC '{name}' )" for oid, name in SYNTAXES.items()],
        "matchingrules": [f"( {rule.oid} NAME '{rule.name}' SYNTAX {rule.syntax} )" for rule in RULES],
        "matchingruleuse": list(filter(None, map(_rule_use, RULES))),
        "attributetypes": list(map(_attribute_type, ATTRIBUTE_TYPES)),
        "objectclasses": [_object_class(one, ()) for one in OBJECT_CLASSES],
    }


def _rule_use(rule: NamedRule) -> str:
    names = [one.name for one in ATTRIBUTE_TYPES if rule.applies_to(one.rule)]
    return f"( {rule.oid} NAME '{rule.name}' APPLIES {_oids(names)} )" if names else ""


def _attribute_type(one: AttributeType) -> str:
    rule = one.rule.name
    number = OF_THE_SUBSCHEMA.get(one.name)
    parts = [
        one.oid,
        f"NAME {_names((one.name, *one.aliases))}",
        f"EQUALITY {rule}" if rule else "",
        f"ORDERING {ORDERING[rule]}" if rule in ORDERING else "",
        f"SUBSTR {SUBSTRINGS[rule]}" if rule in SUBSTRINGS else "",
        f"SYNTAX {one.syntax if number is None else f'{_STANDARD}.{number}'}",
        "SINGLE-VALUE" if one.single else "",
        "NO-USER-MODIFICATION USAGE directoryOperation" if one.operational else "",
    ]
    return f"( {' '.join(filter(None, parts))} )"


def _object_class(one: ObjectClass, added: Iterable[AttributeType]) -> str:
    """Custom attributes may be on people and on groups, whose own classes allow them."""
    may = [*one.may, *(custom.name for custom in added)] if one.name in object_classes.OPEN else list(one.may)
    parts = [
        one.oid,
        f"NAME '{one.name}'",
        f"SUP {one.superior}" if one.superior else "",
        one.kind,
        f"MUST {_oids(one.must)}" if one.must else "",
        f"MAY {_oids(may)}" if may else "",
    ]
    return f"( {' '.join(filter(None, parts))} )"


def _names(names: Sequence[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    return quoted[0] if len(quoted) == 1 else f"( {' '.join(quoted)} )"


def _oids(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"( {' $ '.join(names)} )"
