"""A password proved by running a flow in one call, for doors that have no browser (DESIGN D10).

The state stays in memory; no session is made. A flow that ends well without having checked a password is refused.
A one-time code is typed behind the password, ``password;123456``, as authentik has it; without one, a door that can ask
gets a challenge, and the flow waits in the store for the reply.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from control.authentication import STATIC, Prove, Proved
from control.flows import executor, pending
from control.flows.bound import Deciding, NotForYou, keep, peer_of
from control.flows.planning import plan
from control.flows.stages import identification
from control.flows.state import Challenge, Context, Denied, Done, FlowServices, State
from control.purposes import headless_flow
from control.records import Flow, Provider
from control.verbs import authenticators
from control.verbs.stage_kinds import KINDS
from protocols.link.messages import Authenticate

HEADLESS_KINDS = frozenset(name for name, kind in KINDS.items() if kind.headless)
MOST_ANSWERS = 10
"""A flow of these kinds that asks more often is not a login (authentik's own bound)."""
SEPARATOR = ";"
IDENTIFICATION, PASSWORD, VALIDATE = (
    "ak-stage-identification",
    "ak-stage-password",
    "ak-stage-authenticator-validate",
)


@dataclass(frozen=True, slots=True)
class Typed:
    """What a door brings along. ``mfa``: a code may stand behind the password."""

    username: str
    password: str = field(repr=False)
    mfa: bool = True
    door: str = "ldap"


@dataclass(frozen=True, slots=True)
class Waiting:
    """The flow stands where it asks for a one-time code, and none was typed."""

    state: State


async def prove_password(flow: Flow, typed: Typed, services: FlowServices) -> Proved | Waiting:
    """Whose password is it? ``Proved("accepted", pk)``, or the reason why not, as `rules.reasons` names it.

    Unknown, disabled and wrong cost the same. Raises Busy.
    """
    deciding = Deciding(services.judge, peer_of(services.origin))
    try:
        state = await services.store.read(lambda tx: plan(tx, flow, None, deciding=deciding, door=typed.door))
    except NotForYou as refusal:
        return Proved(refusal.reason)
    finally:
        await keep(services.store, deciding.traces)
    if any(stage.kind not in HEADLESS_KINDS for stage in state.plan):
        return Proved("flow_needs_browser")
    return await _run(state, typed, services)


async def prove_code(state: State, code: str, services: FlowServices) -> Proved:
    """The rest of a flow that was `Waiting`. Raises Busy."""
    step = await executor.answer(state, {"code": code}, services)
    match step:
        case Done(_, context):
            return _proved(context)
        case Denied(reason, _, context):
            return Proved(reason, context.pending_user)
        case Challenge(asked, _, reason):
            return Proved(reason or "wrong_code", asked.context.pending_user)


async def _run(state: State, typed: Typed, services: FlowServices) -> Proved | Waiting:
    step = await executor.start(state, services)
    password, code = typed.password, ""
    for _ in range(MOST_ANSWERS):
        match step:
            case Done(_, context):
                return _proved(context, bool(code))
            case Denied(reason, _, context):
                return Proved(reason, context.pending_user)
            case Challenge(_, component, reason) if "response_errors" in component:
                return Proved(reason or _empty(component), step.about.user)
            case Challenge(asked, {"component": "ak-stage-authenticator-validate"}, _) if not code:
                return Waiting(asked)
            case Challenge(asked, component, _):
                if typed.mfa and (component["component"] == PASSWORD or component.get("password_fields")):
                    whose = await _whose(asked, typed.username, services)
                    password, code = await _apart(typed.password, whose, services)
                both = {"uid_field": typed.username, "password": password}
                answers = {IDENTIFICATION: both, PASSWORD: {"password": password}, VALIDATE: {"code": code}}
                step = await executor.answer(asked, answers[component["component"]], services)
    return Proved("flow_denied")


async def _whose(asked: State, username: str, services: FlowServices) -> int | None:
    """Whose password is asked for: of whom the flow knows, or of whom the name is that is asked for with it."""
    stage = asked.stage
    if stage is None or stage.kind != "identification":
        return asked.context.pending_user
    user = await services.store.read(lambda tx: identification.named(tx, stage.settings, username.strip()))
    return user.pk if user is not None else None


async def _apart(typed: str, user: int | None, services: FlowServices) -> tuple[str, str]:
    """Password and one-time code. A code is what stands behind the last separator and has the form of one of the
    user's factors; to everybody else, a separator is a character of their password."""
    password, found, code = typed.rpartition(SEPARATOR)
    if not found:
        return typed, ""
    factors = await services.store.read(lambda tx: authenticators.of(tx, user or 0))
    return (password, code) if authenticators.could_be_code(factors, code) else (typed, "")


def _proved(context: Context, with_code: bool = False) -> Proved:
    """Nothing with a code in it is remembered, whether or not the code was needed."""
    if context.proved is None:
        return Proved("flow_proved_nothing")
    reuse = None if with_code or context.spent or context.judged else replace(STATIC, not_after=context.ends)
    return Proved("accepted", context.proved, context.proved_version, reuse=reuse, ends=context.ends)


def _empty(component: Mapping[str, Any]) -> str:
    """What an empty answer means here: nobody can be asked again."""
    if "uid_field" not in component["response_errors"] and component["component"] == IDENTIFICATION:
        return _EMPTY[PASSWORD]
    return _EMPTY[component["component"]]


_EMPTY = {IDENTIFICATION: "unknown_user", PASSWORD: "wrong_password", VALIDATE: "wrong_code"}


def password_proof(services: FlowServices) -> Prove:
    """What `control.authentication` calls for proofs of the kind `password`."""

    async def prove(provider: Provider, question: Authenticate) -> Proved:
        flow = await services.store.read(lambda tx: headless_flow(tx, provider))
        password = question.proof.get("password")
        if not isinstance(password, str):
            return Proved("unsupported_proof")
        mfa = bool(provider.settings.get("mfa_support", True))
        typed = Typed(question.username, password, mfa, question.protocol)
        proved = await prove_password(flow, typed, _on_behalf(services, question))
        return await _asked(question, proved.state, mfa, services) if isinstance(proved, Waiting) else proved

    return prove


async def _asked(question: Authenticate, state: State, mfa: bool, services: FlowServices) -> Proved:
    """The password was right, and a code is missing."""
    user = state.context.pending_user
    if not mfa:
        return Proved("code_not_possible", user)
    if not question.can_ask or user is None:
        return Proved("code_needed", user)
    secret = pending.secret(services.random)
    challenge = await services.store.write(lambda tx: pending.keep(tx, secret, question, user, state))
    return Proved("code_needed", user, challenge=challenge)


def reply_proof(services: FlowServices) -> Prove:
    """What `control.authentication` calls for proofs of the kind `reply`."""

    async def prove(provider: Provider, question: Authenticate) -> Proved:
        secret, response = question.proof.get("state"), question.proof.get("response")
        if not isinstance(secret, str) or not isinstance(response, str):
            return Proved("malformed_proof")
        state = await services.store.write(lambda tx: pending.take(tx, secret, question))
        if state is None:
            return Proved("challenge_over")
        return await prove_code(state, response, _on_behalf(services, question))

    return prove


def _on_behalf(services: FlowServices, question: Authenticate) -> FlowServices:
    return services.on_behalf(f"{question.protocol} {question.peer}")
