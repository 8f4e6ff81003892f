"""A second factor: a one-time code of a program or from a list, after the password.

A headless run that has no code to answer with stops here; `headless` turns that into a challenge or a refusal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from control.flows.avatar import avatar
from control.flows.state import (
    Context,
    Continue,
    Deny,
    FlowServices,
    Instead,
    Invalid,
    PlannedStage,
    State,
    Verdict,
)
from control.records import Authenticator, Stage
from control.store.interface import Query, Transaction
from control.verbs import authenticators
from control.verbs.authenticators import Code
from control.verbs.fields import seconds

CLASSES = (authenticators.STATIC, authenticators.TOTP)
"""What this version can check; a stage may name others besides."""
SETUPS = {
    "authenticator_totp": ("TOTP Authenticator Setup Stage", "authentik_stages_authenticator_totp"),
    "authenticator_static": ("Static Authenticator Setup Stage", "authentik_stages_authenticator_static"),
}
"""Kinds of stages that set one up, as authentik's clients know them."""
NONE = "You need a second factor to sign in here, and have none. Ask the administrator."
ELSEWHERE = "You need a second factor to sign in here. Sign in with a browser once and set one up."


class AuthenticatorValidateStage:
    """Settings: ``device_classes``, ``not_configured_action`` (skip, deny, configure), ``configuration_stages`` (pks),
    ``last_auth_threshold`` (a duration: a code that was right so lately, from the same address, counts still)."""

    asks = True
    writes = frozenset({"factors", "factor_shown", "spent"})

    async def arrive(self, context: Context, settings: Mapping[str, Any], services: FlowServices) -> Verdict | None:
        user = _whose(context)
        if user is None:
            return Deny("flow_proved_nothing", "This flow asks for a second factor before the first.")
        if context.method == "app_password" and context.door:
            return Continue()
        lately = seconds(str(settings.get("last_auth_threshold") or "seconds=0"))

        def look(tx: Transaction) -> tuple[bool, bool]:
            factors = authenticators.of(tx, user, _classes(settings))
            was_right = authenticators.was_right(tx, factors, services.origin, lately)
            return bool(factors), was_right and context.proved is not None

        has_one, is_enough = await services.store.read(look)
        if has_one:
            return Continue() if is_enough else None
        match settings.get("not_configured_action", "skip"):
            case "skip":
                return Continue()
            case "configure":
                return await self._configure(context, settings, services)
        return Deny("no_second_factor", NONE)

    async def _configure(self, context: Context, settings: Mapping[str, Any], services: FlowServices) -> Verdict | None:
        if context.door:
            return Deny("no_second_factor", ELSEWHERE)
        choices = await services.store.read(lambda tx: _setups(tx, settings))
        if not choices:
            return Deny("no_second_factor", NONE)
        return _instead(choices[0]) if len(choices) == 1 else None

    async def challenge(self, state: State, settings: Mapping[str, Any], services: FlowServices) -> dict[str, Any]:
        def look(tx: Transaction) -> tuple[list[Authenticator], dict[int, float], list[Stage]]:
            factors = authenticators.of(tx, _whose(state.context) or 0, _classes(settings))
            return factors, authenticators.last_used(tx, factors), [] if factors else _setups(tx, settings)

        factors, last, setups = await services.store.read(look)
        return {
            "component": "ak-stage-authenticator-validate",
            "pending_user": state.context.uid or "",
            "pending_user_avatar": avatar(state.context.uid or ""),
            "device_challenges": [
                {
                    "device_class": factor.kind,
                    "device_uid": str(factor.pk),
                    "challenge": {},
                    "last_used": _moment(last.get(factor.pk)),
                }
                for factor in factors
            ],
            "configuration_stages": [
                {
                    "pk": stage.pk,
                    "name": stage.name,
                    "verbose_name": SETUPS[stage.kind][0],
                    "meta_model_name": f"{SETUPS[stage.kind][1]}.{stage.kind.replace('_', '')}stage",
                }
                for stage in setups
            ],
        }

    async def respond(
        self, context: Context, settings: Mapping[str, Any], fields: Mapping[str, str], services: FlowServices
    ) -> Verdict:
        user = _whose(context)
        if user is None:
            return Deny("flow_proved_nothing", "This flow asks for a second factor before the first.")
        if (chosen := fields.get("selected_stage")) is not None:
            return await self._chosen(user, chosen, settings, services)
        code = fields.get("code", "")
        if not code.strip():
            return Invalid({"code": [("Enter a code of your program or from your list.", "required")]})
        kinds, origin = _classes(settings), services.origin
        checked = await services.store.write(lambda tx: authenticators.check(tx, user, code, kinds, origin))
        match checked.code, checked.factor:
            case Code.RIGHT, Authenticator() as factor:
                return Continue({"factors": (*context.factors, factor.pk), "factor_shown": True, "spent": True})
            case Code.TOO_SOON, _:
                wait = "Too many wrong codes. Wait a while before you try the next one."
                return Invalid({"code": [(wait, "throttled")]}, "device_throttled")
        return Invalid({"code": [("This code is wrong, or has been used already.", "invalid")]}, "wrong_code")

    async def _chosen(self, user: int, chosen: str, settings: Mapping[str, Any], services: FlowServices) -> Verdict:
        """Only somebody who has no factor yet may set one up on the way in."""

        def look(tx: Transaction) -> Stage | None:
            if authenticators.of(tx, user, _classes(settings)):
                return None
            return next((stage for stage in _setups(tx, settings) if stage.pk == chosen), None)

        stage = await services.store.read(look)
        return _instead(stage) if stage is not None else Invalid({"code": [("Choose one of these.", "invalid")]})


def _whose(context: Context) -> int | None:
    """Of the person who has just proved who they are; where nobody was named, of the one who has signed in."""
    return context.requester if context.uid is None else context.proved


def _classes(settings: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(kind for kind in CLASSES if kind in settings.get("device_classes", CLASSES))


def _setups(tx: Transaction, settings: Mapping[str, Any]) -> list[Stage]:
    """The stages that set up a factor, in the order that the administrator gave them."""
    if settings.get("not_configured_action") != "configure":
        return []
    wanted: Sequence[str] = settings.get("configuration_stages", ())
    found = {stage.pk: stage for stage in tx.select(Stage, Query(within={"pk": list(wanted)}))}
    return [found[pk] for pk in wanted if pk in found and found[pk].kind in SETUPS]


def _instead(stage: Stage) -> Instead:
    return Instead(PlannedStage(stage.name, stage.kind, stage.settings))


def _moment(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
