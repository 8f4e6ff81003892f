"""What each kind of provider is made from: authentik's field names, bounds and defaults."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

import re2
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from control.records import Provider
from control.verbs.fields import Count, Duration, Fields, Invalid, LongText, Name, Text, Uuid
from protocols.ldap import dn

MAX_NETWORKS = 1024
"""Client networks of one provider; more are better written as fewer, wider ones."""
MAX_PATTERNS = 200
"""Lines of ``skip_path_regex``: each one is tried for every request without a session."""
_HOST_NAME = re.compile(
    r"(?=.{1,253}$)([a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?)*"
)


class ProviderFields(Fields):
    name: Name
    authentication_flow: Uuid | None = None
    authorization_flow: Uuid
    invalidation_flow: Uuid
    property_mappings: list[Uuid] = Field(default_factory=list)


# --- LDAP ----------------------------------------------------------------------------------------------------------


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


# --- RADIUS --------------------------------------------------------------------------------------------------------


def _networks(text: str) -> str:
    networks = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            networks.append(ip_network(part, strict=False))
        except ValueError:
            raise ValueError(f"“{part}” is not a network. Write it like 192.0.2.0/24 or 2001:db8::/32.") from None
        if networks[-1] in networks[:-1]:
            raise ValueError(f"{networks[-1]} is listed twice.")
    if not 0 < len(networks) <= MAX_NETWORKS:
        raise ValueError(f"List 1 to {MAX_NETWORKS} networks, with commas between.")
    return ", ".join(map(str, networks))


class RadiusFields(ProviderFields):
    client_networks: Annotated[str, Field(max_length=65_536), AfterValidator(_networks)] = "0.0.0.0/0, ::/0"
    shared_secret: Annotated[str, Field(min_length=1, max_length=1024)]
    mfa_support: bool = True
    certificate: Uuid | None = None


# --- forward-auth and reverse proxy --------------------------------------------------------------------------------


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # raises ValueError for a bad one
    except ValueError:
        raise ValueError("Enter a valid URL.") from None
    if parts.scheme not in ("http", "https") or not _is_host(parts.hostname or ""):
        raise ValueError("Enter a valid URL.")
    if parts.username is not None or parts.password is not None:
        raise ValueError("This URL must not contain a user name or password.")
    return parts


def _is_host(host: str) -> bool:
    if _HOST_NAME.fullmatch(host.lower()):
        return True
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _external_host(url: str) -> str:
    parts = _split(url)
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("Enter scheme and host only, such as https://app.example.com.")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _internal_host(url: str) -> str:
    if url:
        _split(url)
    return url


def _cookie_domain(domain: str) -> str:
    if domain and not _is_host(domain.removeprefix(".")):
        raise ValueError("Enter a domain, such as example.com.")
    return domain.lower()


def _patterns(text: str) -> str:
    lines = text.split("\n")
    if len(lines) > MAX_PATTERNS:
        raise ValueError(f"No more than {MAX_PATTERNS} lines.")
    for number, line in enumerate(lines, 1):
        try:
            re.compile(line.strip())
        except re.error as error:
            raise ValueError(f"Line {number} is not a regular expression: {error}.") from None
    return text


class ProxyFields(ProviderFields):
    mode: Literal["proxy", "forward_single", "forward_domain"] = "proxy"
    external_host: Annotated[str, Field(min_length=1, max_length=2048), AfterValidator(_external_host)]
    internal_host: Annotated[str, Field(max_length=2048), AfterValidator(_internal_host)] = ""
    internal_host_ssl_validation: bool = True
    certificate: Uuid | None = None
    skip_path_regex: Annotated[LongText, AfterValidator(_patterns)] = ""
    basic_auth_enabled: bool = False
    basic_auth_user_attribute: Text = ""
    basic_auth_password_attribute: Text = ""
    intercept_header_auth: bool = True
    cookie_domain: Annotated[Text, AfterValidator(_cookie_domain)] = ""
    access_token_validity: Duration = "hours=24"  # noqa: S105
    refresh_token_validity: Duration = "days=30"  # noqa: S105
    client_id: Annotated[str, Field(min_length=1, max_length=255)]
    client_secret: Annotated[str, Field(min_length=1, max_length=255)]
    cookie_secret: Annotated[str, Field(min_length=1, max_length=255)]


def check_proxy(fields: ProxyFields) -> None:
    """What one field demands of another. Raises Invalid."""
    if fields.mode == "proxy" and not fields.internal_host:
        raise Invalid({"internal_host": ["Internal host cannot be empty when forward auth is disabled."]})
    if fields.basic_auth_enabled and not (fields.basic_auth_user_attribute and fields.basic_auth_password_attribute):
        raise Invalid({"basic_auth_enabled": ["User and password attributes must be set when basic auth is enabled."]})
    if fields.mode != "forward_domain":
        return
    domain = fields.cookie_domain.removeprefix(".")
    if not domain:
        raise Invalid({"cookie_domain": ["This field is required when a whole domain is protected."]})
    host = urlsplit(fields.external_host).hostname or ""
    if host != domain and not host.endswith(f".{domain}"):
        raise Invalid({"external_host": [f"This host does not lie under the cookie domain {domain}."]})


# --- OAuth 2.0 and OpenID Connect ----------------------------------------------------------------------------------

MAX_REDIRECT_URIS = 100
"""Of one client: each one is compared with at every sign-in."""
REFUSED_SCHEMES = frozenset({"javascript", "data", "vbscript", "about", "blob", "file"})
"""A browser that is sent there runs or shows what the URL itself says."""


class RedirectUri(BaseModel):
    """One that a client may name: `strict` compares character by character, `regex` the whole of it (RE2)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    matching_mode: Literal["strict", "regex"] = "strict"
    url: Annotated[str, Field(min_length=1, max_length=2048)]
    redirect_uri_type: Literal["authorization", "logout"] = "authorization"


