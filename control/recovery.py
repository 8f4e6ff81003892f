"""Links by which somebody gets another password, handed over by whoever may: the API's, and those of the command line.

Each stands where the recovery flow waits for the link in its mail: what comes behind that, a second factor for one, is
asked for as ever.
"""

from __future__ import annotations

from dataclasses import replace

from control import audit
from control.flows import links
from control.flows.planning import Came, plan
from control.flows.state import State
from control.purposes import flow_for
from control.records import User
from control.store.interface import Actor, NotFound, Transaction
from control.verbs.fields import NON_FIELD, Invalid
from rules import validity

USE_TOKEN = "/recovery/use-token/{key}/"  # noqa: S105
"""authentik's path, which leads into the flow."""


def give(tx: Transaction, user: User, host: str, key: str, until: float, actor: Actor, by_mail: bool = False) -> str:
    """The slug of the flow into which ``key`` leads, once and before ``until`` (seconds since the epoch); ``host`` is
    the one that browsers ask for. ``by_mail``: the link goes to the user's address and nowhere else, so that opening it
    confirms that. The event says who made it. Raises Invalid."""
    if validity.refusal(user, tx.now) is not None or user.type.endswith("service_account"):
        raise Invalid({NON_FIELD: ["This account cannot sign in, so that a new password would be no use."]})
    state = _at_the_link(tx, user, host)
    links.give(tx, state, user, key, until, by_mail)
    secret = {"app": "authentik_core", "model_name": "user", "pk": user.pk, "name": user.username}
    said = f"A link was made by which {user.username} gets another password."
    audit.leave(tx, "secret_view", "authentik_core", {"secret": secret, "message": said}, actor)
    return state.slug


def _at_the_link(tx: Transaction, user: User, host: str) -> State:
    """The recovery flow where it waits for a link to be opened. Raises Invalid."""
    try:
        state = plan(tx, flow_for(tx, "recovery", host), None, came=Came(by_link=True))
    except NotFound:
        raise Invalid({NON_FIELD: ["There is no recovery flow."]}) from None
    place = next((number for number, stage in enumerate(state.plan) if stage.kind == "email"), None)
    if place is None:
        raise Invalid({NON_FIELD: [f"The flow {state.slug} has no e-mail stage, in which a link could be opened."]})
    return replace(state, position=place, context=replace(state.context, uid=user.username, pending_user=user.pk))
