"""The dispatcher: one state, one answer, one step. It keeps the rules that no stage may break.

- A stage changes only the fields of the context that it declares.
- The person a flow is about never changes once named.
- Nobody is signed in whose credential was not proved in this very run.
- What is unknown denies.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from control.flows import links
from control.flows.bound import Deciding, NotForYou, keep, peer_of
from control.flows.planning import CLOSABLE, Came, closed, plan
from control.flows.stages import STAGES
from control.flows.state import (
    Ask,
    Challenge,
    Context,
    Continue,
    Denied,
    Deny,
    Done,
    First,
    FlowServices,
    Instead,
    Invalid,
    Leave,
    Link,
    PlannedStage,
    State,
    Step,
    Verdict,
)
from control.records import Flow, StageBinding
from control.store.interface import Transaction
from control.verbs.composing import MOST_STAGES

MOST_FAILURES = 5
"""Wrong answers to one stage; then the flow starts anew. (authentik's failed_attempts_before_cancel)"""


KEPT = ("prompt", "invitation")
"""What a flow that begins anew keeps, where its author wants that: what was typed, never who somebody is."""
FROM_SOURCE = ("source", "confirmed", "prompt")
"""What a foreign provider has said of somebody who is new here. Without it, an account would come of it that nobody
could sign in to."""
NONCE_OCTETS = 32
"""WebAuthn, section 13.4.3: at least 16."""


async def start(state: State, services: FlowServices) -> Step:
    """The first step of a flow that `planning.plan` has laid out."""
    return await _walk(state, services)


async def challenge(state: State, services: FlowServices) -> Challenge | None:
    """What is asked now, once more; None if the state waits for nothing."""
    stage = state.stage
    kind = STAGES.get(stage.kind) if stage is not None else None
    if stage is None or kind is None or not kind.asks:
        return None
    asked = await kind.challenge(state, stage.settings, services)
    return Challenge(state, {"flow_info": flow_info(state), **asked})


async def answer(state: State, fields: Mapping[str, str], services: FlowServices) -> Step:
    """The step after the person's answer to the stage at hand."""
    stage = state.stage
    if stage is None:
        return Denied("flow_denied", "This flow has ended. Start again.", state.context)
    kind = STAGES.get(stage.kind)
    if kind is None:
        return _unknown(state, stage)
    if not kind.asks:
        return Denied("flow_denied", "This flow waits for nothing. Start again.", state.context)
    if state.designation in CLOSABLE and (why := await services.store.read(lambda tx: closed(tx, state))) is not None:
        return Denied("flow_denied", why, state.context)
    verdict = await kind.respond(state.context, stage.settings, fields, services)
    step = await _settle(state, stage, verdict, services)
    return await _walk(step, services) if isinstance(step, State) else step


async def _walk(state: State, services: FlowServices) -> Step:
    """Through the stages that ask nothing, to the next that does, or to the end."""
    while (stage := state.stage) is not None:
        kind = STAGES.get(stage.kind)
        if kind is None:
            return _unknown(state, stage)
        if stage.binding:
            entered = await _enter(state, stage, services)
            if not isinstance(entered, State):
                return entered
            state = entered
            continue
        verdict = await kind.arrive(state.context, stage.settings, services)
        if verdict is None:
            return await challenge(_anew(state, services), services) or _unknown(state, stage)
        step = await _settle(state, stage, verdict, services)
        if not isinstance(step, State):
            return step
        state = step
    return _end(state.context, state.context.next)


async def _enter(state: State, stage: PlannedStage, services: FlowServices) -> State | Denied:
    """At the stage, with its bindings asked; or behind it, if they do not pass."""
    context, deciding = state.context, Deciding(services.judge, peer_of(services.origin), services.http)

    def decide(tx: Transaction) -> bool:
        line = tx.find(StageBinding, pk=stage.binding)
        if line is None:
            raise NotForYou("This flow was changed meanwhile. Start again.")
        return deciding.walks_through(tx, line, context)

    try:
        walked = await services.store.read(decide)
    except NotForYou as refusal:
        return Denied(refusal.reason, str(refusal), context)
    finally:
        await keep(services.store, deciding.traces)
    context = replace(context, judged=context.judged or deciding.asked, failures=0)
    if not walked:
        return replace(state, position=state.position + 1, context=context)
    plan = (*state.plan[: state.position], replace(stage, binding=""), *state.plan[state.position + 1 :])
    return replace(state, plan=plan, context=context)


async def _settle(state: State, stage: PlannedStage, verdict: Verdict, services: FlowServices) -> State | Step:
    match verdict:
        case Continue(changes):
            return _go_on(state, stage, changes)
        case Ask(changes):
            asked = _go_on(state, stage, changes)
            if isinstance(asked, Denied):
                return asked
            stays = replace(asked, position=state.position)
            return await challenge(_anew(stays, services), services) or _unknown(state, stage)
        case Invalid():
            return await _ask_again(state, stage, verdict, services)
        case Instead(other):
            plan = (*state.plan[: state.position], other, *state.plan[state.position + 1 :])
            return replace(state, plan=plan, context=replace(state.context, failures=0))
        case First(other):
            if len(state.plan) >= MOST_STAGES:
                return Denied("flow_denied", f"This flow has more than {MOST_STAGES} stages.", state.context)
            plan = (*state.plan[: state.position], other, *state.plan[state.position :])
            return replace(state, plan=plan, context=replace(state.context, failures=0))
        case Link():
            waiting = await links.send(state, verdict, services)
            if isinstance(waiting, Deny):
                return Denied(waiting.reason, waiting.message, state.context)
            return await challenge(_anew(waiting, services), services) or _unknown(state, stage)
        case Leave(to, flow):
            return _end(replace(state.context, leads=flow), to)
        case Deny(reason, message):
            return Denied(reason, message, state.context)


def _go_on(state: State, stage: PlannedStage, changes: Mapping[str, Any]) -> State | Denied:
    context = state.context
    if not changes.keys() <= STAGES[stage.kind].writes:
        raise AssertionError(f"a {stage.kind} stage wrote {sorted(changes)}")
    changed = replace(context, **{"waits": False, **changes}, failures=0)
    if context.uid is not None and changed.pending_user != context.pending_user:
        return Denied("flow_denied", "This sign-in began for somebody else. Start again.", context)
    if context.factors and context.uid is None and changed.uid is not None:
        return Denied("flow_denied", "This flow asks for a second factor before the name.", context)
    if changed.proved is not None and changed.proved != changed.pending_user:
        return Denied("flow_proved_nothing", "This flow did not check who you are. Start again.", context)
    return replace(state, position=state.position + 1, context=changed)


async def _ask_again(state: State, stage: PlannedStage, wrong: Invalid, services: FlowServices) -> Step:
    reason, named = wrong.reason, wrong.named
    context = replace(state.context, failures=state.context.failures + (1 if reason else 0))
    if reason and context.failures >= int(stage.settings.get("failed_attempts_before_cancel", MOST_FAILURES)):
        about = context if named is None else replace(context, uid=named.uid, pending_user=named.user)
        return Denied(reason, "That went wrong too often. Start again.", about)
    asked: Step | None
    if stage.on_wrong != "retry" and not context.door:
        asked = await _restarted(state, stage.on_wrong == "restart_with_context", services)
    else:
        asked = await challenge(_anew(replace(state, context=context), services), services)
    if isinstance(asked, Denied | Done):
        return asked
    if asked is None:
        return Denied(reason or "flow_denied", "This flow cannot go on. Start again.", context)
    listed = {name: [{"string": text, "code": code} for text, code in found] for name, found in wrong.errors.items()}
    return Challenge(asked.state, {**asked.component, "response_errors": listed}, reason, named)


async def _restarted(state: State, keeping: bool, services: FlowServices) -> Step:
    """The flow's beginning once more. Even where what was typed is kept, who somebody is has to be shown anew."""
    before, deciding = state.context, Deciding(services.judge, peer_of(services.origin), services.http)
    is_new_from_source = bool(before.source) and before.method != "source"

    def planned(tx: Transaction) -> State:
        flow = tx.find(Flow, slug=state.slug)
        if flow is None:
            raise NotForYou("This flow was changed meanwhile. Start again.")
        # whoever was let in before may go on
        came = Came(True, before.by_outpost, bool(before.link), is_new_from_source)
        return plan(tx, flow, before.requester, before.next, before.hints, deciding, "", before.authorization, came)

    try:
        new = await services.store.read(planned)
    except NotForYou as refusal:
        return Denied(refusal.reason, str(refusal), before)
    finally:
        await keep(services.store, deciding.traces)
    names = (*(KEPT if keeping else ()), *(FROM_SOURCE if is_new_from_source else ()))
    kept = {name: getattr(before, name) for name in names}
    return await _walk(replace(new, context=replace(new.context, targets=before.targets, **kept)), services)


def _anew(state: State, services: FlowServices) -> State:
    """What was signed for an earlier question answers this one no more."""
    nonce = base64.urlsafe_b64encode(services.random(NONCE_OCTETS)).rstrip(b"=").decode()
    return replace(state, context=replace(state.context, nonce=nonce))


def _end(context: Context, to: str) -> Done | Denied:
    if context.login is not None and not context.login == context.proved == context.pending_user:
        return Denied("flow_proved_nothing", "This flow did not check who you are.", context)
    return Done(to, context)


def _unknown(state: State, stage: PlannedStage) -> Denied:
    return Denied("flow_denied", f"This flow has a stage of a kind that is unknown here ({stage.kind}).", state.context)


def flow_info(state: State) -> dict[str, Any]:
    return {
        "title": state.title,
        "background": state.background,
        "background_themed_urls": None,
        "cancel_url": "/flows/-/cancel/",
        "layout": state.layout,
    }
