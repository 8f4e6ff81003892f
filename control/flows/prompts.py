"""The fields of prompt stages: which types there are, what each shows, and what may be typed into it."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from control.expression.evaluation import evaluate
from control.policies.asking import Asking
from control.policies.kinds.expression import asked
from control.records import Prompt
from control.store.interface import Transaction

LONGEST_ANSWER = 2048
"""Characters; a field for more is a text area."""
LONGEST_TEXT = 16_384
MOST_FILE_BYTES = 24 * 1024
"""Of one file: what is typed in a flow lies in the browser's session, which holds 64 KiB (`control.sessions`)."""
LONGEST_FILE = MOST_FILE_BYTES // 3 * 4 + 128
"""Characters of its `data:` URL."""
DATA_URL = re.compile(r"data:([a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,60});base64,([A-Za-z0-9+/]*={0,2})")
EMAIL = re.compile(r"[^\s@<>,;\"]+@[^\s@<>,;\"]+")

TOO_LARGE = f"Choose a file of at most {MOST_FILE_BYTES // 1024} KiB."
FILE = "file"

Read = Callable[[str], Any]
"""What was typed, as it is kept. Raises ValueError with a sentence."""


@dataclass(frozen=True, slots=True)
class Type:
    read: Read | None
    """None: it only shows something."""
    longest: int = LONGEST_ANSWER
    secret: bool = False
    choices: bool = False


def _text(typed: str) -> str:
    return typed.strip()


def _lines(typed: str) -> str:
    return typed.replace("\r\n", "\n").strip()


def _username(typed: str) -> str:
    name = typed.strip()
    if len(name) > 150 or not name.isprintable():
        raise ValueError("Use at most 150 characters, all of them printable.")
    return name


def _email(typed: str) -> str:
    address = typed.strip()
    if len(address) > 254 or not address.isprintable() or EMAIL.fullmatch(address) is None:
        raise ValueError("Enter an e-mail address, like name@example.com.")
    return address


def _number(typed: str) -> float | int:
    try:
        found = float(typed)
        if not -1e15 < found < 1e15:
            raise ValueError
    except ValueError:
        raise ValueError("Enter a number.") from None
    return int(found) if found.is_integer() else found


def _date(typed: str) -> str:
    try:
        return date.fromisoformat(typed.strip()).isoformat()
    except ValueError:
        raise ValueError("Enter a date, like 2030-01-31.") from None


def _moment(typed: str) -> str:
    try:
        return datetime.fromisoformat(typed.strip()).isoformat()
    except ValueError:
        raise ValueError("Enter a date and a time, like 2030-01-31 18:30.") from None


def _file(typed: str) -> str:
    """A `data:` URL (RFC 2397) of a media type without parameters, in base64."""
    found = DATA_URL.fullmatch(typed.strip())
    try:
        content = base64.b64decode(found.group(2), validate=True) if found is not None else b""
    except ValueError:
        content = b""
    if found is None or not content:
        raise ValueError("Choose a file that is not empty.")
    if len(content) > MOST_FILE_BYTES:
        raise ValueError(TOO_LARGE)
    return found.group()


TYPES: Mapping[str, Type] = {
    "text": Type(_text),
    "text_area": Type(_lines, LONGEST_TEXT),
    "text_read_only": Type(None),
    "text_area_read_only": Type(None),
    "username": Type(_username),
    "email": Type(_email),
    "password": Type(str, secret=True),
    "number": Type(_number),
    "checkbox": Type(bool),
    "radio-button-group": Type(_text, choices=True),
    "dropdown": Type(_text, choices=True),
    "date": Type(_date),
    "date-time": Type(_moment),
    "separator": Type(None),
    "hidden": Type(_text),
    "static": Type(None),
    "ak-locale": Type(_text),
    FILE: Type(_file, LONGEST_FILE),
}
"""authentik's names."""


@dataclass(frozen=True, slots=True)
class Field:
    """A prompt as it is shown to one person."""

    prompt: Prompt
    placeholder: str
    initial: str
    choices: tuple[str, ...] | None

    @property
    def type(self) -> Type:
        return TYPES[self.prompt.type]

    def shown(self) -> dict[str, Any]:
        """In authentik's form."""
        told = self.choices
        return {
            "field_key": self.prompt.field_key,
            "label": self.prompt.label,
            "type": self.prompt.type,
            "required": self.prompt.required and self.type.read is not None and self.prompt.type != "checkbox",
            "placeholder": self.placeholder,
            "initial_value": self.initial,
            "order": self.prompt.order,
            "sub_text": self.prompt.sub_text,
            "choices": None if told is None else [{"label": choice, "value": choice} for choice in told],
        }

    def _accepts(self, url: str) -> bool:
        """Of a file: the placeholder names the media types that are taken, with commas between; without one, all."""
        wanted = [one.strip().lower() for one in self.placeholder.split(",") if one.strip()]
        return not wanted or url.removeprefix("data:").partition(";")[0] in wanted

    def read(self, typed: str | None) -> Any:
        """None: nothing was given. Raises ValueError with a sentence."""
        read = self.type.read
        assert read is not None
        if self.prompt.type == "checkbox":
            return typed is not None and typed.lower() not in ("", "false", "off", "0")
        if typed is None or not typed.strip():
            if self.prompt.required:
                raise ValueError("This is needed.")
            return None
        if len(typed) > self.type.longest:
            raise ValueError(TOO_LARGE if self.prompt.type == FILE else f"Use at most {self.type.longest} characters.")
        found = read(typed)
        if self.prompt.type == FILE and not self._accepts(found):
            raise ValueError(f"Choose a file of another type: {self.placeholder}.")
        if self.choices is not None and found not in self.choices:
            raise ValueError("Choose one of these.")
        return found


def field(tx: Transaction, prompt: Prompt, asking: Asking, where: Mapping[str, Any]) -> Field:
    """An expression that goes wrong gives nothing: a form with an empty field can still be used."""
    placeholder: Any = prompt.placeholder
    initial: Any = prompt.initial_value
    if prompt.placeholder_expression:
        placeholder = _value(tx, prompt.placeholder, asking, where)
    if prompt.initial_value_expression:
        initial = _value(tx, prompt.initial_value, asking, where)
    choices = None
    if TYPES[prompt.type].choices:
        given = placeholder if isinstance(placeholder, list) else [placeholder]
        choices = tuple(str(one) for one in given if one not in (None, ""))
        placeholder = ""
    return Field(prompt, _shown(placeholder), _shown(initial), choices)


def _value(tx: Transaction, source: str, asking: Asking, where: Mapping[str, Any]) -> Any:
    return evaluate(source, asked(tx, asking, where), time.monotonic).value


def _shown(value: Any) -> str:
    return "" if value is None or isinstance(value, list | dict) else str(value)
