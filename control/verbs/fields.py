"""What may stand in a field, and the sentences for what may not: pydantic types, authentik's words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from math import isfinite
from types import NoneType
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic_core import ErrorDetails

from control.records import Record
from control.store.interface import AlreadyExists, Query, Transaction
from rules.hours import MINUTES
from rules.spans import seconds as seconds

NON_FIELD = "non_field_errors"
MAX_VALUES = 1_000_000
"""Values in one change, nested ones counted: a body of 1 MiB holds fewer; a file that refers to itself holds more."""
MAX_DEPTH = 32
"""Nesting of attributes: far more than people write, far less than the JSON writer can do."""
MAX_INTEGER = 2**31 - 1
"""What an integer column holds."""
MAX_TIME = 253_402_300_799.0
"""The last second of the year 9999, as far as dates can be written."""

F = TypeVar("F", bound="Fields")
R = TypeVar("R", bound=Record)


class Invalid(Exception):
    """What was given cannot be stored; ``fields`` maps each field (or `NON_FIELD`) to sentences for people."""

    def __init__(self, fields: Mapping[str, Sequence[str]]) -> None:
        super().__init__("; ".join(f"{name}: {' '.join(sentences)}" for name, sentences in fields.items()))
        self.fields = {name: list(sentences) for name, sentences in fields.items()}


class Fields(BaseModel):
    """Base of the types that say what a record is made from. Unknown fields are ignored (DESIGN D20)."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, str_strip_whitespace=True, coerce_numbers_to_str=True, allow_inf_nan=False
    )


# --- types ---------------------------------------------------------------------------------------------------------


def _uuid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise ValueError(f"“{text}” is not a valid UUID.") from None


def slug(text: str) -> str:
    if re.fullmatch(r"[-a-zA-Z0-9_]+", text) is None:
        raise ValueError("Enter a valid “slug” consisting of letters, numbers, underscores or hyphens.")
    return text


def _email(text: str) -> str:
    if text and re.fullmatch(r"[^\s@<>,;\"]+@[^\s@<>,;\"]+", text) is None:
        raise ValueError("Enter a valid email address.")
    return text


def _seconds(moment: object) -> object:
    """ISO 8601 text to seconds since the epoch; a moment without an offset is UTC."""
    if not isinstance(moment, (str, datetime)):
        return moment
    try:
        when = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    except ValueError:
        raise ValueError(
            "Datetime has wrong format. Use one of these formats instead: "
            "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."
        ) from None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _weekdays(days: list[int]) -> list[int]:
    if not all(0 <= day < 7 for day in days) or len(set(days)) < len(days):
        raise ValueError("List each weekday once, from 0 (Monday) to 6 (Sunday).")
    return sorted(days)


def _duration(text: str) -> str:
    seconds(text)
    return text


Text = Annotated[str, Field(max_length=255)]
LongText = Annotated[str, Field(max_length=65_536)]
Name = Annotated[str, Field(min_length=1, max_length=255)]
Uuid = Annotated[str, AfterValidator(_uuid)]
Slug = Annotated[str, Field(min_length=1, max_length=150), AfterValidator(slug)]
Email = Annotated[str, Field(max_length=254), AfterValidator(_email)]
Moment = Annotated[
    float | None,
    Field(ge=0, le=MAX_TIME),
    BeforeValidator(_seconds),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}),
]
Duration = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_duration)]
Count = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
Integer = Annotated[int, Field(ge=-MAX_INTEGER, le=MAX_INTEGER)]
Minute = Annotated[int, Field(ge=0, le=MINUTES)]
Weekdays = Annotated[list[int], AfterValidator(_weekdays)]
Attributes = dict[str, Any]


# --- reading what was given ----------------------------------------------------------------------------------------


def parse(fields: type[F], given: Mapping[str, Any]) -> F:
    """The checked fields. Raises Invalid."""
    refuse_unstorable(given)
    try:
        return fields.model_validate(dict(given))
    except ValidationError as error:
        raise Invalid(_sentences(error)) from None


def overlaid(fields: type[F], current: Mapping[str, Any], given: Mapping[str, Any], partial: bool) -> F:
    """The current fields with the given ones over them. Unless ``partial``, every required one must be given."""
    if not partial:
        parse(fields, given)
    return parse(fields, {**current, **given})


