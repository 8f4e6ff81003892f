"""Providers: how an application is reached. One record, its settings typed by kind."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from control.certificates.generated import SIGNING, generated
from control.records import Certificate, Flow, Group, Outpost, PropertyMapping, Provider, Source
from control.sources.kinds import KINDS as SOURCE_KINDS
from control.store.interface import Query, Transaction
from control.verbs import composing, property_mappings
from control.verbs.fields import Invalid, existing, parse, unique
from control.verbs.provider_kinds import (
    KINDS,
    LdapFields,
    OAuth2Fields,
    ProviderFields,
    ProxyFields,
    RadiusFields,
    check_ldap,
    check_proxy,
    claimed,
    claims,
    host_of,
)
from control.verbs.tokens import Random

FLOWS = ("authentication_flow", "authorization_flow", "invalidation_flow")
COMMON = tuple(ProviderFields.model_fields)


def create(tx: Transaction, kind: str, given: Mapping[str, Any], random: Random) -> Provider:
    """``kind`` is a key of `KINDS`. What is not given gets good defaults: secrets, flows, mappings. Raises Invalid."""
    generated = {name: random(size).hex() for name, size in KINDS[kind].generated}
    if kind == "proxy":
        generated["cookie_secret_since"] = str(int(tx.now))
    defaults = {**_default_flows(tx, kind), **_default_mappings(tx, kind), **generated}
    fields = parse(KINDS[kind].fields, {**defaults, **given})
    _check(tx, kind, fields)
    with unique():
        return tx.insert(Provider(kind=kind, **_parts(tx, kind, fields)))


def update(tx: Transaction, pk: int, given: Mapping[str, Any], partial: bool = True) -> Provider:
    """Raises Invalid, NotFound."""
    provider = tx.get(Provider, pk)
    kind = KINDS[provider.kind]
    now = current(provider)
    if not partial:
        kept = (*FLOWS, *(name for name, _ in kind.generated))
        parse(kind.fields, {**{name: now[name] for name in kept}, **given})
    fields = parse(kind.fields, {**now, **given})
    _check(tx, provider.kind, fields)
    changed = replace(provider, **_parts(tx, provider.kind, fields))
    if isinstance(fields, ProxyFields) and fields.cookie_secret != now["cookie_secret"]:
        changed = replace(changed, secrets={**changed.secrets, "cookie_secret_previous": ""})  # nobody else stays
    if not set(_claimed(changed)) <= set(_claimed(provider)):  # else whoever else is served has been looked at
        _refuse_rivals(tx, changed)
    with unique():
        return tx.update(changed)


def delete(tx: Transaction, pk: int) -> None:
    """Its application stays, without a provider; outposts stop serving it. Raises NotFound."""
    tx.delete(tx.get(Provider, pk))


def current(provider: Provider) -> dict[str, Any]:
    """The fields that a change is laid over."""
    common = {name: getattr(provider, name) for name in COMMON}
    return {**common, "property_mappings": list(provider.property_mappings), **provider.settings, **provider.secrets}


def rivals(providers: Iterable[Provider]) -> Iterator[tuple[Provider, Provider, str]]:
    """Pairs that want the same requests, and which: on one outpost, only one of each pair could be served."""
    wanted: dict[tuple[str, Hashable], list[Provider]] = {}
    for provider in providers:
        for claim in _claimed(provider):
            others = wanted.setdefault((provider.kind, claim), [])
            for other in others:
                yield other, provider, claimed(claim, provider)
            others.append(provider)


def _claimed(provider: Provider) -> Iterable[Hashable]:
    return claims(provider) if provider.kind in KINDS and KINDS[provider.kind].claims else ()


def _refuse_rivals(tx: Transaction, provider: Provider) -> None:
    serving = [outpost for outpost in tx.select(Outpost) if provider.pk in outpost.providers]
    alike = tx.select(Provider, Query(equal={"kind": provider.kind, "host": provider.host})) if serving else []
    for outpost in serving:
        for other in alike:
            if other.pk == provider.pk or other.pk not in outpost.providers:
                continue
            for _, _, claim in rivals((other, provider)):
                sentence = f"On the outpost “{outpost.name}”, the provider “{other.name}” serves {claim} already."
                raise Invalid({KINDS[provider.kind].claims: [sentence]})


def _default_flows(tx: Transaction, kind: str) -> dict[str, str]:
    """pks by field; a flow that somebody has removed has to be given."""
    slugs = {
        "authorization_flow": KINDS[kind].authorization_flow,
        "invalidation_flow": KINDS[kind].invalidation_flow,
    }
    found = {field: tx.find(Flow, slug=slug) for field, slug in slugs.items()}
    return {field: flow.pk for field, flow in found.items() if flow is not None}


def _default_mappings(tx: Transaction, kind: str) -> dict[str, list[str]]:
    wanted = Query(within={"managed": KINDS[kind].mappings})
    return {"property_mappings": [mapping.pk for mapping in tx.select(PropertyMapping, wanted)]}


def _check(tx: Transaction, kind: str, fields: ProviderFields) -> None:
    for name in FLOWS:
        pk = getattr(fields, name)
        if pk is not None:
            existing(tx, Flow, name, [pk])
    if kind in composing.HEADLESS_DOORS and fields.authentication_flow is not None:
        composing.refuse_pages(tx, kind, fields.name, fields.authentication_flow)
    property_mappings.chosen(tx, kind, fields.property_mappings)
    source = getattr(fields, "authentication_source", None)
    if source is not None:
        (asked,) = existing(tx, Source, "authentication_source", [source])
        if asked.provider_type not in SOURCE_KINDS:
            raise Invalid({"authentication_source": ["This source has no page to which a browser could be sent."]})
    certificate = getattr(fields, "certificate", None)
    if certificate is not None:
        existing(tx, Certificate, "certificate", [certificate])
    if isinstance(fields, RadiusFields | LdapFields):
        existing(tx, Certificate, "client_authorities", fields.client_authorities)
    if isinstance(fields, ProxyFields):
        check_proxy(fields)
        existing(tx, Provider, "jwt_federation_providers", fields.jwt_federation_providers)
        existing(tx, Certificate, "internal_host_authorities", fields.internal_host_authorities)
        if fields.internal_host_certificate is not None:
            (shown,) = existing(tx, Certificate, "internal_host_certificate", [fields.internal_host_certificate])
            if not shown.key_data:
                raise Invalid({"internal_host_certificate": ["Choose a certificate with its private key."]})
    if isinstance(fields, LdapFields):
        check_ldap(fields)
        existing(tx, Group, "show_only_groups", fields.show_only_groups)
    if isinstance(fields, OAuth2Fields) and fields.signing_key is not None:
        (chosen,) = existing(tx, Certificate, "signing_key", [fields.signing_key])
        if not signs_rs256(chosen):
            raise Invalid({"signing_key": ["Choose a certificate with its private key, an RSA one."]})


def signs_rs256(certificate: Certificate) -> bool:
    """Does its private key make the signatures that every client understands?"""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        # Whether its numbers are sound was checked when it was stored, and takes milliseconds.
        key = load_pem_private_key(certificate.key_data.encode(), None, unsafe_skip_rsa_key_validation=True)
        return isinstance(key, RSAPrivateKey)
    except (ValueError, TypeError):
        return False


def default_signing_key(tx: Transaction) -> Certificate | None:
    """The generated one, whose key is RSA."""
    found = generated(tx, SIGNING)
    return found if found is not None and found.key_data else None


def _parts(tx: Transaction, kind: str, fields: ProviderFields) -> dict[str, Any]:
    """The record's fields: common ones, settings, secrets. Without a signing key it gets the default one."""
    every = fields.model_dump()
    if every.get("signing_key", "") is None and (default := default_signing_key(tx)) is not None:
        every["signing_key"] = default.pk
    secret = KINDS[kind].secrets
    return {
        **{name: every[name] for name in COMMON},
        "property_mappings": tuple(fields.property_mappings),
        "settings": {name: value for name, value in every.items() if name not in COMMON and name not in secret},
        "secrets": {name: every[name] for name in sorted(secret)},
        "client_id": every.get("client_id"),
        "host": host_of(fields.external_host) if isinstance(fields, ProxyFields) else None,
    }
