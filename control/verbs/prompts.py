"""The fields that prompt stages ask for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from control.expression.evaluation import check
from control.records import Prompt, Stage
from control.store.interface import Query, Transaction
from control.verbs.fields import Fields, Integer, Invalid, LongText, Name, overlaid, parse, unique

RESERVED = frozenset({"csrf_token"})
"""Names that a form of ours has already."""


def _key(text: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_.-]+", text) is None:
        raise ValueError("Use letters, digits, underscores, hyphens and dots.")
    if text in RESERVED:
        raise ValueError("This name is taken. Choose another one.")
    return text


class PromptFields(Fields):
    name: Name
    field_key: Annotated[str, Field(min_length=1, max_length=150), AfterValidator(_key)]
    label: Annotated[LongText, Field(min_length=1)]
    type: Literal[
        "text",
        "text_area",
        "text_read_only",
        "text_area_read_only",
        "username",
        "email",
        "password",
        "number",
        "checkbox",
        "radio-button-group",
        "dropdown",
        "date",
        "date-time",
        "separator",
        "hidden",
        "static",
        "ak-locale",
        "file",
    ]
    required: bool = True
    placeholder: LongText = ""
    initial_value: LongText = ""
    order: Integer = 0
    sub_text: LongText = ""
    placeholder_expression: bool = False
    initial_value_expression: bool = False


def create(tx: Transaction, given: Mapping[str, Any]) -> Prompt:
    """Raises Invalid."""
    with unique():
        return tx.insert(parsed(given))


def parsed(given: Mapping[str, Any]) -> Prompt:
    """One that is stored nowhere yet. Raises Invalid."""
    return Prompt(**_checked(parse(PromptFields, given)).model_dump())


def update(tx: Transaction, pk: str, given: Mapping[str, Any], partial: bool = True) -> Prompt:
    """Raises Invalid, NotFound."""
    prompt = tx.get(Prompt, pk)
    fields = _checked(overlaid(PromptFields, current(prompt), given, partial))
    with unique():
        return tx.update(replace(prompt, **fields.model_dump()))


def delete(tx: Transaction, pk: str) -> None:
    """Stages that asked for it go on without. Raises NotFound."""
    tx.delete(tx.get(Prompt, pk))


def current(prompt: Prompt) -> dict[str, Any]:
    """The fields that a change is laid over."""
    return {name: getattr(prompt, name) for name in PromptFields.model_fields}


def stages_of(tx: Transaction, prompt: Prompt) -> list[Stage]:
    """That ask for it."""
    asking = tx.select(Stage, Query(equal={"kind": "prompt"}, ordering=("name",)))
    return [stage for stage in asking if prompt.pk in stage.settings.get("fields", ())]


def _checked(fields: PromptFields) -> PromptFields:
    """Expressions can be run. Raises Invalid."""
    for name in ("placeholder", "initial_value"):
        if getattr(fields, f"{name}_expression") and (faults := check(getattr(fields, name))):
            raise Invalid({name: [" ".join(map(str, faults))]})
    return fields
