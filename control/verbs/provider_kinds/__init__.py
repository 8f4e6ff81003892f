"""What each kind of provider is made from: authentik's field names, bounds and defaults. A file for each kind."""

from __future__ import annotations

from collections.abc import Hashable
from ipaddress import ip_network
from urllib.parse import urlsplit

from control.records import Provider
from control.verbs.provider_kinds import ldap, oauth2, proxy, radius
from control.verbs.provider_kinds.kind import Kind, ProviderFields
from control.verbs.provider_kinds.ldap import LdapFields, check_ldap
from control.verbs.provider_kinds.oauth2 import REFUSED_SCHEMES, OAuth2Fields
from control.verbs.provider_kinds.proxy import ProxyFields, check_proxy
from control.verbs.provider_kinds.radius import RadiusFields
from protocols.ldap import dn
from protocols.proxy.hosts import normalised

__all__ = [
    "KINDS",
    "REFUSED_SCHEMES",
    "Kind",
    "LdapFields",
    "OAuth2Fields",
    "ProviderFields",
    "ProxyFields",
    "RadiusFields",
    "check_ldap",
    "check_proxy",
    "claimed",
    "claims",
    "host_of",
]

KINDS: dict[str, Kind] = {"ldap": ldap.KIND, "radius": radius.KIND, "proxy": proxy.KIND, "oauth2": oauth2.KIND}


def claims(provider: Provider) -> frozenset[Hashable]:
    """Which requests a provider wants: base DN, networks or host, in a form that can be compared."""
    text = str(provider.settings[KINDS[provider.kind].claims])
    match provider.kind:
        case "ldap":
            return frozenset([dn.parse(text)])
        case "radius":
            return frozenset(ip_network(part.strip()) for part in text.split(","))
        case _:
            return frozenset([host_of(text)])


def host_of(url: str) -> str:
    """As outposts look it up: whatever the scheme, its own port, case, and a slash behind it."""
    parts = urlsplit(url)
    try:
        return normalised(parts.netloc, parts.scheme)
    except ValueError:
        return url.lower()


def claimed(claim: Hashable, provider: Provider) -> str:
    """The same, for people."""
    return str(provider.settings["base_dn"]) if provider.kind == "ldap" else str(claim)
