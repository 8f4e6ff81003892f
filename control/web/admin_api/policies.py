"""`/policies/all/<pk>/test/` and `types/`, as authentik has them."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.authentication import MOST_ATTRIBUTES
from control.passwords.hashing import Candidate, Wanted
from control.policies.asking import Asking
from control.policies.judge import Answer
from control.policies.kinds import KINDS
from control.records import Binding, Event, User
from control.store.interface import Transaction
from control.verbs import users
from control.verbs.fields import Text, existing, parse
from control.web.admin_api.bodies import json_object
from control.web.admin_api.callers import Caller, superusers_only
from control.web.admin_api.endpoint import Action, Body, Do, Endpoint
from control.web.admin_api.kinds import types
from control.web.admin_api.property_mappings import Trial
from control.web.admin_api.refusals import answer
from control.web.admin_api.shapes.parts import moment
from control.web.admin_api.shapes.policies import log_of
from control.web.admin_api.table.policies import POLICIES
from control.web.services import Services


class PolicyTrial(Trial):
    peer: Annotated[Text, Field(alias="from")] = ""
    """Empty: from where this question comes."""
    attributes: Annotated[dict[str, str], Field(max_length=MOST_ATTRIBUTES)] = Field(default_factory=dict)
    """What a door would say: protocol, nas, ssid, host, path."""


TRIAL = Body("PolicyTestRequest", PolicyTrial)

TYPES = types((kind.label, kind.about, kind.component, kind.model) for kind in KINDS.values())


def routes(services: Services) -> list[BaseRoute]:
    """They come before the records': ``types/`` would be a policy's path."""
    return [
        Route(f"/{POLICIES.path}/types/", Endpoint(services, {"GET": Action(superusers_only, TYPES)})),
        Route(
            f"/{POLICIES.path}/{{key}}/test/",
            Endpoint(services, {"POST": Action(superusers_only, _test(services), TRIAL)}),
        ),
    ]


def _test(services: Services) -> Do:
    """Whoever may try a policy out may write it: it sees what the person of the question has."""

    async def do(request: Request, caller: Caller) -> Response:
        asked = parse(PolicyTrial, await json_object(request))
        candidate = await _candidate(services, request.path_params["key"], asked, caller)

        def verb(tx: Transaction) -> dict[str, Any]:
            policy = POLICIES.one(tx, request.path_params["key"], caller)
            user = existing(tx, User, "user", [asked.user])[0] if asked.user is not None else None
            name = user.username if user is not None else ""
            peer = asked.peer or caller.client_ip
            context = _with_event(tx, asked.context)
            asking = Asking(user, tx.now, peer, name, asked.attributes, context, candidate=candidate)
            return _told(services.judge.ask(tx, Binding("a trial", policy=policy.pk), asking), tx.now)

        return answer(await services.store.read(verb))

    return do


def _with_event(tx: Transaction, context: dict[str, Any]) -> dict[str, Any]:
    """An event in the context is named by its pk. Raises Invalid."""
    named = context.get("event")
    return context | {"event": existing(tx, Event, "context", [named])[0]} if isinstance(named, str) else context


async def _candidate(services: Services, key: str, asked: PolicyTrial, caller: Caller) -> Candidate | None:
    """The password in the context, or in its ``prompt_data``, if the policy is about new ones; only measured."""

    def wanted(tx: Transaction) -> tuple[object, Wanted]:
        field = POLICIES.one(tx, key, caller).settings.get("password_field", "")
        prompted = asked.context.get("prompt_data")
        found = (prompted if isinstance(prompted, dict) else asked.context).get(field)
        user = tx.find(User, pk=asked.user) if asked.user is not None else None
        return found, replace(users.wanted_of_password(tx, user), rules=None, estimated=True)

    password, everything = await services.store.read(wanted)
    return await services.passwords.measure(password, everything) if isinstance(password, str) else None


def _told(found: Answer, now: float) -> dict[str, Any]:
    verdict = found.verdict
    reuse = verdict.reuse
    return {
        "passing": verdict.passing,
        "messages": list(verdict.messages),
        "log_messages": log_of([found], now),
        "value": verdict.value,
        "steps": verdict.steps,
        "fault": found.fault or None,
        "reuse": {"seconds": reuse.seconds, "peer_only": reuse.peer_only, "not_after": moment(reuse.not_after)}
        if reuse is not None
        else None,
    }
