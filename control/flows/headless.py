"""A password proved by running a flow in one call, for doors that have no browser (DESIGN D10).

The state stays in memory; no session is made. A flow that ends well without having checked a password is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from control.authentication import STATIC, Prove, Proved
from control.flows import executor
from control.flows.planning import NotForYou, headless_flow, plan
from control.flows.state import Challenge, Context, Denied, Done, FlowServices, State
from control.records import Flow, Provider
from protocols.link.messages import Authenticate

HEADLESS_KINDS = frozenset({"identification", "password", "user_login", "deny"})
MOST_ANSWERS = 10
"""A flow of these kinds that asks more often is not a login (authentik's own bound)."""


async def prove_password(
    flow: Flow, username: str, password: str, services: FlowServices, door: str = "ldap"
) -> Proved:
    """Whose password is it? ``Proved("accepted", pk)``, or the reason why not, as `rules.reasons` names it.

    Unknown, disabled and wrong cost the same. Raises Busy.
    """
    try:
        state = await services.store.read(lambda tx: plan(tx, flow, None))
    except NotForYou as refusal:
        return Proved(refusal.reason)
    if any(stage.kind not in HEADLESS_KINDS for stage in state.plan):
        return Proved("flow_needs_browser")
    state = replace(state, context=replace(state.context, door=door))
    return await _run(state, {"uid_field": username, "password": password}, services)


async def _run(state: State, fields: Mapping[str, str], services: FlowServices) -> Proved:
    step = await executor.start(state, services)
    for _ in range(MOST_ANSWERS):
        match step:
            case Done(_, context):
                return _proved(context)
            case Denied(reason, _, context):
                return Proved(reason, context.pending_user)
            case Challenge(asked, component, reason) if "response_errors" in component:
                return Proved(reason or _EMPTY[component["component"]], asked.context.pending_user)
            case Challenge(asked, _, _):
                step = await executor.answer(asked, fields, services)
    return Proved("flow_denied")


def _proved(context: Context) -> Proved:
    if context.proved is None:
        return Proved("flow_proved_nothing")
    reuse = replace(STATIC, not_after=context.ends) if context.ends is not None else STATIC
    return Proved("accepted", context.proved, context.proved_version, reuse=reuse)


_EMPTY = {"ak-stage-identification": "unknown_user", "ak-stage-password": "wrong_password"}
"""What an empty answer means here: nobody can be asked again."""


def password_proof(services: FlowServices) -> Prove:
    """What `control.authentication` calls for proofs of the kind `password`."""

    async def prove(provider: Provider, question: Authenticate) -> Proved:
        flow = await services.store.read(lambda tx: headless_flow(tx, provider))
        password = question.proof.get("password")
        if not isinstance(password, str):
            return Proved("unsupported_proof")
        waiting = services.on_behalf(f"{question.protocol} {question.peer}")
        return await prove_password(flow, question.username, password, waiting, question.protocol)

    return prove
