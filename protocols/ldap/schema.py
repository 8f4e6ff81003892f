"""The attribute types that we serve: canonical spelling, matching rule, and whether they are operational (RFC 4512).

Attributes that people add to users and groups and that are not listed match by `custom`. `subschema` writes all this
down for clients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from protocols.ldap.matching import (
    BOOLEAN,
    CASE_EXACT,
    CASE_EXACT_IA5,
    CASE_IGNORE,
    CASE_IGNORE_IA5,
    DISTINGUISHED_NAME,
    FIRST_COMPONENT,
    GENERALIZED_TIME,
    INTEGER,
    OBJECT_CATEGORY,
    OBJECT_GUID,
    OBJECT_IDENTIFIER,
    OBJECT_SID,
    OCTET_STRING,
    TELEPHONE,
    UNIQUE_MEMBER,
    UNMATCHED,
    UUID,
    MatchingRule,
)
from protocols.ldap.object_classes import BY_NAME
from protocols.ldap.oids import own_oid


@dataclass(frozen=True, slots=True)
class AttributeType:
    name: str
    """As answers spell it."""
    rule: MatchingRule
    oid: str = ""
    aliases: tuple[str, ...] = ()
    operational: bool = False
    single: bool = False
    """It has at most one value."""
    hidden: bool = False
    """Described, because object classes name it; never shown, and Undefined in filters."""
    syntax: str = ""

    key: str = field(init=False, compare=False)
    """The name under which entries hold the values."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", self.name.lower())
        object.__setattr__(self, "syntax", self.syntax or self.rule.syntax)
        object.__setattr__(self, "oid", self.oid or own_oid(self.name))


def _one(name: str, rule: MatchingRule, oid: str = "", *aliases: str) -> AttributeType:
    return AttributeType(name, rule, oid, aliases, single=True)


def _operational(name: str, rule: MatchingRule, oid: str = "", *, single: bool = True) -> AttributeType:
    return AttributeType(name, rule, oid, operational=True, single=single)


_COSINE, _NETSCAPE, _MICROSOFT = "0.9.2342.19200300.100.1", "2.16.840.1.113730.3.1", "1.2.840.113556.1"
_NIS, _SAMBA, _ROOT = "1.3.6.1.1.1.1", "1.3.6.1.4.1.7165.2.1", "1.3.6.1.4.1.1466.101.120"

