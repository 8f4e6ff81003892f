"""What those who write letters are given: the words, the server of the environment, and a way to send at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from control.mail import server
from control.mail.letters import Letters
from control.mail.sending import Send, send
from control.records import MailServer
from control.store.interface import Transaction


@dataclass(frozen=True, slots=True)
class Post:
    configured: MailServer | None = None
    """By the environment; what an administrator has set comes first."""
    letters: Letters = field(default_factory=Letters)
    send: Send = send

    def server(self, tx: Transaction) -> MailServer | None:
        """None: no mail can be sent."""
        return server.current(tx, self.configured)
