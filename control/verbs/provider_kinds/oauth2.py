"""OAuth 2.0 and OpenID Connect providers."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

import re2
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from control.verbs.fields import Duration, Uuid
from control.verbs.property_mappings import EMAIL, OFFLINE, OPENID, PROFILE
from control.verbs.provider_kinds.kind import Kind, ProviderFields

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


def _logout_uri(url: str) -> str:
    if url and (not url.startswith(("http://", "https://")) or not _is_redirect_target(url) or "#" in url):
        raise ValueError("Enter an absolute URL of the application's, with http or https and without a fragment.")
    return url


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
    refresh_token_threshold: Duration = "seconds=0"  # noqa: S105
    """A refresh token of a confidential client is another one only when it has no longer than this; zero: each time."""
    include_claims_in_id_token: bool = True
    sub_mode: Literal["hashed_user_id", "user_id", "user_uuid", "user_username", "user_email", "user_upn"] = (
        "hashed_user_id"
    )
    issuer_mode: Literal["per_provider", "global"] = "per_provider"
    logout_uri: Annotated[str, Field(max_length=2048), AfterValidator(_logout_uri)] = ""
    """Where the application hears that a session is over (OpenID Connect Back-Channel Logout); empty: it does not."""
    logout_method: Literal["backchannel"] = "backchannel"
    require_pkce: bool = False
    """Also of a confidential client; of a public one it always is (D19)."""
    nested_groups: bool = False
    """Applications are told of the groups above a person's own as well."""


KIND = Kind(
    OAuth2Fields,
    "OAuth2Provider",
    "OAuth2/OpenID Provider",
    generated=(("client_id", 20), ("client_secret", 64)),
    mappings=(OPENID, EMAIL, PROFILE, OFFLINE),
    secrets=frozenset({"client_secret"}),
    form="oauth2",
)
