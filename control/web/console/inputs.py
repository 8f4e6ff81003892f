"""Forms out of the API's own types: what each field looks like, and what was typed into it as the verbs take it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any

import yaml

from control.store.interface import Transaction
from control.verbs.fields import Fields, Invalid
from control.web.console import mapped_groups, redirect_uris
from control.web.console.phrases import Words
from control.web.console.pickers import Option, Picker
from control.web.console.words import words_of
from settings.yaml_lines import YamlFault, read_yaml

LONG = 4096
"""From so many characters on, a field is an area."""

LINES = (redirect_uris.FIELD, mapped_groups.FIELD)
"""Lists of objects that are written as lines of their own kind."""

Typed = Mapping[str, Sequence[str]]
"""What a form sent: field to its values, in order."""


class Kind(StrEnum):
    TEXT = "text"
    EMAIL = "email"
    SECRET = "secret"  # noqa: S105
    NUMBER = "number"
    MOMENT = "datetime-local"
    AREA = "area"
    LINES = "lines"
    YAML = "yaml"
    SWITCH = "switch"
    CHOICE = "choice"
    CHECKS = "checks"


@dataclass(frozen=True, slots=True)
class Spec:
    """A field of a type, as far as a form can know it."""

    name: str
    kind: Kind
    required: bool
    nullable: bool
    default: Any
    many: bool = False
    options: tuple[str, ...] = ()
    longest: int | None = None
    least: int | None = None
    most: int | None = None
    words: Words = field(default_factory=lambda: Words(""))


@dataclass(frozen=True, slots=True)
class Input:
    """A field as the template draws it."""

    name: str
    kind: Kind
    words: Words
    values: tuple[str, ...]
    required: bool
    options: tuple[Option, ...] = ()
    errors: tuple[str, ...] = ()
    longest: int | None = None
    least: int | None = None
    most: int | None = None
    kept: bool = False
    """A secret that is there and not shown."""
    sealed: bool = False
    """A secret that nobody can have shown."""
    shown: bool = False
    """A secret that is shown, because somebody asked for it."""
    autofocus: bool = False

    @property
    def value(self) -> str:
        return self.values[0] if self.values else ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a form is drawn from, beside its fields."""

    current: Mapping[str, Any]
    typed: Typed | None = None
    """What was sent before; it stays."""
    errors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    shown: frozenset[str] = frozenset()
    """Secrets that were asked for."""
    is_new: bool = False


@cache
def specs(fields: type[Fields], secrets: frozenset[str] = frozenset()) -> dict[str, Spec]:
    """By name, in the type's order."""
    schema = fields.model_json_schema()
    required = set(schema.get("required", ()))
    return {
        name: _spec(name, part, name in required, fields, name in secrets)
        for name, part in schema["properties"].items()
    }


def _spec(name: str, part: dict[str, Any], required: bool, fields: type[Fields], secret: bool) -> Spec:
    options = [option for option in part.get("anyOf", [part]) if option.get("type") != "null"]
    nullable = len(options) < len(part.get("anyOf", [part]))
    said = {**part, **(options[0] if options else {})}
    model = fields.model_fields[name]
    default = model.get_default(call_default_factory=True) if not required else None
    many = said.get("type") == "array"
    return Spec(
        name,
        Kind.SECRET if secret else _kind(name, said),
        required,
        nullable,
        default,
        many,
        tuple(map(str, said.get("enum", ()))),
        said.get("maxLength"),
        said.get("minimum"),
        said.get("maximum"),
        words_of(name, model.title or "", model.description or ""),
    )


def _kind(name: str, said: Mapping[str, Any]) -> Kind:
    match said.get("type"):
        case "boolean":
            return Kind.SWITCH
        case "integer" | "number":
            return Kind.NUMBER
        case "array":
            return Kind.LINES if said["items"].get("type") in ("string", "integer") or name in LINES else Kind.YAML
        case "object":
            return Kind.YAML
    if "enum" in said:
        return Kind.CHOICE
    if said.get("format") == "date-time":
        return Kind.MOMENT
    if said.get("maxLength", 0) >= LONG:
        return Kind.AREA
    return Kind.EMAIL if name == "email" else Kind.TEXT


# --- drawing -------------------------------------------------------------------------------------------------------


