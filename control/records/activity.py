"""What happened, and who is there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from control.records.record import Record

PASSWORD_SET = "password_set"  # noqa: S105  # an action
FACTOR_ADDED, FACTOR_REMOVED = "custom_second_factor_added", "custom_second_factor_removed"
ADDRESS_CHANGED = "custom_email_changed"
OWNERS_HEAR = frozenset({PASSWORD_SET, FACTOR_ADDED, FACTOR_REMOVED, ADDRESS_CHANGED})
"""Actions that the person is told of whose account it is, whatever the rules say. authentik's names, or its prefix for
what it has no name for."""


@dataclass(frozen=True, slots=True)
class Event(Record):
    """Append-only. Directory changes write theirs by themselves; doors and flows write the others."""

    TABLE = "event"
    SEARCHED = ("action", "app", "client_ip")
    INDEXED = ("created", "expires")

    action: str
    pk: str = ""
    app: str = ""
    context: dict[str, Any] = field(default_factory=dict)
    user: dict[str, Any] = field(default_factory=dict)
    client_ip: str = ""
    created: float = 0.0
    expires: float | None = None


@dataclass(frozen=True, slots=True)
class Instance(Record):
    """One running outpost process; ``pk`` is the id that it chose and keeps."""

    TABLE = "outpost_instance"

    pk: str
    outpost: str
    hostname: str = ""
    version: str = ""
    last_seen: float = 0.0
    revision: int = 0
    """The one that it said was in force, or that it was sent, when last seen."""
    reported: int = 0
    """Number of the last report that was taken from it."""


@dataclass(frozen=True, slots=True)
class Knock(Record):
    """Who or what was refused because it is unknown (`rules.knocks`)."""

    TABLE = "knock"
    SEARCHED = ("kind", "what")
    UNIQUE = (("kind", "what", "outpost"),)
    INDEXED = ("last",)

    kind: str
    what: str
    pk: str = ""
    outpost: str = ""
    """pk of the outpost whose door it was; "": control's own."""
    count: int = 1
    first: float = 0.0
    last: float = 0.0
    answered: float | None = None
    """When it was first known, since it last knocked; None: it is still unknown."""
    detail: dict[str, str] = field(default_factory=dict)
    """What else was said: the peer behind it, the provider, why a handshake failed."""


@dataclass(frozen=True, slots=True)
class Tries(Record):
    """Wrong tries for an account from one place, or, with the place "", from all (`control.tries`)."""

    TABLE = "tries"
    SEARCHED = ("account", "place")
    UNIQUE = (("account", "place"),)
    INDEXED = ("last",)

    account: str
    """The name as it was tried, without case; nobody need have it."""
    place: str
    """As `rules.places` writes it."""
    pk: str = ""
    wrong: int = 0
    last: float = 0.0
    until: float = 0.0
    """When the next may be tried."""
    right: float = 0.0
    """When it was last right."""


@dataclass(frozen=True, slots=True)
class Reputation(Record):
    """authentik's score of a name at an address (`control.reputation`)."""

    TABLE = "reputation"
    SEARCHED = ("identifier", "ip")
    UNIQUE = (("identifier", "ip"),)
    INDEXED = ("updated",)

    identifier: str
    ip: str
    pk: str = ""
    score: int = 0
    updated: float = 0.0
