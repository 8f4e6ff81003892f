"""Property mappings: made, changed and deleted; an expression that could never run is refused here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import Field

from control.expression.environment import NAMES
from control.expression.evaluation import check
from control.records import PropertyMapping, Source
from control.store.interface import Query, Transaction
from control.verbs.fields import Fields, Invalid, LongText, Name, existing, overlaid, parse, unique

SCOPE, RADIUS, LDAP, NOTIFICATION, LDAP_SOURCE = "scope", "radius", "ldap", "notification", "ldap_source"
OAUTH2 = "goauthentik.io/providers/oauth2/scope-"
OPENID, EMAIL, PROFILE, OFFLINE = (f"{OAUTH2}{scope}" for scope in ("openid", "email", "profile", "offline_access"))
API = f"{OAUTH2}authentik_api"
API_SCOPE = "goauthentik.io/api"
"""Whose access tokens stand for their user towards our API, too."""
ENTITLEMENTS = f"{OAUTH2}entitlements"
PROXY = "goauthentik.io/providers/proxy/scope-proxy"
"""``managed`` of those that every store has (`control.mappings.defaults`)."""
MOST_MAPPINGS = 100
"""Of one provider: each may run at every sign-in."""


OF_SOURCES = ("user_property_mappings", "group_property_mappings")
"""Settings of an LDAP source."""


class MappingFields(Fields):
    name: Name
    expression: Annotated[str, Field(min_length=1, max_length=32_768)]
    on_failure: Literal["omit", "refuse"] = "omit"
    managed: Annotated[str, Field(min_length=1, max_length=255)] | None = None


class LdapFields(MappingFields):
    on_failure: Literal["omit"] = "omit"
    """Searches let nobody in."""


class LdapSourceFields(MappingFields):
    on_failure: Literal["omit"] = "omit"
    """Whoever it fails for stays as they are."""


class WebhookFields(MappingFields):
    on_failure: Literal["omit"] = "omit"
    """Somebody hears of the event in any case."""


class ScopeFields(MappingFields):
    scope_name: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[\x21\x23-\x5b\x5d-\x7e]+$")]
    """One token of RFC 6749, section 3.3."""
    description: LongText = ""


@dataclass(frozen=True, slots=True)
class Kind:
    fields: type[MappingFields]
    names: frozenset[str]
    """That its expressions see, beside those that every one sees."""
    model: str
    """authentik's class name."""
    label: str
    app: str
    providers: frozenset[str]
    """Kinds of providers that can use it."""
    purpose: str
    """For people."""
    path: str
    """Where authentik's API has them, below ``propertymappings/``."""
    unseen: frozenset[str] = frozenset()
    """What every expression sees, and these do not: they are asked beforehand, not for a request."""


KINDS: dict[str, Kind] = {
    SCOPE: Kind(
        ScopeFields,
        frozenset({"provider", "token"}),
        "ScopeMapping",
        "Scope Mapping",
        "authentik_providers_oauth2",
        frozenset({"oauth2", "proxy"}),
        "What a scope tells of a person: claims in tokens and userinfo, and headers at outposts.",
        "provider/scope",
    ),
    RADIUS: Kind(
        MappingFields,
        frozenset({"packet", "define_attribute"}),
        "RadiusProviderPropertyMapping",
        "RADIUS Provider Property Mapping",
        "authentik_providers_radius",
        frozenset({"radius"}),
        "Attributes of an Access-Accept.",
        "provider/radius",
    ),
    LDAP: Kind(
        LdapFields,
        frozenset(),
        "LDAPProviderPropertyMapping",
        "LDAP Provider Property Mapping",
        "authentik_providers_ldap",
        frozenset({"ldap"}),
        "Attributes that users have over LDAP, beside their own.",
        "provider/ldap",
        unseen=frozenset({"http_request", "ak_client_ip", "ak_message", "ak_is_sso_flow", "ak_user_has_authenticator"}),
    ),
    NOTIFICATION: Kind(
        WebhookFields,
        frozenset({"notification"}),
        "NotificationWebhookMapping",
        "Webhook Mapping",
        "authentik_events",
        frozenset(),
        "What notifications post to a URL, or the header lines that go with it.",
        "notification",
        unseen=frozenset({"http_request", "ak_client_ip", "ak_message", "ak_is_sso_flow"}),
    ),
    LDAP_SOURCE: Kind(
        LdapSourceFields,
        frozenset({"ldap", "dn", "source", "properties"}),
        "LDAPSourcePropertyMapping",
        "LDAP Source Property Mapping",
        "authentik_sources_ldap",
        frozenset(),
        "What an LDAP source's people and groups are here: user name, name, address, path, attributes.",
        "source/ldap",
        unseen=NAMES - {"ak_logger"},
    ),
}
COMMON = tuple(MappingFields.model_fields)


