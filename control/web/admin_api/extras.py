"""The paths that are not a record's six actions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.mappings.facts import uid_of
from control.passwords.new import new_hash
from control.records import User
from control.store.interface import Transaction
from control.verbs import groups, service_accounts, system, users
from control.verbs.fields import MAX_INTEGER, Fields, parse
from control.verbs.rights import is_superuser
from control.verbs.roles import held_by
from control.web.admin_api.bodies import json_object
from control.web.admin_api.callers import Caller, everybody, helpdesk, superusers_only
from control.web.admin_api.endpoint import Action, Answer, Body, Do, Endpoint
from control.web.admin_api.lists import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE
from control.web.admin_api.refusals import Refused, answer
from control.web.admin_api.shapes.people import myself
from control.web.admin_api.table.people import GROUPS, USERS
from control.web.services import Services

CACHE_SECONDS = 300
"""authentik's default; nothing here is cached, but outposts of authentik's want the fields."""


class Account(Fields):
    """Which user joins or leaves."""

    pk: Annotated[int, Field(ge=1, le=MAX_INTEGER)]


class NewPassword(Fields):
    password: Annotated[str, Field(min_length=1)]
    must_change_password: bool = False
    """The person is to choose another one before anything else."""


ACCOUNT = Body("UserAccountRequest", Account)
PASSWORD = Body("UserPasswordSetRequest", NewPassword)
NEW_SERVICE_ACCOUNT = Body("UserServiceAccountRequest", service_accounts.ServiceAccountFields)
SETTINGS = Body("SettingsRequest", system.SystemFields)
SETTINGS_NOW = Answer("Settings", system.SystemFields)


def routes(services: Services) -> list[BaseRoute]:
    """They come before the records': ``users/me/`` would be a user's path."""
    return [
        Route("/core/users/me/", Endpoint(services, {"GET": Action(everybody, _me(services))})),
        Route(
            "/core/users/service_account/",
            Endpoint(services, {"POST": Action(superusers_only, _service_account(services), NEW_SERVICE_ACCOUNT)}),
        ),
        Route(
            "/core/users/{key}/set_password/",
            Endpoint(services, {"POST": Action(helpdesk, _set_password(services), PASSWORD, status=204)}),
        ),
        Route(
            "/core/groups/{key}/add_user/",
            Endpoint(
                services,
                {"POST": Action(superusers_only, _change_members(services, groups.add_user), ACCOUNT, status=204)},
            ),
        ),
        Route(
            "/core/groups/{key}/remove_user/",
            Endpoint(
                services,
                {"POST": Action(superusers_only, _change_members(services, groups.remove_user), ACCOUNT, status=204)},
            ),
        ),
        Route(
            "/admin/settings/",
            Endpoint(
                services,
                {
                    "GET": Action(superusers_only, _settings(services), gives=SETTINGS_NOW),
                    "PUT": Action(superusers_only, _change_settings(services, partial=False), SETTINGS, SETTINGS_NOW),
                    "PATCH": Action(superusers_only, _change_settings(services, partial=True), SETTINGS, SETTINGS_NOW),
                },
            ),
        ),
        Route("/root/config/", Endpoint(services, {"GET": Action(everybody, _root_config)})),
        Route("/admin/version/", Endpoint(services, {"GET": Action(everybody, _version(services))})),
    ]


def _me(services: Services) -> Do:
    async def do(request: Request, caller: Caller) -> Response:
        return answer(await services.store.read(lambda tx: myself(tx, caller.user, caller.is_superuser)))

    return do


def _service_account(services: Services) -> Do:
    """The one answer that shows its app password."""

    async def do(request: Request, caller: Caller) -> Response:
        body = await json_object(request)

        def verb(tx: Transaction) -> dict[str, Any]:
            made = service_accounts.create(tx, body, services.random)
            return {
                "username": made.user.username,
                "user_uid": uid_of(made.user.pk, tx.install_id),
                "user_pk": made.user.pk,
                "group_pk": made.group.pk if made.group is not None else None,
                "token": made.token.key,
                **({"ldap_bind_dn": made.bind_dn} if made.bind_dn is not None else {}),
            }

        return answer(await services.store.write(verb, caller.actor))

    return do


def _set_password(services: Services) -> Do:
    async def do(request: Request, caller: Caller) -> Response:
        body = await json_object(request)
        password = users.new_password(body)
        must_change = parse(NewPassword, body).must_change_password
        key = request.path_params["key"]
        user = await services.store.read(lambda tx: within_reach(tx, USERS.one(tx, key, caller), caller))
        stored = await new_hash(services.store, services.passwords, user.pk, password, caller.client_ip)

        def verb(tx: Transaction) -> None:
            users.set_password(tx, user.pk, stored, must_change)

        await services.store.write(verb, caller.actor)
        return answer(None, 204)

    return do


def within_reach(tx: Transaction, user: User, caller: Caller) -> User:
    """The helpdesk helps those who hold no rights: setting a password means becoming that person."""
    if not caller.is_superuser and (
        is_superuser(tx, user.pk) or held_by(tx, user.pk) or user.type.endswith("service_account")
    ):
        raise Refused(403, "Only an administrator sets the password of somebody who holds rights.")
    return user


def _change_members(services: Services, change: Callable[[Transaction, str, int], None]) -> Do:
    async def do(request: Request, caller: Caller) -> Response:
        user = parse(Account, await json_object(request)).pk

        def verb(tx: Transaction) -> None:
            change(tx, GROUPS.one(tx, request.path_params["key"], caller).pk, user)

        await services.store.write(verb, caller.actor)
        return answer(None, 204)

    return do


FIXED_SETTINGS: dict[str, Any] = {
    "avatars": "initials",
    "reputation_lower_limit": 0,
    "reputation_upper_limit": 0,
    "footer_links": [],
    "gdpr_compliance": False,
    "impersonation": False,
    "impersonation_require_reason": True,
    "pagination_default_page_size": DEFAULT_PAGE_SIZE,
    "pagination_max_page_size": MAX_PAGE_SIZE,
    "flags": {},
}
"""What authentik lets one set, as it is here."""


def _settings(services: Services) -> Do:
    async def do(request: Request, caller: Caller) -> Response:
        stored = await services.store.read(system.read)
        return answer(FIXED_SETTINGS | stored.model_dump())

    return do


def _change_settings(services: Services, partial: bool) -> Do:
    async def do(request: Request, caller: Caller) -> Response:
        body = await json_object(request)
        stored = await services.store.write(lambda tx: system.change(tx, body, partial), caller.actor)
        return answer(FIXED_SETTINGS | stored.model_dump())

    return do


async def _root_config(request: Request, caller: Caller) -> Response:
    """No errors are reported to anybody, and nothing here needs a licence."""
    return answer(
        {
            "error_reporting": {
                "enabled": False,
                "sentry_dsn": "",
                "environment": "customer",
                "send_pii": False,
                "traces_sample_rate": 0.0,
            },
            "capabilities": [],
            "cache_timeout": CACHE_SECONDS,
            "cache_timeout_flows": CACHE_SECONDS,
            "cache_timeout_policies": CACHE_SECONDS,
        }
    )


def _version(services: Services) -> Do:
    async def do(request: Request, caller: Caller) -> Response:
        """Nobody is asked for the latest version, so that it is never known to be another one."""
        return answer(
            {
                "version_current": services.version,
                "version_latest": services.version,
                "version_latest_valid": False,
                "build_hash": "",
                "outdated": False,
                "outpost_outdated": False,
            }
        )

    return do
