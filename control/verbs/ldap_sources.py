"""LDAP directories as sources: made and changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from control.records import Certificate, PropertyMapping, Source
from control.sources.ldap.described import KIND, servers
from control.store.interface import Transaction
from control.verbs.fields import Fields, Invalid, Name, Slug, Text, Uuid, existing, overlaid, parse, unique
from control.verbs.property_mappings import KINDS, LDAP_SOURCE, MOST_MAPPINGS, OF_SOURCES
from control.verbs.provider_kinds.proxy import is_loopback
from protocols.ldap import dn, filter_text

MOST_SERVERS = 5
COLUMNS = ("name", "slug", "enabled", "user_matching_mode")
SECRETS = ("bind_password",)


def _servers(uri: str) -> str:
    if len(servers(uri)) > MOST_SERVERS:
        raise ValueError(f"Name at most {MOST_SERVERS} servers.")
    return uri


def _dn(text: str) -> str:
    try:
        dn.parse(text)
    except ValueError as error:
        raise ValueError(f"“{text}” is no distinguished name: {error}.") from None
    return text


def _filter(text: str) -> str:
    try:
        filter_text.parse(text)
    except ValueError as error:
        raise ValueError(f"“{text}” is no filter: {error}.") from None
    return text


Address = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_servers)]
DN = Annotated[str, Field(max_length=1024), AfterValidator(_dn)]
FilterText = Annotated[str, Field(min_length=1, max_length=2048), AfterValidator(_filter)]
AttributeName = Annotated[str, Field(pattern=r"^[a-zA-Z][a-zA-Z0-9;-]{0,99}$")]


class LdapSourceFields(Fields):
    """authentik's names and defaults; the last four are ours: what counts where no property mapping says more."""

    name: Name
    slug: Slug
    enabled: bool = True
    user_matching_mode: Literal["identifier", "email_link", "email_deny", "username_link", "username_deny"] = (
        "identifier"
    )
    server_uri: Address
    start_tls: bool = True
    peer_certificate: Uuid | None = None
    bind_cn: Annotated[str, Field(max_length=1024)] = ""
    bind_password: Annotated[str, Field(max_length=1024)] = ""
    base_dn: Annotated[DN, Field(min_length=1)]
    additional_user_dn: DN = ""
    additional_group_dn: DN = ""
    user_object_filter: FilterText = "(objectClass=person)"
    group_object_filter: FilterText = "(objectClass=group)"
    group_membership_field: AttributeName = "member"
    user_membership_attribute: AttributeName = "distinguishedName"
    object_uniqueness_field: AttributeName = "objectSid"
    lookup_groups_from_user: bool = False
    password_login_update_internal_password: bool = False
    sync_users: bool = True
    sync_groups: bool = True
    delete_not_found_objects: bool = False
    user_path_template: Text = "goauthentik.io/sources/%(slug)s"
    user_property_mappings: Annotated[list[Uuid], Field(max_length=MOST_MAPPINGS)] = Field(default_factory=list)
    group_property_mappings: Annotated[list[Uuid], Field(max_length=MOST_MAPPINGS)] = Field(default_factory=list)
    username_field: AttributeName = "uid"
    name_field: AttributeName = "cn"
    email_field: AttributeName = "mail"
    group_name_field: AttributeName = "cn"


def create(tx: Transaction, given: Mapping[str, Any]) -> Source:
    """Raises Invalid."""
    with unique():
        return tx.insert(Source(provider_type=KIND, **_stored(tx, parse(LdapSourceFields, given))))


def update(tx: Transaction, pk: str, given: Mapping[str, Any], partial: bool = True) -> Source:
    """Raises Invalid, NotFound."""
    source = tx.get(Source, pk)
    fields = _stored(tx, overlaid(LdapSourceFields, current(source), given, partial))
    with unique():
        return tx.update(replace(source, **fields))


def current(source: Source) -> dict[str, Any]:
    """The fields that a change is laid over."""
    return {name: getattr(source, name) for name in COLUMNS} | source.settings | source.secrets


def _stored(tx: Transaction, fields: LdapSourceFields) -> dict[str, Any]:
    bare = [one.host for one in servers(fields.server_uri) if not (one.tls or fields.start_tls)]
    if any(not is_loopback(host) for host in bare):
        raise Invalid({"start_tls": ["Passwords travel over TLS alone: turn StartTLS on, or write ldaps://."]})
    if bool(fields.bind_cn) != bool(fields.bind_password):
        raise Invalid({"bind_password": ["Name both an account and its password, or neither."]})
    if fields.peer_certificate is not None:
        existing(tx, Certificate, "peer_certificate", [fields.peer_certificate])
    for name in OF_SOURCES:
        for mapping in existing(tx, PropertyMapping, name, getattr(fields, name)):
            if mapping.kind != LDAP_SOURCE:
                raise Invalid({name: [f"“{mapping.name}” is no {KINDS[LDAP_SOURCE].label}."]})
    every = fields.model_dump()
    return {
        **{name: every[name] for name in COLUMNS},
        "settings": {name: value for name, value in every.items() if name not in (*COLUMNS, *SECRETS)},
        "secrets": {name: every[name] for name in SECRETS},
    }