def component(kind: str) -> str:
    """authentik's name for its form."""
    return f"ak-property-mapping-{KINDS[kind].path.replace('/', '-')}-form"


def create(tx: Transaction, kind: str, given: Mapping[str, Any]) -> PropertyMapping:
    """``kind`` is a key of `KINDS`. Raises Invalid."""
    fields = parse(KINDS[kind].fields, given)
    check_expression(kind, fields)
    with unique():
        return tx.insert(PropertyMapping(kind=kind, **_parts(fields)))


def update(tx: Transaction, pk: str, given: Mapping[str, Any], partial: bool = True) -> PropertyMapping:
    """Raises Invalid, NotFound."""
    mapping = tx.get(PropertyMapping, pk)
    fields = overlaid(KINDS[mapping.kind].fields, current(mapping), given, partial)
    check_expression(mapping.kind, fields)
    with unique():
        return tx.update(replace(mapping, **_parts(fields)))


def current(mapping: PropertyMapping) -> dict[str, Any]:
    """The fields that a change is laid over."""
    return {**{name: getattr(mapping, name) for name in COMMON}, **mapping.settings}


def delete(tx: Transaction, pk: str) -> None:
    """Providers, transports and sources go on without it. Raises NotFound."""
    mapping = tx.get(PropertyMapping, pk)
    for source in tx.select(Source) if mapping.kind == LDAP_SOURCE else ():
        kept = {name: [one for one in source.settings.get(name, ()) if one != pk] for name in OF_SOURCES}
        if any(len(kept[name]) < len(source.settings.get(name, ())) for name in OF_SOURCES):
            tx.update(replace(source, settings={**source.settings, **kept}))
    tx.delete(mapping)


def chosen(tx: Transaction, kind: str, pks: Sequence[str]) -> None:
    """May a provider of this kind have these? Raises Invalid."""
    if len(pks) > MOST_MAPPINGS:
        raise Invalid({"property_mappings": [f"No more than {MOST_MAPPINGS}."]})
    for mapping in existing(tx, PropertyMapping, "property_mappings", pks):
        if kind not in KINDS[mapping.kind].providers:
            raise Invalid(
                {"property_mappings": [f"“{mapping.name}” is a {KINDS[mapping.kind].label}, which is of no use here."]}
            )


def of(tx: Transaction, pks: Sequence[str]) -> tuple[PropertyMapping, ...]:
    """In the order of their names."""
    return tuple(tx.select(PropertyMapping, Query(within={"pk": pks}, ordering=("name",)))) if pks else ()


def check_expression(kind: str, fields: MappingFields) -> None:
    """Could it ever run? Raises Invalid."""
    if faults := check(fields.expression, KINDS[kind].names, KINDS[kind].unseen):
        raise Invalid({"expression": [str(fault) for fault in faults]})


def _parts(fields: MappingFields) -> dict[str, Any]:
    every = fields.model_dump()
    settings = {name: value for name, value in every.items() if name not in COMMON}
    return {**{name: every[name] for name in COMMON}, "settings": settings}
