"""Sources: made, changed and deleted; and who somebody is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from control.records import Flow, Group, Source, SourceConnection, User
from control.sources.kinds import KINDS, WELL_KNOWN, settings_of
from control.store.interface import Transaction
from control.verbs.fields import Email, Fields, Invalid, Name, Slug, Text, Uuid, existing, overlaid, parse, unique
from control.verbs.provider_kinds.proxy import issuer
from rules.names import domain_of

MOST_DOMAINS = 100
MOST_ADDRESSES = 500
MOST_ORGANIZATIONS = 100
MOST_MAPPED = 100
"""Lines of `group_mapping`: each may become one of ours in a session that is on the way."""
SECRETS = ("consumer_secret",)
COLUMNS = (
    "name",
    "slug",
    "enabled",
    "provider_type",
    "user_matching_mode",
    "authentication_flow",
    "enrollment_flow",
)


def _address(url: str) -> str:
    return issuer(url) if url else ""


def _well_known(url: str) -> str:
    if url and (not url.endswith(WELL_KNOWN) or "{" in url or urlsplit(url).path.startswith("/common/")):
        raise ValueError(
            f"Name one issuer's document, which ends in {WELL_KNOWN}; for Microsoft Entra with your tenant's id."
        )
    return _address(url)


def _domains(domains: list[str]) -> list[str]:
    found = [domain.lower() for domain in domains]
    for domain in found:
        if not domain or any(letter in domain for letter in "@ */") or domain[0] == "." or domain[-1] == ".":
            raise ValueError(f"“{domain}” is no domain: write it as in example.com.")
    return found


def _addresses(emails: list[str]) -> list[str]:
    for email in emails:
        if not domain_of(email):
            raise ValueError(f"“{email}” is no address: write it as in alice@example.com.")
    return emails


class MappedGroupFields(Fields):
    """``name``, as the source names a group, and the pk of ``group`` here."""

    name: Name
    group: Uuid


Address = Annotated[str, Field(max_length=2048), AfterValidator(_address)]


class SourceFields(Fields):
    """authentik's names; ``allowed_*`` and ``group_mapping`` are ours. What is empty comes from the kind."""

    name: Name
    slug: Slug
    enabled: bool = True
    provider_type: str
    authentication_flow: Uuid | None = None
    enrollment_flow: Uuid | None = None
    user_matching_mode: Literal["identifier", "email_link", "email_deny", "username_deny"] = "identifier"
    oidc_well_known_url: Annotated[str, Field(max_length=2048), AfterValidator(_well_known)] = ""
    authorization_url: Address = ""
    access_token_url: Address = ""
    profile_url: Address = ""
    emails_url: Address = ""
    pkce: Literal["none", "S256"] = "S256"
    consumer_key: Annotated[str, Field(min_length=1, max_length=2048)]
    consumer_secret: Annotated[str, Field(max_length=4096)] = ""
    authorization_code_auth_method: Literal["basic_auth", "post_body"] = "basic_auth"
    additional_scopes: Text = ""
    allowed_email_domains: Annotated[list[str], Field(max_length=MOST_DOMAINS), AfterValidator(_domains)] = Field(
        default_factory=list
    )
    allowed_emails: Annotated[list[Email], Field(max_length=MOST_ADDRESSES), AfterValidator(_addresses)] = Field(
        default_factory=list
    )
    allowed_organizations: Annotated[list[Name], Field(max_length=MOST_ORGANIZATIONS)] = Field(default_factory=list)
    group_mapping: Annotated[list[MappedGroupFields], Field(max_length=MOST_MAPPED)] = Field(default_factory=list)


class ConnectionFields(Fields):
    user: int
    source: Uuid
    identifier: Annotated[str, Field(min_length=1, max_length=255)]


def create(tx: Transaction, given: Mapping[str, Any]) -> Source:
    """Raises Invalid."""
    with unique():
        return tx.insert(Source(**_stored(tx, parse(SourceFields, given))))


def update(tx: Transaction, pk: str, given: Mapping[str, Any], partial: bool = True) -> Source:
    """Raises Invalid, NotFound."""
    source = tx.get(Source, pk)
    fields = _stored(tx, overlaid(SourceFields, current(source), given, partial))
    with unique():
        return tx.update(replace(source, **fields))


def delete(tx: Transaction, pk: str) -> None:
    """With who people are there. Raises NotFound."""
    tx.delete(tx.get(Source, pk))


def current(source: Source) -> dict[str, Any]:
    """The fields that a change is laid over."""
    return {name: getattr(source, name) for name in COLUMNS} | settings_of(source) | source.secrets


def connect(tx: Transaction, given: Mapping[str, Any]) -> SourceConnection:
    """Raises Invalid."""
    fields = parse(ConnectionFields, given)
    existing(tx, User, "user", [fields.user])
    existing(tx, Source, "source", [fields.source])
    with unique():
        return tx.insert(SourceConnection(**fields.model_dump(), created=tx.now, last_updated=tx.now))


def disconnect(tx: Transaction, pk: str) -> None:
    """Raises NotFound."""
    tx.delete(tx.get(SourceConnection, pk))


def _stored(tx: Transaction, fields: SourceFields) -> dict[str, Any]:
    kind = KINDS.get(fields.provider_type)
    if kind is None:
        raise Invalid({"provider_type": [f"Choose one of {', '.join(KINDS)}."]})
    if kind.is_oidc and not (fields.oidc_well_known_url or kind.oidc_well_known_url):
        raise Invalid({"oidc_well_known_url": [f"Name the document of the issuer, which ends in {WELL_KNOWN}."]})
    for name, designation in (("authentication_flow", "authentication"), ("enrollment_flow", "enrollment")):
        flow = getattr(fields, name)
        if flow is not None and existing(tx, Flow, name, [flow])[0].designation != designation:
            raise Invalid({name: [f"Name a flow for {designation}."]})
    if fields.group_mapping:
        existing(tx, Group, "group_mapping", [one.group for one in fields.group_mapping])
    every = fields.model_dump()
    return {
        **{name: every[name] for name in COLUMNS},
        "settings": {name: value for name, value in every.items() if name not in (*COLUMNS, *SECRETS)},
        "secrets": {name: every[name] for name in SECRETS},
    }
