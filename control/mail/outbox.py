"""Letters that wait, in the store: queued with what they tell of, claimed by one process at a time, tried again.

A letter is never lost: it is there when the transaction is. It is claimed in a writing transaction, of which there is
one at a time, so that no two processes send it. One that dies while the server answers leaves it to the next, under
the same Message-ID: of the two faults that remain possible then, twice is the smaller one.
"""

from __future__ import annotations

from dataclasses import replace

from control.mail.message import BadAddress, bare
from control.records import Event, Letter
from control.store.interface import Query, Transaction

WAITING, SENT, FAILED, NOBODY = "waiting", "sent", "failed", "nobody"
WAITS = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
"""Seconds until the next try, after the first, the second one and so on; then every `LONGEST_WAIT`."""
LONGEST_WAIT = 3600.0
GIVEN_UP = 4 * 86_400.0
"""Seconds after which nobody tries any more (RFC 5321, 4.5.4.1: four to five days)."""
KEPT = 30 * 86_400.0
"""Seconds that it is known afterwards what became of a letter."""
MOST_WAITING = 20_000
"""Letters. More than that is a fault somewhere, and no table grows because of it."""
MOST_FOR_ONE = 20
"""Waiting for one address: whoever asks for links again and again fills no mailbox."""
MOST_OF_STRANGERS = MOST_WAITING // 4
"""Waiting for addresses of people who have no account yet: whoever makes up addresses takes nobody else's place."""
MOST_FOR_NOBODY, KEPT_FOR_NOBODY = 1000, 3600.0
"""Letters, and seconds: strangers ask for them."""
SWEPT_AT_ONCE = 10
ASKED_BY_STRANGERS = "Somebody asked for this mail, and named nobody who can get one."
LONGEST_SUBJECT = 200
LONGEST_BODY = 256 * 1024
"""Characters. Mail of ours is a page or two."""
LONGEST_TROUBLE = 500
LOOKED_AT = 10
"""Letters, for one that is still worth sending."""


class CannotQueue(Exception):
    """The text is a sentence for whoever wanted the letter sent."""


def queue(
    tx: Transaction,
    to: str,
    subject: str,
    text: str,
    purpose: str,
    html: str = "",
    user: int | None = None,
    good_until: float | None = None,
) -> Letter:
    """Sends this, soon and once, if the transaction commits. ``to`` is one address. Raises CannotQueue."""
    letter = Letter(to, subject, purpose, text=text, html=html, user=user, good_until=good_until)
    if (refused := _trouble(tx, letter)) is not None:
        raise CannotQueue(refused)
    return tx.insert(_due_now(tx, letter))


def offer(tx: Transaction, letter: Letter, is_welcome: bool) -> bool:
    """`queue` for strangers, who learn nothing of whether there is somebody, and whether they can be written to: where
    nobody is, or nothing can be sent, a letter to nobody costs the same. True: it was queued."""
    old = Query(equal={"state": NOBODY}, ordering=("-created",), offset=MOST_FOR_NOBODY, limit=SWEPT_AT_ONCE)
    for one in tx.select(Letter, old):
        tx.delete(one)
    of_strangers = tx.count(Letter, Query(equal={"state": WAITING, "user": None}))
    refused = _trouble(tx, letter)
    if letter.user is None and of_strangers >= MOST_OF_STRANGERS:
        refused = refused or "Too much mail is waiting already for people who have no account yet."
    if is_welcome and refused is None:
        tx.insert(_due_now(tx, letter))
        return True
    trouble, ends = refused if is_welcome and refused else ASKED_BY_STRANGERS, tx.now + KEPT_FOR_NOBODY
    to_nobody = replace(letter, to="", user=None, good_until=None, state=NOBODY, trouble=trouble, expires=ends)
    tx.insert(_due_now(tx, to_nobody))
    return False


