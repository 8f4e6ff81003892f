"""Foreign providers at which people sign in, and who they are here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from control.records.record import Record


@dataclass(frozen=True, slots=True)
class Source(Record):
    """A foreign provider of OAuth 2 or OpenID Connect, or an LDAP directory (authentik's OAuth and LDAP sources)."""

    TABLE = "source"
    DIRECTORY = True
    SECRETS = frozenset({"secrets"})
    SEARCHED = ("name", "slug")
    UNIQUE = (("name",), ("slug",))

    name: str
    slug: str
    provider_type: str
    """A key of `control.sources.kinds.KINDS`, or `control.sources.ldap.described.KIND`."""
    pk: str = ""
    enabled: bool = True
    user_matching_mode: str = "identifier"
    authentication_flow: str | None = None
    enrollment_flow: str | None = None
    """Nobody enrols without one."""
    settings: dict[str, Any] = field(default_factory=dict)
    """The other fields of `control.verbs.sources.SourceFields` or `control.verbs.ldap_sources.LdapSourceFields`."""
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    """``consumer_secret`` or ``bind_password``."""
    managed: str | None = None

    @property
    def kind(self) -> str:
        """``oauth`` or ``ldap``, as in the API's paths."""
        return "ldap" if self.provider_type == "ldap" else "oauth"


@dataclass(frozen=True, slots=True)
class SourceConnection(Record):
    """Who somebody is at a source: its unique identifier, never a name or an address."""

    TABLE = "source_connection"
    DIRECTORY = True
    INDEXED = ("user",)
    UNIQUE = (("source", "identifier"),)

    source: str
    user: int
    identifier: str
    pk: str = ""
    created: float = 0.0
    last_updated: float = 0.0


@dataclass(frozen=True, slots=True)
class SourceSignIn(Record):
    """A browser that was sent to a source and has not come back; ``pk`` is the SHA-256 hex of its ``state``."""

    TABLE = "source_sign_in"
    HIDDEN = frozenset({"pk"})
    SECRETS = frozenset({"secrets"})
    INDEXED = ("expires",)

    pk: str
    source: str
    session: str
    """pk of the browser's session: nobody else's browser finishes this."""
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    """``nonce``, and PKCE's ``verifier``; of one that has come back, and is not signed in yet, ``refresh_token`` and
    ``good_for``."""
    next: str = "/"
    redirect_uri: str = ""
    expires: float = 0.0


@dataclass(frozen=True, slots=True)
class SourceSession(Record):
    """A session that a source has brought about; ``pk`` is the session's. The source may end it."""

    TABLE = "source_session"
    HIDDEN = frozenset({"pk"})
    INDEXED = ("identifier", "sid")

    pk: str
    source: str
    identifier: str
    sid: str = ""
    """What the source calls its own session; empty if it does not say."""


@dataclass(frozen=True, slots=True)
class SourceGrant(Record):
    """What a source lets us ask it again with, about the person whose session this is; ``pk`` is the session's."""

    TABLE = "source_grant"
    HIDDEN = frozenset({"pk"})
    SECRETS = frozenset({"secrets"})
    INDEXED = ("due",)

    pk: str
    source: str
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    """``refresh_token``."""
    due: float = 0.0
    """When to ask next."""


@dataclass(frozen=True, slots=True)
class SpentLogoutToken(Record):
    """``pk`` is the SHA-256 hex of source and ``jti``."""

    TABLE = "spent_logout_token"
    INDEXED = ("expires",)

    pk: str
    expires: float = 0.0
