"""The mappings that every store has, under the names by which authentik's files refer to them."""

from __future__ import annotations

from control.records import PropertyMapping
from control.store.interface import Transaction
from control.verbs.property_mappings import API, API_SCOPE, EMAIL, ENTITLEMENTS, OFFLINE, OPENID, PROFILE, PROXY, SCOPE

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


DEFAULTS: dict[str, PropertyMapping] = {
    mapping.managed: mapping
    for mapping in (
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
"""By ``managed``. The first four tell what every application asks for, the last what outposts write into headers."""


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
        default.settings["scope_name"],
    )
