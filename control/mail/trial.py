"""A test mail, sent at once and past the outbox: what comes of it, in sentences."""

from __future__ import annotations

from dataclasses import dataclass

from control.mail.message import BadAddress, message
from control.mail.post import Post
from control.mail.trouble import Trouble
from control.records import Letter, MailServer

NO_SERVER = (
    "No mail server is set. Name one under System, Configuration, SMTP server, or set OUTPOST_EMAIL__HOST and what "
    "belongs to it."
)
SUBJECT = "Test mail"
LINES = ("This is a test. Mail from here arrives, and links in it lead to you.",)


@dataclass(frozen=True, slots=True)
class Tried:
    sent: bool
    step: str
    """Where it went wrong, `control.mail.trouble.Step`; empty if it did not."""
    message: str


async def try_out(post: Post, server: MailServer | None, to: str, name: str, now: float, brand: str) -> Tried:
    """``name`` goes into the Message-ID and must be new; ``brand`` is what we are called."""
    if server is None:
        return Tried(False, "connect", NO_SERVER)
    words = post.letters.write(
        "email/event_notification", brand=brand, title=SUBJECT, lines=LINES, facts=(("Sent by", server.host),)
    )
    letter = Letter(to, SUBJECT, "test", name, words.text, words.html)
    try:
        await post.send(server, to, message(letter, server.from_address, now))
    except Trouble as trouble:
        return Tried(False, trouble.step, trouble.text)
    except BadAddress as error:
        return Tried(False, "recipient", str(error))
    except TimeoutError:
        return Tried(False, "content", f"{server.host} took too long over it.")
    return Tried(True, "", f"{server.host} port {server.port} has taken the mail for {to}. Look into the mailbox.")
