"""Who are you? A name that nobody has goes on like any other, so that strangers learn nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from control.flows import links
from control.flows.stages.asking import Asking
from control.flows.stages.checking import NO_ANSWER, WRITES, checked
from control.flows.stages.signing import PROVED, WRONG, opens_by_passkey, passkey_options, proves, signed
from control.flows.state import Context, Continue, Deny, Errors, FlowServices, Invalid, Named, State, Verdict
from control.purposes import flow_for
from control.records import Flow, Source, Stage, User
from control.sources.kinds import KINDS
from control.store.interface import NotFound, Query, Transaction
from control.verbs import system, users
from rules.names import is_possible_name, shown

USER_FIELDS = ("email", "username")
"""What a name may be, unless the stage says otherwise."""
BEATS = ("username", "email", "upn")
"""What a name can be; who is found by the first is found by none of the others."""
NO_PASSWORD = Deny("flow_denied", "This flow asks for a password that no stage checks. Tell the administrator.")
PRIMARY_ACTION = {"authentication": "Log in", "recovery": "Continue", "enrollment": "Continue"}


MOST_SOURCES = 50
"""Buttons on one page."""
PROVIDERS = Query(
    equal={"enabled": True}, within={"provider_type": list(KINDS)}, ordering=("name",), limit=MOST_SOURCES
)
"""To whose pages a button leads; directories have none."""


class IdentificationStage(Asking):
    """Settings: ``user_fields`` (email, username, upn), ``case_insensitive_matching``; ``sources`` (pks; none: all);
    ``password_stage`` (pk of a stage: its password is asked for with the name), ``webauthn_stage`` (pk of a stage: a
    passkey may say who it is), ``passwordless_flow`` (pk of a flow that a link leads to)."""

    writes = PROVED | WRITES

    async def challenge(self, state: State, settings: Mapping[str, Any], services: FlowServices) -> dict[str, Any]:
        ways, passkey = await services.store.read(lambda tx: _ways(tx, state, settings, services))
        password = await services.store.read(lambda tx: _password_stage(tx, settings))
        return {
            **ways,
            "component": "ak-stage-identification",
            "user_fields": list(settings.get("user_fields", USER_FIELDS)),
            "pending_user_identifier": state.context.uid,
            "password_fields": bool(settings.get("password_stage")),
            "allow_show_password": password is not None and bool(password.settings.get("allow_show_password")),
            "flow_designation": state.designation,
            "captcha_stage": None,
            "primary_action": PRIMARY_ACTION.get(state.designation, "Continue"),
            "sources": await services.store.read(lambda tx: ways_by_sources(tx, state, settings)),
            "show_source_labels": False,
            "enable_remember_me": False,
            "passkey_challenge": passkey,
        }

    async def respond(
        self, context: Context, settings: Mapping[str, Any], fields: Mapping[str, str], services: FlowServices
    ) -> Verdict:
        if (answer := fields.get("passkey")) and await _takes_passkeys_now(context, settings, services):
            found = await signed(answer, context, services, "required")
            return Continue(proves(found)) if found.reason is None else Invalid({"passkey": [WRONG]}, found.reason)
        name, password = fields.get("uid_field", "").strip(), fields.get("password", "")
        if missing := _missing(settings, name, password):
            return Invalid(missing)
        user, stage = await services.store.read(lambda tx: (named(tx, settings, name), _password_stage(tx, settings)))
        about = Named(shown(name), user.pk if user is not None else None)
        changes: dict[str, Any] = {"uid": about.uid, "pending_user": about.user}
        if not settings.get("password_stage"):
            return Continue(changes)
        if stage is None:
            return NO_PASSWORD
        verdict = await checked(replace(context, **changes), stage.settings, password, services)
        if isinstance(verdict, Invalid):
            return replace(verdict, named=about)
        return Continue({**verdict.changes, **changes})


def _missing(settings: Mapping[str, Any], name: str, password: str) -> Errors:
    missing = {} if name else {"uid_field": [("Enter your user name or your e-mail address.", "required")]}
    if settings.get("password_stage") and not password:
        missing["password"] = [NO_ANSWER]
    return missing


def _password_stage(tx: Transaction, settings: Mapping[str, Any]) -> Stage | None:
    pk = settings.get("password_stage")
    stage = tx.find(Stage, pk=str(pk)) if pk else None
    return stage if stage is not None and stage.kind == "password" else None


def _takes_passkeys(tx: Transaction, context: Context, settings: Mapping[str, Any]) -> bool:
    return bool(settings.get("webauthn_stage")) and opens_by_passkey(tx, context)


async def _takes_passkeys_now(context: Context, settings: Mapping[str, Any], services: FlowServices) -> bool:
    return await services.store.read(lambda tx: _takes_passkeys(tx, context, settings))


def _ways(
    tx: Transaction, state: State, settings: Mapping[str, Any], services: FlowServices
) -> tuple[dict[str, str], dict[str, Any] | None]:
    """The links, and what a passkey would have to sign."""
    takes = _takes_passkeys(tx, state.context, settings)
    return ways_in(tx, state, settings, services), passkey_options(tx, state.context, services) if takes else None


def ways_in(tx: Transaction, state: State, settings: Mapping[str, Any], services: FlowServices) -> dict[str, str]:
    """``recovery_url`` as soon as mail works, ``enroll_url`` as soon as an administrator has opened enrolment,
    ``passwordless_url`` where the stage has such a flow."""
    if state.designation != "authentication":
        return {}
    found = {}
    if (passwordless := tx.find(Flow, pk=str(settings.get("passwordless_flow") or ""))) is not None:
        found["passwordless_url"] = f"/if/flow/{passwordless.slug}/"
    can_mail = services.post.server(tx) is not None and bool(links.public_url(tx, services))
    if can_mail and (recovery := _led(tx, settings.get("recovery_flow"), "recovery", services)) is not None:
        found["recovery_url"] = f"/if/flow/{recovery.slug}/"
    enrollment = _led(tx, settings.get("enrollment_flow"), "enrollment", services)
    if system.read(tx).enrollment == "open" and enrollment is not None:
        found["enroll_url"] = f"/if/flow/{enrollment.slug}/"
    return found


def ways_by_sources(tx: Transaction, state: State, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """As authentik lists them: those that the stage names, or all. Each leads to where this flow leads."""
    if state.designation != "authentication":
        return []
    query, chosen = urlencode({"next": state.context.next}), settings.get("sources")
    return [
        {
            "name": source.name,
            "icon_url": None,
            "promoted": False,
            "challenge": {"component": "xak-flow-redirect", "to": f"/source/oauth/login/{source.slug}/?{query}"},
        }
        for source in tx.select(Source, PROVIDERS)
        if not chosen or source.pk in chosen
    ]


def _led(tx: Transaction, named: object, purpose: str, services: FlowServices) -> Flow | None:
    """The flow that the stage names; else the one that serves this purpose here."""
    chosen = tx.find(Flow, pk=str(named)) if named else None
    try:
        return chosen or flow_for(tx, purpose, links.host(tx, services))
    except NotFound:
        return None


def named(tx: Transaction, settings: Mapping[str, Any], name: str, only_confirmed: bool = False) -> User | None:
    """Whose name it is, by the settings of an identification stage.

    A user name beats an e-mail address, which beats a UPN, the user's own attribute ``upn``; one that two users
    share names nobody, unless it is the confirmed address of one of them. ``only_confirmed``: an address that nobody
    has confirmed names nobody either, for where the name is all that is asked for.

    Every field is looked into whatever the first one finds: known and unknown names cost the same.
    """
    if not is_possible_name(name):
        return None
    allowed, ignore_case = (
        settings.get("user_fields", USER_FIELDS),
        bool(settings.get("case_insensitive_matching", True)),
    )
    found = [_only(tx, field, name, ignore_case, only_confirmed) for field in BEATS if field in allowed]
    return next((user for user in found if user is not None), None)


def _only(tx: Transaction, field: str, text: str, ignore_case: bool, only_confirmed: bool) -> User | None:
    same = {field: text}
    if field in User.ALIASES:  # two that differ in case alone are shared, however case counts
        found = tx.select(User, Query(alike=same, limit=2))
        return found[0] if len(found) == 1 and (ignore_case or found[0].attributes[field] == text) else None
    found = tx.select(User, Query(alike=same, limit=2) if ignore_case else Query(equal=same, limit=2))
    user = found[0] if len(found) == 1 else None
    if field != "email":
        return user
    holder = users.holder(tx, text)
    if holder is not None and (ignore_case or holder.email == text):
        return holder
    return None if only_confirmed and user is not None and not user.email_verified else user
