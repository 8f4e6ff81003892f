"""Sources, and who people are there."""

from __future__ import annotations

from typing import Any

from control.records import Source, SourceConnection
from control.verbs import sources
from control.verbs.tokens import Random
from control.web.admin_api.lists import number, text
from control.web.admin_api.resource import Resource
from control.web.admin_api.shapes import sources as shapes


def resources(random: Random) -> list[Resource[Any]]:
    return [SOURCES, CONNECTIONS]


SOURCES = Resource(
    "sources/oauth",
    Source,
    "OAuthSource",
    shapes.sources,
    fields=sources.SourceFields,
    write_only=frozenset({"consumer_secret"}),
    lookup="slug",
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
    filters={"user": number("user"), "source__slug": text("source")},
    create=sources.connect,
    delete=sources.disconnect,
)
