"""What `control.explaining.explain` found, as values, as JSON and as lines for a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from control.policies.judge import Answer, traced
from control.records import Binding
from rules.reasons import REASONS, Outcome


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    passed: bool
    said: str
    """A sentence."""
    reason: str = ""
    """The code, if it did not pass."""


@dataclass(frozen=True, slots=True)
class Line:
    """One binding of the application."""

    binding: Binding
    kind: str
    """user, group, policy."""
    name: str
    passing: bool
    answer: Answer | None = None
    """What its policy said, if it has one."""


@dataclass(frozen=True, slots=True)
class Explanation:
    reason: str
    user: str
    application: str
    provider: str
    protocol: str
    mode: str
    """Must any of the bindings pass, or all?"""
    steps: tuple[Step, ...]
    lines: tuple[Line, ...]
    mappings: tuple[Mapping[str, Any], ...] = ()
    """What each property mapping of the provider would say: `control.mappings.trial`."""
    changes: tuple[str, ...] = field(default=())
    """Any one of these sentences, followed, lets the user in, or brings the next refusal to light."""

    @property
    def outcome(self) -> Outcome:
        return REASONS[self.reason].outcome


def as_json(found: Explanation) -> dict[str, Any]:
    reason = REASONS[found.reason]
    return {
        "outcome": str(found.outcome),
        "passing": found.outcome is Outcome.ACCEPTED,
        "reason": found.reason,
        "message": reason.operator,
        "stranger": reason.stranger,
        "user": found.user,
        "application": found.application,
        "provider": found.provider,
        "protocol": found.protocol,
        "policy_engine_mode": found.mode,
        "steps": [
            {"name": step.name, "passed": step.passed, "message": step.said, "reason": step.reason or None}
            for step in found.steps
        ],
        "bindings": [
            {
                "order": line.binding.order,
                "enabled": line.binding.enabled,
                "negate": line.binding.negate,
                "kind": line.kind,
                "name": line.name,
                "passing": line.passing,
                "policy": traced([line.answer])[0] if line.answer is not None else None,
            }
            for line in found.lines
        ],
        "mappings": [dict(one) for one in found.mappings],
        "changes": list(found.changes),
    }


def as_text(found: Explanation) -> list[str]:
    """Lines for a terminal."""
    verdict = "would be let in" if found.outcome is Outcome.ACCEPTED else f"would be refused: {found.reason}"
    return [
        f"{found.user} {verdict} ({found.application} over {found.protocol}, if what they show is right).",
        "",
        *(f"  {'yes' if step.passed else 'NO '}  {step.name}: {step.said}" for step in found.steps),
        *_told_lines(found.mode, found.lines),
        *_mapping_lines(found.mappings),
        *(
            ["", "What would change it, any one of:", *(f"  - {change}" for change in found.changes)]
            if found.changes
            else []
        ),
    ]


def _told_lines(mode: str, lines: Sequence[Line]) -> list[str]:
    if not lines:
        return []
    told = [f"Bindings, of which {mode} must pass:"]
    for line in lines:
        mark = "off" if not line.binding.enabled else "yes" if line.passing else "no "
        told.append(f"  {mark}  {line.binding.order}: {'not ' if line.binding.negate else ''}{line.kind} {line.name}")
        if line.answer is not None:
            said = (*line.answer.verdict.messages, *line.answer.verdict.log, line.answer.fault)
            told.extend(f"         {text}" for text in said if text)
    return ["", *told]


def _mapping_lines(mappings: Sequence[Mapping[str, Any]]) -> list[str]:
    if not mappings:
        return []
    told = ["Property mappings:"]
    for one in mappings:
        said = one["result"] if one["fault"] is not None else json.dumps(one["value"], ensure_ascii=False)
        told.append(f"  {'NO ' if one['fault'] is not None else 'yes'}  {one['name']} ({one['steps']} steps): {said}")
        told.extend(f"         {text}" for text in (*one["messages"], *one["log"]))
    return ["", *told]
