"""Links in letters: a flow goes on where it stood, once, in whatever browser the link is opened.

Whether there is anybody to write to shows nowhere: rows of the same kind are written for nobody, too.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from control import brands
from control.flows.state import Deny, FlowServices, Link, State
from control.mail import outbox
from control.mail.domains import in_dns
from control.mail.letters import moment
from control.notifications import APP, CREDENTIALS
from control.records import FlowToken, Letter, User
from control.store.interface import Query, Transaction
from control.verbs import system

KEY_OCTETS = 24
"""192 bits, 32 characters."""
LONGEST_KEY = 64
SWEPT_AT_ONCE = 20
MOST_LATELY, LATELY = 5, 300.0
"""Letters for one address in so many seconds (authentik's limits): nobody fills a mailbox by asking."""
UNASKED, MOST_UNASKED = frozenset({APP, CREDENTIALS}), 50
"""Purposes of letters that nobody asked for, and how many of them are looked past."""
NO_MAIL = Deny("mail_not_possible", "No mail can be sent from here yet. Ask the administrator for a link.")
NO_WORDS = Deny("mail_not_possible", "The words of this mail are missing here. Tell the administrator.")


async def send(state: State, link: Link, services: FlowServices) -> State | Deny:
    """The state that waits for the link to be opened."""
    base, can, called = await services.store.read(
        lambda tx: (public_url(tx, services), services.post.server(tx) is not None, brand(tx, services))
    )
    if not base or not can:
        return NO_MAIL
    key = new_key(services.random)
    until = services.now() + link.lasts
    values = {"url": address(base, state.slug, key), "expires": moment(until), "brand": called}
    try:
        words = services.post.letters.write(link.template, user=link.shown, **values)
    except KeyError:
        return NO_WORDS
    to = same_for_all(link.to) if link.anybodys else link.to
    about = state.context.pending_user if state.context.pending_user is not None else link.user
    context = replace(
        state.context, waits=True, mailed=link.to, by_mail=True, link_version=link.version, pending_user=about
    )
    waiting = replace(state, context=context)
    flow = _to_go_on(waiting).to_json()
    letter = Letter(to, link.subject, link.template, text=words.text, html=words.html, user=link.user, good_until=until)

    def write(tx: Transaction) -> None:
        _sweep(tx)
        queued = outbox.offer(tx, letter, is_welcome(tx, to, link.most, link.within))
        tx.insert(FlowToken(digest(key), link.user if queued else None, flow, created=tx.now, expires=until))

    await services.store.write(write)
    return waiting


def new_key(random: Callable[[int], bytes]) -> str:
    return base64.urlsafe_b64encode(random(KEY_OCTETS)).decode()


def flow_of(tx: Transaction, key: str) -> str | None:
    """The slug of the flow that goes on with this link."""
    token = _token(tx, digest(key)) if 0 < len(key) <= LONGEST_KEY else None
    return str(token.flow.get("slug", "")) if token is not None else None


def find(tx: Transaction, key: str, slug: str) -> State | None:
    """Where the flow goes on that this link opens; it is used up only when the person says so, because programs that
    look through mail open links as well."""
    token = _token(tx, digest(key)) if 0 < len(key) <= LONGEST_KEY else None
    state = State.from_json(token.flow) if token is not None else None
    if token is None or state is None or state.slug != slug:
        return None
    return replace(state, context=replace(state.context, link=token.pk, opened=False))


def take(tx: Transaction, link: str) -> bool:
    """Uses it up, and what else was sent to the same person for the same flow. False: that has happened already."""
    token = _token(tx, link)
    if token is None:
        return False
    if token.user is not None:
        for other in tx.select(FlowToken, Query(equal={"user": token.user})):
            if other.pk != token.pk and other.flow.get("slug") == token.flow.get("slug"):
                tx.delete(other)
    tx.delete(token)
    return True


def give(tx: Transaction, state: State, user: User, key: str, until: float, by_mail: bool) -> None:
    """A link for this user, which is mailed to their address, or handed over by other means."""
    version = user.credential_version
    context = replace(state.context, waits=True, mailed=user.email, by_mail=by_mail, link_version=version)
    flow = _to_go_on(replace(state, context=context)).to_json()
    tx.insert(FlowToken(digest(key), user.pk, flow, created=tx.now, expires=until))


def address(base: str, slug: str, key: str) -> str:
    return f"{base.rstrip('/')}/if/flow/{slug}/?flow_token={key}"


def public_url(tx: Transaction, services: Any) -> str:
    """Never what a request says: a stranger's Host header would be mailed to people (DESIGN D25)."""
    return system.public_url(tx) or str(services.public_url)


def host(tx: Transaction, services: Any) -> str:
    """Which browsers ask for; where nothing tells, that of the public URL."""
    return str(services.http.host) if services.http is not None else urlsplit(public_url(tx, services)).netloc


def brand(tx: Transaction, services: Any) -> str:
    """What we are called there."""
    return brands.title(tx, host(tx, services))


def digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _to_go_on(state: State) -> State:
    """Who was signed in where it began is nobody's business where the link is opened: a browser, whatever began it."""
    return replace(state, context=replace(state.context, requester=None, by_outpost=False, link="", opened=False))


def _token(tx: Transaction, pk: str) -> FlowToken | None:
    token = tx.find(FlowToken, pk=pk)
    return token if token is not None and token.expires is not None and tx.now < token.expires else None


def is_welcome(tx: Transaction, to: str, most: int = MOST_LATELY, within: float = LATELY) -> bool:
    """May they be written to once more? ``most`` letters in so many seconds."""
    newest = tx.select(Letter, Query(equal={"to": to}, ordering=("-created",), limit=most + MOST_UNASKED))
    lately = [letter for letter in newest if letter.purpose not in UNASKED][:most]
    return bool(to) and not (len(lately) == most and tx.now - lately[-1].created < within)


def same_for_all(address: str) -> str:
    """Whoever writes somebody's address in many ways fills no mailbox: hosts ignore its case (RFC 5321, 2.4), and one
    domain of the DNS may be written in any number of letters that look like it, or like nothing (UTS 46)."""
    local, at, domain = address.rpartition("@")
    try:
        domain = in_dns(domain).removesuffix(".").lower()
    except UnicodeError:  # there is none: nothing is sent
        return address
    return f"{local.lower() if local.isascii() else local}{at}{domain}"


def _sweep(tx: Transaction) -> None:
    for old in tx.select(FlowToken, Query(ordering=("expires",), limit=SWEPT_AT_ONCE)):
        if old.expires is not None and old.expires <= tx.now:
            tx.delete(old)
