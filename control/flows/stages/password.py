"""Prove it, on a page of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control.flows.avatar import avatar
from control.flows.stages.asking import Asking
from control.flows.stages.checking import WRITES, checked
from control.flows.state import PASSKEY, Context, Continue, Deny, FlowServices, State, Verdict


class PasswordStage(Asking):
    """Settings: ``backends``, and ``failed_attempts_before_cancel``, which the executor counts."""

    writes = WRITES

    async def arrive(self, context: Context, settings: Mapping[str, Any], services: FlowServices) -> Verdict | None:
        """A passkey that said who it is has proved it, too."""
        return Continue() if context.method == PASSKEY and context.proved is not None else None

    async def challenge(self, state: State, settings: Mapping[str, Any], services: FlowServices) -> dict[str, Any]:
        return {
            "component": "ak-stage-password",
            "pending_user": state.context.uid or "",
            "pending_user_avatar": avatar(state.context.uid or ""),
            "allow_show_password": bool(settings.get("allow_show_password")),
        }

    async def respond(
        self, context: Context, settings: Mapping[str, Any], fields: Mapping[str, str], services: FlowServices
    ) -> Verdict:
        if context.uid is None:
            return Deny("flow_denied", "This flow asks for a password before it knows whose. Tell the administrator.")
        return await checked(context, settings, fields.get("password", ""), services)
