"""Letters to those whose password, second factor or address was changed, whatever the rules say: if it was somebody
else, they have to hear of it. They hold no link and no secret, and go to addresses alone that were known to be theirs.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from control import brands
from control.mail import outbox
from control.mail.letters import moment
from control.mail.post import Post
from control.notifications import CREDENTIALS
from control.notifications.matching import Tell, about
from control.records import ADDRESS_CHANGED, FACTOR_ADDED, FACTOR_REMOVED, OWNERS_HEAR, PASSWORD_SET, Event, User
from control.store.interface import Transaction
from control.verbs.authenticators import WORDS

TEMPLATE = "email/credential_change"
SUBJECTS = {
    PASSWORD_SET: "Your password was changed",
    FACTOR_ADDED: "A second factor was added to your account",
    FACTOR_REMOVED: "A second factor was removed from your account",
    ADDRESS_CHANGED: "The e-mail address of your account was changed",
}

log = logging.getLogger(__name__)


def by_mail(post: Post) -> Tell:
    def tell(tx: Transaction, event: Event) -> None:
        owner, to = _owner(tx, event), str(event.context.get("to_email", ""))
        if owner is None or not to or post.server(tx) is None:
            return
        shown = {"name": owner.name, "username": owner.username}
        subject, facts = SUBJECTS[event.action], list(_facts(owner, event))
        words = post.letters.write(TEMPLATE, user=shown, title=subject, facts=facts, brand=brands.title(tx))
        try:
            outbox.queue(tx, to, subject, words.text, CREDENTIALS, html=words.html, user=owner.pk)
        except outbox.CannotQueue as error:
            log.error("%s is not told by mail: %s", owner.username, error)

    return tell


def _owner(tx: Transaction, event: Event) -> User | None:
    """Who has to hear of it: not whose account was made in the same moment, nor who cannot use it."""
    owner = about(tx, event) if event.action in OWNERS_HEAR else None
    if owner is None or not owner.is_active or owner.date_joined == event.created:
        return None
    return owner


def _facts(owner: User, event: Event) -> Iterator[tuple[str, str]]:
    """Where an administrator sits is nobody's business."""
    told = {name: str(event.context.get(name, "")) for name in ("kind", "factor", "by")}
    yield "Account", owner.username
    if told["kind"]:
        yield "Second factor", ": ".join(filter(None, (WORDS.get(told["kind"], told["kind"]), told["factor"])))
    yield "When", moment(event.created)
    if told["by"]:
        yield "By", told["by"]
    elif event.client_ip:
        yield "From", event.client_ip
