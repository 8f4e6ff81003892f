"""LDAP providers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from control.verbs.fields import Count, Invalid, Text, Uuid
from control.verbs.provider_kinds.kind import Authorities, Kind, ProviderFields, Revocations
from protocols.ldap import dn
from protocols.ldap.prepare import case_ignore


def _dn(text: str) -> str:
    try:
        name = dn.parse(text)
    except ValueError:
        name = dn.ROOT
    if not name.key:  # blanks alone
        raise ValueError("Enter a distinguished name, such as DC=example,DC=org.")
    return text


MAX_CONTAINERS = 20
"""Extra ones of one provider. Each is an entry of every whole search."""
MAX_GROUPS = 100
"""That the people of one provider may be limited to."""
Container = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$")]


class LdapFields(ProviderFields):
    base_dn: Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_dn)] = "DC=ldap,DC=goauthentik,DC=io"
    certificate: Uuid | None = None
    tls_server_name: Text = ""
    uid_start_number: Count = 2000
    gid_start_number: Count = 4000
    search_mode: Literal["direct", "cached"] = "direct"
    bind_mode: Literal["direct", "cached"] = "direct"
    mfa_support: bool = True
    users_container: Container = "users"
    groups_container: Container = "groups"
    virtual_groups_container: Container = "virtual-groups"
    extra_containers: Annotated[list[Container], Field(max_length=MAX_CONTAINERS)] = Field(default_factory=list)
    user_rdn: Literal["cn", "uid"] = "cn"
    nested_member_of: bool = True
    active_directory: bool = False
    samba: bool = False
    samba_password_hashes: bool = Field(
        False,
        title="Give away password hashes to Samba",
        description="Dangerous. Whoever may read the whole directory reads the NT hash of everybody's network password "
        "(sambaNTPassword, over TLS, by name). Such a hash is as good as that password: it opens Wi-Fi, VPN and file "
        "servers without being cracked. Only for a file server that cannot do without; the main password has none.",
    )
    domain_name: Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9._-]*$")] = ""
    bind_by_mail: bool = False
    bind_by_domain: bool = False
    bind_by_name: bool = False
    require_tls: bool = False
    anonymous_search: bool = False
    unauthenticated_bind: bool = False
    show_only_admitted: bool = False
    show_only_groups: Annotated[list[Uuid], Field(max_length=MAX_GROUPS)] = Field(default_factory=list)
    client_authorities: Authorities = Field(default_factory=list)
    """Empty: nobody binds by a certificate."""
    client_revocations: Revocations = ""


def check_ldap(fields: LdapFields) -> None:
    """What one field demands of another. Raises Invalid."""
    if fields.samba_password_hashes and not fields.samba:
        raise Invalid({"samba_password_hashes": ["They belong to Samba's attributes: switch samba on as well."]})
    names = [fields.users_container, fields.groups_container, fields.virtual_groups_container, *fields.extra_containers]
    if len(set(map(case_ignore, names))) < len(names):
        raise Invalid({"users_container": ["Each container needs a name of its own."]})


KIND = Kind(
    LdapFields,
    "LDAPProvider",
    "LDAP Provider",
    claims="base_dn",
    authorization_flow="default-authentication-flow",
    invalidation_flow="default-invalidation-flow",
)