ATTRIBUTE_TYPES: tuple[AttributeType, ...] = (
    # people (RFC 4519, RFC 4524, RFC 2798)
    AttributeType("objectClass", OBJECT_IDENTIFIER, "2.5.4.0"),
    AttributeType("cn", CASE_IGNORE, "2.5.4.3", ("commonName",)),
    AttributeType("sn", CASE_IGNORE, "2.5.4.4", ("surname",)),
    AttributeType("ou", CASE_IGNORE, "2.5.4.11", ("organizationalUnitName",)),
    AttributeType("dc", CASE_IGNORE_IA5, f"{_COSINE}.25", ("domainComponent",)),
    AttributeType("o", CASE_IGNORE, "2.5.4.10", ("organizationName",)),
    AttributeType("description", CASE_IGNORE, "2.5.4.13"),
    AttributeType("givenName", CASE_IGNORE, "2.5.4.42", ("gn",)),
    AttributeType("name", CASE_IGNORE, "2.5.4.41"),
    _one("displayName", CASE_IGNORE, f"{_NETSCAPE}.241"),
    AttributeType("uid", CASE_IGNORE, f"{_COSINE}.1", ("userid",)),
    AttributeType("mail", CASE_IGNORE_IA5, f"{_COSINE}.3", ("rfc822Mailbox",)),
    AttributeType("userPassword", OCTET_STRING, "2.5.4.35", hidden=True),
    AttributeType("initials", CASE_IGNORE, "2.5.4.43"),
    AttributeType("title", CASE_IGNORE, "2.5.4.12"),
    AttributeType("telephoneNumber", TELEPHONE, "2.5.4.20"),
    AttributeType("mobile", TELEPHONE, f"{_COSINE}.41", ("mobileTelephoneNumber",)),
    AttributeType("homePhone", TELEPHONE, f"{_COSINE}.20", ("homeTelephoneNumber",)),
    AttributeType("pager", TELEPHONE, f"{_COSINE}.42", ("pagerTelephoneNumber",)),
    AttributeType("facsimileTelephoneNumber", TELEPHONE, "2.5.4.23", ("fax",)),
    AttributeType("street", CASE_IGNORE, "2.5.4.9", ("streetAddress",)),
    AttributeType("l", CASE_IGNORE, "2.5.4.7", ("localityName",)),
    AttributeType("st", CASE_IGNORE, "2.5.4.8", ("stateOrProvinceName",)),
    AttributeType("postalCode", CASE_IGNORE, "2.5.4.17"),
    AttributeType("postalAddress", CASE_IGNORE, "2.5.4.16"),
    _one("c", CASE_IGNORE, "2.5.4.6", "countryName"),
    AttributeType("businessCategory", CASE_IGNORE, "2.5.4.15"),
    AttributeType("seeAlso", DISTINGUISHED_NAME, "2.5.4.34"),
    AttributeType("manager", DISTINGUISHED_NAME, f"{_COSINE}.10"),
    AttributeType("secretary", DISTINGUISHED_NAME, f"{_COSINE}.21"),
    AttributeType("roomNumber", CASE_IGNORE, f"{_COSINE}.6"),
    AttributeType("carLicense", CASE_IGNORE, f"{_NETSCAPE}.1"),
    AttributeType("departmentNumber", CASE_IGNORE, f"{_NETSCAPE}.2"),
    _one("employeeNumber", CASE_IGNORE, f"{_NETSCAPE}.3"),
    AttributeType("employeeType", CASE_IGNORE, f"{_NETSCAPE}.4"),
    _one("preferredLanguage", CASE_IGNORE, f"{_NETSCAPE}.39"),
    AttributeType("labeledURI", CASE_EXACT, "1.3.6.1.4.1.250.1.57"),
    AttributeType("jpegPhoto", UNMATCHED, f"{_COSINE}.60"),
    AttributeType("sshPublicKey", OCTET_STRING, "1.3.6.1.4.1.24552.500.1.1.1.13"),
    # POSIX (RFC 2307)
    _one("uidNumber", INTEGER, f"{_NIS}.0"),
    _one("gidNumber", INTEGER, f"{_NIS}.1"),
    _one("gecos", CASE_IGNORE_IA5, f"{_NIS}.2"),
    _one("homeDirectory", CASE_EXACT_IA5, f"{_NIS}.3"),
    _one("loginShell", CASE_EXACT_IA5, f"{_NIS}.4"),
    *(
        _one(name, INTEGER, f"{_NIS}.{number}")
        for number, name in enumerate(("LastChange", "Min", "Max", "Warning", "Inactive", "Expire", "Flag"), 5)
        for name in (f"shadow{name}",)
    ),
    AttributeType("memberUid", CASE_EXACT_IA5, f"{_NIS}.12"),
    # groups
    AttributeType("member", DISTINGUISHED_NAME, "2.5.4.31"),
    AttributeType("uniqueMember", UNIQUE_MEMBER, "2.5.4.50"),
    AttributeType("memberOf", DISTINGUISHED_NAME, f"{_MICROSOFT}.2.102"),
    AttributeType("owner", DISTINGUISHED_NAME, "2.5.4.32"),
    # authentik
    _one("ak-active", BOOLEAN),
    _one("ak-superuser", BOOLEAN),
    # Active Directory
    _one("sAMAccountName", CASE_IGNORE, f"{_MICROSOFT}.4.221"),
    _one("userPrincipalName", CASE_IGNORE, f"{_MICROSOFT}.4.656"),
    _one("objectGUID", OBJECT_GUID, f"{_MICROSOFT}.4.2"),
    _one("objectSid", OBJECT_SID, f"{_MICROSOFT}.4.146"),
    _one("userAccountControl", INTEGER, f"{_MICROSOFT}.4.8"),
    _one("sAMAccountType", INTEGER, f"{_MICROSOFT}.4.302"),
    _one("primaryGroupID", INTEGER, f"{_MICROSOFT}.4.98"),
    _one("groupType", INTEGER, f"{_MICROSOFT}.4.750"),
    _one("accountExpires", INTEGER, f"{_MICROSOFT}.4.159"),
    _one("pwdLastSet", INTEGER, f"{_MICROSOFT}.4.96"),
    _one("whenCreated", GENERALIZED_TIME, f"{_MICROSOFT}.2.2"),
    _one("whenChanged", GENERALIZED_TIME, f"{_MICROSOFT}.2.3"),
    _one("distinguishedName", DISTINGUISHED_NAME, "2.5.4.49"),
    _one("objectCategory", OBJECT_CATEGORY, f"{_MICROSOFT}.4.782"),
    # Samba
    _one("sambaSID", CASE_IGNORE_IA5, f"{_SAMBA}.20"),
    _one("sambaPrimaryGroupSID", CASE_IGNORE_IA5, f"{_SAMBA}.21"),
    _one("sambaAcctFlags", CASE_IGNORE_IA5, f"{_SAMBA}.26"),
    _one("sambaPwdLastSet", INTEGER, f"{_SAMBA}.27"),
    _one("sambaKickoffTime", INTEGER, f"{_SAMBA}.32"),
    _one("sambaGroupType", INTEGER, f"{_SAMBA}.19"),
    _one("sambaDomainName", CASE_IGNORE, f"{_SAMBA}.38"),
    AttributeType("sambaNTPassword", CASE_IGNORE_IA5, f"{_SAMBA}.25", single=True, hidden=True),
    # operational (RFC 4512, RFC 4530, RFC 5020)
    _operational("entryUUID", UUID, "1.3.6.1.1.16.4"),
    _operational("entryDN", DISTINGUISHED_NAME, "1.3.6.1.1.20"),
    _operational("createTimestamp", GENERALIZED_TIME, "2.5.18.1"),
    _operational("modifyTimestamp", GENERALIZED_TIME, "2.5.18.2"),
    _operational("structuralObjectClass", OBJECT_IDENTIFIER, "2.5.21.9"),
    _operational("hasSubordinates", BOOLEAN, "2.5.18.9"),
    _operational("subschemaSubentry", DISTINGUISHED_NAME, "2.5.18.10"),
    _operational("pwdChangedTime", GENERALIZED_TIME, "1.3.6.1.4.1.42.2.27.8.1.16"),
    # the root DSE (RFC 4512 s5.1, RFC 3045)
    _operational("namingContexts", DISTINGUISHED_NAME, f"{_ROOT}.5", single=False),
    _operational("defaultNamingContext", DISTINGUISHED_NAME),
    _operational("rootDomainNamingContext", DISTINGUISHED_NAME),
    _operational("supportedLDAPVersion", INTEGER, f"{_ROOT}.15", single=False),
    _operational("supportedControl", OBJECT_IDENTIFIER, f"{_ROOT}.13", single=False),
    _operational("supportedExtension", OBJECT_IDENTIFIER, f"{_ROOT}.7", single=False),
    _operational("supportedFeatures", OBJECT_IDENTIFIER, "1.3.6.1.4.1.4203.1.3.5", single=False),
    _operational("supportedSASLMechanisms", CASE_IGNORE, f"{_ROOT}.14", single=False),
    _operational("supportedCapabilities", OBJECT_IDENTIFIER, f"{_MICROSOFT}.4.1455", single=False),
    _operational("domainFunctionality", INTEGER),
    _operational("forestFunctionality", INTEGER),
    _operational("domainControllerFunctionality", INTEGER),
    _operational("dnsHostName", CASE_IGNORE, f"{_MICROSOFT}.4.619"),
    _operational("vendorName", CASE_EXACT, "1.3.6.1.1.4"),
    _operational("vendorVersion", CASE_EXACT, "1.3.6.1.1.5"),
    # the subschema (RFC 4512 s4.2)
    _operational("objectClasses", FIRST_COMPONENT, "2.5.21.6", single=False),
    _operational("attributeTypes", FIRST_COMPONENT, "2.5.21.5", single=False),
    _operational("matchingRules", FIRST_COMPONENT, "2.5.21.4", single=False),
    _operational("matchingRuleUse", FIRST_COMPONENT, "2.5.21.8", single=False),
    _operational("ldapSyntaxes", FIRST_COMPONENT, "1.3.6.1.4.1.1466.101.120.16", single=False),
)

