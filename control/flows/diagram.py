"""A flow as a drawing in the language of Mermaid, as authentik's API gives it."""

from __future__ import annotations

from collections.abc import Iterator

from control.records import Binding, Flow, Policy, StageBinding
from control.store.interface import Query, Transaction
from control.verbs import composing
from control.verbs.stage_kinds import KINDS


def drawn(tx: Transaction, flow: Flow) -> str:
    return "\n".join(["graph TD", *_lines(tx, flow)])


def _lines(tx: Transaction, flow: Flow) -> Iterator[str]:
    yield f'start[["{_text("Flow", flow.title or flow.name)}"]]'
    arrows = ["start"]
    for number, (line, stage) in enumerate(composing.stages_of(tx, flow.pk)):
        here, kind = f"stage_{number}", KINDS.get(stage.kind)
        rules = _rules(tx, line)
        if rules:
            yield f'{here}_rules{{"{_text("Rules", ", ".join(rules))}"}}'
            yield from (f"{arrow} --> {here}_rules" for arrow in arrows)
            arrows = [f'{here}_rules -- "pass"']
        yield f'{here}["{_text(kind.label if kind is not None else stage.kind, stage.name)}"]'
        yield from (f"{arrow} --> {here}" for arrow in arrows)
        arrows = [here] + ([f'{here}_rules -- "else"'] if rules else [])
    yield 'done[["End of the flow"]]'
    yield from (f"{arrow} --> done" for arrow in arrows)


def _rules(tx: Transaction, line: StageBinding) -> list[str]:
    found = tx.select(Binding, Query(equal={"target": line.pk, "enabled": True}, ordering=("order",)))
    policies = {one.pk: one.name for one in tx.select(Policy, Query(within={"pk": [one.policy for one in found]}))}
    return [policies.get(one.policy or "") or ("a group" if one.group else "a user") for one in found]


def _text(kind: str, name: str) -> str:
    """Nothing that Mermaid, or a page that shows it, would read as more than text."""
    plain = "".join(character for character in name if character not in '"<>&#`' and character.isprintable())
    return f"{kind}<br>{plain}"
