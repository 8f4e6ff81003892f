"""Who is told of which events, and by what way."""

from __future__ import annotations

from dataclasses import dataclass, field

from control.records.record import Record


@dataclass(frozen=True, slots=True)
class NotificationTransport(Record):
    """A way to people: the list of their own notifications, a URL, or mail."""

    TABLE = "notification_transport"
    DIRECTORY = True
    SECRETS = frozenset({"webhook_url"})
    SEARCHED = ("name",)
    UNIQUE = (("name",),)

    name: str
    pk: str = ""
    mode: str = "local"
    """local, webhook, webhook_slack, email."""
    webhook_url: str = field(default="", repr=False)
    """Who has it may post: a secret."""
    email_subject_prefix: str = ""
    email_template: str = ""
    webhook_mapping_body: str | None = None
    """pk of the property mapping that says what is posted; None: what always is."""
    webhook_mapping_headers: str | None = None
    """So with header lines beside those of every request."""
    send_once: bool = False
    """Once for each event, not once for each person."""
    managed: str | None = None


@dataclass(frozen=True, slots=True)
class NotificationRule(Record):
    """Events that its bindings let pass are told to people. Without bindings, none are."""

    TABLE = "notification_rule"
    DIRECTORY = True
    SEARCHED = ("name",)
    UNIQUE = (("name",),)

    name: str
    pk: str = ""
    transports: tuple[str, ...] = ()
    severity: str = "notice"
    """notice, warning, alert."""
    destination_group: str | None = None
    destination_event_user: bool = False
    """Tell the person, too, whom the event is about."""
    policy_engine_mode: str = "any"
    managed: str | None = None


@dataclass(frozen=True, slots=True)
class Notification(Record):
    """One line of a person's own list."""

    TABLE = "notification"
    SEARCHED = ("body",)
    INDEXED = ("user", "created", "expires")

    user: int
    body: str
    pk: str = ""
    severity: str = "notice"
    event: str | None = None
    """Its pk; the event may be gone."""
    seen: bool = False
    created: float = 0.0
    expires: float = 0.0


@dataclass(frozen=True, slots=True)
class NotificationDelivery(Record):
    """What waits to be posted to a URL."""

    TABLE = "notification_delivery"
    INDEXED = ("due", "transport")

    transport: str
    body: str
    pk: str = ""
    severity: str = "notice"
    user: int | None = None
    """For whom."""
    event: str | None = None
    tries: int = 0
    due: float = 0.0
    created: float = 0.0


@dataclass(frozen=True, slots=True)
class UntoldEvent(Record):
    """Rules have not been asked about this event yet; ``pk`` is the event's."""

    TABLE = "untold_event"
    INDEXED = ("created",)

    pk: str
    created: float = 0.0
    """When it was kept, which may be later than it happened."""
