"""The ends of a sign-in and of a session. Both only say so; whoever drives the flow changes the cookie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control.flows.avatar import avatar
from control.flows.stages.asking import Silent
from control.flows.state import Context, Continue, Deny, First, FlowServices, PlannedStage, State, Verdict
from control.records import User
from control.store.interface import Transaction
from control.verbs import authenticators, users
from control.verbs.fields import seconds
from rules import validity

CHANGE = "password_change"
"""The kind of the stage that comes first when the password is only good for choosing another one."""

KNOWN = "days=30"
"""How long a browser is known, unless the stage says otherwise."""
BOUND = {"bind_asn_network": "network", "bind_asn_network_ip": "address"}
"""How a session is bound to where it began (`control.sessions.Stay`). Autonomous systems alone bind nothing here."""


class UserLoginStage:
    """Settings: ``session_duration`` and ``remember_me_offset`` (durations; with the second, the person is asked
    whether to stay signed in for so much longer), ``terminate_other_sessions``, ``network_binding``;
    ``remember_device`` (a duration), how long the browser is known afterwards (`control.known_devices`)."""

    asks = True
    writes = frozenset({"login", "stay"})

    async def arrive(self, context: Context, settings: Mapping[str, Any], services: FlowServices) -> Verdict | None:
        if (verdict := await _refusal(context, services)) is not None:
            return verdict
        return _signed_in(context, settings, 0.0) if context.door or not _longer(settings) else None

    async def challenge(self, state: State, settings: Mapping[str, Any], services: FlowServices) -> dict[str, Any]:
        name = state.context.uid or ""
        return {"component": "ak-stage-user-login", "pending_user": name, "pending_user_avatar": avatar(name)}

    async def respond(
        self, context: Context, settings: Mapping[str, Any], fields: Mapping[str, str], services: FlowServices
    ) -> Verdict:
        """Whether the account is good is asked once more: somebody may have waited long before they answered."""
        if (verdict := await _refusal(context, services)) is not None:
            return verdict
        stays = fields.get("remember_me", "").lower() in ("true", "on", "1")
        return _signed_in(context, settings, _longer(settings) if stays else 0.0)


def _longer(settings: Mapping[str, Any]) -> float:
    return seconds(str(settings.get("remember_me_offset") or "seconds=0"))


def _signed_in(context: Context, settings: Mapping[str, Any], longer: float) -> Continue:
    stay = {
        "seconds": seconds(str(settings.get("session_duration") or "seconds=0")) + longer,
        "alone": bool(settings.get("terminate_other_sessions")),
        "bound": BOUND.get(str(settings.get("network_binding")), ""),
        "device": seconds(str(settings.get("remember_device", KNOWN))),
    }
    return Continue({"login": context.proved, "stay": stay})


async def _refusal(context: Context, services: FlowServices) -> Verdict | None:
    """Why nobody is signed in, or what comes before it; None: they are."""
    if context.proved is None or context.proved != context.pending_user:
        return Deny("flow_proved_nothing", "This flow did not check who you are. Tell the administrator.")
    user, due = await services.store.read(lambda tx: _standing(tx, context))
    if (
        context.method == "email_link"
        and not context.factor_shown
        and await services.store.read(lambda tx: _has_others(tx, context))
    ):
        return Deny("no_second_factor", "A link is not enough to sign in to this account. Sign in as usual.")
    refusal = "unknown_user" if user is None else validity.refusal(user, services.now())
    if refusal is None and due is not None and not context.door:
        return First(PlannedStage("password-change", CHANGE, {"reason": due}))
    if refusal is not None or due is not None:
        return Deny(refusal or str(due), "You cannot sign in with this account.")
    return None


def _has_others(tx: Transaction, context: Context) -> bool:
    """Second factors besides those that were set up in this very run: whoever reads somebody's mail can do that."""
    return any(one.pk not in context.factors for one in authenticators.of(tx, context.proved or 0))


def _standing(tx: Transaction, context: Context) -> tuple[User | None, str | None]:
    """Who signs in, and why they choose another password first. Other proofs than the password do not grow old."""
    user = tx.find(User, pk=context.proved or 0)
    asked = user is not None and context.method == "password"
    return user, users.password_due(tx, user) if user is not None and asked else None


class UserLogoutStage(Silent):
    writes = frozenset({"logout"})

    async def arrive(self, context: Context, settings: Mapping[str, Any], services: FlowServices) -> Verdict | None:
        return Continue({"logout": True})
