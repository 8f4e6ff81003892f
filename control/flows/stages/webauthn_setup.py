"""Setting up a security key or passkey: what the browser has made counts at once, because it has signed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control import webauthn
from control.flows.stages.authenticator_setup import SIGN_IN, confirmed, named, person, whose
from control.flows.stages.signing import NOT_POSSIBLE, party, verification_of
from control.flows.state import Context, Continue, Deny, FlowServices, Invalid, State, Verdict
from control.records import User
from control.store.interface import Transaction
from control.verbs import authenticators, fields, passkeys

WRONG = "The key could not be set up. Try again, perhaps with another one."
LONGEST_NAME = 255


class WebAuthnSetupStage:
    """Settings: ``user_verification`` and ``resident_key_requirement`` (required, preferred, discouraged),
    ``authenticator_attachment`` (platform, cross-platform, None), ``friendly_name``."""

    asks = True
    writes = frozenset({"factors", "proved_version"})

    async def arrive(self, context: Context, settings: Mapping[str, Any], services: FlowServices) -> Verdict | None:
        if person(context) is None:
            return SIGN_IN
        here = await services.store.read(lambda tx: party(tx, services))
        return None if here is not None else Deny("webauthn_not_possible", NOT_POSSIBLE)

    async def challenge(self, state: State, settings: Mapping[str, Any], services: FlowServices) -> dict[str, Any]:
        user, options = await services.store.read(lambda tx: _options(tx, state.context, settings, services))
        return {"component": "ak-stage-authenticator-webauthn", **whose(user), "registration": options}

    async def respond(
        self, context: Context, settings: Mapping[str, Any], fields_: Mapping[str, str], services: FlowServices
    ) -> Verdict:
        user, here = person(context), await services.store.read(lambda tx: party(tx, services))
        if user is None or here is None:
            return SIGN_IN if user is None else Deny("webauthn_not_possible", NOT_POSSIBLE)
        answer = fields_.get("response", "")
        if not answer:
            return Invalid({"response": [("Press the button, and do what the browser asks.", "required")]})
        wanted = verification_of(settings.get("user_verification"))
        try:
            key = webauthn.registered(answer, context.nonce, here, wanted)
        except webauthn.NotRight:
            return Invalid({"response": [(WRONG, "invalid")]}, "wrong_key")
        name = fields_.get("name", "").strip()[:LONGEST_NAME] or named(settings, "Passkey")
        try:
            changes = await confirmed(services, context, lambda tx: passkeys.add(tx, user, key, name))
        except fields.Invalid as error:
            return Invalid({"response": [(sentence, "invalid") for sentence in error.fields[fields.NON_FIELD]]})
        return Continue(changes) if changes is not None else SIGN_IN


def _options(
    tx: Transaction, context: Context, settings: Mapping[str, Any], services: FlowServices
) -> tuple[User | None, dict[str, Any]]:
    user, here = tx.find(User, pk=person(context) or 0), party(tx, services)
    if user is None or here is None:
        return user, {}
    attachment = settings.get("authenticator_attachment")
    return user, webauthn.creation_options(
        here,
        context.nonce,
        user.uuid,
        user.username,
        user.name,
        passkeys.settings_of(authenticators.of(tx, user.pk)),
        verification_of(settings.get("user_verification")),
        verification_of(settings.get("resident_key_requirement")),
        attachment if attachment in ("platform", "cross-platform") else None,
    )