def refuse_unstorable(given: Mapping[str, Any]) -> None:
    """No database stores NUL characters or half a surrogate pair in text, nor anything endless. Raises Invalid."""
    for name, value in given.items():
        waiting: list[tuple[Any, int]] = [(value, 0)]
        seen = 0
        while waiting:
            item, depth = waiting.pop()
            seen += 1
            if depth > MAX_DEPTH or seen > MAX_VALUES:
                raise Invalid({name: ["This value is nested too deeply or has too many parts."]})
            if (sentence := _unstorable(item, depth)) is not None:
                raise Invalid({name: [sentence]})
            if isinstance(item, Mapping):
                waiting.extend((part, depth + 1) for pair in item.items() for part in pair)
            elif isinstance(item, (list, tuple)):
                waiting.extend((part, depth + 1) for part in item)


def _unstorable(item: object, depth: int) -> str | None:
    if isinstance(item, str):
        if "\x00" in item:
            return "Null characters are not allowed."
        try:
            item.encode()
        except UnicodeEncodeError:
            return "Half a surrogate pair is not text."
    elif isinstance(item, float) and not isfinite(item):
        return "A valid number is required."
    elif depth and not isinstance(item, (int, float, Mapping, list, tuple, NoneType)):
        return f"A {type(item).__name__} cannot be stored."
    return None


_SENTENCES: dict[str, Callable[[ErrorDetails], str]] = {
    "missing": lambda _: "This field is required.",
    "string_type": lambda _: "Not a valid string.",
    "string_too_short": lambda _: "This field may not be blank.",
    "string_too_long": lambda e: f"Ensure this field has no more than {e['ctx']['max_length']} characters.",
    "int_type": lambda _: "A valid integer is required.",
    "int_parsing": lambda _: "A valid integer is required.",
    "int_parsing_size": lambda _: "A valid integer is required.",
    "int_from_float": lambda _: "A valid integer is required.",
    "float_type": lambda _: "A valid number is required.",
    "float_parsing": lambda _: "A valid number is required.",
    "bool_type": lambda _: "Must be a valid boolean.",
    "bool_parsing": lambda _: "Must be a valid boolean.",
    "greater_than_equal": lambda e: f"Ensure this value is greater than or equal to {e['ctx']['ge']}.",
    "less_than_equal": lambda e: f"Ensure this value is less than or equal to {e['ctx']['le']}.",
    "literal_error": lambda e: f'"{e["input"]}" is not a valid choice.',
    "list_type": lambda e: f'Expected a list of items but got type "{type(e["input"]).__name__}".',
    "dict_type": lambda _: "Value must be a dictionary, and not have any duplicate keys.",
    "value_error": lambda e: str(e["ctx"]["error"]),
}


def _as_told(detail: ErrorDetails) -> str:
    return detail["msg"]


def _sentences(error: ValidationError) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    for detail in error.errors(include_url=False):
        name = str(detail["loc"][0]) if detail["loc"] else NON_FIELD
        sentence = _SENTENCES.get(detail["type"], _as_told)(detail)
        if detail["type"] != "missing" and detail["input"] is None:
            sentence = "This field may not be null."
        if sentence not in told.setdefault(name, []):
            told[name].append(sentence)
    return told


# --- against what is stored ----------------------------------------------------------------------------------------


@contextmanager
def unique() -> Iterator[None]:
    """Turns the store's AlreadyExists into Invalid."""
    try:
        yield
    except AlreadyExists as clash:
        raise Invalid({name: ["This field must be unique."] for name in clash.fields}) from None


def existing(tx: Transaction, kind: type[R], field: str, pks: Sequence[int | str]) -> list[R]:
    """The records with these pks, each once, in this order. Raises Invalid for those that do not exist."""
    wanted = list(dict.fromkeys(pks))
    found: dict[Any, R] = {record.pk: record for record in tx.select(kind, Query(within={"pk": wanted}))}  # type: ignore[attr-defined]
    if absent := [pk for pk in wanted if pk not in found]:
        raise Invalid({field: [missing(pk) for pk in absent]})
    return [found[pk] for pk in wanted]


def missing(pk: int | str) -> str:
    return f'Invalid pk "{pk}" - object does not exist.'


def free_name(tx: Transaction, kind: type[Record], name: str) -> str:
    """Somebody may have given the name to one of their own."""
    candidate, number = name, 2
    while tx.count(kind, Query(equal={"name": candidate})):
        candidate, number = f"{name} {number}", number + 1
    return candidate
