"""The attribute types that we serve: canonical spelling, matching rule, and whether they are operational (RFC 4512).

Attributes that people add to users and groups are not listed; they match by `CUSTOM`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from protocols.ldap.matching import (
    BOOLEAN,
    CASE_EXACT,
    CASE_IGNORE,
    DISTINGUISHED_NAME,
    GENERALIZED_TIME,
    INTEGER,
    OBJECT_IDENTIFIER,
    UUID,
    MatchingRule,
)


@dataclass(frozen=True, slots=True)
class AttributeType:
    name: str
    """As answers spell it."""
    rule: MatchingRule
    oid: str = ""
    aliases: tuple[str, ...] = ()
    operational: bool = False

    key: str = field(init=False, compare=False)
    """The name under which entries hold the values."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", self.name.lower())


ATTRIBUTE_TYPES: tuple[AttributeType, ...] = (
    AttributeType("objectClass", OBJECT_IDENTIFIER, "2.5.4.0"),
    AttributeType("cn", CASE_IGNORE, "2.5.4.3", ("commonName",)),
    AttributeType("sn", CASE_IGNORE, "2.5.4.4", ("surname",)),
    AttributeType("ou", CASE_IGNORE, "2.5.4.11", ("organizationalUnitName",)),
    AttributeType("dc", CASE_IGNORE, "0.9.2342.19200300.100.1.25", ("domainComponent",)),
    AttributeType("o", CASE_IGNORE, "2.5.4.10", ("organizationName",)),
    AttributeType("description", CASE_IGNORE, "2.5.4.13"),
    AttributeType("givenName", CASE_IGNORE, "2.5.4.42", ("gn",)),
    AttributeType("name", CASE_IGNORE, "2.5.4.41"),
    AttributeType("displayName", CASE_IGNORE, "2.16.840.1.113730.3.1.241"),
    AttributeType("uid", CASE_IGNORE, "0.9.2342.19200300.100.1.1", ("userid",)),
    AttributeType("sAMAccountName", CASE_IGNORE, "1.2.840.113556.1.4.221"),
    AttributeType("mail", CASE_IGNORE, "0.9.2342.19200300.100.1.3", ("rfc822Mailbox",)),
    AttributeType("uidNumber", INTEGER, "1.3.6.1.1.1.1.0"),
    AttributeType("gidNumber", INTEGER, "1.3.6.1.1.1.1.1"),
    AttributeType("homeDirectory", CASE_EXACT, "1.3.6.1.1.1.1.3"),
    AttributeType("loginShell", CASE_EXACT, "1.3.6.1.1.1.1.4"),
    AttributeType("memberUid", CASE_EXACT, "1.3.6.1.1.1.1.12"),
    AttributeType("member", DISTINGUISHED_NAME, "2.5.4.31"),
    AttributeType("uniqueMember", DISTINGUISHED_NAME, "2.5.4.50"),
    AttributeType("memberOf", DISTINGUISHED_NAME, "1.2.840.113556.1.2.102"),
    AttributeType("ak-active", BOOLEAN),
    AttributeType("ak-superuser", BOOLEAN),
    AttributeType("entryUUID", UUID, "1.3.6.1.1.16.4", operational=True),
    AttributeType("entryDN", DISTINGUISHED_NAME, "1.3.6.1.1.20", operational=True),
    AttributeType("createTimestamp", GENERALIZED_TIME, "2.5.18.1", operational=True),
    AttributeType("modifyTimestamp", GENERALIZED_TIME, "2.5.18.2", operational=True),
    AttributeType("pwdChangedTime", GENERALIZED_TIME, "1.3.6.1.4.1.42.2.27.8.1.16", operational=True),
    AttributeType("namingContexts", DISTINGUISHED_NAME, "1.3.6.1.4.1.1466.101.120.5", operational=True),
    AttributeType("defaultNamingContext", DISTINGUISHED_NAME, operational=True),
    AttributeType("supportedLDAPVersion", INTEGER, "1.3.6.1.4.1.1466.101.120.15", operational=True),
    AttributeType("supportedControl", OBJECT_IDENTIFIER, "1.3.6.1.4.1.1466.101.120.13", operational=True),
    AttributeType("supportedExtension", OBJECT_IDENTIFIER, "1.3.6.1.4.1.1466.101.120.7", operational=True),
    AttributeType("supportedFeatures", OBJECT_IDENTIFIER, "1.3.6.1.4.1.4203.1.3.5", operational=True),
    AttributeType("vendorName", CASE_EXACT, "1.3.6.1.1.4", operational=True),
    AttributeType("vendorVersion", CASE_EXACT, "1.3.6.1.1.5", operational=True),
)

KNOWN: Mapping[str, AttributeType] = {
    spelling.lower(): attribute_type
    for attribute_type in ATTRIBUTE_TYPES
    for spelling in (attribute_type.name, attribute_type.oid, *attribute_type.aliases)
    if spelling
}
"""Every spelling in lower case, OIDs included, to its attribute type."""


@lru_cache(maxsize=4096)
def custom(name: str) -> AttributeType:
    """The type of an attribute that people added, spelt as they spelt it."""
    return AttributeType(name, CASE_IGNORE)


# --- the root DSE (RFC 4512 s5.1) ----------------------------------------------------------------------------------

MANAGE_DSA_IT = "2.16.840.1.113730.3.4.2"
START_TLS = "1.3.6.1.4.1.1466.20037"
WHO_AM_I = "1.3.6.1.4.1.4203.1.11.3"
ALL_OPERATIONAL_ATTRIBUTES = "1.3.6.1.4.1.4203.1.5.1"
ABSOLUTE_TRUE_FALSE = "1.3.6.1.4.1.4203.1.5.3"


def root_dse(naming_contexts: Iterable[str], start_tls: bool, version: str) -> dict[str, tuple[str, ...]]:
    """Attributes of the root DSE. The first naming context is the default one."""
    contexts = tuple(naming_contexts)
    return {
        "objectclass": ("top",),
        "namingcontexts": contexts,
        "defaultnamingcontext": contexts[:1],
        "supportedldapversion": ("3",),
        "supportedcontrol": (MANAGE_DSA_IT,),
        "supportedextension": (START_TLS, WHO_AM_I) if start_tls else (WHO_AM_I,),
        "supportedfeatures": (ALL_OPERATIONAL_ATTRIBUTES, ABSOLUTE_TRUE_FALSE),
        "vendorname": ("Outpost",),
        "vendorversion": (version,),
    }
