"""People, their groups and roles, and what they have let applications know."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from control.records.record import Record


@dataclass(frozen=True, slots=True)
class User(Record):
    TABLE = "user"
    DIRECTORY = True
    HIDDEN = frozenset({"password"})
    SEARCHED = ("username", "name", "email", "uuid")
    UNIQUE = (("username",), ("uuid",), ("ordinal",))
    FOLDED = ("username", "email")
    ALIASES = ("upn",)
    INDEXED = ("email",)

    username: str
    pk: int = 0
    uuid: str = ""
    name: str = ""
    email: str = ""
    is_active: bool = True
    type: str = "internal"
    """internal, external, service_account, internal_service_account."""
    path: str = "users"
    attributes: dict[str, Any] = field(default_factory=dict)
    password: str | None = field(default=None, repr=False)
    """Argon2id hash; None: no password can be right."""
    ordinal: int = 0
    credential_version: int = 1
    valid_from: float | None = None
    valid_until: float | None = None
    sessions_not_before: float = 0.0
    released: float = 0.0
    """When an administrator last forgave wrong tries: outposts forget theirs with any change of the user."""
    email_verified: bool = True
    """True for an address that an administrator entered or the person confirmed; a self-made change makes it False
    until it is confirmed (D19)."""
    date_joined: float = 0.0
    last_updated: float = 0.0
    password_change_date: float | None = None
    must_change_password: bool = False
    """The password is good for choosing another one, and for nothing else."""
    managed: str | None = None

    @property
    def confirmed_email(self) -> str:
        """What everybody is told who believes that an address says who somebody is; empty unless `email_verified`."""
        return self.email if self.email_verified else ""


@dataclass(frozen=True, slots=True)
class Group(Record):
    """Members are not a field: see `Transaction.add_members`."""

    TABLE = "group"
    DIRECTORY = True
    SEARCHED = ("name",)
    UNIQUE = (("name",), ("ordinal",))
    FOLDED = ("name",)

    name: str
    pk: str = ""
    is_superuser: bool = False
    parents: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    """Held by the members, also those of groups below (D12)."""
    attributes: dict[str, Any] = field(default_factory=dict)
    ordinal: int = 0
    created: float = 0.0
    last_updated: float = 0.0
    managed: str | None = None


@dataclass(frozen=True, slots=True)
class Role(Record):
    """What the groups that hold it may do, beyond what everybody may."""

    TABLE = "role"
    DIRECTORY = True
    SEARCHED = ("name",)
    UNIQUE = (("name",),)

    name: str
    pk: str = ""
    permissions: tuple[str, ...] = ()
    """``<permission>`` for every object, ``<permission>@<pk>`` for one: `rules.permissions`."""
    managed: str | None = None


@dataclass(frozen=True, slots=True)
class Login(Record):
    """When a user last signed in; apart from `User`, because signing in is activity. ``pk`` is the user's."""

    TABLE = "login"

    pk: int
    last_login: float = 0.0
    recent: tuple[dict[str, Any], ...] = ()
    """The latest logins, newest first: ``time`` and ``peer`` (`control.logins`)."""


@dataclass(frozen=True, slots=True)
class FormerPassword(Record):
    """A password that a user had, and shall not have again for a while."""

    TABLE = "former_password"
    HIDDEN = frozenset({"password"})
    INDEXED = ("user",)

    user: int
    password: str = field(repr=False)
    """Its hash."""
    pk: str = ""
    until: float = 0.0
    """When it was given up."""


@dataclass(frozen=True, slots=True)
class UserConsent(Record):
    """What a user has let an application know."""

    TABLE = "user_consent"
    UNIQUE = (("user", "application"),)
    INDEXED = ("application",)

    user: int
    application: str
    pk: str = ""
    scopes: tuple[str, ...] = ()
    expires: float | None = None
    created: float = 0.0
