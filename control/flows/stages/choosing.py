"""A new password that somebody types twice."""

from __future__ import annotations

from control.flows.state import FlowServices, Invalid
from control.new_passwords import new_hash
from control.records import User
from control.verbs import fields


async def chosen_hash(services: FlowServices, username: str, password: str) -> str | Invalid:
    """What to store for the password that this user chose; or what is wrong with it. Raises Busy."""
    user = await services.store.read(lambda tx: tx.find(User, username=username))
    try:
        return await new_hash(services.store, services.passwords, user.pk if user is not None else 0, password)
    except fields.Invalid as error:
        return Invalid({"password": [(sentence, "invalid") for sentence in error.fields["password"]]})
