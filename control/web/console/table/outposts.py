"""Outposts: what they serve, and how they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from control.outposts import instances
from control.records import Outpost, Provider, Token
from control.store.interface import Query, Transaction
from control.verbs import outposts
from control.verbs.outposts import EMBEDDED
from control.web.admin_api.resource import View
from control.web.admin_api.shapes.outposts import outposts as shape
from control.web.admin_api.table.outposts import outpost_resource
from control.web.console import pickable
from control.web.console.cells import Body, Cell, Column, ago, text
from control.web.console.sections import ROOT, Around, Form, Section, made_by


def health(tx: Transaction, outpost: Outpost, version: str) -> list[dict[str, Any]]:
    """Its processes, with a word on how each is."""
    newest = tx.revision().number
    found = []
    for instance in instances.of_outpost(tx, outpost.pk):
        silent = tx.now - instance.last_seen
        if silent > instances.PRESENT_SECONDS:
            state = Cell("away", tone="wrong")
        elif instance.revision < newest:
            state = Cell("catching up", tone="warn")
        else:
            state = Cell("running", tone="good")
        found.append(
            {
                "state": state,
                "hostname": instance.hostname or instance.pk,
                "version": instance.version,
                "is_other_version": instance.version != version,
                "seen": ago(silent),
            }
        )
    return found


def _with_health(tx: Transaction, records: Sequence[Outpost], view: View) -> list[Body]:
    bodies = shape(tx, records, view)
    return [
        {**body, "running": sum(one["state"].tone != "wrong" for one in health(tx, outpost, ""))}
        for body, outpost in zip(bodies, records, strict=True)
    ]


def _running(body: Body) -> Cell:
    number = body["running"]
    return Cell(f"{number} running", tone="good") if number else Cell("not running", tone="wrong")


def _serves(body: Body) -> tuple[Cell, ...]:
    named = [Cell(one["name"], to=f"{ROOT}/core/providers/{one['pk']}/") for one in body["providers_obj"]]
    return tuple(named) or (Cell("nothing yet", tone="quiet"),)


def _beside(tx: Transaction, outpost: Outpost, around: Around) -> Mapping[str, Any]:
    token = next(iter(tx.select(Token, Query(equal={"user": outpost.user, "intent": "api"}, limit=1))), None)
    return {
        "instances": health(tx, outpost, around.services.version),
        "is_embedded": outpost.managed == EMBEDDED,
        "token_url": f"{ROOT}/core/tokens/{token.identifier}/" if token is not None else "",
        "base": around.base,
        "served": tx.select(Provider, Query(within={"pk": list(outpost.providers)}, ordering=("name",))),
    }


def _affects(tx: Transaction, outpost: Outpost) -> list[str]:
    said = ["Its token stops working, and its programs are not answered any more."]
    if outpost.providers:
        said.append(f"It serves {len(outpost.providers)} provider{'s' if len(outpost.providers) > 1 else ''} now.")
    return said


POSTS = Section(
    path="outpost/outposts",
    title="Outposts",
    one="outpost",
    about="The programs that serve LDAP, RADIUS and forward auth. The embedded one runs inside this server.",
    resource=outpost_resource,
    columns=(
        Column("Name", lambda body: Cell(body["name"], to="."), "name"),
        Column("Type", text("type"), "type"),
        Column("Serves", _serves),
        Column("Health", _running),
    ),
    name=lambda body: body["name"],
    forms={
        "": Form(
            outposts.OutpostFields,
            first=("name", "type", "providers"),
            pickers={"providers": pickable.SERVED},
            create=made_by(outpost_resource),
        )
    },
    current=lambda tx, outpost: outposts.current(outpost),
    affects=_affects,
    beside=_beside,
    template="console/outpost.html",
    shape=_with_health,
)
