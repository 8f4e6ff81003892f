"""The object classes that we serve (RFC 4512 s4.1.1), and which attributes each of them allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocols.ldap.oids import own_oid

ABSTRACT, STRUCTURAL, AUXILIARY = "ABSTRACT", "STRUCTURAL", "AUXILIARY"


@dataclass(frozen=True, slots=True)
class ObjectClass:
    name: str
    oid: str
    kind: str
    superior: str | None
    must: tuple[str, ...] = ()
    may: tuple[str, ...] = ()


def _class(name: str, oid: str, kind: str, superior: str | None = "top", must: str = "", may: str = "") -> ObjectClass:
    return ObjectClass(name, oid or own_oid(name), kind, superior, tuple(must.split()), tuple(may.split()))


_PLACE = "description seeAlso street l st postalCode postalAddress telephoneNumber facsimileTelephoneNumber"
_ACTIVE_DIRECTORY = (
    "sAMAccountName objectGUID objectSid sAMAccountType distinguishedName whenCreated whenChanged memberOf name "
    "objectCategory"
)

OBJECT_CLASSES: tuple[ObjectClass, ...] = (
    _class("top", "2.5.6.0", ABSTRACT, None, "objectClass"),
    _class("subentry", "2.5.17.0", STRUCTURAL, "top", "cn"),
    _class(
        "subschema",
        "2.5.20.1",
        AUXILIARY,
        may="objectClasses attributeTypes matchingRules matchingRuleUse ldapSyntaxes",
    ),
    _class("country", "2.5.6.2", STRUCTURAL, must="c", may="description"),
    _class("domain", "0.9.2342.19200300.100.4.13", STRUCTURAL, must="dc", may=f"o {_PLACE}"),
    _class("dcObject", "1.3.6.1.4.1.1466.344", AUXILIARY, must="dc"),
    _class("organization", "2.5.6.4", STRUCTURAL, must="o", may=_PLACE),
    _class("organizationalUnit", "2.5.6.5", STRUCTURAL, must="ou", may=_PLACE),
    _class("nsContainer", "2.16.840.1.113730.3.2.104", STRUCTURAL, must="cn"),
    _class("person", "2.5.6.6", STRUCTURAL, must="sn cn", may="userPassword telephoneNumber seeAlso description"),
    _class("organizationalPerson", "2.5.6.7", STRUCTURAL, "person", may=f"title ou {_PLACE}"),
    _class(
        "inetOrgPerson",
        "2.16.840.1.113730.3.2.2",
        STRUCTURAL,
        "organizationalPerson",
        may="businessCategory carLicense departmentNumber displayName employeeNumber employeeType givenName homePhone "
        "initials jpegPhoto labeledURI mail manager mobile o pager roomNumber secretary uid preferredLanguage",
    ),
    _class(
        "posixAccount",
        "1.3.6.1.1.1.2.0",
        AUXILIARY,
        must="cn uid uidNumber gidNumber homeDirectory",
        may="userPassword loginShell gecos description",
    ),
    _class(
        "shadowAccount",
        "1.3.6.1.1.1.2.1",
        AUXILIARY,
        must="uid",
        may="userPassword shadowLastChange shadowMin shadowMax shadowWarning shadowInactive shadowExpire shadowFlag "
        "description",
    ),
    _class("ldapPublicKey", "1.3.6.1.4.1.24552.500.1.1.2.0", AUXILIARY, may="sshPublicKey uid"),
    _class(
        "posixGroup",
        "1.3.6.1.1.1.2.2",
        AUXILIARY,
        must="cn gidNumber",
        may="userPassword memberUid description",
    ),
    _class(
        "groupOfNames", "2.5.6.9", STRUCTURAL, must="cn", may="member businessCategory seeAlso owner ou o description"
    ),
    _class(
        "groupOfUniqueNames",
        "2.5.6.17",
        STRUCTURAL,
        must="cn",
        may="uniqueMember businessCategory seeAlso owner ou o description",
    ),
    _class(
        "user",
        "1.2.840.113556.1.5.9",
        STRUCTURAL,
        "organizationalPerson",
        may=f"{_ACTIVE_DIRECTORY} userPrincipalName userAccountControl primaryGroupID accountExpires pwdLastSet",
    ),
    _class("computer", "1.2.840.113556.1.3.30", STRUCTURAL, "user"),
    _class("group", "1.2.840.113556.1.5.8", STRUCTURAL, must="cn", may=f"{_ACTIVE_DIRECTORY} groupType member"),
    _class("goauthentik.io/ldap/user", "", AUXILIARY, may="ak-active ak-superuser"),
    _class("goauthentik.io/ldap/group", "", AUXILIARY, may="ak-superuser"),
    _class("goauthentik.io/ldap/virtual-group", "", AUXILIARY),
    _class(
        "sambaSamAccount",
        "1.3.6.1.4.1.7165.2.2.6",
        AUXILIARY,
        must="uid sambaSID",
        may="cn sambaNTPassword sambaAcctFlags sambaPwdLastSet sambaKickoffTime sambaPrimaryGroupSID sambaDomainName",
    ),
    _class("sambaGroupMapping", "1.3.6.1.4.1.7165.2.2.4", AUXILIARY, must="gidNumber sambaSID sambaGroupType"),
)

OPEN = frozenset(("goauthentik.io/ldap/user", "goauthentik.io/ldap/group"))
"""Classes that allow attributes which people add."""

BY_NAME: Mapping[str, ObjectClass] = {
    spelling: one for one in OBJECT_CLASSES for spelling in (one.name.lower(), one.oid)
}
