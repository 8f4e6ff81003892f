"""A second factor after the password: a one-time code of a program or from a list, or the signature of a key.

A headless run that has no code to answer with stops here; `headless` turns that into a challenge or a refusal. In front
of everything else, and with nothing but keys allowed, a passkey says also who it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from control import webauthn
from control.flows.avatar import avatar
from control.flows.stages.mailing import mail, mailed
from control.flows.stages.signing import (
    CLONED,
    NOT_POSSIBLE,
    PROVED,
    WRONG,
    opens_by_passkey,
    party,
    passkey_options,
    proves,
    signed,
    usable,
    verification_of,
)
from control.flows.state import (
    PASSKEY,
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
from control.records import Authenticator, Stage, User
from control.store.interface import Query, Transaction
from control.verbs import authenticators, mailed_codes
from control.verbs.authenticators import Code
from control.verbs.fields import seconds
from control.verbs.stage_kinds import KINDS

CLASSES = (authenticators.STATIC, authenticators.TOTP, authenticators.WEBAUTHN, authenticators.EMAIL)
"""What this version can check; a stage may name others besides."""
SETUPS = frozenset({"authenticator_totp", "authenticator_static", "authenticator_email", "authenticator_webauthn"})
"""Kinds of stages that set one up."""
LONGEST_CHOICE = 2048
"""Characters of the device that was chosen."""
NONE = "You need a second factor to sign in here, and have none. Ask the administrator."
NEEDS_BROWSER = "Your second factor works only in a browser. Make an app password for this device."
ELSEWHERE = "You need a second factor to sign in here. Sign in with a browser once and set one up."


PROVED_NOTHING = Deny("flow_proved_nothing", "This flow asks for a second factor before the first.")


class AuthenticatorValidateStage:
    """Settings: ``device_classes``, ``not_configured_action`` (skip, deny, configure), ``configuration_stages`` (pks),
    ``last_auth_threshold`` (a duration: a code that was right so lately, from the same address, counts still),
    ``webauthn_user_verification`` (required, preferred, discouraged)."""

    asks = True
    writes = PROVED | {"code_for", "code_at"}

    async def arrive(self, context: Context, settings: Mapping[str, Any], services: FlowServices) -> Verdict | None:
        if _says_who(context, settings):
            return await services.store.read(lambda tx: _passkey_refusal(tx, context, services))
        user = _whose(context)
        if user is None:
            return PROVED_NOTHING
        if context.method == "app_password" and context.door:
            return Continue()
        lately = seconds(str(settings.get("last_auth_threshold") or "seconds=0"))

        def look(tx: Transaction) -> tuple[bool, bool, list[Authenticator]]:
            factors = _factors(tx, user, context, settings)
            was_right = authenticators.was_right(tx, factors, services.origin, lately) and context.proved is not None
            by_key = context.method == PASSKEY and any(factor.pk in context.factors for factor in factors)
            return bool(factors), was_right or by_key, usable(factors, party(tx, services), context.door)

        has_one, is_enough, can_show = await services.store.read(look)
        if has_one and not can_show and not is_enough:
            return Deny("second_factor_needs_browser", NEEDS_BROWSER if context.door else NOT_POSSIBLE)
        if has_one and all(factor.kind == authenticators.EMAIL for factor in can_show) and not is_enough:
            return await _mail(user, context, settings, str(can_show[0].pk), services)
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
        devices, setups = await services.store.read(lambda tx: _asked(tx, state.context, settings, services))
        return {
            "component": "ak-stage-authenticator-validate",
            "pending_user": state.context.uid or "",
            "pending_user_avatar": avatar(state.context.uid or ""),
            "device_challenges": devices,
            "configuration_stages": [
                {
                    "pk": stage.pk,
                    "name": stage.name,
                    "verbose_name": KINDS[stage.kind].label,
                    "meta_model_name": f"{KINDS[stage.kind].app}.{KINDS[stage.kind].model}",
                }
                for stage in setups
            ],
        }

    async def respond(
        self, context: Context, settings: Mapping[str, Any], fields: Mapping[str, str], services: FlowServices
    ) -> Verdict:
        if _says_who(context, settings):
            found = await signed(fields.get("webauthn", ""), context, services, "required")
            return Continue(proves(found)) if found.reason is None else Invalid({"webauthn": [WRONG]}, found.reason)
        user = _whose(context)
        if user is None:
            return PROVED_NOTHING
        if (chosen := fields.get("selected_stage")) is not None:
            return await self._chosen(user, chosen, settings, services)
        if fields.get("webauthn") and not context.door and authenticators.WEBAUTHN in _classes(settings):
            return await _signed_by(user, context, settings, fields["webauthn"], services)
        code = fields.get("code", "")
        if not code.strip() and (wanted := _wants_mail(fields)) and not context.door:
            return await _mail(user, context, settings, wanted, services)
        if not code.strip():
            return Invalid({"code": [("Enter a code of your program, from your list, or from a mail.", "required")]})
        kinds, origin, sent = _classes(settings), services.origin, mailed(context)
        checked = await services.store.write(lambda tx: authenticators.check(tx, user, code, kinds, origin, sent))
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


def _factors(tx: Transaction, user: int, context: Context, settings: Mapping[str, Any]) -> list[Authenticator]:
    """Those that the stage takes; after a link in a mail, not the mailbox in which it was."""
    factors = authenticators.of(tx, user, _classes(settings))
    return mailed_codes.elsewhere(factors, context.mailed) if context.method == "email_link" else factors


def _wants_mail(fields: Mapping[str, str]) -> str:
    """The factor that was chosen to be written to, as authentik's clients say it; empty: none was."""
    try:
        chosen = json.loads(fields.get("selected_challenge", "")[:LONGEST_CHOICE])
    except (ValueError, RecursionError):
        return ""
    is_mail = isinstance(chosen, dict) and chosen.get("device_class") == authenticators.EMAIL
    return str(chosen.get("device_uid")) if is_mail else ""


