"""Setting up an address that codes are mailed to: it counts once somebody has shown what was sent there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control.flows.stages.authenticator_setup import SIGN_IN, confirmed, named, person, whose
from control.flows.stages.mailing import mail, mailed
from control.flows.state import Context, Continue, FlowServices, Invalid, State, Verdict
from control.records import User
from control.store.interface import Transaction
from control.verbs import authenticators, fields, mailed_codes
from control.verbs.fields import seconds

REQUIRED = [("Enter the address that codes are to be mailed to.", "required")]


class EmailSetupStage:
    """Settings: ``token_expiry`` (a duration), ``subject``, ``template``, ``friendly_name``."""

    asks = True
    writes = frozenset({"factors", "spent", "proved_version", "code_for", "code_at"})

    async def arrive(self, context: Context, settings: Mapping[str, Any], services: FlowServices) -> Verdict | None:
        return SIGN_IN if person(context) is None else None

    async def challenge(self, state: State, settings: Mapping[str, Any], services: FlowServices) -> dict[str, Any]:
        """``email_required``: an address is to be chosen first, and the account's own is proposed."""
        waits = bool(state.context.code_for)

        def look(tx: Transaction) -> tuple[User | None, str]:
            user = tx.find(User, pk=person(state.context) or 0)
            begun = authenticators.begun(tx, user.pk, authenticators.EMAIL) if user is not None and waits else None
            return user, begun.settings["address"] if begun is not None else user.email if user is not None else ""

        user, address = await services.store.read(look)
        return {
            "component": "ak-stage-authenticator-email",
            **whose(user),
            "email": address or None,
            "email_required": not waits,
        }

    async def respond(
        self, context: Context, settings: Mapping[str, Any], given: Mapping[str, str], services: FlowServices
    ) -> Verdict:
        pk, address, code = person(context), given.get("email", "").strip(), given.get("code", "")
        if pk is None:
            return SIGN_IN
        if address or not context.code_for:
            return await self._send(pk, address, settings, services) if address else Invalid({"email": REQUIRED})
        if not code.strip():
            return Invalid({"code": [("Enter the code from the mail.", "required")]})
        sent = mailed(context)
        changes = await confirmed(services, context, lambda tx: mailed_codes.confirm(tx, pk, code, sent))
        if changes is None:
            return Invalid({"code": [("This is not the code, or it is too old.", "invalid")]}, "wrong_code")
        return Continue({**changes, "spent": True})

    async def _send(self, pk: int, address: str, settings: Mapping[str, Any], services: FlowServices) -> Verdict:
        lasts = seconds(str(settings.get("token_expiry") or f"seconds={int(mailed_codes.LASTS)}"))
        name = named(settings, "E-mail")

        def begin(tx: Transaction) -> tuple[Any, User]:
            return mailed_codes.begin(tx, pk, services.random, address, lasts, name), tx.get(User, pk)

        try:
            factor, user = await services.store.write(begin)
        except fields.Invalid as error:
            wrong = [sentence for sentences in error.fields.values() for sentence in sentences]
            return Invalid({"email": [(sentence, "invalid") for sentence in wrong]})
        return await mail(factor, user, services, str(settings.get("template", "")), str(settings.get("subject", "")))
