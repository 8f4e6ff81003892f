"""The ends of a sign-in and of a session. Both only say so; whoever drives the flow changes the cookie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control.flows.stages.asking import Silent
from control.flows.state import Context, Continue, Deny, FlowServices, Verdict
from control.records import User
from rules import validity


class UserLoginStage(Silent):
    writes = frozenset({"login"})

    async def arrive(self, context: Context, settings: Mapping[str, Any], services: FlowServices) -> Verdict | None:
        if context.proved is None or context.proved != context.pending_user:
            return Deny("flow_proved_nothing", "This flow did not check who you are. Tell the administrator.")
        user = await services.store.read(lambda tx: tx.find(User, pk=context.proved))
        refusal = "unknown_user" if user is None else validity.refusal(user, services.now())
        if refusal is not None:
            return Deny(refusal, "You cannot sign in with this account.")
        return Continue({"login": context.proved})


class UserLogoutStage(Silent):
    writes = frozenset({"logout"})

    async def arrive(self, context: Context, settings: Mapping[str, Any], services: FlowServices) -> Verdict | None:
        return Continue({"logout": True})
