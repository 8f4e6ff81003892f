"""Reading a form, within bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import Request

from control.web.pages.answers import Stop

MOST_FORM_BYTES = 64 * 1024
"""A password of a thousand characters, percent-encoded, fits into a tenth of it."""
MOST_FIELDS = 50
"""The longest form here has seven."""
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Form:
    """Field to its values, in order."""

    values: Mapping[str, Sequence[str]]

    def one(self, name: str) -> str:
        """The last value; "" if there is none."""
        return (self.values.get(name) or ("",))[-1]


async def form(request: Request) -> dict[str, str]:
    """The fields of a POST. Raises Stop: 413, 415, or 400 for what is not a form, or names a field twice."""
    found = await form_of(request, MOST_FORM_BYTES, MOST_FIELDS)
    if any(len(values) > 1 for values in found.values.values()):
        raise Stop(400, "That did not work", "What was sent is not a form of this page.")
    return {name: values[0] for name, values in found.values.items()}


async def form_of(request: Request, most_bytes: int, most_fields: int) -> Form:
    """A form whose fields may stand in it more than once. Raises Stop."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != FORM:
        raise Stop(415, "That did not work", "This page takes only what its own form sends.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise Stop(413, "That was too much", "The form is longer than anything that belongs into it.")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=most_fields)
    except ValueError:
        raise Stop(400, "That did not work", "What was sent is not a form that can be read.") from None
    if any("\0" in value for _, value in pairs):
        raise Stop(400, "That did not work", "What was sent is not a form of this page.")
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return Form(values)
