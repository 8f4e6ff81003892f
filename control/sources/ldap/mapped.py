"""What the property mappings of an LDAP source say of its people and groups, in authentik's terms.

An expression sees ``ldap`` (attributes, by the names that stand in the expressions; one value, or a list of several),
``dn``, ``source``, and ``properties``, which is what has been said so far. It returns a dictionary of what it says.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from control.expression.budget import Limits
from control.expression.environment import Asked
from control.expression.evaluation import evaluate
from control.expression.exposed import Exposed, Thing, free
from control.expression.people import exposed
from control.mappings.answers import joined, unfit
from control.records import PropertyMapping, Source
from control.sources.ldap.described import identifier
from control.store.interface import Transaction
from control.verbs import property_mappings
from protocols.ldap.asking import Entry

LIMITS = Limits(steps=2_000, size=20_000, seconds=0.1)
"""For one entry; a directory may have fifty thousand."""
LARGEST = 4_096
"""Characters of what is said of one entry, as JSON: outposts keep it in memory."""
MOST_NAMED = 100
"""Attributes that are asked for."""
PEOPLES = frozenset({"username", "name", "email", "path", "is_active", "attributes"})
GROUPS = frozenset({"name", "attributes"})
"""What may be said. Rights never come from a directory."""
_NAMED = re.compile(r"""(["'])([a-zA-Z][a-zA-Z0-9;-]{0,99})\1""")


@dataclass(frozen=True, slots=True)
class Said:
    properties: Mapping[str, Any]
    skipped: bool = False
    """The expression leaves this entry out (``SkipObject``)."""
    fault: str = ""
    """What went wrong, in a sentence: nothing of it counts, and whoever is here already stays as they are."""


def path(source: Source) -> str:
    """Where people of this source are kept."""
    return str(source.settings["user_path_template"]).replace("%(slug)s", source.slug)


def of(tx: Transaction, source: Source, setting: str) -> tuple[PropertyMapping, ...]:
    """``setting``: user_property_mappings or group_property_mappings. In the order of their names, as authentik."""
    return property_mappings.of(tx, tuple(source.settings.get(setting, ())))


def named(mappings: Iterable[PropertyMapping]) -> list[str]:
    """The attributes to ask for: whatever stands in quotes and could be one. Pictures of everybody are not fetched."""
    found = (match[2] for mapping in mappings for match in _NAMED.finditer(mapping.expression))
    return list(dict.fromkeys(found))[:MOST_NAMED]


def said(
    source: Source, mappings: Sequence[PropertyMapping], entries: Iterable[Entry], allowed: frozenset[str]
) -> dict[str, Said]:
    """By DN; nothing where there are no mappings."""
    names = named(mappings)
    return {entry.dn: _said(source, mappings, entry, names, allowed) for entry in entries} if mappings else {}


def _said(
    source: Source, mappings: Sequence[PropertyMapping], entry: Entry, names: Sequence[str], allowed: frozenset[str]
) -> Said:
    properties: dict[str, Any] = {}
    shown = {name: _values(values) for name in names if (values := entry.attributes.get(name.lower()))}
    for mapping in mappings:
        more: dict[str, Any] = {
            "ldap": exposed(shown),
            "dn": entry.dn,
            "source": _thing(source),
            "properties": exposed(properties),
        }
        found = evaluate(mapping.expression, Asked(), time.monotonic, more, LIMITS)
        if found.skipped:
            return Said({}, skipped=True)
        fault = found.fault or unfit(found.value, LARGEST)
        if fault is not None:
            return Said({}, fault=f"The mapping “{mapping.name}” failed: {fault}")
        if strange := sorted((found.value or {}).keys() - allowed):
            return Said({}, fault=f"The mapping “{mapping.name}” says {', '.join(strange)}: no directory decides that.")
        properties = joined(properties, found.value or {})
    return Said({name: _first(value) for name, value in properties.items()})


def _values(values: Sequence[bytes]) -> Any:
    every = [_text(value) for value in values]
    return every[0] if len(every) == 1 else every


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return identifier(value)


def _first(value: Any) -> Any:
    """Of several names or addresses, the first counts."""
    return (value[0] if value else None) if isinstance(value, list) else value


def _thing(source: Source) -> Exposed:
    told = {"pk": source.pk, "name": source.name, "slug": source.slug}
    return Thing("Source", {**told, "get_user_path": free("get_user_path", lambda: path(source))}, source.name)
