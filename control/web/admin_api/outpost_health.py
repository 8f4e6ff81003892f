"""`/outposts/instances/<uuid>/health/`: an outpost's processes that were seen lately, with authentik's fields."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.outposts import instances
from control.records import Instance
from control.store.interface import Transaction
from control.web.admin_api.callers import Caller, superusers_and_outposts
from control.web.admin_api.endpoint import Action, Do, Endpoint
from control.web.admin_api.refusals import answer
from control.web.admin_api.shapes.parts import moment
from control.web.admin_api.table.outposts import outpost_resource
from control.web.services import Services


def routes(services: Services) -> list[BaseRoute]:
    actions = {"GET": Action(superusers_and_outposts, _health(services))}
    return [Route("/outposts/instances/{key}/health/", Endpoint(services, actions))]


def _health(services: Services) -> Do:
    resource = outpost_resource(services.random)

    async def do(request: Request, caller: Caller) -> Response:
        def verb(tx: Transaction) -> list[dict[str, Any]]:
            outpost = resource.one(tx, request.path_params["key"], caller)
            newest = tx.revision().number
            return [_shown(instance, services.version, newest) for instance in instances.of_outpost(tx, outpost.pk)]

        return answer(await services.store.read(verb))

    return do


def _shown(instance: Instance, version: str, newest: int) -> dict[str, Any]:
    """The last two are ours: is the outpost's directory the newest?"""
    return {
        "uid": instance.pk,
        "last_seen": moment(instance.last_seen),
        "version": instance.version,
        "golang_version": "",
        "openssl_enabled": True,
        "openssl_version": "",
        "fips_enabled": None,
        "version_should": version,
        "version_outdated": numbers(instance.version) < numbers(version),
        "build_hash": "",
        "build_hash_should": "",
        "hostname": instance.hostname,
        "revision": instance.revision,
        "revision_should": newest,
    }


def numbers(version: str) -> tuple[int, ...]:
    """To compare versions by."""
    return tuple(int(number) for number in re.findall(r"\d{1,9}", version))
