"""Proxy providers: forward-auth and reverse proxy."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

import re2
from pydantic import AfterValidator, Field

from control.verbs.access_rules import MOST_RULES, AccessRuleFields
from control.verbs.fields import Duration, Fields, Invalid, LongText, Text, Uuid
from control.verbs.property_mappings import EMAIL, ENTITLEMENTS, OFFLINE, OPENID, PROFILE, PROXY
from control.verbs.provider_kinds.kind import Kind, ProviderFields
from protocols.proxy.injected import may_carry_assertion

MAX_PATTERNS = 200
"""Lines of ``skip_path_regex``: each one is tried for every request without a session."""
_HOST_NAME = re.compile(
    r"(?=.{1,253}$)([a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?)*"
)


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


def issuer(url: str) -> str:
    parts = _split(url)
    if parts.query or parts.fragment:
        raise ValueError("The name of an issuer has neither query nor fragment.")
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ValueError("An issuer is asked for its keys over https.")
    return url


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _cookie_domain(domain: str) -> str:
    if domain and not _is_host(domain.removeprefix(".")):
        raise ValueError("Enter a domain, such as example.com.")
    return domain.lower()


def _assertion_header(name: str) -> str:
    if name and not may_carry_assertion(name):
        raise ValueError("Enter the name of a header that nothing else is said in, such as X-Jwt-Assertion.")
    return name


def _patterns(text: str) -> str:
    lines = text.split("\n")
    if len(lines) > MAX_PATTERNS:
        raise ValueError(f"No more than {MAX_PATTERNS} lines.")
    for number, line in enumerate(lines, 1):
        try:
            re2.compile(line.strip(), _quiet)
        except re2.error as error:
            reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else error
            raise ValueError(f"Line {number} is not a regular expression that can be used here: {reason}.") from None
    return text


_quiet = re2.Options()
_quiet.log_errors = False


MOST_FEDERATED = 100
"""Providers whose tokens one provider takes."""
MAX_AUTHORITIES = 20
"""Certificates that are believed of one application."""


class IssuerFields(Fields):
    """A foreign issuer whose tokens open this application for programs."""

    issuer: Annotated[str, Field(min_length=1, max_length=2048), AfterValidator(issuer)]
    """As its tokens and its discovery document write it."""
    audience: Annotated[str, Field(min_length=1, max_length=2048)]
    """That its tokens must be for, and for no other."""
    user_claim: Literal["email", "preferred_username", "sub"] = "email"
    """Which claim names the user here: by confirmed e-mail address, or by user name."""


class ProxyFields(ProviderFields):
    mode: Literal["proxy", "forward_single", "forward_domain"] = "proxy"
    external_host: Annotated[str, Field(min_length=1, max_length=2048), AfterValidator(_external_host)]
    internal_host: Annotated[str, Field(max_length=2048), AfterValidator(_internal_host)] = ""
    internal_host_ssl_validation: bool = True
    internal_host_authorities: Annotated[list[Uuid], Field(max_length=MAX_AUTHORITIES)] = Field(default_factory=list)
    """Certificates in place of the system's authorities, for an application over TLS."""
    internal_host_certificate: Uuid | None = None
    """What we show the application."""
    certificate: Uuid | None = None
    skip_path_regex: Annotated[LongText, AfterValidator(_patterns)] = ""
    access_rules: Annotated[list[AccessRuleFields], Field(max_length=MOST_RULES)] = Field(default_factory=list)
    basic_auth_enabled: bool = False
    basic_auth_user_attribute: Text = ""
    basic_auth_password_attribute: Text = ""
    authentication_source: Uuid | None = None
    """The source where people sign in for this application; nobody asks them anything here."""
    intercept_header_auth: bool = True
    jwt_federation_providers: Annotated[list[int], Field(max_length=MOST_FEDERATED)] = Field(default_factory=list)
    """Those whose access tokens are taken here, too."""
    jwt_federation_issuers: Annotated[list[IssuerFields], Field(max_length=MOST_FEDERATED)] = Field(
        default_factory=list
    )
    assertion_header: Annotated[Text, AfterValidator(_assertion_header)] = ""
    """In which the application is shown a signed assertion of who came in."""
    nested_groups: bool = False
    """The application is told of the groups above a person's own as well."""
    cookie_domain: Annotated[Text, AfterValidator(_cookie_domain)] = ""
    access_token_validity: Duration = "hours=24"  # noqa: S105
    refresh_token_validity: Duration = "days=30"  # noqa: S105
    client_id: Annotated[str, Field(min_length=1, max_length=255)]
    client_secret: Annotated[str, Field(min_length=1, max_length=255)]
    cookie_secret: Annotated[str, Field(min_length=1, max_length=255)]
    cookie_secret_previous: Text = ""
    cookie_secret_since: Text = ""
    """Seconds since the epoch, of the last rotation (`control.outposts.cookie_secrets`)."""


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


KIND = Kind(
    ProxyFields,
    "ProxyProvider",
    "Proxy Provider",
    claims="external_host",
    generated=(("client_id", 20), ("client_secret", 64), ("cookie_secret", 16)),
    mappings=(OPENID, EMAIL, PROFILE, OFFLINE, ENTITLEMENTS, PROXY),
    secrets=frozenset({"client_secret", "cookie_secret", "cookie_secret_previous", "cookie_secret_since"}),
)
