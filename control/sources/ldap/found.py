"""What a directory says of its people and groups: from entries to values, without a store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from control.sources.ldap.described import BY_NAME, identifier
from control.sources.ldap.mapped import Said
from protocols.ldap import dn
from protocols.ldap.asking import Entry
from rules.names import is_possible_name

DISABLED = 0x2
"""Of Active Directory's userAccountControl (MS-ADTS 2.2.16: ADS_UF_ACCOUNTDISABLE)."""
ACCOUNT_CONTROL, MEMBER_OF = "userAccountControl", "memberOf"
LONGEST_NAME, LONGEST_GROUP, LONGEST_EMAIL = 150, 255, 254


@dataclass(frozen=True, slots=True)
class Person:
    identifier: str
    username: str
    name: str
    email: str
    is_active: bool
    dn: str
    key: str
    """By which groups name them."""
    member_of: frozenset[str]
    """Groups, by `key`."""
    path: str = ""
    """What a mapping says; empty: nothing."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """What mappings say; None: that there is none."""


@dataclass(frozen=True, slots=True)
class FoundGroup:
    identifier: str
    name: str
    key: str
    members: frozenset[str]
    """People, by `Person.key`."""
    attributes: Mapping[str, Any]
    """As a person's."""
    is_whole: bool
    """No member was left out: Active Directory gives 1,500 at a time (MS-ADTS 3.1.1.3.1.3.3)."""


T = TypeVar("T", Person, FoundGroup)
NOTHING: Mapping[str, Said] = {}


def wanted_of_people(settings: Mapping[str, Any]) -> list[str]:
    """The attributes to ask for."""
    named = ("object_uniqueness_field", "username_field", "name_field", "email_field", "user_membership_attribute")
    return [*(str(settings[name]) for name in named), ACCOUNT_CONTROL, MEMBER_OF]


def wanted_of_groups(settings: Mapping[str, Any]) -> list[str]:
    named = ("object_uniqueness_field", "group_name_field", "group_membership_field")
    return [str(settings[name]) for name in named]


def people(
    settings: Mapping[str, Any], entries: Iterable[Entry], said: Mapping[str, Said] = NOTHING
) -> tuple[list[Person], int]:
    """And how many entries say too little to be anybody, or cannot be told from another. ``said``: by mappings, by DN;
    what they say comes before the attributes that the settings name."""
    return _told_apart(_person(settings, one, _properties(said, one)) for one in entries if _counts(said, one))


def groups(
    settings: Mapping[str, Any], entries: Iterable[Entry], said: Mapping[str, Said] = NOTHING
) -> tuple[list[FoundGroup], int]:
    """And how many entries say too little to be a group, or cannot be told from another."""
    return _told_apart(_group(settings, one, _properties(said, one)) for one in entries if _counts(said, one))


def faulty(settings: Mapping[str, Any], entries: Iterable[Entry], said: Mapping[str, Said]) -> frozenset[str]:
    """Identifiers of entries of which mappings failed to say what they are: they are there, and stay as they are."""
    unique = (
        _octets(one, settings["object_uniqueness_field"]) for one in entries if one.dn in said and said[one.dn].fault
    )
    return frozenset(identifier(one) for one in unique if one is not None)


def _counts(said: Mapping[str, Said], entry: Entry) -> bool:
    one = said.get(entry.dn)
    return one is None or not (one.skipped or one.fault)


def _properties(said: Mapping[str, Said], entry: Entry) -> Mapping[str, Any]:
    one = said.get(entry.dn)
    return {} if one is None else {name: value for name, value in one.properties.items() if value is not None}


def _word(properties: Mapping[str, Any], name: str, otherwise: str) -> str:
    """Of what is no text or does not print, nothing."""
    said = properties.get(name, otherwise)
    return said.strip() if isinstance(said, str) and said.isprintable() else ""


def _told_apart(every: Iterable[T | None]) -> tuple[list[T], int]:
    found: dict[str, T] = {}
    useless = 0
    for one in every:
        if one is None or one.identifier in found:
            useless += 1
        else:
            found[one.identifier] = one
    return list(found.values()), useless


def _person(settings: Mapping[str, Any], entry: Entry, said: Mapping[str, Any]) -> Person | None:
    unique = _octets(entry, settings["object_uniqueness_field"])
    username = _word(said, "username", _text(entry, settings["username_field"]))
    if unique is None or not username or len(username) > LONGEST_NAME or not is_possible_name(username):
        return None
    email = _word(said, "email", _text(entry, settings["email_field"]))
    control = _text(entry, ACCOUNT_CONTROL)
    by = str(settings["user_membership_attribute"])
    return Person(
        identifier(unique),
        username,
        _word(said, "name", _text(entry, settings["name_field"]))[:LONGEST_GROUP] or username,
        email if len(email) <= LONGEST_EMAIL else "",
        said.get("is_active", True) is True
        and not (control.isascii() and control.isdigit() and int(control[:10]) & DISABLED),
        entry.dn,
        key(entry.dn) if by.lower() == BY_NAME.lower() else _text(entry, by),
        frozenset(key(_decoded(one)) for one in entry.attributes.get(MEMBER_OF.lower(), ())),
        _word(said, "path", "")[:LONGEST_GROUP],
        _attributes(said),
    )


def _attributes(said: Mapping[str, Any]) -> Mapping[str, Any]:
    told = said.get("attributes")
    return told if isinstance(told, dict) else {}


def _group(settings: Mapping[str, Any], entry: Entry, told: Mapping[str, Any]) -> FoundGroup | None:
    unique = _octets(entry, settings["object_uniqueness_field"])
    name = _word(told, "name", _text(entry, settings["group_name_field"]))
    if unique is None or not 0 < len(name) <= LONGEST_GROUP or not name.isprintable():
        return None
    field, by = str(settings["group_membership_field"]).lower(), str(settings["user_membership_attribute"])
    said = [_decoded(one) for one in entry.attributes.get(field, ())]
    members = frozenset(map(key, said) if by.lower() == BY_NAME.lower() else said)
    is_whole = not any(name.startswith(f"{field};range=") for name in entry.attributes)
    return FoundGroup(identifier(unique), name, key(entry.dn), members, _attributes(told), is_whole)


def key(name: str) -> str:
    """A DN so that two spellings of one are equal."""
    try:
        return repr(dn.parse(name).key)
    except ValueError:
        return name.casefold()


def _octets(entry: Entry, name: str) -> bytes | None:
    values = entry.attributes.get(str(name).lower(), ())
    return values[0] if len(values) == 1 and 0 < len(values[0]) <= 60 else None


def _text(entry: Entry, name: str) -> str:
    """The first value; empty for what is no text or does not print."""
    values = entry.attributes.get(str(name).lower(), ())
    said = _decoded(values[0]).strip() if values else ""
    return said if said.isprintable() else ""


def _decoded(value: bytes) -> str:
    return value.decode("utf-8", "replace")