def drawn(tx: Transaction, spec: Spec, picker: Picker | None, form: Drawing, optional: bool) -> Input:
    kind, options = spec.kind, tuple(Option(value, spec.words.option(value)) for value in spec.options)
    if picker is not None and spec.name not in LINES:
        listed = picker.options(tx)
        kind = (Kind.CHECKS if spec.many else Kind.CHOICE) if listed is not None else _typed_names(spec)
        options = tuple(listed or ())
    empty = spec.nullable or optional or not spec.required
    if kind == Kind.CHOICE and empty and not (spec.options and spec.default in spec.options):
        options = (Option("", _nothing(optional)), *options)
    return Input(
        spec.name,
        kind,
        spec.words,
        _values(tx, spec, kind, picker, form),
        required=spec.required and not optional and not (spec.kind == Kind.SECRET and not form.is_new),
        options=options,
        errors=tuple(form.errors.get(spec.name, ())),
        longest=spec.longest,
        least=spec.least,
        most=spec.most,
        kept=spec.kind == Kind.SECRET and not form.is_new and spec.name not in form.shown,
        shown=spec.name in form.shown,
    )


def _typed_names(spec: Spec) -> Kind:
    return Kind.LINES if spec.many else Kind.TEXT


def _nothing(optional: bool) -> str:
    return "(chosen for you)" if optional else "(none)"


def _values(tx: Transaction, spec: Spec, kind: Kind, picker: Picker | None, form: Drawing) -> tuple[str, ...]:
    if form.typed is not None and spec.name not in form.shown:
        typed = tuple(form.typed.get(spec.name, ()))
        return () if spec.kind == Kind.SECRET else typed
    value = form.current.get(spec.name, spec.default)
    if spec.kind == Kind.SECRET:
        return (str(value),) if spec.name in form.shown else ()
    if picker is not None and spec.name == mapped_groups.FIELD:
        return (mapped_groups.written(tx, picker, value),)
    if picker is not None and kind in (Kind.LINES, Kind.TEXT):
        pks = value if spec.many else [value] if value is not None else []
        return ("\n".join(picker.names(tx, list(pks or ()))),)
    return written(spec, kind, value)


def written(spec: Spec, kind: Kind, value: Any) -> tuple[str, ...]:
    """A stored value as it stands in its input."""
    if value is None or value == "":
        return ()
    match kind:
        case Kind.SWITCH:
            return ("on",) if value else ()
        case Kind.CHECKS:
            return tuple(map(str, value))
        case Kind.MOMENT:
            return (f"{datetime.fromtimestamp(float(value), UTC):%Y-%m-%dT%H:%M}",)
        case Kind.LINES if spec.name == redirect_uris.FIELD:
            return (redirect_uris.written(value),)
        case Kind.LINES:
            return ("\n".join(map(str, value)),)
        case Kind.YAML:
            return (yaml.safe_dump(value, allow_unicode=True, sort_keys=False) if value else "",)
    return (str(value),)


# --- reading -------------------------------------------------------------------------------------------------------


def given(tx: Transaction, spec: Spec, picker: Picker | None, typed: Typed, optional: bool) -> dict[str, Any]:
    """The field as the verbs take it; nothing for one that stays, or gets its default. Raises Invalid."""
    name, values = spec.name, [_lines(value) for value in typed.get(spec.name, ())]
    text = values[0] if values else ""
    if spec.kind == Kind.SWITCH:
        return {name: bool(values)}
    if spec.kind == Kind.SECRET:
        return {name: text} if text else {}
    if not values and not (picker is not None and spec.many):
        return {}
    if picker is not None and name == mapped_groups.FIELD:
        return {name: mapped_groups.read(tx, picker, text)}
    if picker is not None:
        return _picked(tx, spec, picker, values, optional)
    if not text.strip():
        return _empty(spec, optional)
    match spec.kind:
        case Kind.LINES if name == redirect_uris.FIELD:
            return {name: redirect_uris.read(text)}
        case Kind.LINES:
            return {name: _split(text)}
        case Kind.YAML:
            return {name: _read_yaml(name, text)}
    return {name: text}


def _picked(tx: Transaction, spec: Spec, picker: Picker, values: list[str], optional: bool) -> dict[str, Any]:
    typed = [name for value in values for name in _split(value)]
    if spec.many and (typed or not optional):
        return {spec.name: picker.pks(tx, spec.name, typed)}
    if not typed:
        return _empty(spec, optional)
    return {spec.name: picker.pk(tx, spec.name, " ".join(typed))}


def _empty(spec: Spec, optional: bool) -> dict[str, Any]:
    if optional:
        return {}
    if spec.nullable:
        return {spec.name: None}
    match spec.kind:
        case Kind.NUMBER | Kind.CHOICE:
            return {}
        case Kind.YAML:
            return {spec.name: [] if spec.many else {}}
        case Kind.LINES:
            return {spec.name: []}
    return {spec.name: ""}


def _split(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


def _lines(text: str) -> str:
    """Browsers end lines with CR LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _read_yaml(name: str, text: str) -> Any:
    try:
        return read_yaml(text).value
    except YamlFault as fault:
        raise Invalid({name: [f"This is not YAML: {fault}."]}) from None
