"""From a stored flow to the state that a person starts with (DESIGN D10)."""

from __future__ import annotations

from collections.abc import Mapping

from control.bootstrap import setup_pending
from control.flows.state import MOST_STAGES, Context, PlannedStage, State
from control.records import Binding, Flow, Provider, Stage, StageBinding
from control.store.interface import NotFound, Query, Transaction
from control.verbs.rights import closure, is_superuser
from rules import bindings


class NotForYou(Exception):
    """The flow may not be started like this. The text is a sentence for the person; ``reason`` is for the operator."""

    def __init__(self, text: str, reason: str = "flow_denied") -> None:
        super().__init__(text)
        self.reason = reason


class SignInFirst(NotForYou):
    """The flow is only for people who have signed in."""


class SignOutFirst(NotForYou):
    """The flow is only for people who have not signed in."""


def headless_flow(tx: Transaction, provider: Provider) -> Flow:
    """The flow that a password for this provider runs: its authentication flow; else its authorization flow, but only
    if that one authenticates (others have no stage that proves anything); else the default. Raises NotFound."""
    if provider.authentication_flow is not None:
        return tx.get(Flow, provider.authentication_flow)
    if provider.authorization_flow is not None:
        flow = tx.get(Flow, provider.authorization_flow)
        if flow.designation == "authentication":
            return flow
    return flow_for(tx, "authentication")


def flow_for(tx: Transaction, designation: str) -> Flow:
    """The flow that serves this purpose by default: `default-<designation>-flow`, else the first. Raises NotFound."""
    flow = tx.find(Flow, slug=f"default-{designation}-flow")
    if flow is not None and flow.designation == designation:
        return flow
    others = tx.select(Flow, Query(equal={"designation": designation}, ordering=("slug",), limit=1))
    if not others:
        raise NotFound(f"no flow has the designation {designation}")
    return others[0]


def plan(
    tx: Transaction, flow: Flow, user: int | None, next: str = "/", hints: Mapping[str, str] | None = None
) -> State:
    """The state at the flow's beginning, for ``user`` (who has signed in) or a stranger. Raises NotForYou."""
    _check_requirement(tx, flow, user)
    _check_bindings(tx, flow, user)
    stages = _stages(tx, flow)
    if any(stage.kind == "initial_setup" for stage in stages) and not setup_pending(tx):
        raise NotForYou("The setup has been done already. Sign in instead.")
    return State(
        slug=flow.slug,
        title=flow.title,
        designation=flow.designation,
        plan=stages,
        background=flow.background,
        layout=flow.layout,
        context=Context(next=next, hints=dict(hints or {}), requester=user),
    )


def _check_requirement(tx: Transaction, flow: Flow, user: int | None) -> None:
    match flow.authentication:
        case "none":
            return
        case "require_unauthenticated":
            if user is not None:
                raise SignOutFirst("This page is for people who have not signed in. Sign out first.")
        case "require_authenticated":
            if user is None:
                raise SignInFirst("This page is for people who have signed in. Sign in first.")
        case "require_superuser":
            if user is None or not is_superuser(tx, user):
                raise NotForYou("This page is for administrators.")
        case other:
            raise NotForYou(f"This flow has a requirement that this version does not know ({other}).")


def _check_bindings(tx: Transaction, flow: Flow, user: int | None) -> None:
    lines = tx.select(Binding, Query(equal={"target": flow.pk}, ordering=("order",)))
    groups = frozenset(group.pk for group in closure(tx, user)) if user is not None else frozenset()
    if not bindings.admits(flow.policy_engine_mode, lines, user or 0, groups):
        raise NotForYou("This flow is not for you.", "no_binding")


def _stages(tx: Transaction, flow: Flow) -> tuple[PlannedStage, ...]:
    lines = tx.select(StageBinding, Query(equal={"flow": flow.pk}, ordering=("order",), limit=MOST_STAGES + 1))
    if len(lines) > MOST_STAGES:
        raise NotForYou(f"This flow has more than {MOST_STAGES} stages.")
    if tx.count(Binding, Query(equal={"enabled": True}, within={"target": [line.pk for line in lines]})):
        raise NotForYou("This flow has policies on its stages, which this version cannot decide yet.")
    stages = {stage.pk: stage for stage in tx.select(Stage, Query(within={"pk": [line.stage for line in lines]}))}
    return tuple(
        PlannedStage(stages[line.stage].name, stages[line.stage].kind, stages[line.stage].settings) for line in lines
    )
