"""Foreign providers at which people sign in, and directories in which their passwords are tried."""

from __future__ import annotations

from typing import Any

from control.apply.sections import Given, Section
from control.records import Source
from control.sources.ldap.described import KIND
from control.store.interface import Transaction
from control.verbs import ldap_sources, sources
from control.verbs.property_mappings import OF_SOURCES
from control.verbs.tokens import Random


def _create(tx: Transaction, kind: str, given: Given, random: Random) -> Source:
    return ldap_sources.create(tx, given) if kind == KIND else sources.create(tx, given)


def _update(tx: Transaction, pk: Any, given: Given) -> Source:
    is_directory = tx.get(Source, pk).kind == KIND
    return ldap_sources.update(tx, pk, given) if is_directory else sources.update(tx, pk, given)


def _current(tx: Transaction, source: Source) -> Given:
    return ldap_sources.current(source) if source.kind == KIND else sources.current(source)


SOURCES = Section(
    "sources",
    "source",
    Source,
    _create,
    _update,
    sources.delete,
    _current,
    key="slug",
    kinds={"oauth": sources.SourceFields, KIND: ldap_sources.LdapSourceFields},
    references={
        "authentication_flow": "flows",
        "enrollment_flow": "flows",
        "peer_certificate": "certificates",
        "group_mapping.group": "groups",
        **dict.fromkeys(OF_SOURCES, "property_mappings"),
    },
    secrets=frozenset({*sources.SECRETS, *ldap_sources.SECRETS}),
    stated=frozenset({"name"}),
    at_first=lambda slug: {"name": slug},
)
