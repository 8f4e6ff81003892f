"""`<key>/used_by/`: what names a record, and what would become of it if the record went; authentik's shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from control.records import Record
from control.records.models import model_of
from control.records.references import REFERENCES, Fate, Reference, without
from control.store.interface import Query, Transaction

ACTIONS = {
    Fate.DELETE: "cascade",
    Fate.CLEAR: "set_null",
    Fate.CLEAR_SETTING: "set_null",
    Fate.STRIP: "cascade_many",
    Fate.STRIP_SETTING: "cascade_many",
    Fate.STRIP_ITEMS: "cascade_many",
}
"""authentik's words; ``cascade_many``: the record is taken out of a list."""
MOST = 1000
"""Lines of an answer: a group may stand in the bindings of every application."""


def used_by(tx: Transaction, record: Record) -> list[dict[str, Any]]:
    """What somebody has configured: sessions, tokens given to applications, orders to a NAS and other activity are left
    out."""
    found: dict[tuple[str, Any, str], dict[str, Any]] = {}
    for reference in REFERENCES:
        kind = reference.holder
        if reference.target is type(record) and kind.DIRECTORY and not kind.QUIET:
            for holder in _holders(tx, reference, record.pk):  # type: ignore[attr-defined]  # every record has one
                line = {**model_of(holder), "action": ACTIONS[reference.fate]}
                line["pk"] = str(line["pk"])
                found.setdefault((holder.TABLE, line["pk"], line["action"]), line)
    return list(found.values())[:MOST]


def _holders(tx: Transaction, reference: Reference, pk: int | str) -> Iterator[Record]:
    """JSON fields cannot be asked; then everyone is looked at."""
    if reference.fate in (Fate.DELETE, Fate.CLEAR):
        yield from tx.select(reference.holder, Query(equal={reference.field: pk}))
        return
    for holder in tx.select(reference.holder):
        if without(holder, reference, pk) is not None:
            yield holder
