"""Mail: the server that takes it, and what waits to be sent."""

from __future__ import annotations

from dataclasses import dataclass, field

from control.records.record import Record


@dataclass(frozen=True, slots=True)
class MailServer(Record):
    """The SMTP server of the whole installation; there is one, or none."""

    TABLE = "mail_server"
    DIRECTORY = True
    SECRETS = frozenset({"password"})

    pk: str = "smtp"
    host: str = ""
    port: int = 25
    username: str = ""
    password: str = field(default="", repr=False)
    use_tls: bool = False
    """STARTTLS."""
    use_ssl: bool = False
    """TLS from the first byte."""
    timeout: int = 10
    """Seconds to wait for each answer."""
    from_address: str = "authentik@localhost"
    """``name@example.com``, or ``Name <name@example.com>``."""


@dataclass(frozen=True, slots=True)
class Letter(Record):
    """One mail to one person. Its words are sealed, and forgotten when it is sent: there are links in them."""

    TABLE = "letter"
    SECRETS = frozenset({"text", "html"})
    SEARCHED = ("to", "subject")
    INDEXED = ("user", "state", "due", "expires")

    to: str
    subject: str
    purpose: str
    """What it is for: the name of its template, or of whoever queued it."""
    pk: str = ""
    text: str = field(default="", repr=False)
    html: str = field(default="", repr=False)
    """Empty: the text alone."""
    user: int | None = None
    """Whom it is for."""
    state: str = "waiting"
    """waiting, sent, failed."""
    created: float = 0.0
    due: float = 0.0
    """When to try next; while one process is at it, when another one may."""
    good_until: float | None = None
    """After this nobody needs it: what its link opens is over."""
    tries: int = 0
    trouble: str = ""
    """What went wrong last, a sentence."""
    answered: float = 0.0
    """When it was sent, or given up."""
    expires: float | None = None
    """When the row goes; None while it waits."""
