"""Service accounts: one call makes the account, its app password, and a group for it if wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from control.records import Group, Token, User
from control.store.interface import Transaction
from control.verbs import groups, tokens, users
from control.verbs.fields import Fields, Moment, parse
from control.verbs.tokens import Random

PATH = "goauthentik.io/service-accounts"
VALID_SECONDS = 360 * 86_400.0
"""authentik's: the app password ends before a certificate of a year would."""


class ServiceAccountFields(Fields):
    name: Annotated[str, Field(min_length=1, max_length=150)]
    create_group: bool = False
    expiring: bool = True
    expires: Moment = None


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    user: User
    token: Token
    """With its key, which is nowhere else from now on."""
    group: Group | None


def create(tx: Transaction, given: Mapping[str, Any], random: Random) -> ServiceAccount:
    """Raises Invalid."""
    fields = parse(ServiceAccountFields, given)
    user = users.create(
        tx, {"username": fields.name, "name": fields.name, "type": "service_account", "path": PATH, "is_active": True}
    )
    group = groups.create(tx, {"name": fields.name}) if fields.create_group else None
    if group is not None:
        tx.add_members(group.pk, [user.pk])
    ends = (tx.now + VALID_SECONDS if fields.expires is None else fields.expires) if fields.expiring else None
    identifier = f"service-account-{user.username}-password"
    token = tokens.create(tx, user.pk, identifier, random, intent="app_password", expires=ends)
    tokens.reveal(tx, token.pk)
    return ServiceAccount(user, token, group)
