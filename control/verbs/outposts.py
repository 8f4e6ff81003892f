"""Outposts: which providers are live where. Each has a service account and a token of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, Field

from control.certificates.authority import may_issue
from control.records import Certificate, Outpost, Provider, Token
from control.store.interface import Transaction
from control.verbs import tokens, users
from control.verbs.fields import (
    MAX_INTEGER,
    NON_FIELD,
    Attributes,
    Duration,
    Fields,
    Invalid,
    Name,
    Text,
    existing,
    overlaid,
    parse,
    seconds,
    unique,
)
from control.verbs.provider_kinds import KINDS
from control.verbs.providers import rivals
from control.verbs.tokens import Random

EMBEDDED = "goauthentik.io/outposts/embedded"
"""``managed`` of the outpost inside `outpost up`."""
ACCOUNT_PATH = "goauthentik.io/outposts"
ANY = "any"


def _url(text: str) -> str:
    """An address that pages and headers can be made from, or none."""
    parts = urlsplit(text)
    if text and (parts.scheme not in ("http", "https") or not parts.hostname or not text.isprintable() or " " in text):
        raise ValueError("Enter an address such as https://auth.example.com.")
    return text


OptionalUrl = Annotated[Text, AfterValidator(_url)]


class OutpostFields(Fields):
    name: Name
    type: Literal["proxy", "ldap", "radius", "any"]
    providers: list[Annotated[int, Field(ge=1, le=MAX_INTEGER)]] = Field(default_factory=list)
    config: Attributes = Field(default_factory=dict)


class OutpostConfig(Fields):
    """The part of ``config`` that means something here; the rest is kept as it is."""

    authentik_host: OptionalUrl = ""
    authentik_host_insecure: bool = False
    authentik_host_browser: OptionalUrl = ""
    log_level: Text = "info"
    refresh_interval: Duration = "minutes=5"
    client_authority: Text = ""
    """Ours: the name of an authority; the outpost has to show a certificate of it (`control.outposts.callers`)."""


def create(tx: Transaction, given: Mapping[str, Any], random: Random, managed: str | None = None) -> Outpost:
    """With its service account and a token that never ends. Raises Invalid."""
    fields = parse(OutpostFields, given)
    _check(tx, fields)
    pk = str(UUID(bytes=random(16), version=4))
    account = users.create_service_account(
        tx, f"ak-outpost-{UUID(pk).hex}", f"Outpost {fields.name} Service-Account", ACCOUNT_PATH
    )
    tokens.create(tx, account.pk, token_identifier(pk), random, description=_described(fields.name))
    with unique():
        return tx.insert(Outpost(pk=pk, user=account.pk, managed=managed, **_parts(fields)))


def update(tx: Transaction, pk: str, given: Mapping[str, Any], partial: bool = True) -> Outpost:
    """Raises Invalid, NotFound."""
    outpost = tx.get(Outpost, pk)
    fields = overlaid(OutpostFields, current(outpost), given, partial)
    if outpost.managed == EMBEDDED:
        if fields.name != outpost.name:
            raise Invalid({"name": ["Embedded outpost's name cannot be changed"]})
        if fields.type != outpost.type:
            raise Invalid({"type": ["Embedded outpost's type cannot be changed"]})
    _check(tx, fields)
    with unique():
        return tx.update(replace(outpost, **_parts(fields)))


def delete(tx: Transaction, pk: str) -> None:
    """The outpost with its account and token. Raises NotFound; Invalid for the embedded one."""
    outpost = tx.get(Outpost, pk)
    if outpost.managed == EMBEDDED:
        raise Invalid({NON_FIELD: ["The embedded outpost cannot be deleted."]})
    tx.delete(outpost)


def current(outpost: Outpost) -> dict[str, Any]:
    """The fields that a change is laid over."""
    return {
        "name": outpost.name,
        "type": outpost.type,
        "providers": list(outpost.providers),
        "config": outpost.config,
    }


def token_identifier(pk: str) -> str:
    return f"ak-outpost-{pk}-api"


def token(tx: Transaction, outpost: Outpost) -> str:
    """The key with which it comes; empty: somebody has taken it away, or given it an end."""
    kept = tx.find(Token, identifier=token_identifier(outpost.pk))
    return kept.key if kept is not None and kept.intent == "api" and not kept.expiring else ""


def set_token(tx: Transaction, pk: str, key: str) -> None:
    """A chosen one, in place of the one there is: whoever has that is shut out at once. Raises Invalid, NotFound."""
    outpost = tx.get(Outpost, pk)
    if outpost.managed == EMBEDDED:
        raise Invalid({"token": ["The embedded outpost runs inside `outpost up`, and comes without a token."]})
    if not tokens.fits_outpost(key):
        raise Invalid({"token": [tokens.OUTPOST_KEY]})
    taken = tx.find(Token, key_digest=tokens.digest(key))
    if taken is not None and taken.identifier != token_identifier(pk):
        raise Invalid({"token": ["Another token has this key. Each outpost has one of its own."]})
    assert outpost.user is not None
    tokens.put(tx, outpost.user, token_identifier(pk), key, _described(outpost.name))


def _described(name: str) -> str:
    return f"Token of the outpost {name}."


def refresh_seconds(outpost: Outpost) -> int:
    """How often an outpost of authentik's reads everything again."""
    return int(seconds(str(outpost.config.get("refresh_interval") or OutpostConfig().refresh_interval)))


def _check(tx: Transaction, fields: OutpostFields) -> None:
    try:
        _check_authority(tx, parse(OutpostConfig, fields.config).client_authority)
    except Invalid as error:
        raise Invalid({"config": [f"{name}: {' '.join(said)}" for name, said in error.fields.items()]}) from None
    providers = existing(tx, Provider, "providers", fields.providers)
    for provider in providers:
        if not _is_served(provider.kind, fields.type):
            model = KINDS[provider.kind].model if provider.kind in KINDS else provider.kind
            raise Invalid({"providers": [f"Outpost type {fields.type} can't be used with {model} providers."]})
    for one, other, claim in rivals(providers):
        raise Invalid({"providers": [f"Both “{one.name}” and “{other.name}” serve {claim}. Take only one of them."]})


def _check_authority(tx: Transaction, name: str) -> None:
    """Raises Invalid."""
    if name and ((found := tx.find(Certificate, name=name)) is None or not may_issue(found.certificate_data)):
        raise Invalid({"client_authority": [f"There is no certificate authority “{name}”."]})


def _is_served(kind: str, type: str) -> bool:
    return kind in KINDS and bool(KINDS[kind].claims) and type in (ANY, kind)


def _parts(fields: OutpostFields) -> dict[str, Any]:
    config = {**fields.config, **parse(OutpostConfig, fields.config).model_dump()}
    if not config["client_authority"]:
        del config["client_authority"]
    return {
        "name": fields.name,
        "type": fields.type,
        "providers": tuple(dict.fromkeys(fields.providers)),
        "config": config,
    }
