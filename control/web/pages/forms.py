"""Reading a form, within bounds."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from control.web.pages.answers import Stop

MOST_FORM_BYTES = 64 * 1024
"""A password of a thousand characters, percent-encoded, fits into a tenth of it."""
MOST_FIELDS = 50
"""The longest form here has seven."""
MOST_FILES = 5
FORM, WITH_FILES = "application/x-www-form-urlencoded", "multipart/form-data"
UNREADABLE = "What was sent is not a form that can be read."


@dataclass(frozen=True, slots=True)
class Form:
    """Field to its values, in order."""

    values: Mapping[str, Sequence[str]]

    def one(self, name: str) -> str:
        """The last value; "" if there is none."""
        return (self.values.get(name) or ("",))[-1]


async def form(request: Request, files: bool = False) -> dict[str, str]:
    """The fields of a POST; with ``files``, also of a form with files, each as a `data:` URL. Raises Stop: 413, 415, or
    400 for what is not a form, or names a field twice."""
    takes = files and media_type(request) == WITH_FILES
    found = await (_with_files(request) if takes else form_of(request, MOST_FORM_BYTES, MOST_FIELDS))
    if any(len(values) > 1 for values in found.values.values()):
        raise Stop(400, "That did not work", "What was sent is not a form of this page.")
    return {name: values[0] for name, values in found.values.items()}


async def form_of(request: Request, most_bytes: int, most_fields: int) -> Form:
    """A form whose fields may stand in it more than once. Raises Stop."""
    if media_type(request) != FORM:
        raise Stop(415, "That did not work", "This page takes only what its own form sends.")
    body = await _body(request, most_bytes)
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=most_fields)
    except ValueError:
        raise Stop(400, "That did not work", UNREADABLE) from None
    return _form(pairs)


async def _with_files(request: Request) -> Form:
    body = await _body(request, MOST_FORM_BYTES)

    async def once() -> AsyncGenerator[bytes]:
        yield body

    try:
        parser = MultiPartParser(
            request.headers, once(), max_files=MOST_FILES, max_fields=MOST_FIELDS, max_part_size=MOST_FORM_BYTES
        )
        found = await parser.parse()
    except (MultiPartException, ValueError, KeyError):
        raise Stop(400, "That did not work", UNREADABLE) from None
    try:
        fields = found.multi_items()
        return _form([(name, value if isinstance(value, str) else await _data_url(value)) for name, value in fields])
    finally:
        await found.close()


async def _data_url(file: UploadFile) -> str:
    """Empty if none was chosen."""
    content = await file.read()
    kind = (file.content_type or "application/octet-stream").partition(";")[0].strip().lower()
    return f"data:{kind};base64,{base64.b64encode(content).decode()}" if content else ""


def media_type(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


async def _body(request: Request, most_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise Stop(413, "That was too much", "The form is longer than anything that belongs into it.")
    return bytes(body)


def _form(pairs: Iterable[tuple[str, str]]) -> Form:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        if "\0" in value:
            raise Stop(400, "That did not work", "What was sent is not a form of this page.")
        values.setdefault(name, []).append(value)
    return Form(values)