DESCRIBED: Mapping[str, AttributeType] = {
    spelling.lower(): attribute_type
    for attribute_type in ATTRIBUTE_TYPES
    for spelling in (attribute_type.name, attribute_type.oid, *attribute_type.aliases)
}
"""Every spelling in lower case, OIDs included, to its attribute type."""
KNOWN: Mapping[str, AttributeType] = {
    spelling: attribute_type for spelling, attribute_type in DESCRIBED.items() if not attribute_type.hidden
}
"""The same without those that are hidden."""


@lru_cache(maxsize=len(BY_NAME))
def allowed(name: str) -> frozenset[str]:
    """Keys of the attribute types that a class and those above it require or allow; ``name`` is a key of `BY_NAME`."""
    one = BY_NAME[name]
    keys = frozenset(DESCRIBED[attribute.lower()].key for attribute in (*one.must, *one.may))
    return keys if one.superior is None else keys | allowed(one.superior.lower())


@lru_cache(maxsize=4096)
def custom(name: str) -> AttributeType:
    """The type of an attribute that people added, spelt as they spelt it."""
    return AttributeType(name, CASE_IGNORE)


def without_binary(description: str) -> str:
    """An attribute description without the option ``;binary``, which changes nothing here (RFC 4522)."""
    kind, *options = description.split(";")
    return ";".join([kind, *(option for option in options if option.lower() != "binary")])


def known_type(description: str) -> AttributeType | None:
    """What this attribute description, in lower case, means to every entry; None: nothing that is described."""
    return KNOWN.get(description) or (KNOWN.get(without_binary(description)) if ";" in description else None)


# --- names of what a client may ask for ----------------------------------------------------------------------------

START_TLS = "1.3.6.1.4.1.1466.20037"
WHO_AM_I = "1.3.6.1.4.1.4203.1.11.3"
CANCEL = "1.3.6.1.1.8"
PASSWORD_MODIFY = "1.3.6.1.4.1.4203.1.11.1"  # noqa: S105
