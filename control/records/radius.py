"""What RADIUS has beside its providers: NAS, rules, stays at a NAS and orders about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from control.records.record import Record


@dataclass(frozen=True, slots=True)
class RadiusRule(Record):
    """Attributes that a RADIUS provider answers with, to some people, at some places, at some hours."""

    TABLE = "radius_rule"
    DIRECTORY = True
    HIDDEN = frozenset({"attributes"})
    SEARCHED = ("name",)
    INDEXED = ("provider",)

    name: str
    provider: int
    pk: str = ""
    order: int = 0
    enabled: bool = True
    group: str | None = None
    nas: str = ""
    ssid: str = ""
    weekdays: tuple[int, ...] = ()
    begins: int = 0
    ends: int = 1440
    attributes: tuple[dict[str, Any], ...] = ()
    """``name``, ``value`` and ``tag`` of each; one may be the password of a tunnel or a Wi-Fi."""
    managed: str | None = None


@dataclass(frozen=True, slots=True)
class RadiusNas(Record):
    """A NAS with a secret of its own, beside the ``client_networks`` of its provider."""

    TABLE = "radius_nas"
    DIRECTORY = True
    SECRETS = frozenset({"shared_secret"})
    SEARCHED = ("name", "network", "identifier")
    UNIQUE = (("name",), ("network", "identifier"))
    INDEXED = ("provider",)

    name: str
    provider: int
    network: str
    pk: str = ""
    identifier: str = ""
    shared_secret: str = field(default="", repr=False)
    message_authenticator: str = "pinned"
    coa_port: int = 3799
    """At which it takes orders; 0: it takes none."""
    radsec_name: str = ""
    """Name in the certificate that it shows over TLS; empty: it may not speak so."""
    managed: str | None = None


@dataclass(frozen=True, slots=True)
class RadiusPin(Record):
    """An address whose requests have been signed, and must be from then on (DESIGN D26)."""

    TABLE = "radius_pin"
    DIRECTORY = True
    SEARCHED = ("address",)
    UNIQUE = (("address", "provider"),)
    INDEXED = ("provider", "nas")

    address: str
    provider: int
    nas: str | None = None
    """pk of the `RadiusNas` that was there; None: it lay in a client network of the provider."""
    pk: str = ""
    created: float = 0.0


@dataclass(frozen=True, slots=True)
class RadiusSession(Record):
    """Somebody's stay at a NAS, as its accounting tells of it (RFC 2866)."""

    TABLE = "radius_session"
    SEARCHED = ("username", "nas", "nas_name", "calling_station", "ssid")
    UNIQUE = (("nas", "nas_name", "session", "former"),)
    INDEXED = ("user", "live", "expires")

    nas: str
    """Its address."""
    nas_name: str
    """As it calls itself."""
    session: str
    """Acct-Session-Id."""
    pk: str = ""
    provider: int = 0
    user: int | None = None
    username: str = ""
    """As the NAS has it: the name from our answer, or what the device said outside of its tunnel."""
    calling_station: str = ""
    called_station: str = ""
    ssid: str = ""
    port: str = ""
    framed_ip: str = ""
    credential: str = ""
    """What it stands on beside the user (`control.radius.credentials`)."""
    started: float = 0.0
    last_told: float = 0.0
    """When what the NAS told last was so."""
    live: bool = True
    ended: float | None = None
    cause: str = ""
    """Acct-Terminate-Cause, by name."""
    seconds: int = 0
    input_octets: int = 0
    """From the person, RFC 2866's words."""
    output_octets: int = 0
    outpost: str = ""
    """pk of the one that it was told to, and the id of its process."""
    instance: str = ""
    order: str = ""
    """What its NAS was last told to do, ``disconnect`` or ``coa``; what became of it, ``asked``, ``acknowledged``,
    ``refused`` or ``unanswered``; and why, a reason's code or the NAS's own."""
    outcome: str = ""
    why: str = ""
    expires: float = 0.0
    """When it is forgotten."""
    former: str = ""
    """Its own pk, once its NAS has given its name to another session: of those of one name, one is told of."""


@dataclass(frozen=True, slots=True)
class RadiusOrder(Record):
    """What a NAS is to do with a session that it has; it is gone when the NAS has answered, or was given up."""

    TABLE = "radius_order"
    DIRECTORY = True
    QUIET = True
    INDEXED = ("outpost", "session")

    session: str
    """pk of the `RadiusSession`."""
    kind: str
    """disconnect, coa."""
    outpost: str
    pk: str = ""
    instance: str = ""
    """The process of the outpost that the NAS has told of the session."""
    why: str = ""
    attributes: tuple[dict[str, Any], ...] = ()
    """``name``, ``value`` and ``tag`` of what is to change."""
    created: float = 0.0
    rounds: int = 0
    """How often the NAS has not answered it, and when it is asked again."""
    due: float = 0.0
