"""Sources, and who people are there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from control.records import Source, SourceConnection
from control.sources.kinds import KINDS
from control.sources.ldap.described import KIND
from control.store.interface import Query, Transaction
from control.verbs import ldap_sources, sources
from control.verbs.fields import Invalid
from control.verbs.tokens import Random
from control.web.admin_api.callers import Caller
from control.web.admin_api.lists import Narrowed, flag, number, text
from control.web.admin_api.resource import Body, Resource
from control.web.admin_api.shapes import sources as shapes


def resources(random: Random) -> list[Resource[Any]]:
    return [SOURCES, CONNECTIONS, DIRECTORIES, ENTRIES]


OAUTH: Narrowed = {"provider_type": list(KINDS)}
LDAP: Narrowed = {"provider_type": [KIND]}
OLDER = {"property_mappings": "user_property_mappings", "property_mappings_group": "group_property_mappings"}
"""What older releases of authentik's call the fields of a directory, and their names of today."""


def _of(only: Narrowed) -> Callable[[Transaction, Caller], Narrowed]:
    """Connections with such sources."""

    def sees(tx: Transaction, caller: Caller) -> Narrowed:
        return {"source": [source.pk for source in tx.select(Source, Query(within=only))]}

    return sees


def by_todays_names(body: Body, caller: Caller, is_new: bool) -> Body:
    """Raises Invalid where both names are given and say different things."""
    torn = [old for old, new in OLDER.items() if old in body and body[old] != body.get(new, body[old])]
    if torn:
        raise Invalid({old: [f"This is the older name of “{OLDER[old]}”. Give one of the two."] for old in torn})
    return {OLDER.get(name, name): value for name, value in body.items()}


def _slug(tx: Transaction, values: list[str]) -> Narrowed:
    return {"source": [source.pk for source in tx.select(Source, Query(equal={"slug": values[-1]}))]}


SOURCES = Resource(
    "sources/oauth",
    Source,
    "OAuthSource",
    shapes.sources,
    fields=sources.SourceFields,
    write_only=frozenset({"consumer_secret"}),
    lookup="slug",
    only=OAUTH,
    filters={"name": text("name"), "slug": text("slug"), "provider_type": text("provider_type")},
    create=sources.create,
    update=sources.update,
    delete=sources.delete,
)
CONNECTIONS = Resource(
    "sources/user_connections/oauth",
    SourceConnection,
    "UserOAuthSourceConnection",
    shapes.connections,
    fields=sources.ConnectionFields,
    ordering=("created",),
    filters={"user": number("user"), "source__slug": _slug},
    sees=_of(OAUTH),
    create=sources.connect,
    delete=sources.disconnect,
)
DIRECTORIES = Resource(
    "sources/ldap",
    Source,
    "LDAPSource",
    shapes.directories,
    fields=ldap_sources.LdapSourceFields,
    write_only=frozenset({"bind_password"}),
    lookup="slug",
    only=LDAP,
    filters={"name": text("name"), "slug": text("slug"), "enabled": flag("enabled")},
    as_given=by_todays_names,
    create=ldap_sources.create,
    update=ldap_sources.update,
    delete=sources.delete,
)
ENTRIES = Resource(
    "sources/user_connections/ldap",
    SourceConnection,
    "UserLDAPSourceConnection",
    shapes.connections,
    fields=sources.ConnectionFields,
    ordering=("created",),
    filters={"user": number("user"), "source__slug": _slug},
    sees=_of(LDAP),
    create=sources.connect,
    delete=sources.disconnect,
)
