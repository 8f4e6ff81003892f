"""Knocks as control keeps them: who or what was refused for being unknown, until it is known (DESIGN section 9).

Verbs over a transaction. What outposts report is a stranger's doing: every text is cut, and the list is bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from control.records import Knock
from control.store.interface import Query, Transaction
from rules.knocks import KINDS
from rules.names import shown

MOST_OF_KIND = 500
"""Kept of one kind. Beyond it what knocked least often, longest ago, makes room: a flood of forged addresses knocks
once each, while whoever needs help goes on."""
KEPT_SECONDS = 30 * 86_400.0
"""Since it last knocked."""
MOST_COUNT = 1_000_000_000
MOST_DETAILS = 10
"""Of one knock; ours have three."""


def knocked(
    tx: Transaction, kind: str, what: str, outpost: str = "", count: int = 1, detail: Mapping[str, str] | None = None
) -> None:
    """``outpost`` is its pk, "" for control's own doors. A kind that this version does not know is not kept."""
    if kind not in KINDS:
        return
    what = shown(what)
    count = max(1, min(count, MOST_COUNT))
    told = {shown(name): shown(str(text)) for name, text in list((detail or {}).items())[:MOST_DETAILS]}
    known = _find(tx, kind, what, outpost)
    if known is not None:
        together = min(known.count + count, MOST_COUNT)
        tx.update(replace(known, count=together, last=tx.now, detail=told, answered=None))
        return
    _make_room(tx, kind)
    tx.insert(Knock(kind, what, outpost=outpost, count=count, first=tx.now, last=tx.now, detail=told))


def answered(tx: Transaction, kind: str, what: str, outpost: str = "") -> None:
    """Whoever knocked has been let in, or at least heard, since."""
    known = _find(tx, kind, shown(what), outpost)
    if known is not None and known.answered is None:
        tx.update(replace(known, answered=tx.now))


def reported(tx: Transaction, outpost: str, body: Mapping[str, Any]) -> None:
    """An outpost's report of the kind `rules.knocks.KNOCK`."""
    count = body.get("count")
    apart = ("kind", "what", "count")
    knocked(
        tx,
        str(body.get("kind")),
        str(body.get("what")),
        outpost,
        count if type(count) is int else 1,
        {name: text for name, text in body.items() if name not in apart and isinstance(text, str)},
    )


def reported_answered(tx: Transaction, outpost: str, body: Mapping[str, Any]) -> None:
    answered(tx, str(body.get("kind")), str(body.get("what")), outpost)


def delete(tx: Transaction, pk: str) -> None:
    """Raises NotFound."""
    tx.delete(tx.get(Knock, pk))


def _find(tx: Transaction, kind: str, what: str, outpost: str) -> Knock | None:
    found = tx.select(Knock, Query(equal={"kind": kind, "what": what, "outpost": outpost}))
    return found[0] if found else None


def _make_room(tx: Transaction, kind: str) -> None:
    for old in tx.select(Knock, Query(equal={"kind": kind}, ordering=("last",), limit=10)):
        if old.last < tx.now - KEPT_SECONDS:
            tx.delete(old)
    if tx.count(Knock, Query(equal={"kind": kind})) >= MOST_OF_KIND:
        for rarest in tx.select(Knock, Query(equal={"kind": kind}, ordering=("count", "last"), limit=1)):
            tx.delete(rarest)
