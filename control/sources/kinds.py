"""The kinds of sources, by authentik's names: what is known of each provider, so that nobody has to type it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from control.records import Source

OFFLINE = "offline_access"
WELL_KNOWN = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class SourceKind:
    """Without ``scopes`` that hold ``openid`` there is no ID token, and ``profile_url`` says who somebody is."""

    title: str
    scopes: tuple[str, ...]
    oidc_well_known_url: str = ""
    """Empty: the administrator names it."""
    authorization_url: str = ""
    access_token_url: str = ""
    profile_url: str = ""
    emails_url: str = ""
    """Lists a person's addresses, where the profile does not say which are confirmed."""
    identifier: str = "sub"
    """The claim that never changes and is never given to somebody else."""
    username: str = "preferred_username"
    offline: Mapping[str, str] = field(default_factory=lambda: {"scope": OFFLINE, "prompt": "consent"})
    """What is asked for beside the scopes, to be given a refresh token (OpenID Connect Core, 11)."""
    organizations: tuple[str, ...] = ("organization", "groups")
    """The claims that name the organisations somebody is in."""
    groups: tuple[str, ...] = ("groups",)
    """The claims that name their groups."""
    is_signed: bool = False
    """Only the ID token counts for both."""
    organizations_path: str = ""
    """Below ``profile_url``, where a list names both; with what has to be asked for to read it."""
    organizations_scopes: tuple[str, ...] = ()
    ignores_case: bool = True
    """Of those names."""
    tells_when: bool = True
    """It says when somebody signed in there (``auth_time``), and asks anew if that is older than ``max_age``."""

    @property
    def is_oidc(self) -> bool:
        return "openid" in self.scopes


OIDC_SCOPES = ("openid", "email", "profile")

KINDS: dict[str, SourceKind] = {
    "openidconnect": SourceKind("OpenID Connect", OIDC_SCOPES, ignores_case=False),
    "google": SourceKind(
        "Google",
        OIDC_SCOPES,
        oidc_well_known_url=f"https://accounts.google.com{WELL_KNOWN}",
        username="email",
        offline={"access_type": "offline", "prompt": "consent"},
        organizations=("hd",),
        is_signed=True,
        tells_when=False,
    ),
    "entraid": SourceKind(  # each tenant has an issuer of its own
        "Microsoft Entra ID",
        OIDC_SCOPES,
        offline={"scope": OFFLINE},
        organizations=("tid",),
        is_signed=True,
        tells_when=False,
    ),
    "gitlab": SourceKind(
        "GitLab",
        OIDC_SCOPES,
        oidc_well_known_url=f"https://gitlab.com{WELL_KNOWN}",
        username="nickname",
        offline={},  # it always gives one
        organizations=("groups", "groups_direct"),
        groups=("groups", "groups_direct"),
    ),
    "github": SourceKind(
        "GitHub",
        ("read:user", "user:email"),
        authorization_url="https://github.com/login/oauth/authorize",
        access_token_url="https://github.com/login/oauth/access_token",  # noqa: S106
        profile_url="https://api.github.com/user",
        emails_url="https://api.github.com/user/emails",
        organizations_path="/orgs",
        organizations_scopes=("read:org",),
        identifier="id",
        username="login",
        tells_when=False,
    ),
}


def settings_of(source: Source) -> dict[str, Any]:
    """With what there was not yet when the source was stored."""
    return {"allowed_emails": [], "allowed_organizations": [], "group_mapping": []} | source.settings