def _trouble(tx: Transaction, letter: Letter) -> str | None:
    """Why this cannot be queued, in a sentence. What is asked of the store is the same for every address, and none."""
    waiting = tx.count(Letter, Query(equal={"state": WAITING}))
    for_one = tx.count(Letter, Query(equal={"state": WAITING, "to": letter.to}))
    try:
        bare(letter.to)
    except BadAddress as error:
        return str(error)
    if len(letter.text) > LONGEST_BODY or len(letter.html) > LONGEST_BODY:
        return f"A mail has at most {LONGEST_BODY} characters."
    if waiting >= MOST_WAITING:
        return "Too much mail is waiting already. Look at why it is not sent."
    return "Too much mail is waiting for this address already." if for_one >= MOST_FOR_ONE else None


def _due_now(tx: Transaction, letter: Letter) -> Letter:
    return replace(letter, subject=" ".join(letter.subject.split())[:LONGEST_SUBJECT], due=tx.now)


def is_any_due(tx: Transaction) -> bool:
    return bool(_due(tx, 1))


def claim(tx: Transaction, lease: float) -> Letter | None:
    """The next letter to send, which nobody else gets for ``lease`` seconds."""
    for letter in _due(tx, LOOKED_AT):
        if letter.good_until is not None and letter.good_until <= tx.now:
            _end(tx, letter, FAILED, letter.trouble or "It was not sent before what it told of was over.")
            continue
        return tx.update(replace(letter, tries=letter.tries + 1, due=tx.now + lease))
    return None


def sent(tx: Transaction, claimed: Letter) -> None:
    letter = _still(tx, claimed)
    if letter is not None:
        _end(tx, letter, SENT, "")
        _leave(tx, "email_sent", letter, f"Mail “{letter.subject}” was sent to {letter.to}.")


def not_sent(tx: Transaction, claimed: Letter, trouble: str, for_good: bool) -> None:
    """``for_good``: the server will never take it."""
    letter = _still(tx, claimed)
    if letter is None:
        return
    if for_good or tx.now - letter.created > GIVEN_UP:
        _end(tx, letter, FAILED, trouble)
        message = f"Mail “{letter.subject}” to {letter.to} was given up. {trouble}"
        _leave(tx, "configuration_error", letter, message)
        return
    wait = WAITS[letter.tries - 1] if letter.tries <= len(WAITS) else LONGEST_WAIT
    tx.update(replace(letter, due=tx.now + wait, trouble=trouble[:LONGEST_TROUBLE]))


def try_again(tx: Transaction, pk: str) -> Letter:
    """One that waits is tried now. Raises NotFound."""
    letter = tx.get(Letter, pk)
    return tx.update(replace(letter, due=tx.now)) if letter.state == WAITING else letter


def delete(tx: Transaction, pk: str) -> None:
    """Nobody gets it any more, if it was not sent. Raises NotFound."""
    tx.delete(tx.get(Letter, pk))


def _due(tx: Transaction, most: int) -> list[Letter]:
    first = tx.select(Letter, Query(equal={"state": WAITING}, ordering=("due",), limit=most))
    return [letter for letter in first if letter.due <= tx.now]


def _still(tx: Transaction, claimed: Letter) -> Letter | None:
    """The letter, unless it was deleted, or ended by another process, meanwhile."""
    letter = tx.find(Letter, pk=claimed.pk)
    return letter if letter is not None and letter.state == WAITING else None


def _end(tx: Transaction, letter: Letter, state: str, trouble: str) -> None:
    ended = replace(letter, state=state, trouble=trouble[:LONGEST_TROUBLE], answered=tx.now, expires=tx.now + KEPT)
    tx.update(replace(ended, text="", html=""))


def _leave(tx: Transaction, action: str, letter: Letter, message: str) -> None:
    context = {"message": message, "to_email": letter.to, "subject": letter.subject, "letter": letter.pk}
    tx.insert(Event(action, app="mail", context=context, created=tx.now))
