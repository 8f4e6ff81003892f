"""Who people are at foreign providers and in directories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from control.records import Source, SourceConnection, User
from control.store.interface import Query, Transaction
from control.verbs.sources import ConnectionFields
from control.web.admin_api.resource import View, sees_everything
from control.web.admin_api.shapes.parts import by_pk
from control.web.admin_api.table.sources import CONNECTIONS
from control.web.console import pickable
from control.web.console.cells import Body, Cell, Column, moment
from control.web.console.sections import ROOT, Form, Section, made_by
from control.web.console.table.sources import place_of

EVERY = replace(CONNECTIONS, sees=sees_everything)
"""Of both kinds of sources."""


def _whole(tx: Transaction, records: Sequence[SourceConnection], view: View) -> list[Body]:
    people = by_pk(tx, User, {one.user for one in records})
    sources = by_pk(tx, Source, {one.source for one in records})
    return [
        {**body, "username": people[one.user].username, "source_name": sources[one.source].name}
        | {"source_to": place_of(sources[one.source])}
        for one, body in zip(records, EVERY.shape(tx, records, view), strict=True)
    ]


def abroad(tx: Transaction, user: User) -> list[Body]:
    """Where somebody is known, for their page."""
    found = tx.select(SourceConnection, Query(equal={"user": user.pk}, ordering=("created",)))
    sources = by_pk(tx, Source, {one.source for one in found})
    return [
        {"pk": one.pk, "identifier": one.identifier, "source": sources[one.source].name}
        | {"to": place_of(sources[one.source])}
        for one in found
    ]


KNOWN = Section(
    path="sources/user_connections",
    title="Source connections",
    one="source connection",
    about="Who is who at foreign providers and in directories: by an identifier that never changes, and nothing else.",
    resource=lambda random: EVERY,
    columns=(
        Column("Identifier", lambda body: Cell(body["identifier"], to="."), "identifier"),
        Column("User", lambda body: Cell(body["username"], to=f"{ROOT}/identity/users/{body['user']}/"), "user"),
        Column("Source", lambda body: Cell(body["source_name"], to=body["source_to"]), "source"),
        Column("Since", moment("created"), "created"),
    ),
    name=lambda body: f"{body['username']} at {body['source_name']}",
    forms={
        "": Form(
            ConnectionFields,
            first=("user", "source", "identifier"),
            pickers={"user": pickable.USERS, "source": pickable.SOURCES},
            create=made_by(lambda random: EVERY),
        )
    },
    affects=lambda tx, one: ["Nobody gets in as this person by it any more, unless the source connects them again."],
    shape=_whole,
    template="console/connection.html",
    empty="People are connected when they come from a source for the first time, or by hand.",
)
