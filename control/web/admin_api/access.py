"""`check_access/`: may somebody use an application? Of applications, and of the providers that outposts ask about."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.mappings import doors
from control.mappings.answers import Mappings, leave_events
from control.mappings.doors import Mapped
from control.records import Application, Provider, User
from control.store.interface import Query, Transaction
from control.verbs import access
from control.verbs.access import Access
from control.verbs.fields import Invalid
from control.web.admin_api.callers import Caller, everybody
from control.web.admin_api.endpoint import Action, Do, Endpoint
from control.web.admin_api.lists import numbers
from control.web.admin_api.refusals import Refused, answer
from control.web.admin_api.shapes.policies import log_of
from control.web.services import Services
from protocols.link.messages import Authenticate
from protocols.radius.definitions import defined
from protocols.radius.reply import encoded, hiding
from rules.permissions import SEARCH_FULL_DIRECTORY, holds

NO_APPLICATION = "No Application matches the given query."
ACCESS_REQUEST, PACKET_BYTES = 1, 20
"""RFC 2865, section 3: an outpost of authentik's takes attributes as a packet of this code, merged into its answer."""

Told = Callable[["Found", Caller, Services], dict[str, Any]]


def routes(services: Services) -> list[BaseRoute]:
    def of_provider(kind: str, told: Told) -> Route:
        action = Action(everybody, _of_provider(services, kind, told))
        return Route(f"/outposts/{kind}/{{key}}/check_access/", Endpoint(services, {"GET": action}))

    return [
        Route(
            "/core/applications/{key}/check_access/",
            Endpoint(services, {"GET": Action(everybody, _of_application(services))}),
        ),
        of_provider("ldap", _ldap),
        of_provider("radius", _radius),
    ]


def _of_application(services: Services) -> Do:
    """Of oneself; a superuser may ask ``for_user`` and hears why not."""

    async def do(request: Request, caller: Caller) -> Response:
        def verb(tx: Transaction) -> dict[str, Any]:
            application = tx.find(Application, slug=request.path_params["key"])
            if application is None:
                raise Refused(404, NO_APPLICATION)
            found = access.check(tx, application, _subject(tx, request, caller), services.judge, caller.client_ip)
            return _result(found, caller.is_superuser, tx.now)

        return answer(await services.store.read(verb))

    return do


def _subject(tx: Transaction, request: Request, caller: Caller) -> User:
    asked = request.query_params.get("for_user", "")
    if not asked or not caller.is_superuser:
        return caller.user
    found = tx.select(User, Query(within={"pk": numbers("for_user", [asked])}))
    if not found:
        raise Invalid({"for_user": ["User not found"]})
    return found[0]


@dataclass(frozen=True, slots=True)
class Found:
    provider: int
    access: Access
    mapped: Mapped = field(default_factory=Mapped)
    secret: str = field(default="", repr=False)
    """Between the outpost and its NAS."""


def _of_provider(services: Services, kind: str, told: Told) -> Do:
    """Of the caller: an outpost asks with the session of the person who binds."""

    async def do(request: Request, caller: Caller) -> Response:
        key, slug = request.path_params["key"], request.query_params.get("app_slug", "")

        def verb(tx: Transaction) -> Found:
            application = tx.find(Application, slug=slug)
            if application is None or application.provider is None or str(application.provider) != key:
                raise Refused(404, NO_APPLICATION)
            found = access.check(tx, application, caller.user, services.judge, caller.client_ip)
            return _with_mappings(tx, found, tx.get(Provider, int(key)), caller)

        found = await services.store.read(verb)
        if found.mapped.broken:
            await services.store.write(
                lambda tx: leave_events(tx, found.mapped.broken, "outpost", int(key), caller.user, caller.client_ip)
            )
        return answer(told(found, caller, services))

    return do


def _with_mappings(tx: Transaction, found: Access, provider: Provider, caller: Caller) -> Found:
    if not found.passing:
        return Found(provider.pk, found)
    question = Authenticate("", provider.pk, caller.user.username, {}, provider.kind, caller.client_ip)
    mapped = doors.mapped(tx, provider, caller.user, question, Mappings())
    if mapped.refused:
        return Found(provider.pk, Access(False, "mapping_failed"), mapped)
    return Found(provider.pk, found, mapped, provider.secrets.get("shared_secret", ""))


def _ldap(found: Found, caller: Caller, services: Services) -> dict[str, Any]:
    searches = caller.is_superuser or holds(caller.permissions, SEARCH_FULL_DIRECTORY, found.provider)
    return {"has_search_permission": searches, "access": _result(found.access, False, services.now())}


def _radius(found: Found, caller: Caller, services: Services) -> dict[str, Any]:
    """What mappings write, as a packet. What travels hidden is left out: an answer hides it with its own request."""
    authenticator = services.random(16)
    hide = hiding(found.secret.encode(), authenticator, services.random)
    shown = [one for one in found.mapped.reply if not defined(one.name).hidden]
    body = b"".join(encoded(one.name, one.value, one.tag, hide) for one in shown)
    header = bytes([ACCESS_REQUEST, services.random(1)[0]]) + (PACKET_BYTES + len(body)).to_bytes(2)
    packet = base64.b64encode(header + authenticator + body).decode()
    return {
        "attributes": packet if found.access.passing else None,
        "access": _result(found.access, False, services.now()),
    }


def _result(found: Access, explained: bool, now: float) -> dict[str, Any]:
    """``log_messages`` are for whoever may hear why."""
    messages = list(found.messages)
    if explained and not found.passing:
        messages.append(found.sentence)
    return {
        "passing": found.passing,
        "messages": messages,
        "log_messages": log_of(found.answers, now) if explained else [],
    }
