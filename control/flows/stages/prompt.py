"""Ask for anything: fields with types, judged by policies. Of a password, only its hash is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from control.flows.bound import peer_of, telling
from control.flows.prompts import Field, field
from control.flows.stages.asking import Asking
from control.flows.stages.choosing import DIFFERENT, chosen_hash
from control.flows.state import Context, Continue, Deny, FlowServices, Invalid, State, Verdict
from control.policies.judge import Answer
from control.records import Binding, Flow, Policy, Prompt, User
from control.store.interface import Query, Transaction
from control.verbs import own_details

PASSWORD, AGAIN = "password", "password_repeat"
NOTHING = Deny("flow_denied", "This step of the flow asks for nothing. Tell the administrator.")
SETTLED = "Only an administrator can change this."
REFUSED = "A rule of this form does not allow this."
UNDECIDED = "A rule of this form cannot be decided. Tell the administrator."


class PromptStage(Asking):
    """Settings: ``fields`` (pks of prompts), ``validation_policies`` (pks), which all have to pass."""

    writes = frozenset({"prompt", "chosen"})

    async def arrive(self, context: Context, settings: Mapping[str, Any], services: FlowServices) -> Verdict | None:
        return None if await _fields(context, settings, services) else NOTHING

    async def challenge(self, state: State, settings: Mapping[str, Any], services: FlowServices) -> dict[str, Any]:
        found = await _fields(state.context, settings, services)
        return {"component": "ak-stage-prompt", "fields": [one.shown() for one in found]}

    async def respond(
        self, context: Context, settings: Mapping[str, Any], fields: Mapping[str, str], services: FlowServices
    ) -> Verdict:
        found = await _fields(context, settings, services)
        answers, errors = _read(found, fields)
        secrets = {one.prompt.field_key for one in found if one.type.secret}
        passwords = {key: str(answers.pop(key)) for key in secrets if answers.get(key) is not None}
        if AGAIN in secrets and passwords.get(AGAIN) != passwords.get(PASSWORD) and AGAIN not in errors:
            errors[AGAIN] = DIFFERENT
        told = {**context.prompt, **answers}
        if not errors:
            errors = await _judged(context, settings, told, services)
        if errors:
            return Invalid(errors)
        if PASSWORD not in passwords:
            return Continue({"prompt": told})
        name = str(told.get("username", ""))
        hashed = await chosen_hash(services, _person(context), passwords[PASSWORD], context.flow, name)
        return hashed if isinstance(hashed, Invalid) else Continue({"prompt": told, "chosen": hashed})


def _person(context: Context) -> int:
    return context.proved or context.requester or 0


async def _fields(context: Context, settings: Mapping[str, Any], services: FlowServices) -> list[Field]:
    """In their order; those that an invitation has answered are not asked for."""

    def read(tx: Transaction) -> list[Field]:
        settled = _settled(tx, context)
        wanted = Query(within={"pk": list(settings.get("fields", ()))}, ordering=("order", "name"))
        asking, where = telling(tx, context, peer_of(services.origin))
        fixed = context.prompt if context.invitation else {}
        return [
            field(tx, _as_it_is(one) if one.field_key in settled else one, asking, where)
            for one in tx.select(Prompt, wanted)
            if one.field_key not in fixed
        ]

    return await services.store.read(read)


def _settled(tx: Transaction, context: Context) -> frozenset[str]:
    """What somebody's own form shows them, and does not let them change."""
    flow, user = tx.find(Flow, slug=context.flow), tx.find(User, pk=_person(context))
    if flow is None or flow.designation != "stage_configuration" or user is None:
        return frozenset()
    return own_details.settled(tx, user)


def _as_it_is(prompt: Prompt) -> Prompt:
    return replace(prompt, type="text_read_only", sub_text=prompt.sub_text or SETTLED)


def _read(found: list[Field], fields: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, list[tuple[str, str]]]]:
    answers: dict[str, Any] = {}
    errors: dict[str, list[tuple[str, str]]] = {}
    for one in found:
        key = one.prompt.field_key
        if one.type.read is None:
            continue
        try:
            answers[key] = one.read(fields.get(key))
        except ValueError as error:
            errors[key] = [(str(error), "invalid")]
    return answers, errors


async def _judged(
    context: Context, settings: Mapping[str, Any], told: Mapping[str, Any], services: FlowServices
) -> dict[str, list[tuple[str, str]]]:
    """What the policies have against it; one that cannot be decided is against it."""
    wanted = list(settings.get("validation_policies", ()))
    if not wanted:
        return {}

    def judge(tx: Transaction) -> list[Answer]:
        policies = tx.select(Policy, Query(within={"pk": wanted}))
        if len(policies) < len(set(wanted)):
            raise LookupError("a validation policy is gone")
        asking, _ = telling(tx, context, peer_of(services.origin), told)
        return [services.judge.ask(tx, Binding("a prompt", policy=policy.pk), asking) for policy in policies]

    try:
        answers = await services.store.read(judge)
    except LookupError:
        return {"non_field_errors": [(UNDECIDED, "invalid")]}
    wrong = [one for one in answers if one.fault or not one.passing]
    sentences = [said for one in wrong for said in ([UNDECIDED] if one.fault else one.verdict.messages or [REFUSED])]
    return {"non_field_errors": [(said, "invalid") for said in sentences]} if wrong else {}
