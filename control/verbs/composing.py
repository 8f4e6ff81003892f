"""What goes wrong when people put flows together: refused where it would lock somebody out, else said in a sentence.

Whatever is said here, the executor keeps its own rules: a flow that checks nobody signs nobody in.
"""

from __future__ import annotations

from collections.abc import Iterator

from control.purposes import headless_flow
from control.records import Binding, Flow, Policy, Provider, Stage, StageBinding
from control.store.interface import NotFound, Query, Transaction
from control.verbs.fields import Invalid
from control.verbs.stage_kinds import KINDS

MOST_STAGES = 50
"""A flow with more is refused: nobody walks through them, and the session stays small."""
HEADLESS_DOORS = {"ldap": "LDAP", "radius": "RADIUS"}
"""Kinds of provider whose doors have no browser."""
BINDS_NOTHING = frozenset({"bind_asn", "bind_continent", "bind_continent_country", "bind_continent_country_city"})
"""Of what a User Login Stage can say, what has no effect here."""
OF_EVENTS = "event_matcher"
"""The kind of policy that never passes without an event."""


# --- what is refused -----------------------------------------------------------------------------------------------


def refuse_crowd(tx: Transaction, flow: str) -> None:
    """Raises Invalid."""
    if tx.count(StageBinding, Query(equal={"flow": flow})) > MOST_STAGES:
        raise Invalid({"target": [f"A flow has at most {MOST_STAGES} stages."]})


def refuse_circle(tx: Transaction, flow: str, field: str) -> None:
    """Flows that lead into one another before either has asked anything: a browser would go in circles for ever.
    Raises Invalid for ``field``."""
    seen = [flow]
    while (further := _leads_on(tx, seen[-1])) is not None:
        if further in seen:
            names = [tx.get(Flow, pk).slug for pk in [*seen[seen.index(further) :], further]]
            raise Invalid({field: [f"This leads in a circle: {' → '.join(names)}. Nobody would ever arrive."]})
        seen.append(further)


def _leads_on(tx: Transaction, flow: str) -> str | None:
    """Into which flow this one leads at once, whoever comes."""
    for line, stage in stages_of(tx, flow):
        kind = KINDS.get(stage.kind)
        if kind is None or kind.asks or kind.name == "deny":
            return None
        if stage.kind == "redirect" and not _is_bound(tx, line):
            leads = stage.settings.get("mode") == "flow"
            return stage.settings.get("target_flow") if leads else None
    return None


def refuse_pages(tx: Transaction, kind: str, provider: str, flow: str, field: str = "authentication_flow") -> None:
    """Stages that the provider's door cannot do, in the flow that it names. Raises Invalid for ``field``."""
    pages = pages_in(tx, flow)
    if pages:
        raise Invalid({field: [cannot_show(kind, provider, pages[0])]})


def refuse_pages_for_doors(tx: Transaction, flow: str) -> None:
    """The same, of all providers that name this flow. Raises Invalid."""
    for one in _doors(tx, flow):
        if one.authentication_flow == flow:
            refuse_pages(tx, one.kind, one.name, flow, "stage")


def pages_in(tx: Transaction, flow: str) -> list[Stage]:
    """Those that need a browser."""
    return [stage for _, stage in stages_of(tx, flow) if stage.kind not in KINDS or not KINDS[stage.kind].headless]


def cannot_show(kind: str, provider: str, stage: Stage) -> str:
    return (
        f"The {HEADLESS_DOORS[kind]} provider “{provider}” signs people in by this flow, and the stage “{stage.name}” "
        "needs a browser. Give the provider a flow of its own."
    )


# --- what is said --------------------------------------------------------------------------------------------------


def warnings(tx: Transaction, flow: Flow) -> list[str]:
    """A sentence for each thing that will not go as somebody may have meant it."""
    return list(_warnings(tx, flow))


def _warnings(tx: Transaction, flow: Flow) -> Iterator[str]:
    lines = stages_of(tx, flow.pk)
    yield from _order(tx, flow, lines)
    yield from _empty(flow, lines)
    for stage in pages_in(tx, flow.pk):
        for provider in _doors(tx, flow.pk):
            yield cannot_show(provider.kind, provider.name, stage)
    yield from _policies(tx, flow, lines)


