"""The ends of a sign-in and of a session. Both only say so; whoever drives the flow changes the cookie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control.flows.state import Context, Continue, Deny, FlowServices, State, Verdict
from control.records import User
from rules import validity


class UserLoginStage:
    asks = False
    writes = frozenset({"login"})

    def challenge(self, state: State, settings: Mapping[str, Any]) -> dict[str, Any]:
        raise AssertionError("this stage asks nothing")

    async def respond(
        self, context: Context, settings: Mapping[str, Any], fields: Mapping[str, str], services: FlowServices
    ) -> Verdict:
        if context.proved is None or context.proved != context.pending_user:
            return Deny("flow_proved_nothing", "This flow did not check who you are. Tell the administrator.")
        user = await services.store.read(lambda tx: tx.find(User, pk=context.proved))
        refusal = "unknown_user" if user is None else validity.refusal(user, services.now())
        if refusal is not None:
            return Deny(refusal, "You cannot sign in with this account.")
        return Continue({"login": context.proved})


class UserLogoutStage:
    asks = False
    writes = frozenset({"logout"})

    def challenge(self, state: State, settings: Mapping[str, Any]) -> dict[str, Any]:
        raise AssertionError("this stage asks nothing")

    async def respond(
        self, context: Context, settings: Mapping[str, Any], fields: Mapping[str, str], services: FlowServices
    ) -> Verdict:
        return Continue({"logout": True})