def _redirect_uris(uris: list[RedirectUri]) -> list[RedirectUri]:
    for uri in uris:
        if uri.matching_mode == "regex":
            try:
                re2.compile(uri.url, _quiet)
            except re2.error:
                raise ValueError(f"“{uri.url}” is not a regular expression that can be used here.") from None
            continue
        if not uri.url.isascii() or not uri.url.isprintable() or set(uri.url) & set(' "<>\\^`{|}#'):
            raise ValueError(f"“{uri.url}” is not a URL without a fragment; percent-encode what is special in it.")
        if not _is_redirect_target(uri.url):
            raise ValueError(f"“{uri.url}” is not an absolute URL that a browser may be sent to.")
    return uris


def _is_redirect_target(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.scheme in ("http", "https"):
        return bool(parts.hostname)
    return bool(parts.scheme) and parts.scheme not in REFUSED_SCHEMES


_quiet = re2.Options()
_quiet.log_errors = False


class OAuth2Fields(ProviderFields):
    client_type: Literal["confidential", "public"] = "confidential"
    client_id: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[!-~]+$")]
    client_secret: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[!-~]+$")]
    redirect_uris: Annotated[list[RedirectUri], Field(max_length=MAX_REDIRECT_URIS), AfterValidator(_redirect_uris)] = (
        Field(default_factory=list)
    )
    signing_key: Uuid | None = None
    access_code_validity: Duration = "minutes=1"
    access_token_validity: Duration = "hours=1"  # noqa: S105
    refresh_token_validity: Duration = "days=30"  # noqa: S105
    include_claims_in_id_token: bool = True
    sub_mode: Literal["hashed_user_id", "user_id", "user_uuid", "user_username", "user_email", "user_upn"] = (
        "hashed_user_id"
    )
    issuer_mode: Literal["per_provider", "global"] = "per_provider"
    require_pkce: bool = False
    """Also of a confidential client; of a public one it always is (D19)."""


# --- the table -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kind:
    fields: type[ProviderFields]
    model: str
    """authentik's class name, as its messages show it."""
    label: str
    claims: str = ""
    """The setting that says which requests are this provider's; two on one outpost must not say the same. Without one,
    no outpost serves this kind."""
    authorization_flow: str = "default-provider-authorization-implicit-consent"
    invalidation_flow: str = "default-provider-invalidation-flow"
    """Slugs of the flows it gets when none are given."""
    generated: tuple[tuple[str, int], ...] = ()
    """Fields that are made up when none are given, and how many random bytes, written in hexadecimal."""
    secrets: frozenset[str] = frozenset()
    """Fields that are encrypted at rest."""

    form: str = ""
    """The word for it in the name of authentik's form, where it is not the label's first one."""

    @property
    def component(self) -> str:
        return f"ak-provider-{self.form or self.label.split()[0].lower()}-form"


KINDS: dict[str, Kind] = {
    "ldap": Kind(
        LdapFields,
        "LDAPProvider",
        "LDAP Provider",
        claims="base_dn",
        authorization_flow="default-authentication-flow",
        invalidation_flow="default-invalidation-flow",
    ),
    "radius": Kind(
        RadiusFields,
        "RadiusProvider",
        "Radius Provider",
        claims="client_networks",
        authorization_flow="default-authentication-flow",
        invalidation_flow="default-invalidation-flow",
        generated=(("shared_secret", 32),),
        secrets=frozenset({"shared_secret"}),
    ),
    "proxy": Kind(
        ProxyFields,
        "ProxyProvider",
        "Proxy Provider",
        claims="external_host",
        generated=(("client_id", 20), ("client_secret", 64), ("cookie_secret", 16)),
        secrets=frozenset({"client_secret", "cookie_secret"}),
    ),
    "oauth2": Kind(
        OAuth2Fields,
        "OAuth2Provider",
        "OAuth2/OpenID Provider",
        generated=(("client_id", 20), ("client_secret", 64)),
        secrets=frozenset({"client_secret"}),
        form="oauth2",
    ),
}


def claims(provider: Provider) -> frozenset[Hashable]:
    """Which requests a provider wants: base DN, networks or host, in a form that can be compared."""
    text = str(provider.settings[KINDS[provider.kind].claims])
    match provider.kind:
        case "ldap":
            return frozenset([dn.parse(text)])
        case "radius":
            return frozenset(ip_network(part.strip()) for part in text.split(","))
        case _:
            return frozenset([text.lower()])


def claimed(claim: Hashable, provider: Provider) -> str:
    """The same, for people."""
    return str(provider.settings["base_dn"]) if provider.kind == "ldap" else str(claim)
