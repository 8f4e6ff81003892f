"""Prove it. Unknown, disabled and wrong cost the same and get the same sentence; the reason is for the operator."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from control.flows.avatar import avatar
from control.flows.state import Context, Continue, Deny, FlowServices, Invalid, State, Verdict
from control.passwords import Busy
from control.records import User
from control.store.interface import Transaction
from rules import validity

WRONG = ("The name or the password is wrong.", "invalid")


class PasswordStage:
    """Settings: ``failed_attempts_before_cancel``, which the executor counts."""

    asks = True
    writes = frozenset({"proved", "proved_version", "method"})

    def challenge(self, state: State, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "component": "ak-stage-password",
            "pending_user": state.context.uid or "",
            "pending_user_avatar": avatar(state.context.uid or ""),
            "allow_show_password": False,
        }

    async def respond(
        self, context: Context, settings: Mapping[str, Any], fields: Mapping[str, str], services: FlowServices
    ) -> Verdict:
        if context.uid is None:
            return Deny("flow_denied", "This flow asks for a password before it knows whose. Tell the administrator.")
        password = fields.get("password", "")
        if not password:
            return Invalid({"password": [("Enter your password.", "required")]})
        user = await services.store.read(lambda tx: tx.find(User, pk=context.pending_user or 0))
        stored = user.password if user is not None else None
        verified = await services.passwords.verify(stored, password)
        reason = _refusal(user, verified.ok, services.now())
        if user is None or reason is not None:
            return Invalid({"password": [WRONG]}, reason or "unknown_user")
        if verified.needs_rehash:
            await _remember_at_todays_cost(user, password, services)
        return Continue({"proved": user.pk, "proved_version": user.credential_version, "method": "password"})


def _refusal(user: User | None, right: bool, now: float) -> str | None:
    """Why this is not enough. Whether the account is good is told only of those who knew the password."""
    if user is None:
        return "unknown_user"
    if user.password is None:
        return "no_password"
    if not right:
        return "wrong_password"
    return validity.refusal(user, now)


async def _remember_at_todays_cost(user: User, password: str, services: FlowServices) -> None:
    """The sign-in does not depend on it: when there is too much to do, the next one does it."""
    with suppress(Busy):
        stronger = await services.passwords.hash(password)
        await services.store.write(lambda tx: _rehash(tx, user, stronger))


def _rehash(tx: Transaction, seen: User, stronger: str) -> None:
    """Nothing, if the password has been changed meanwhile."""
    user = tx.find(User, pk=seen.pk)
    if user is not None and user.password == seen.password:
        tx.update(replace(user, password=stronger))