def _order(tx: Transaction, flow: Flow, lines: list[tuple[StageBinding, Stage]]) -> Iterator[str]:
    before: set[str] = set()
    ended, proved = "", False
    for line, stage in lines:
        if ended:
            yield f"Nobody comes to the stage “{stage.name}”: “{ended}” ends the flow before it."
        named = _has(before, "identification", "user_write", "initial_setup")
        by_passkey = not named and "webauthn" in stage.settings.get("device_classes", ())
        signed_in = flow.authentication in ("require_authenticated", "require_superuser")
        match stage.kind:
            case "password" if not named:
                yield f"The stage “{stage.name}” asks for a password before anybody was asked for a name."
            case "password" if proved:
                yield f"The stage “{stage.name}” asks again for a password that a stage before it has checked."
            case "authenticator_validate" if not (proved or by_passkey or (signed_in and not named)):
                yield f"The stage “{stage.name}” asks for a second factor before the first: put a password before it."
            case "user_login" if not proved:
                yield f"The stage “{stage.name}” signs nobody in: no stage before it finds out who somebody is."
            case "user_delete" if not proved:
                yield f"The stage “{stage.name}” deletes nobody: no stage before it asks for a password."
            case "user_write" if flow.designation != "enrollment" and not _has(before, "prompt", "invitation"):
                # enrolment may come from a source, which has told who somebody is
                yield f"The stage “{stage.name}” has nothing to write: no stage before it asks for anything."
        if stage.kind in ("deny", "redirect") and not _is_bound(tx, line):
            ended = stage.name
        before.add(stage.kind)
        proved |= (
            by_passkey
            or bool(stage.settings.get("password_stage"))
            or stage.kind == "user_write"
            or (stage.kind in KINDS and KINDS[stage.kind].proves)
        )


def _empty(flow: Flow, lines: list[tuple[StageBinding, Stage]]) -> Iterator[str]:
    kinds = {stage.kind for _, stage in lines}
    if flow.designation == "authentication" and not kinds & {"user_login", "redirect", "deny"}:
        yield "This flow signs nobody in: it has no User Login Stage."
    for _, stage in lines:
        if stage.kind == "prompt" and not stage.settings.get("fields"):
            yield f"The stage “{stage.name}” asks for nothing: give it prompts."
        if {stage.settings.get("network_binding"), stage.settings.get("geoip_binding")} & BINDS_NOTHING:
            yield f"The stage “{stage.name}” binds sessions to networks and addresses alone, to nothing else."


def _policies(tx: Transaction, flow: Flow, lines: list[tuple[StageBinding, Stage]]) -> Iterator[str]:
    for line, stage in lines:
        if _is_bound(tx, line) and not (line.evaluate_on_plan or line.re_evaluate_policies):
            yield f"Bindings of the stage “{stage.name}” are never asked: let them be, when planning or when it comes."
    targets = {flow.pk: "the flow", **{line.pk: f"the stage “{stage.name}”" for line, stage in lines}}
    for binding in tx.select(Binding, Query(equal={"enabled": True}, within={"target": list(targets)})):
        policy = tx.find(Policy, pk=binding.policy) if binding.policy is not None else None
        if policy is not None and policy.kind == OF_EVENTS:
            yield f"The policy “{policy.name}” at {targets[binding.target]} is about events: there is none here."


# --- what is there -------------------------------------------------------------------------------------------------


def stages_of(tx: Transaction, flow: str) -> list[tuple[StageBinding, Stage]]:
    """In their order."""
    lines = tx.select(StageBinding, Query(equal={"flow": flow}, ordering=("order",)))
    stages = {stage.pk: stage for stage in tx.select(Stage, Query(within={"pk": [line.stage for line in lines]}))}
    return [(line, stages[line.stage]) for line in lines]


def _doors(tx: Transaction, flow: str) -> list[Provider]:
    """Providers without a browser whose passwords run this flow."""
    found = tx.select(Provider, Query(within={"kind": list(HEADLESS_DOORS)}, ordering=("name",)))
    return [one for one in found if _login(tx, one) == flow]


def _login(tx: Transaction, provider: Provider) -> str | None:
    try:
        return headless_flow(tx, provider).pk
    except NotFound:
        return None


def _is_bound(tx: Transaction, line: StageBinding) -> bool:
    return tx.count(Binding, Query(equal={"target": line.pk, "enabled": True})) > 0


def _has(before: set[str], *kinds: str) -> bool:
    return not before.isdisjoint(kinds)
