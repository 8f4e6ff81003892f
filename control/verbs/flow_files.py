"""A flow with all that belongs to it as a file in authentik's form (a blueprint), and back.

What is there already, by slug or name, is changed; what a file calls by a pk is found by that pk in the file, and else
here, or is left out. A file is taken over whole, or not at all; and never without a binding that it has, which would
open what was closed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from control.policies.kinds import KINDS as POLICY_KINDS
from control.records import Binding, Flow, Policy, Prompt, Record, Stage, StageBinding
from control.store.interface import Query, Transaction
from control.verbs import bindings, flows, policies, prompts, stage_bindings, stages
from control.verbs.fields import NON_FIELD, Invalid
from control.verbs.stage_kinds import KINDS as STAGE_KINDS
from settings.yaml_lines import YamlFault, read_yaml

VERSION = 1
MOST_ENTRIES = 500
LONGEST_FILE = 1024 * 1024
FLOW, PROMPT = "authentik_flows.flow", "authentik_stages_prompt.prompt"
LINE, BINDING = "authentik_flows.flowstagebinding", "authentik_policies.policybinding"
STAGES = {f"{kind.app}.{kind.model}": name for name, kind in STAGE_KINDS.items()}
POLICIES = {f"{kind.app}.{kind.model}": name for name, kind in POLICY_KINDS.items()}
Entry = Mapping[str, Any]
Known = dict[str, str]
"""A pk in the file, and the pk here."""


# --- to a file -----------------------------------------------------------------------------------------------------


def export(tx: Transaction, flow: Flow) -> str:
    """YAML."""
    lines = tx.select(StageBinding, Query(equal={"flow": flow.pk}, ordering=("order",)))
    found = _all(tx, Stage, [line.stage for line in lines])
    asked = _all(tx, Prompt, [pk for stage in found for pk in stage.settings.get("fields", ())])
    targets = [flow.pk, *(line.pk for line in lines)]
    bound = tx.select(Binding, Query(within={"target": targets}, ordering=("order",)))
    judging = [pk for stage in found for pk in stage.settings.get("validation_policies", ())]
    deciding = _all(tx, Policy, [*(one.policy for one in bound if one.policy is not None), *judging])
    by_stage, by_policy = ({name: model for model, name in table.items()} for table in (STAGES, POLICIES))
    entries = [
        _entry(FLOW, flow.pk, flows.current(flow)),
        *(_entry(PROMPT, one.pk, prompts.current(one)) for one in asked),
        *(_entry(by_policy[one.kind], one.pk, policies.current(one)) for one in deciding),
        *(_entry(by_stage[one.kind], one.pk, stages.current(one)) for one in found),
        *(_entry(LINE, one.pk, stage_bindings.current(one)) for one in lines),
        *(_entry(BINDING, one.pk, _named(bindings.current(one))) for one in bound),
    ]
    metadata = {"name": f"Flow {flow.slug}", "labels": {}}
    return yaml.safe_dump({"version": VERSION, "metadata": metadata, "entries": entries}, sort_keys=False)


def _named(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _entry(model: str, pk: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"model": model, "state": "present", "identifiers": {"pk": pk}, "attrs": dict(fields)}


def _all(tx: Transaction, kind: type[Any], pks: Sequence[str]) -> list[Any]:
    """In this order, each once."""
    found = {one.pk: one for one in tx.select(kind, Query(within={"pk": sorted(set(pks))}))} if pks else {}
    return [found[pk] for pk in dict.fromkeys(pks) if pk in found]


# --- from a file ---------------------------------------------------------------------------------------------------


def read(text: str) -> list[Entry]:
    """Raises Invalid."""
    try:
        document = read_yaml(text).value
    except YamlFault as fault:
        raise Invalid({"file": [f"This is no YAML that is taken here: {fault}"]}) from None
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise Invalid({"file": [f"This is no blueprint of version {VERSION}."]})
    entries = document.get("entries")
    if not isinstance(entries, list) or not all(map(_is_entry, entries)):
        raise Invalid({"file": ["Each entry needs a model, identifiers, and attrs."]})
    if len(entries) > MOST_ENTRIES:
        raise Invalid({"file": [f"A file may have {MOST_ENTRIES} entries."]})
    return entries


def _is_entry(entry: object) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("model"), str) or entry.get("state") == "absent":
        return False
    if not all(isinstance(entry.get(name) or {}, dict) for name in ("identifiers", "attrs")):
        return False
    return isinstance((entry.get("identifiers") or {}).get("pk", ""), str | int)


def take_over(tx: Transaction, entries: Sequence[Entry]) -> list[str]:
    """What was done, in sentences. Raises Invalid."""
    known: Known = {}
    done: list[str] = []
    kinds = ((FLOW,), (PROMPT,), tuple(POLICIES), tuple(STAGES), tuple(STAGES), (LINE,), (BINDING,))
    unknown = sorted({str(one["model"]) for one in entries} - {name for names in kinds for name in names})
    if unknown:
        raise Invalid({"file": [f"{', '.join(unknown)}: flows have no such parts here."]})
    for models in kinds:  # stages twice: one may name another that comes later
        for entry in entries:
            if entry["model"] in models:
                done.append(_take(tx, entry, known))
    return list(dict.fromkeys(done))


def _take(tx: Transaction, entry: Entry, known: Known) -> str:
    model, identifiers = str(entry["model"]), dict(entry.get("identifiers") or {})
    pk = str(identifiers.pop("pk", ""))
    fields = _translated(tx, {**identifiers, **(entry.get("attrs") or {})}, known)
    try:
        record = _stored(tx, model, fields, known.get(pk, pk))
    except Invalid as refusal:
        raise Invalid({NON_FIELD: [f"{model} {fields.get('name', pk)}: {refusal}"]}) from None
    if pk:
        known[pk] = str(record.pk)  # type: ignore[attr-defined]  # every record has one
    return f"{model} {getattr(record, 'name', record.pk)} is as the file says."  # type: ignore[attr-defined]


def _stored(tx: Transaction, model: str, fields: dict[str, Any], pk: str) -> Record:
    """Made, or changed if it is there. Raises Invalid."""
    if model == FLOW:
        flow = tx.find(Flow, slug=str(fields.get("slug")))
        return flows.create(tx, fields) if flow is None else flows.update(tx, flow.pk, fields)
    if model == PROMPT:
        prompt = tx.find(Prompt, name=str(fields.get("name")))
        return prompts.create(tx, fields) if prompt is None else prompts.update(tx, prompt.pk, fields)
    if model in POLICIES:
        policy = _of_kind(tx.find(Policy, name=str(fields.get("name"))), POLICIES[model])
        return (
            policies.create(tx, POLICIES[model], fields) if policy is None else policies.update(tx, policy.pk, fields)
        )
    if model in STAGES:
        stage = _of_kind(tx.find(Stage, name=str(fields.get("name"))), STAGES[model])
        return stages.create(tx, STAGES[model], fields) if stage is None else stages.update(tx, stage.pk, fields)
    if model == LINE:
        same = {"flow": fields.get("target"), "stage": fields.get("stage"), "order": fields.get("order")}
        line = tx.find(StageBinding, **same)
        return stage_bindings.create(tx, fields) if line is None else stage_bindings.update(tx, line.pk, fields)
    if fields.get("user") is not None:
        raise Invalid({"user": ["Another installation numbers people in another way: bind this one by hand."]})
    same = {name: fields.get(name) for name in ("target", "policy", "group", "order")}
    bound = tx.find(Binding, **same)
    return bindings.create(tx, fields) if bound is None else bindings.update(tx, bound.pk, fields)


def _of_kind(found: Any, kind: str) -> Any:
    """Raises Invalid for a record of this name and another kind."""
    if found is not None and found.kind != kind:
        raise Invalid({"name": [f"This is the name of a {found.kind} here."]})
    return found


NAMING: Mapping[str, type[Record]] = {
    "target": Flow,
    "stage": Stage,
    "policy": Policy,
    **{name: kind for one in STAGE_KINDS.values() for name, kind in one.references.items()},
}
"""Fields that name records, one or many."""


def _translated(tx: Transaction, fields: Mapping[str, Any], known: Known) -> dict[str, Any]:
    """With pks of here; what names nothing here is left out, but for what a binding stands on."""
    found: dict[str, Any] = {}
    for name, value in fields.items():
        kind = NAMING.get(name)
        if kind is None or value is None:
            found[name] = value
        elif isinstance(value, list):
            pks = [known.get(str(one), str(one)) for one in value]
            found[name] = [pk for pk in pks if _is_there(tx, kind, pk)]
        else:
            pk = known.get(str(value), str(value))
            found[name] = pk if name in ("target", "stage", "policy") or _is_there(tx, kind, pk) else None
    return found


def _is_there(tx: Transaction, kind: type[Record], pk: str) -> bool:
    return tx.find(kind, pk=pk) is not None