async def _mail(
    user: int, context: Context, settings: Mapping[str, Any], wanted: str, services: FlowServices
) -> Verdict:
    def look(tx: Transaction) -> tuple[User, Authenticator | None]:
        factors = [one for one in _factors(tx, user, context, settings) if one.kind == authenticators.EMAIL]
        return tx.get(User, user), next((one for one in factors if str(one.pk) == wanted), None)

    person, factor = await services.store.read(look)
    if factor is None:
        return Invalid({"code": [("Choose one of these.", "invalid")]})
    return await mail(factor, person, services, "", "")


def _says_who(context: Context, settings: Mapping[str, Any]) -> bool:
    """Nobody is named yet, and only a key may be shown: authentik's way to a flow without passwords."""
    nobody = context.uid is None and context.requester is None and not context.door
    return nobody and _classes(settings) == (authenticators.WEBAUTHN,)


def _passkey_refusal(tx: Transaction, context: Context, services: FlowServices) -> Deny | None:
    if not opens_by_passkey(tx, context):
        return PROVED_NOTHING
    return None if party(tx, services) is not None else Deny("webauthn_not_possible", NOT_POSSIBLE)


async def _signed_by(
    user: int, context: Context, settings: Mapping[str, Any], answer: str, services: FlowServices
) -> Verdict:
    wanted = verification_of(settings.get("webauthn_user_verification"))
    found = await signed(answer, context, services, wanted, user)
    if found.reason is None and found.key is not None:
        return Continue({"factors": (*context.factors, found.key.pk), "factor_shown": True, "spent": True})
    said = CLONED if found.reason == "key_cloned" else WRONG
    return Invalid({"webauthn": [said]}, found.reason or "wrong_key")


def _asked(
    tx: Transaction, context: Context, settings: Mapping[str, Any], services: FlowServices
) -> tuple[list[dict[str, Any]], list[Stage]]:
    """What may be shown, all keys together as one, as authentik has it; or else the stages to choose from."""
    if _says_who(context, settings):
        return [_device("-1", authenticators.WEBAUTHN, passkey_options(tx, context, services) or {}, None)], []
    factors = _factors(tx, _whose(context) or 0, context, settings)
    if not factors:
        return [], _setups(tx, settings)
    here, last = party(tx, services), authenticators.last_used(tx, factors)
    shown = usable(factors, here, context.door)
    keys = [factor for factor in shown if factor.kind == authenticators.WEBAUTHN]
    devices = [
        _device(str(factor.pk), factor.kind, _shown(factor), last.get(factor.pk))
        for factor in shown
        if factor not in keys
    ]
    if here is not None and keys:
        wanted = verification_of(settings.get("webauthn_user_verification"))
        options = webauthn.request_options(here, context.nonce, [key.settings for key in keys], wanted)
        devices.append(_device(str(keys[0].pk), authenticators.WEBAUTHN, options, last.get(keys[0].pk)))
    return devices, []


def _shown(factor: Authenticator) -> dict[str, Any]:
    return {"email": mailed_codes.masked(factor.settings["address"])} if factor.kind == authenticators.EMAIL else {}


def _device(pk: str, kind: str, challenge: Mapping[str, Any], last: float | None) -> dict[str, Any]:
    return {"device_class": kind, "device_uid": pk, "challenge": challenge, "last_used": _moment(last)}


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
