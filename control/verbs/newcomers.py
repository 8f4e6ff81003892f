"""Adds what has knocked: one step from a refusal to an application, a client network or a redirect URI."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, Any

from pydantic import Field

from control.records import Application, Knock, Outpost, Provider
from control.store.interface import Transaction
from control.verbs import applications, devices, outposts, providers
from control.verbs.fields import MAX_INTEGER, NON_FIELD, Fields, Invalid, Name, Slug, existing, parse
from control.verbs.tokens import Random
from protocols.radius.devices import hardware_address


class NewcomerFields(Fields):
    """What is chosen about a newcomer; each kind of knock uses some of it."""

    provider: Annotated[int, Field(ge=1, le=MAX_INTEGER)] | None = None
    """The one that takes it in; None: a new one is made, with an application, where the kind allows it."""
    name: Name | None = None
    slug: Slug | None = None
    user: Annotated[int, Field(ge=1, le=MAX_INTEGER)] | None = None
    """As whom a device is let in; None: it is kept, and not let in yet."""


@dataclass(frozen=True, slots=True)
class Added:
    provider: int
    application: str
    """Its slug, "" without one."""


def suggestion(knock: Knock, every: Iterable[Provider]) -> dict[str, Any] | None:
    """The body by which `add` adds this knock; None: it cannot be added here. ``every`` provider there is."""
    kind = _KINDS.get(knock.kind)
    return kind.suggest(knock, every) if kind is not None else None


def add(tx: Transaction, knock: Knock, given: Mapping[str, Any], random: Random) -> Added:
    """Raises Invalid."""
    kind = _KINDS.get(knock.kind)
    if kind is None:
        raise Invalid({NON_FIELD: ["This cannot be added here; its message says what to change."]})
    return kind.add(tx, knock, parse(NewcomerFields, given), random)


# --- the kinds -----------------------------------------------------------------------------------------------------


def _nas(tx: Transaction, knock: Knock, fields: NewcomerFields, random: Random) -> Added:
    network = str(ip_address(knock.what))
    if fields.provider is None:
        return _new(tx, "radius", knock, fields, {"client_networks": network}, random)
    (provider,) = existing(tx, Provider, "provider", [fields.provider])
    if provider.kind != "radius":
        raise Invalid({"provider": ["Choose a RADIUS provider."]})
    networks = f"{provider.settings['client_networks']}, {network}"
    providers.update(tx, provider.pk, {"client_networks": networks})
    return _served(tx, provider.pk, knock)


def _host(tx: Transaction, knock: Knock, fields: NewcomerFields, random: Random) -> Added:
    given = {"mode": "forward_single", "external_host": f"https://{knock.what}"}
    return _new(tx, "proxy", knock, fields, given, random)


def _base_dn(tx: Transaction, knock: Knock, fields: NewcomerFields, random: Random) -> Added:
    return _new(tx, "ldap", knock, fields, {"base_dn": knock.what}, random)


def _mac(tx: Transaction, knock: Knock, fields: NewcomerFields, random: Random) -> Added:
    devices.create(tx, {"address": knock.what, "name": fields.name or knock.what, "user": fields.user})
    return Added(fields.provider or 0, "")


def _redirect_uri(tx: Transaction, knock: Knock, fields: NewcomerFields, random: Random) -> Added:
    pk = fields.provider or int(knock.detail.get("provider", "0"))
    (provider,) = existing(tx, Provider, "provider", [pk])
    if provider.kind != "oauth2":
        raise Invalid({"provider": ["Choose an OAuth2 provider."]})
    uris = [*provider.settings["redirect_uris"], {"matching_mode": "strict", "url": knock.what}]
    providers.update(tx, provider.pk, {"redirect_uris": uris})
    return _served(tx, provider.pk, knock)


def _new(
    tx: Transaction, kind: str, knock: Knock, fields: NewcomerFields, settings: Mapping[str, Any], random: Random
) -> Added:
    """A provider with its application, live on the outpost that heard the knock."""
    name = fields.name or _name(knock)
    made = providers.create(tx, kind, {"name": name, **settings}, random)
    applications.create(tx, {"name": name, "slug": fields.slug or slug(name), "provider": made.pk})
    return _served(tx, made.pk, knock)


def _served(tx: Transaction, provider: int, knock: Knock) -> Added:
    """Has the outpost that heard the knock serve this provider too, where it does not yet."""
    outpost = tx.find(Outpost, pk=knock.outpost) if knock.outpost else None
    if outpost is not None and provider not in outpost.providers:
        outposts.update(tx, outpost.pk, {"providers": [*outpost.providers, provider]})
    application = tx.find(Application, provider=provider)
    return Added(provider, application.slug if application is not None else "")


def _name(knock: Knock) -> str:
    return {"nas": "RADIUS for {}", "base_dn": "LDAP for {}"}.get(knock.kind, "{}").format(knock.what)


def slug(name: str) -> str:
    """Letters, digits and hyphens, as applications are named in addresses."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:150] or "application"


def _suggest_nas(knock: Knock, every: Iterable[Provider]) -> dict[str, Any] | None:
    try:
        ip_address(knock.what)
    except ValueError:
        return None
    known = next((provider.pk for provider in every if provider.kind == "radius"), None)
    return {"provider": known} if known is not None else _suggest_new(knock, every)


def _suggest_mac(knock: Knock, every: Iterable[Provider]) -> dict[str, Any] | None:
    address = hardware_address(knock.what)
    return {"name": address} if address is not None else None


def _suggest_new(knock: Knock, every: Iterable[Provider]) -> dict[str, Any] | None:
    name = _name(knock)
    return {"name": name, "slug": slug(name)}


def _suggest_redirect_uri(knock: Knock, every: Iterable[Provider]) -> dict[str, Any] | None:
    pk = knock.detail.get("provider", "")
    return {"provider": int(pk)} if pk.isdecimal() and any(provider.pk == int(pk) for provider in every) else None


@dataclass(frozen=True, slots=True)
class _Kind:
    suggest: Callable[[Knock, Iterable[Provider]], dict[str, Any] | None]
    add: Callable[[Transaction, Knock, NewcomerFields, Random], Added]


_KINDS: dict[str, _Kind] = {
    "nas": _Kind(_suggest_nas, _nas),
    "host": _Kind(_suggest_new, _host),
    "base_dn": _Kind(_suggest_new, _base_dn),
    "mac": _Kind(_suggest_mac, _mac),
    "redirect_uri": _Kind(_suggest_redirect_uri, _redirect_uri),
}
