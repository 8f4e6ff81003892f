"""Who tried wrongly, and from where: the lines that throttles count, and authentik's reputation scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from control import tries
from control.records import Reputation, Tries
from control.store.interface import Transaction
from control.verbs.tokens import Random
from control.web.admin_api.lists import any_of, text
from control.web.admin_api.resource import Resource, View
from control.web.admin_api.shapes.parts import moment


def resources(random: Random) -> list[Resource[Any]]:
    return [TRIES, SCORES]


def _tries(tx: Transaction, records: Sequence[Tries], view: View) -> list[dict[str, Any]]:
    return [
        {
            "pk": line.pk,
            "account": line.account,
            "place": line.place or None,
            "wrong": line.wrong,
            "last": moment(line.last),
            "blocked_until": moment(line.until) if line.until > tx.now else None,
        }
        for line in records
    ]


def _scores(tx: Transaction, records: Sequence[Reputation], view: View) -> list[dict[str, Any]]:
    return [
        {
            "pk": score.pk,
            "identifier": score.identifier,
            "ip": score.ip,
            "ip_geo_data": {},
            "ip_asn_data": {},
            "score": score.score,
            "updated": moment(score.updated),
        }
        for score in records
    ]


def _forget(tx: Transaction, pk: str) -> None:
    tx.delete(tx.get(Reputation, pk))


TRIES = Resource(
    "tries",
    Tries,
    "Tries",
    _tries,
    ordering=("-last",),
    filters={"account": text("account"), "place": text("place")},
    delete=tries.delete,
    clear=tries.delete,
)

SCORES = Resource(
    "policies/reputation/scores",
    Reputation,
    "Reputation",
    _scores,
    ordering=("-updated",),
    filters={"identifier": text("identifier"), "identifier_in": any_of("identifier"), "ip": text("ip")},
    delete=_forget,
)
