"""Notifications as letters, from the template that the transport names."""

from __future__ import annotations

from control import brands
from control.mail import outbox
from control.mail.post import Post
from control.mail.trial import NO_SERVER
from control.notifications import APP
from control.notifications.matching import CannotMail, Mail, NoServer
from control.records import Event, NotificationTransport, User
from control.store.interface import Transaction


def by_mail(post: Post) -> Mail:
    def mail(tx: Transaction, transport: NotificationTransport, user: User, body: str, event: Event) -> None:
        if post.server(tx) is None:
            raise NoServer(NO_SERVER)
        facts = [("User", user.username), *((name, value) for name, value in event.context.items() if _fits(value))]
        title = f"{transport.email_subject_prefix}{event.action.replace('_', ' ')}"
        try:
            words = post.letters.write(
                transport.email_template, brand=brands.title(tx), title=title, lines=(body,), facts=facts
            )
            outbox.queue(tx, user.email, title, words.text, APP, html=words.html, user=user.pk)
        except KeyError as error:
            raise CannotMail(f"There is no template {transport.email_template!r}.") from error
        except outbox.CannotQueue as error:
            raise CannotMail(str(error)) from error

    return mail


def _fits(value: object) -> bool:
    return isinstance(value, str) and bool(value)
