"""Service accounts: one call makes the account and its app password, and what it needs to read over LDAP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from control.records import Application, Binding, Group, Provider, Role, Token, User
from control.store.interface import Query, Transaction
from control.verbs import bindings, groups, roles, tokens, users
from control.verbs.fields import MAX_INTEGER, Fields, Invalid, Moment, existing, parse
from control.verbs.tokens import Random
from protocols.ldap import dn
from rules.permissions import SEARCH_FULL_DIRECTORY

PATH = "goauthentik.io/service-accounts"
VALID_SECONDS = 360 * 86_400.0
"""authentik's: the app password ends before a certificate of a year would."""


class ServiceAccountFields(Fields):
    name: Annotated[str, Field(min_length=1, max_length=150)]
    create_group: bool = False
    expiring: bool = True
    expires: Moment = None
    ldap_provider: Annotated[int, Field(ge=1, le=MAX_INTEGER)] | None = None
    """The account gets a group, whose role lets it search this provider's directory and its application's bindings."""


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    user: User
    token: Token
    """With its key, which is nowhere else from now on."""
    group: Group | None
    bind_dn: str | None = None
    """Under the LDAP provider that it reads."""


def create(tx: Transaction, given: Mapping[str, Any], random: Random) -> ServiceAccount:
    """Raises Invalid."""
    fields = parse(ServiceAccountFields, given)
    user = users.create(
        tx, {"username": fields.name, "name": fields.name, "type": "service_account", "path": PATH, "is_active": True}
    )
    reads = _ldap_provider(tx, fields.ldap_provider) if fields.ldap_provider is not None else None
    roles = [_role(tx, fields.name, reads).pk] if reads is not None else []
    group = groups.create(tx, {"name": fields.name, "roles": roles}) if fields.create_group or roles else None
    if group is not None:
        tx.add_members(group.pk, [user.pk])
    ends = (tx.now + VALID_SECONDS if fields.expires is None else fields.expires) if fields.expiring else None
    identifier = f"service-account-{user.username}-password"
    token = tokens.create(tx, user.pk, identifier, random, intent="app_password", expires=ends)
    tokens.reveal(tx, token.pk)
    if reads is None or group is None:
        return ServiceAccount(user, token, group)
    _let_in(tx, reads, group)
    return ServiceAccount(user, token, group, _dn(reads, user))


def _ldap_provider(tx: Transaction, pk: int) -> Provider:
    """Raises Invalid."""
    (provider,) = existing(tx, Provider, "ldap_provider", [pk])
    if provider.kind != "ldap":
        raise Invalid({"ldap_provider": ["This is no LDAP provider."]})
    return provider


def _role(tx: Transaction, name: str, provider: Provider) -> Role:
    """One that holds the right to search this directory, and nothing else. Raises Invalid."""
    role = roles.create(tx, {"name": f"{name} ({provider.name})"})
    permission = {"permissions": [SEARCH_FULL_DIRECTORY], "model": roles.LDAP_MODEL, "object_pk": str(provider.pk)}
    return roles.assign(tx, role.pk, permission)


def _let_in(tx: Transaction, provider: Provider, group: Group) -> None:
    """An application without bindings lets in everybody, and would not any more with one. Raises Invalid."""
    application = tx.find(Application, provider=provider.pk)
    if application is None:
        raise Invalid({"ldap_provider": ["It has no application yet, so that nobody can bind to it."]})
    if not tx.select(Binding, Query(equal={"target": application.pk}, limit=1)):
        return
    if application.policy_engine_mode == "all":
        sentence = "Its application lets in only those whom all of its bindings do: bind the account there yourself."
        raise Invalid({"ldap_provider": [sentence]})
    bindings.create(tx, {"target": application.pk, "group": group.pk})


def _dn(provider: Provider, user: User) -> str:
    settings = provider.settings
    rdn, container = settings.get("user_rdn", "cn"), settings.get("users_container", "users")
    return f"{rdn}={dn.escape(user.username)},ou={dn.escape(container)},{settings['base_dn']}"
