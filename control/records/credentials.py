"""What people show beside their passwords, and what was done with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from control.records.record import Record


@dataclass(frozen=True, slots=True)
class Token(Record):
    """Found by ``key_digest`` (SHA-256 hex of the key); the key itself is encrypted, for ``view_key``."""

    TABLE = "token"
    DIRECTORY = True
    SECRETS = frozenset({"key"})
    HIDDEN = frozenset({"key_digest"})
    SEARCHED = ("identifier", "description")
    UNIQUE = (("identifier",), ("key_digest",))
    INDEXED = ("user",)

    identifier: str
    user: int
    intent: str = "api"
    """verification, api, recovery, app_password, network_password."""
    pk: str = ""
    key: str = field(default="", repr=False)
    key_digest: str = field(default="", repr=False)
    description: str = ""
    expiring: bool = True
    expires: float | None = None
    revealed: bool = False
    """Somebody has seen the key: a device's password is shown once, and that of an application is then no longer
    kept."""
    managed: str | None = None


@dataclass(frozen=True, slots=True)
class TokenUse(Record):
    """When a device's password was last used; apart from `Token`, because that is activity. ``pk`` is the token's."""

    TABLE = "token_use"

    pk: str
    last_used: float = 0.0


@dataclass(frozen=True, slots=True)
class Authenticator(Record):
    """A second factor of a user."""

    TABLE = "authenticator"
    DIRECTORY = True
    SECRETS = frozenset({"secrets"})
    SEARCHED = ("name",)
    INDEXED = ("user",)

    user: int
    kind: str
    """totp, static, webauthn, email."""
    pk: int = 0
    name: str = ""
    confirmed: bool = True
    """False while it is being set up; it then counts for nothing."""
    settings: dict[str, Any] = field(default_factory=dict)
    """``digits`` of a totp; of others see `control.verbs.passkeys` and `mailed_codes`."""
    secrets: dict[str, Any] = field(default_factory=dict, repr=False)
    """``key`` of a totp or an email (base32), ``codes`` of a static one."""
    created: float = 0.0
    last_updated: float = 0.0


@dataclass(frozen=True, slots=True)
class AuthenticatorUse(Record):
    """What was done with a second factor; activity. ``pk`` is the factor's."""

    TABLE = "authenticator_use"
    HIDDEN = frozenset({"spent"})

    pk: int
    last_used: float = 0.0
    step: int = 0
    """Of the last that was right, a totp's period, a webauthn's signatures, a mailed code's milliseconds: only later
    ones are good."""
    drift: int = 0
    """Periods that its clock was off then."""
    spent: tuple[str, ...] = ()
    """SHA-256 hex of the codes of a list that have been used, of challenges that a webauthn has signed lately."""
    origins: dict[str, float] = field(default_factory=dict)
    """SHA-256 hex of door and address to when a code from there was right last."""
    failures: int = 0
    """Wrong codes since the last right one."""
    failed_at: float = 0.0


@dataclass(frozen=True, slots=True)
class PendingChallenge(Record):
    """A login through a door that asks for more (RADIUS Access-Challenge); ``pk`` is the SHA-256 hex of its state."""

    TABLE = "pending_challenge"
    HIDDEN = frozenset({"pk"})
    INDEXED = ("user", "expires")

    pk: str
    user: int
    asked_by: dict[str, Any] = field(default_factory=dict)
    """Provider, name, protocol, peer and calling station: the reply must have the same."""
    flow: dict[str, Any] = field(default_factory=dict)
    """`control.flows.state.State`, JSON."""
    expires: float = 0.0
