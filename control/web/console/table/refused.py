"""Whom the doors do not know, and who has tried wrongly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control.records import Knock
from control.store.interface import Transaction
from control.web.admin_api.knocks import KNOCKS
from control.web.admin_api.table.tries import TRIES
from control.web.console.cells import Body, Cell, Column, moment, text
from control.web.console.sections import Around, Choice, Section

KINDS = {
    "nas": "RADIUS client",
    "nas_secret": "Shared secret",
    "mac": "Device",
    "host": "Host",
    "base_dn": "Base DN",
    "proxy": "Reverse proxy",
    "redirect_uri": "Redirect URI",
    "tls": "TLS client",
}


def _knocked(body: Body) -> Cell:
    return Cell("known now", tone="good") if body["answered"] else Cell("unknown", tone="wrong")


def _beside(tx: Transaction, knock: Knock, around: Around) -> Mapping[str, Any]:
    return {"kind": KINDS.get(knock.kind, knock.kind), "detail": knock.detail}


KNOCKED = Section(
    path="events/knocks",
    title="Knocks",
    one="knock",
    about="What was refused because nobody here knows it. What is yours can be added with one click.",
    resource=lambda random: KNOCKS,
    columns=(
        Column("What", lambda body: Cell(body["what"], to="."), "what"),
        Column("Kind", lambda body: Cell(KINDS.get(body["kind"]) or str(body["kind"])), "kind"),
        Column("State", _knocked, "answered"),
        Column("How often", text("count"), "count"),
        Column("Last", moment("last"), "last"),
        Column("Heard by", text("outpost_name")),
    ),
    name=lambda body: body["what"],
    affects=lambda tx, knock: ["It comes back if it knocks again."],
    beside=_beside,
    template="console/knock.html",
    choices=(
        Choice("answered", "State", (("false", "Unknown"), ("true", "Known now"))),
        Choice("kind", "Kind", tuple(KINDS.items())),
    ),
    empty="Everybody who asked was known.",
)


def _blocked(body: Body) -> Cell:
    return Cell("has to wait", tone="wrong") if body["blocked_until"] else Cell("may try", tone="quiet")


TRIED = Section(
    path="events/tries",
    title="Wrong tries",
    one="count of wrong tries",
    about="Who has tried wrongly, and has to wait. Deleting a line lets them try again at once.",
    resource=lambda random: TRIES,
    columns=(
        Column("Account", lambda body: Cell(body["account"], to="."), "account"),
        Column("From", lambda body: Cell(body["place"] or "everywhere together"), "place"),
        Column("Wrong", text("wrong"), "wrong"),
        Column("State", _blocked, "until"),
        Column("Last", moment("last"), "last"),
    ),
    name=lambda body: f"{body['account']} from {body['place'] or 'everywhere'}",
    affects=lambda tx, line: ["Whoever tried may try again at once."],
    template="console/tries.html",
    empty="Nobody has tried wrongly.",
)
