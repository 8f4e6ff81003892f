"""Outposts."""

from __future__ import annotations

from typing import Any

from control.records import Outpost
from control.store.interface import Transaction
from control.verbs import outposts
from control.verbs.tokens import Random
from control.web.admin_api.callers import Caller, superusers_and_outposts
from control.web.admin_api.lists import Narrowed, any_of, boolean, numbers, same_text, text
from control.web.admin_api.resource import Resource
from control.web.admin_api.shapes import outposts as shapes


def resources(random: Random) -> list[Resource[Any]]:
    return [outpost_resource(random)]


def _own_outposts(tx: Transaction, caller: Caller) -> Narrowed:
    return {} if caller.is_superuser else {"user": [caller.user.pk]}


def _named_alike(tx: Transaction, values: list[str]) -> Narrowed:
    return {"pk": [one.pk for one in tx.select(Outpost) if values[-1].casefold() in one.name.casefold()]}


def _without_providers(tx: Transaction, values: list[str]) -> Narrowed:
    said = boolean(values[-1])
    return {} if said is None else {"pk": [one.pk for one in tx.select(Outpost) if (not one.providers) == said]}


def _with_providers(tx: Transaction, values: list[str]) -> Narrowed:
    wanted = set(numbers("providers_by_pk", values))
    return {"pk": [one.pk for one in tx.select(Outpost) if wanted.intersection(one.providers)]}


def outpost_resource(random: Random) -> Resource[Outpost]:
    return Resource(
        "outposts/instances",
        Outpost,
        "Outpost",
        shapes.outposts,
        fields=outposts.OutpostFields,
        filters={
            "name": text("name"),
            "name__iexact": same_text(Outpost, "name"),
            "name__icontains": _named_alike,
            "managed__iexact": same_text(Outpost, "managed"),
            "type": any_of("type"),
            "providers__isnull": _without_providers,
            "providers_by_pk": _with_providers,
        },
        readers=superusers_and_outposts,
        sees=_own_outposts,
        create=lambda tx, body: outposts.create(tx, body, random),
        update=outposts.update,
        delete=outposts.delete,
    )
