"""From a stored flow to the state that a person starts with (DESIGN D10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from control.bootstrap import setup_pending
from control.flows.bound import Deciding, NotForYou
from control.flows.state import Context, PlannedStage, State
from control.policies.judge import Judge
from control.records import Binding, Flow, Stage, StageBinding
from control.store.interface import Query, Transaction
from control.verbs import system
from control.verbs.composing import MOST_STAGES
from control.verbs.rights import is_superuser

OPEN = "continue_flow_without_invitation"
"""The setting of an invitation stage; where it says nothing, the installation's own counts."""


class SignInFirst(NotForYou):
    """The flow is only for people who have signed in."""


class SignOutFirst(NotForYou):
    """The flow is only for people who have not signed in."""


@dataclass(frozen=True, slots=True)
class Came:
    """How somebody came to a flow."""

    by_redirect: bool = False
    """Another flow of the same browser led here, just now."""
    by_outpost: bool = False
    """An outpost asks, for somebody at a door without a browser."""
    by_link: bool = False
    """By a link that an administrator gave, or that a mail held."""
    by_source: bool = False
    """From a foreign provider, whose people may enrol here: an administrator has said so of that one."""


def plan(
    tx: Transaction,
    flow: Flow,
    user: int | None,
    next: str = "/",
    hints: Mapping[str, str] | None = None,
    deciding: Deciding | None = None,
    door: str = "",
    authorization: Mapping[str, Any] | None = None,
    came: Came = Came(),
) -> State:
    """The state at the flow's beginning, for ``user`` (who has signed in) or a stranger. Raises NotForYou."""
    _check_requirement(tx, flow, user, replace(came, by_outpost=came.by_outpost or bool(door)))
    deciding = deciding or Deciding(Judge())
    begun = Context(
        next=next,
        hints=dict(hints or {}),
        requester=user,
        flow=flow.slug,
        door=door,
        by_outpost=came.by_outpost,
        authorization=dict(authorization or {}),
    )
    deciding.check(tx, flow, begun)
    stages = _stages(tx, flow, begun, deciding)
    if any(stage.kind == "initial_setup" for stage in stages) and not setup_pending(tx):
        raise NotForYou("The setup has been done already. Sign in instead.")
    return State(
        slug=flow.slug,
        title=flow.title,
        designation=flow.designation,
        plan=stages,
        background=flow.background,
        layout=flow.layout,
        context=replace(begun, judged=deciding.asked),
    )


def _check_requirement(tx: Transaction, flow: Flow, user: int | None, came: Came) -> None:
    if not came.by_source and (why := _closed(tx, flow.designation)) is not None:
        raise NotForYou(why)
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
        case "require_redirect":
            if not came.by_redirect:
                raise NotForYou("This page is a part of another one. Begin there.")
        case "require_outpost":
            if not came.by_outpost:
                raise NotForYou("This page is for devices and programs, not for browsers.")
        case "require_token":
            if not came.by_link:
                raise NotForYou("This page opens by the link in a mail alone.")
        case other:
            raise NotForYou(f"This flow has a requirement that this version does not know ({other}).")


CLOSABLE = frozenset({"enrollment", "unenrollment"})
"""Designations of flows that an administrator opens and closes."""


def closed(tx: Transaction, state: State) -> str | None:
    """Why whoever has begun does not go on, by the link in a mail or otherwise: an administrator has closed the way.
    Whom a foreign provider has sent is let in by what is said of that."""
    if state.designation not in CLOSABLE or state.context.source:
        return None
    if state.designation == "enrollment" and system.read(tx).enrollment == "invitation":
        passed = [stage for stage in state.plan[: state.position] if stage.kind == "invitation"]
        if not state.context.invitation and any(stage.settings.get(OPEN) is None for stage in passed):
            return "Only who has an invitation makes an account here. Ask the administrator for one."
    return _closed(tx, state.designation)


def _closed(tx: Transaction, designation: str) -> str | None:
    """Why nobody goes this way until an administrator opens it; None: it is open."""
    if designation == "enrollment" and system.read(tx).enrollment == "off":
        return "Nobody makes themselves an account here. Ask the administrator for one."
    if designation == "unenrollment" and not system.read(tx).unenrollment:
        return "Accounts are deleted by the administrator here."
    return None


def _stages(tx: Transaction, flow: Flow, context: Context, deciding: Deciding) -> tuple[PlannedStage, ...]:
    """Those whose bindings are asked now and do not pass are left out; the executor asks the others."""
    lines = tx.select(StageBinding, Query(equal={"flow": flow.pk}, ordering=("order",), limit=MOST_STAGES + 1))
    if len(lines) > MOST_STAGES:
        raise NotForYou(f"This flow has more than {MOST_STAGES} stages.")
    enabled = Query(equal={"enabled": True}, within={"target": [line.pk for line in lines]})
    bound = {binding.target for binding in tx.select(Binding, enabled)}
    walked = [
        line
        for line in lines
        if line.pk not in bound or not line.evaluate_on_plan or deciding.walks_through(tx, line, context)
    ]
    stages = {stage.pk: stage for stage in tx.select(Stage, Query(within={"pk": [line.stage for line in walked]}))}
    return tuple(
        PlannedStage(
            stages[line.stage].name,
            stages[line.stage].kind,
            stages[line.stage].settings,
            line.pk if line.pk in bound and line.re_evaluate_policies else "",
            line.invalid_response_action,
        )
        for line in walked
    )
