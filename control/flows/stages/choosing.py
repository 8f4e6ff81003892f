"""A new password that somebody types twice."""

from __future__ import annotations

from typing import Any

from control.flows.bound import peer_of
from control.flows.state import FlowServices, Invalid
from control.passwords.new import new_hash
from control.verbs import fields, users

DIFFERENT = [("The two passwords differ. Type the same one twice.", "invalid")]


async def chosen_hash(services: FlowServices, user: int, password: str, flow: str, name: str = "") -> str | Invalid:
    """What to store for the password that this user chose in the flow of this slug; or what is wrong with it. ``user``
    0: somebody who is only being made, by this name. Raises Busy."""
    try:
        chosen = users.new_password({"password": password})
        return await new_hash(services.store, services.passwords, user, chosen, peer_of(services.origin), flow, name)
    except fields.Invalid as error:
        return Invalid({"password": [(sentence, "invalid") for sentence in error.fields["password"]]})


def prompt(order: int, key: str, label: str, kind: str, sub_text: str, initial: str = "") -> dict[str, Any]:
    """One field of `ak-stage-prompt`."""
    return {
        "field_key": key,
        "label": label,
        "type": kind,
        "required": kind != "text_read_only",
        "placeholder": "",
        "initial_value": initial,
        "order": order,
        "sub_text": sub_text,
        "choices": None,
    }
