"""Outposts."""

from __future__ import annotations

from typing import Any

from control.records import Outpost
from control.store.interface import Transaction
from control.verbs import outposts
from control.verbs.tokens import Random
from control.web.admin_api.callers import Caller, superusers_and_outposts
from control.web.admin_api.lists import Narrowed, same_text
from control.web.admin_api.resource import Resource
from control.web.admin_api.shapes import outposts as shapes


def resources(random: Random) -> list[Resource[Any]]:
    return [outpost_resource(random)]


def _own_outposts(tx: Transaction, caller: Caller) -> Narrowed:
    return {} if caller.is_superuser else {"user": [caller.user.pk]}


def outpost_resource(random: Random) -> Resource[Outpost]:
    return Resource(
        "outposts/instances",
        Outpost,
        "Outpost",
        shapes.outposts,
        fields=outposts.OutpostFields,
        filters={"name__iexact": same_text(Outpost, "name"), "managed__iexact": same_text(Outpost, "managed")},
        readers=superusers_and_outposts,
        sees=_own_outposts,
        create=lambda tx, body: outposts.create(tx, body, random),
        update=outposts.update,
        delete=outposts.delete,
    )
