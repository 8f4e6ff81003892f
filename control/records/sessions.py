"""Browser sessions, and what applications were given because of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from control.records.record import Record

AUTHENTICATED = "authenticated"
"""In a session's data: when somebody signed in at the source that brought it about, seconds since the epoch."""
METHOD = "method"
"""There, too: how they showed who they are."""
WORKED = "worked"
"""There, too: when an administrator last changed something by it, seconds since the epoch."""
BY_TOKEN = "by_token"  # noqa: S105
"""There, too: the token (pk) of a device by which somebody signed in, instead of their password."""
KEPT = frozenset({AUTHENTICATED, METHOD, WORKED, BY_TOKEN})
"""These stay as long as the session lasts."""


@dataclass(frozen=True, slots=True)
class Session(Record):
    """A browser session; ``pk`` is the SHA-256 hex of the cookie, so that the database opens nobody's session."""

    TABLE = "session"
    HIDDEN = frozenset({"pk"})
    INDEXED = ("user", "uuid", "expires")

    pk: str
    user: int | None = None
    data: dict[str, Any] = field(default_factory=dict)
    """Flow state and such, JSON."""
    csrf: str = field(default="", repr=False)
    created: float = 0.0
    last_used: float = 0.0
    expires: float = 0.0
    client_ip: str = ""
    user_agent: str = ""
    uuid: str = ""
    """What people and the API call it: not its key, and enough to end it."""
    signed_in: bool = False
    """Otherwise it holds the flow of a stranger."""
    second_factor: float = 0.0
    """When one was shown last, seconds since the epoch; 0: never."""
    lasting: bool = False
    """It does not end by being unused."""
    bound_to: str = ""
    """The address, or the network (`rules.places`), outside of which it opens nothing; empty: any."""

    @property
    def authenticated(self) -> float:
        """When they showed who they are, seconds since the epoch: here when it was created, at a source before."""
        return float(self.data.get(AUTHENTICATED, self.created))

    @property
    def method(self) -> str:
        """As events call it; empty: nobody knows any more."""
        return str(self.data.get(METHOD, ""))

    @property
    def worked(self) -> float:
        """0: never."""
        return float(self.data.get(WORKED, 0.0))

    @property
    def token(self) -> str:
        """Empty: they signed in themselves."""
        return str(self.data.get(BY_TOKEN, ""))


@dataclass(frozen=True, slots=True)
class KnownDevice(Record):
    """A browser in which a user has signed in; ``pk`` is the SHA-256 hex of its cookie."""

    TABLE = "known_device"
    HIDDEN = frozenset({"pk"})
    INDEXED = ("user", "expires")

    pk: str
    user: int
    expires: float = 0.0


@dataclass(frozen=True, slots=True)
class EndedSession(Record):
    """A session, or an access token, that ended early and had let people in through proxies: outposts have to know.
    ``pk`` is its sid, `sign_in_of` that if it ended at one provider alone, or the token's."""

    TABLE = "ended_session"
    DIRECTORY = True
    QUIET = True
    INDEXED = ("expires",)

    pk: str
    expires: float = 0.0


@dataclass(frozen=True, slots=True)
class AuthorizationCode(Record):
    """What one sign-in to one application gave (RFC 6749, 4.1.2); ``pk`` is the SHA-256 hex of the code.

    A used one is kept for a while: presented again, it takes back what it gave.
    """

    TABLE = "authorization_code"
    HIDDEN = frozenset({"pk"})
    INDEXED = ("provider", "user", "session", "expires")

    pk: str
    provider: int
    user: int
    session: str | None
    """pk of the browser session that it was given to; a code ends with it."""
    granted: dict[str, Any] = field(default_factory=dict)
    """`control.oidc.grants.Granted`, JSON."""
    used: bool = False
    created: float = 0.0
    expires: float = 0.0


@dataclass(frozen=True, slots=True)
class AccessToken(Record):
    """``pk`` is the SHA-256 hex of the token."""

    TABLE = "access_token"
    HIDDEN = frozenset({"pk"})
    INDEXED = ("provider", "user", "session", "code", "expires")

    pk: str
    provider: int
    user: int
    code: str
    """pk of the code that it all began with."""
    session: str | None = None
    """pk of the browser session; signing out ends the token too. None: the session ended, by refreshing since."""
    granted: dict[str, Any] = field(default_factory=dict)
    created: float = 0.0
    expires: float = 0.0


@dataclass(frozen=True, slots=True)
class RefreshToken(Record):
    """``pk`` is the SHA-256 hex of the token. It outlives the browser session."""

    TABLE = "refresh_token"
    HIDDEN = frozenset({"pk"})
    INDEXED = ("provider", "user", "code", "expires")

    pk: str
    provider: int
    user: int
    code: str
    granted: dict[str, Any] = field(default_factory=dict)
    revoked: bool = False
    """Replaced by a newer one: whoever shows it now has stolen it, or was stolen from."""
    created: float = 0.0
    expires: float = 0.0


@dataclass(frozen=True, slots=True)
class SessionClient(Record):
    """An application that a browser session has signed somebody in to, and that has to hear of the session's end."""

    TABLE = "session_client"
    UNIQUE = (("session", "provider"),)
    INDEXED = ("provider",)

    session: str
    provider: int
    pk: str = ""
    issuer: str = ""
    subject: str = ""
    """``iss`` and ``sub`` of what the application was told; empty: it is an outpost that has to hear, not the
    application."""


@dataclass(frozen=True, slots=True)
class LogoutNotice(Record):
    """A session is over: told to an application until it has understood."""

    TABLE = "logout_notice"
    INDEXED = ("provider", "due")

    provider: int
    sid: str
    pk: str = ""
    issuer: str = ""
    subject: str = ""
    tries: int = 0
    due: float = 0.0
    """When to try next."""
    created: float = 0.0
