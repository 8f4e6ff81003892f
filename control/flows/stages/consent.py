"""Ask whether an application may know what it asks for. What it is about stands in the context since the flow began."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control.flows.stages.asking import Asking
from control.flows.state import Context, Continue, Deny, FlowServices, Invalid, Leave, State, Verdict
from control.verbs import consents
from control.verbs.fields import seconds

CHANGED = "Another sign-in has begun meanwhile. Look at what is asked now, and decide again."


class ConsentStage(Asking):
    """Settings: ``mode`` (always_require, permanent, expiring) and ``consent_expire_in``."""

    async def challenge(self, state: State, settings: Mapping[str, Any], services: FlowServices) -> dict[str, Any]:
        about = state.context.authorization
        return {
            "component": "ak-stage-consent",
            "header_text": f"{about.get('name', 'An application')} asks to:",
            "permissions": list(about.get("permissions", ())),
            "additional_permissions": [],
            "token": about.get("request", ""),
        }

    async def respond(
        self, context: Context, settings: Mapping[str, Any], fields: Mapping[str, str], services: FlowServices
    ) -> Verdict:
        about, user = context.authorization, context.requester
        if not about or user is None:
            return Deny("flow_denied", "This page belongs to signing in to an application. Begin there.")
        if fields.get("consent") == "denied":
            return Leave(f"{context.next}&consent=denied")
        if fields.get("token") != about["request"]:
            return Invalid({"token": [(CHANGED, "invalid")]})
        mode = settings.get("mode", "always_require")
        if mode != "always_require":
            lasting = seconds(str(settings.get("consent_expire_in", "weeks=4"))) if mode == "expiring" else None
            until = services.now() + lasting if lasting is not None else None
            await services.store.write(
                lambda tx: consents.remember(tx, user, about["application"], about["scopes"], until)
            )
        return Continue()
