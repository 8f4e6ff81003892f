"""A whole form: drawn, and read back into what a verb takes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from control.store.interface import Transaction
from control.verbs.fields import Invalid
from control.web.console import inputs
from control.web.console.inputs import Drawing, Input, Typed
from control.web.console.sections import Form

CHANGED_MEANWHILE = (
    "Somebody else has changed this meanwhile, and nothing was saved. Open the page again to see how it is now."
)


@dataclass(frozen=True, slots=True)
class Filled:
    first: Sequence[Input]
    more: Sequence[Input]
    errors: Sequence[tuple[str, str]]
    """Field ("" for none on the page) and sentence, for the summary."""

    @property
    def is_more_open(self) -> bool:
        return any(one.errors for one in self.more)


def filled(tx: Transaction, form: Form, drawing: Drawing) -> Filled:
    found = inputs.specs(form.fields, form.secrets)
    order = [name for name in (*form.first, *found) if name not in form.left_out]
    optional = form.optional if drawing.is_new else frozenset[str]()
    every = {
        name: replace(
            inputs.drawn(tx, found[name], form.pickers.get(name), drawing, name in optional),
            sealed=name in form.sealed,
        )
        for name in dict.fromkeys(order)
    }
    focus = next((name for name, one in every.items() if one.errors), next(iter(every), ""))
    if drawing.is_new or drawing.errors:
        every[focus] = replace(every[focus], autofocus=True)
    leading = form.first or tuple(every)
    return Filled(
        [every[name] for name in leading if name in every],
        [one for name, one in every.items() if name not in leading],
        [(name if name in every else "", said) for name, sentences in drawing.errors.items() for said in sentences],
    )


def read(tx: Transaction, form: Form, typed: Typed, is_new: bool) -> dict[str, Any]:
    """What was typed, as the verbs take it. Raises Invalid with everything that cannot be read."""
    given: dict[str, Any] = {}
    wrong: dict[str, Sequence[str]] = {}
    for name, spec in inputs.specs(form.fields, form.secrets).items():
        if name in form.left_out:
            continue
        try:
            given |= inputs.given(tx, spec, form.pickers.get(name), typed, is_new and name in form.optional)
        except Invalid as error:
            wrong |= error.fields
    if wrong:
        raise Invalid(wrong)
    return given


def seen(form: Form, current: Mapping[str, Any]) -> str:
    """What a form was drawn from, without its secrets: two administrators never overwrite one another unknowingly."""
    known = {name: value for name, value in sorted(current.items()) if name not in form.secrets}
    return hashlib.sha256(json.dumps(known, sort_keys=True, default=str).encode()).hexdigest()[:32]
