"""The mappings that every store has, under the names by which authentik's files refer to them."""

from __future__ import annotations

from control.records import PropertyMapping
from control.store.interface import Transaction
from control.verbs.property_mappings import (
    API,
    API_SCOPE,
    EMAIL,
    ENTITLEMENTS,
    LDAP_SOURCE,
    OFFLINE,
    OPENID,
    PROFILE,
    PROXY,
    SCOPE,
)

EMAIL_CLAIMS = """\
if not request.user.email:
    return {}
return {"email": request.user.email, "email_verified": request.user.email_verified}
"""
PROFILE_CLAIMS = """\
shown = request.user.name or request.user.username
return {
    "name": shown,
    "given_name": shown,
    "preferred_username": request.user.username,
    "nickname": request.user.username,
    "groups": [group.name for group in request.user.ak_groups.all()],
}
"""
ENTITLED_CLAIMS = """\
held = [entitlement.name for entitlement in request.user.app_entitlements(provider.application)]
return {"entitlements": held, "roles": held}
"""
PROXY_CLAIMS = """\
return {
    "ak_proxy": {
        "user_attributes": request.user.group_attributes(request),
        "is_superuser": request.user.is_superuser,
    }
}
"""


def _scope(managed: str, title: str, scope: str, description: str, expression: str = "return {}") -> PropertyMapping:
    return PropertyMapping(
        name=f"authentik default OAuth Mapping: {title}",
        kind=SCOPE,
        expression=expression.strip(),
        settings={"scope_name": scope, "description": description},
        managed=managed,
    )


FOLDERS = """\
parts = [pair.partition("=") for pair in dn.split(",")]
folders = [part[2] for part in parts if part[0].strip().lower() not in ["cn", "dc", "uid"]]
return {"path": "/".join([source.get_user_path()] + list(reversed(folders)))}
"""


def _of_entries(managed: str, title: str, expression: str) -> PropertyMapping:
    return PropertyMapping(
        name=f"authentik default {title}",
        kind=LDAP_SOURCE,
        expression=expression.strip(),
        managed=f"goauthentik.io/sources/ldap/{managed}",
    )


AD, OPENLDAP = "Active Directory Mapping:", "OpenLDAP Mapping:"
OF_ENTRIES = (
    _of_entries("default-dn-path", "LDAP Mapping: DN to User Path", FOLDERS),
    _of_entries("default-name", "LDAP Mapping: Name", 'return {"name": ldap.get("name")}'),
    _of_entries("default-mail", "LDAP Mapping: mail", 'return {"email": ldap.get("mail")}'),
    _of_entries("ms-samaccountname", f"{AD} sAMAccountName", 'return {"username": ldap.get("sAMAccountName")}'),
    _of_entries(
        "ms-userprincipalname",
        f"{AD} userPrincipalName",
        'return {"attributes": {"upn": list_flatten(ldap.get("userPrincipalName"))}}',
    ),
    _of_entries(
        "ms-givenName", f"{AD} givenName", 'return {"attributes": {"givenName": list_flatten(ldap.get("givenName"))}}'
    ),
    _of_entries("ms-sn", f"{AD} sn", 'return {"attributes": {"sn": list_flatten(ldap.get("sn"))}}'),
    _of_entries("openldap-uid", f"{OPENLDAP} uid", 'return {"username": ldap.get("uid")}'),
    _of_entries("openldap-cn", f"{OPENLDAP} cn", 'return {"name": ldap.get("cn")}'),
)
"""Those of LDAP sources: each says one thing, and a source takes what fits its directory."""
DEFAULTS: dict[str, PropertyMapping] = {
    mapping.managed: mapping
    for mapping in (
        *OF_ENTRIES,
        _scope(OPENID, "OpenID 'openid'", "openid", "Know that it is you"),
        _scope(EMAIL, "OpenID 'email'", "email", "See your e-mail address", EMAIL_CLAIMS),
        _scope(PROFILE, "OpenID 'profile'", "profile", "See your name, user name and groups", PROFILE_CLAIMS),
        _scope(OFFLINE, "OpenID 'offline_access'", "offline_access", "Keep this access while you are away"),
        _scope(ENTITLEMENTS, "Application Entitlements", "entitlements", "See what you may do there", ENTITLED_CLAIMS),
        _scope(API, "authentik API access", API_SCOPE, "Do everything that you may do here, in your name"),
        _scope(PROXY, "Proxy outpost", "ak_proxy", "See your attributes", PROXY_CLAIMS),
    )
    if mapping.managed is not None
}
"""By ``managed``. Of the scopes, the first four tell what every application asks for, the last what outposts write into
headers."""


def ensure_mappings(tx: Transaction) -> None:
    """Makes those that are missing. One that is there belongs to the operator, whatever it says now."""
    there = {mapping.managed for mapping in tx.select(PropertyMapping)}
    for managed, mapping in DEFAULTS.items():
        if managed not in there:
            tx.insert(mapping)


def is_untouched(mapping: PropertyMapping) -> bool:
    """Does it still say what it said at first?"""
    default = DEFAULTS.get(mapping.managed or "")
    return default is not None and (mapping.expression, mapping.settings.get("scope_name")) == (
        default.expression,
        default.settings.get("scope_name"),
    )
