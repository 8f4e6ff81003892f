"""A link to somebody's address: whoever opens it has the mailbox.

Unknown, disabled and without an address look and cost the same; only who reads the mailbox hears more. Where nobody has
been named, it goes to whoever has signed in, who confirms their own address with it, and is told where it goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from control.flows import links
from control.flows.stages.asking import Asking
from control.flows.state import Context, Continue, Deny, FlowServices, Link, State, Verdict
from control.mail.letters import greeted
from control.records import User
from control.store.interface import Transaction
from control.verbs.fields import seconds
from rules import validity

OVER = Deny("link_over", "This link has been used already, or is too old. Ask for a new one.")
NAMES = ("name", "username")
STAND_IN = {"name": "there", "username": "somebody"}
"""In the words for somebody who is not there: they are made, and sent to nobody."""
SENT = "If there is an account, a mail with a link is on its way to its address. Open the link on any device."
OWN = "We send a mail with a link to {}. Open it on any device: that shows that you read what is sent there."
SENT_OWN = "A mail with a link is on its way to {}. Open the link on any device."
NO_ADDRESS = Deny("mail_not_possible", "Your account has no e-mail address. Enter one under Details first.")
OPENED = "You have come by the link in a mail. Go on to use it; it works once."


class EmailStage(Asking):
    """Settings: ``subject``, ``template``, ``token_expiry`` (a duration), ``activate_user_on_success``."""

    writes = frozenset({"proved", "proved_version", "method", "confirmed", "opened"})

    async def arrive(self, context: Context, settings: Mapping[str, Any], services: FlowServices) -> Verdict | None:
        if not _is_own(context):
            return None if context.waits else await self._link(context, settings, services)
        user = await services.store.read(lambda tx: _addressee(tx, context, settings))
        if user is None:
            return NO_ADDRESS
        return Continue() if user.email_verified and not context.waits else None

    async def challenge(self, state: State, settings: Mapping[str, Any], services: FlowServices) -> dict[str, Any]:
        context = state.context
        asked: dict[str, Any] = {"component": "ak-stage-email", "confirm": _came_by_link(context), "unsent": False}
        if asked["confirm"]:
            return {**asked, "message": OPENED}
        if not _is_own(context):
            return {**asked, "message": SENT}
        if context.waits:
            return {**asked, "message": SENT_OWN.format(context.mailed)}
        user = await services.store.read(lambda tx: _addressee(tx, context, settings))
        return {**asked, "message": OWN.format(user.email if user is not None else ""), "unsent": True}

    async def respond(
        self, context: Context, settings: Mapping[str, Any], fields: Mapping[str, str], services: FlowServices
    ) -> Verdict:
        if not _came_by_link(context):
            return await self._link(context, settings, services)
        return await services.store.write(lambda tx: _opened(tx, context, settings))

    async def _link(self, context: Context, settings: Mapping[str, Any], services: FlowServices) -> Link:
        user = await services.store.read(lambda tx: _addressee(tx, context, settings))
        lasts = seconds(str(settings.get("token_expiry") or "minutes=30"))
        brake = int(settings.get("recovery_max_attempts") or 5), _brake(settings)
        words = str(settings.get("template") or "email/password_reset"), str(settings.get("subject") or "authentik")
        if user is not None:
            anybodys, names = not user.email_verified, (user.name, user.username)
            shown = greeted(*names) if anybodys else dict(zip(NAMES, names, strict=True))
            return Link(user.email, user.pk, user.credential_version, shown, anybodys, *words, lasts, *brake)
        typed = context.prompt.get("email")
        if context.uid is None and isinstance(typed, str) and typed:
            shown = greeted(*(str(context.prompt.get(name, "")) for name in NAMES))
            return Link(typed, None, 0, shown, True, *words, lasts, *brake)
        return Link("", None, 0, STAND_IN, True, *words, lasts)


def _brake(settings: Mapping[str, Any]) -> float:
    return seconds(str(settings.get("recovery_cache_timeout") or "minutes=5"))


def _came_by_link(context: Context) -> bool:
    return bool(context.link) and not context.opened


def _is_own(context: Context) -> bool:
    """Has nobody been named, but whoever has signed in? A page that was only opened sends them nothing."""
    is_about = context.pending_user in (None, context.requester) and not context.prompt.get("email")
    return context.requester is not None and context.uid is None and is_about


def _addressee(tx: Transaction, context: Context, settings: Mapping[str, Any]) -> User | None:
    whose = context.requester if _is_own(context) else context.pending_user
    user = tx.find(User, pk=whose or 0)
    return user if user is not None and user.email and _is_good(user, settings, tx.now) else None


def _is_good(user: User, settings: Mapping[str, Any], now: float) -> bool:
    """May the account get a link? One that waits to be activated may, if that is what the link is for."""
    if user.type.endswith("service_account"):
        return False
    asked = replace(user, is_active=True) if settings.get("activate_user_on_success") else user
    return validity.refusal(asked, now) is None


def _opened(tx: Transaction, context: Context, settings: Mapping[str, Any]) -> Verdict:
    if not links.take(tx, context.link):
        return OVER
    confirmed = context.mailed if context.by_mail else ""
    opened: dict[str, Any] = {"opened": True, "confirmed": confirmed}
    if context.pending_user is None:
        return Continue(opened) if context.uid is None and context.mailed else OVER
    user = tx.find(User, pk=context.pending_user)
    if (
        user is None
        or not _is_good(user, settings, tx.now)
        or user.email != context.mailed
        or user.credential_version != context.link_version
    ):
        return OVER
    active = user.is_active or bool(settings.get("activate_user_on_success"))
    verified = user.email_verified or bool(confirmed)
    user = tx.update(replace(user, is_active=active, email_verified=verified))
    proved = {"proved": user.pk, "proved_version": user.credential_version, "method": "email_link"}
    return Continue({**opened, **proved})
