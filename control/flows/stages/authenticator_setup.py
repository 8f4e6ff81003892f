"""Setting up a second factor: a program that makes one-time codes, or a list of codes on paper.

What is being set up is a record of its own, sealed like every secret, and counts once the person has shown that it
works (a code of the program) or that it is kept (the list).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from control.flows import links
from control.flows.avatar import avatar
from control.flows.bound import doer
from control.flows.state import Context, Continue, Deny, FlowServices, Invalid, State, Verdict
from control.records import Authenticator, User
from control.store.interface import Transaction
from control.verbs import authenticators

SIGN_IN = Deny("flow_denied", "Sign in before you set up a second factor.")
AGAIN = Deny("flow_denied", "This was set up elsewhere meanwhile, or begun anew. Start again.")


class TotpSetupStage:
    """Settings: ``digits`` (6 or 8), ``friendly_name``."""

    asks = True
    writes = frozenset({"factors", "spent", "proved_version"})

    async def arrive(self, context: Context, settings: Mapping[str, Any], services: FlowServices) -> Verdict | None:
        user = person(context)
        if user is None:
            return SIGN_IN
        digits, name = 8 if int(settings.get("digits", 6)) == 8 else 6, named(settings, "TOTP Authenticator")
        await services.store.write(lambda tx: authenticators.begin_totp(tx, user, services.random, digits, name))
        return None

    async def challenge(self, state: State, settings: Mapping[str, Any], services: FlowServices) -> dict[str, Any]:
        (factor, user), brand = await services.store.read(
            lambda tx: (_begun(tx, state.context, authenticators.TOTP), links.brand(tx, services))
        )
        account = user.username if user is not None else ""
        url = authenticators.config_url(factor, account, brand) if factor is not None else ""
        return {"component": "ak-stage-authenticator-totp", **whose(user), "config_url": url}

    async def respond(
        self, context: Context, settings: Mapping[str, Any], fields: Mapping[str, str], services: FlowServices
    ) -> Verdict:
        user, code = person(context), fields.get("code", "")
        if user is None:
            return SIGN_IN
        if not code.strip():
            return Invalid({"code": [("Enter the code that the program shows now.", "required")]})
        changes = await confirmed(services, context, lambda tx: authenticators.confirm_totp(tx, user, code))
        if changes is None:
            wrong = "This is not the code. Is the clock of the device with the program right?"
            return Invalid({"code": [(wrong, "invalid")]}, "wrong_code")
        return Continue({**changes, "spent": True})


class StaticSetupStage:
    """Settings: ``token_count``, ``token_length``, ``friendly_name``."""

    asks = True
    writes = frozenset({"factors", "proved_version"})

    async def arrive(self, context: Context, settings: Mapping[str, Any], services: FlowServices) -> Verdict | None:
        user = person(context)
        if user is None:
            return SIGN_IN
        count = min(max(int(settings.get("token_count", 6)), 1), MOST_CODES)
        length = min(max(int(settings.get("token_length", 12)), SHORTEST_CODE), LONGEST_CODE)
        name = named(settings, "Static tokens")
        await services.store.write(
            lambda tx: authenticators.begin_static(tx, user, services.random, count, length, name)
        )
        return None

    async def challenge(self, state: State, settings: Mapping[str, Any], services: FlowServices) -> dict[str, Any]:
        factor, user = await services.store.read(lambda tx: _begun(tx, state.context, authenticators.STATIC))
        codes = list(factor.secrets["codes"]) if factor is not None else []
        return {"component": "ak-stage-authenticator-static", **whose(user), "codes": codes}

    async def respond(
        self, context: Context, settings: Mapping[str, Any], fields: Mapping[str, str], services: FlowServices
    ) -> Verdict:
        user = person(context)
        if user is None:
            return SIGN_IN
        changes = await confirmed(services, context, lambda tx: authenticators.confirm_static(tx, user))
        return Continue(changes) if changes is not None else AGAIN


MOST_CODES = 50
SHORTEST_CODE, LONGEST_CODE = 8, 32
"""Letters and digits: eight are 39 bits, which the wait between wrong codes protects; more than 32 nobody types."""


def person(context: Context) -> int | None:
    """Who has proved a password in this run; else who was signed in before."""
    return context.proved if context.proved is not None else context.requester


async def confirmed(
    services: FlowServices, context: Context, confirm: Callable[[Transaction], Authenticator | None]
) -> dict[str, Any] | None:
    """What the flow knows then; None if nothing was confirmed. The credential that it checked is still the same one,
    if it was until now: a new factor alone does not change it."""

    def write(tx: Transaction) -> dict[str, Any] | None:
        user = tx.find(User, pk=person(context) or 0)
        factor = confirm(tx)
        if user is None or factor is None:
            return None
        changes: dict[str, Any] = {"factors": (*context.factors, factor.pk)}
        if context.proved is not None and context.proved_version == user.credential_version:
            changes["proved_version"] = tx.get(User, user.pk).credential_version
        return changes

    return await services.store.write(write, doer(context, services.origin))


def _begun(tx: Transaction, context: Context, kind: str) -> tuple[Authenticator | None, User | None]:
    pk = person(context) or 0
    return authenticators.begun(tx, pk, kind), tx.find(User, pk=pk)


def named(settings: Mapping[str, Any], otherwise: str) -> str:
    return str(settings.get("friendly_name") or otherwise)[:255]


def whose(user: User | None) -> dict[str, Any]:
    name = user.username if user is not None else ""
    return {"pending_user": name, "pending_user_avatar": avatar(name)}
