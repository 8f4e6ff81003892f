"""LDAP providers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from control.verbs.fields import Count, Text, Uuid
from control.verbs.provider_kinds.kind import Kind, ProviderFields
from protocols.ldap import dn


def _dn(text: str) -> str:
    try:
        dn.parse(text)
    except ValueError:
        raise ValueError("Enter a distinguished name, such as DC=example,DC=org.") from None
    return text


class LdapFields(ProviderFields):
    base_dn: Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_dn)] = "DC=ldap,DC=goauthentik,DC=io"
    certificate: Uuid | None = None
    tls_server_name: Text = ""
    uid_start_number: Count = 2000
    gid_start_number: Count = 4000
    search_mode: Literal["direct", "cached"] = "direct"
    bind_mode: Literal["direct", "cached"] = "direct"
    mfa_support: bool = True


KIND = Kind(
    LdapFields,
    "LDAPProvider",
    "LDAP Provider",
    claims="base_dn",
    authorization_flow="default-authentication-flow",
    invalidation_flow="default-invalidation-flow",
)
