"""The ends of a sign-in and of a session. Both only say so; whoever drives the flow changes the cookie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control.flows.stages.asking import Silent
from control.flows.state import Context, Continue, Deny, First, FlowServices, PlannedStage, Verdict
from control.records import User
from control.store.interface import Transaction
from control.verbs import authenticators, users
from rules import validity

CHANGE = "password_change"
"""The kind of the stage that comes first when the password is only good for choosing another one."""


class UserLoginStage(Silent):
    writes = frozenset({"login"})

    async def arrive(self, context: Context, settings: Mapping[str, Any], services: FlowServices) -> Verdict | None:
        if context.proved is None or context.proved != context.pending_user:
            return Deny("flow_proved_nothing", "This flow did not check who you are. Tell the administrator.")
        user, due = await services.store.read(lambda tx: _standing(tx, context))
        if (
            context.method == "email_link"
            and not context.factors
            and await services.store.read(lambda tx: bool(authenticators.of(tx, context.proved or 0)))
        ):
            return Deny("no_second_factor", "A link is not enough to sign in to this account. Sign in as usual.")
        refusal = "unknown_user" if user is None else validity.refusal(user, services.now())
        if refusal is None and due is not None and not context.door:
            return First(PlannedStage("password-change", CHANGE, {"reason": due}))
        if refusal is not None or due is not None:
            return Deny(refusal or str(due), "You cannot sign in with this account.")
        return Continue({"login": context.proved})


def _standing(tx: Transaction, context: Context) -> tuple[User | None, str | None]:
    """Who signs in, and why they choose another password first. Other proofs than the password do not grow old."""
    user = tx.find(User, pk=context.proved or 0)
    asked = user is not None and context.method == "password"
    return user, users.password_due(tx, user) if user is not None and asked else None


class UserLogoutStage(Silent):
    writes = frozenset({"logout"})

    async def arrive(self, context: Context, settings: Mapping[str, Any], services: FlowServices) -> Verdict | None:
        return Continue({"logout": True})
