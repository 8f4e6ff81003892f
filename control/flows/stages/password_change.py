"""Another password of one's own, after the old one was shown in this very run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control.flows.avatar import avatar
from control.flows.bound import doer
from control.flows.stages.asking import Asking
from control.flows.stages.choosing import DIFFERENT, chosen_hash, prompt
from control.flows.state import Context, Continue, Deny, FlowServices, Invalid, State, Verdict
from control.records import User
from control.store.interface import Transaction
from control.verbs import users
from rules import validity

WHY = {
    "password_expired": "Your password is too old. Choose another one to go on.",
    "must_change_password": "The administrator asks you to choose a password of your own. Then you go on.",
}
UNPROVED = Deny("flow_proved_nothing", "Sign in with your password before you change it.")
MEANWHILE = Deny("credential_changed", "Your password was changed elsewhere meanwhile. Sign in with the new one.")


class PasswordChangeStage(Asking):
    """Settings: ``reason``, why it is asked. The password of a device is no password to change the person's own with:
    whoever has the device would have the account."""

    writes = frozenset({"proved_version"})

    async def arrive(self, context: Context, settings: Mapping[str, Any], services: FlowServices) -> Verdict | None:
        return None if _has_shown_it(context) else UNPROVED

    async def challenge(self, state: State, settings: Mapping[str, Any], services: FlowServices) -> dict[str, Any]:
        why = WHY.get(str(settings.get("reason")), "")
        return {
            "component": "ak-stage-prompt",
            "pending_user": state.context.uid or "",
            "pending_user_avatar": avatar(state.context.uid or ""),
            "fields": [
                prompt(100, "username", "User name", "text_read_only", why, state.context.uid or ""),
                prompt(200, "password", "New password", "password", ""),
                prompt(300, "password_repeat", "New password again", "password", ""),
            ],
        }

    async def respond(
        self, context: Context, settings: Mapping[str, Any], fields: Mapping[str, str], services: FlowServices
    ) -> Verdict:
        pk = context.proved
        if pk is None or not _has_shown_it(context):
            return UNPROVED
        began, password = services.now(), fields.get("password", "")
        if password != fields.get("password_repeat", ""):
            return Invalid({"password_repeat": DIFFERENT})
        hashed = await chosen_hash(services, pk, password, context.flow)
        if isinstance(hashed, Invalid):
            return hashed
        who = doer(context, services.origin)
        user = await services.store.write(lambda tx: _change(tx, pk, context.proved_version, hashed), who)
        user = user or await _by_the_same_form(pk, password, began, services)
        return MEANWHILE if user is None else Continue({"proved_version": user.credential_version})


async def _by_the_same_form(pk: int, password: str, began: float, services: FlowServices) -> User | None:
    """The form was sent twice, and the other was quicker: the password is theirs already. Only while this one was
    looked at, so that nobody guesses here what somebody else has chosen."""
    user = await services.store.read(lambda tx: tx.find(User, pk=pk))
    if user is None or (user.password_change_date or 0.0) < began or validity.refusal(user, services.now()) is not None:
        return None
    return user if (await services.passwords.verify(user.password, password)).ok else None


def _has_shown_it(context: Context) -> bool:
    return context.proved is not None and context.method == "password"


def _change(tx: Transaction, pk: int, version: int, hashed: str) -> User | None:
    """None: what was shown is not good any more."""
    user = tx.find(User, pk=pk)
    if user is None or user.credential_version != version or validity.refusal(user, tx.now) is not None:
        return None
    return users.set_password(tx, pk, hashed)
