"""The end of one's own account, after the password was shown in this very run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control.flows.bound import doer
from control.flows.stages.asking import Silent
from control.flows.state import Context, Continue, Deny, FlowServices, Verdict
from control.records import User
from control.store.interface import Transaction
from control.verbs import fields, users
from control.verbs.rights import every_superuser

UNPROVED = Deny("flow_proved_nothing", "Sign in with your password before you delete your account.")
LAST = Deny("flow_denied", "You are the last administrator. Make somebody else one first.")


class UserDeleteStage(Silent):
    writes = frozenset({"logout"})

    async def arrive(self, context: Context, settings: Mapping[str, Any], services: FlowServices) -> Verdict | None:
        pk = context.proved
        if pk is None or context.method not in ("password", "email_link"):
            return UNPROVED

        def remove(tx: Transaction) -> Verdict:
            user = tx.find(User, pk=pk)
            if user is None or user.credential_version != context.proved_version:
                return UNPROVED
            if every_superuser(tx) == {pk}:
                return LAST
            users.delete(tx, pk)
            return Continue({"logout": True})

        try:
            return await services.store.write(remove, doer(context, services.origin))
        except fields.Invalid as error:
            return Deny("flow_denied", " ".join(said for sentences in error.fields.values() for said in sentences))
