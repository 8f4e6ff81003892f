"""Request bodies: bounded, JSON, an object."""

from __future__ import annotations

import json
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import File, FormParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from control.verbs.fields import NON_FIELD, Invalid
from control.web.admin_api.refusals import Refused

MAX_BODY_BYTES = 1024 * 1024
"""The largest that people send is a group with 100,000 members, 0.7 MB."""
ENVELOPE_BYTES = 4096
"""What stands around a file in a form."""


async def json_object(request: Request, most: int | None = None) -> dict[str, Any]:
    """The body, of at most ``most`` (MAX_BODY_BYTES) bytes; none at all counts as an empty object.

    Raises Refused, Invalid.
    """
    text = await _bounded(request, MAX_BODY_BYTES if most is None else most)
    if not text:
        return {}
    require_json(request)
    try:
        value = json.loads(text.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"JSON parse error - {error}") from None
    if not isinstance(value, dict):
        kind = type(value).__name__
        raise Invalid({NON_FIELD: [f"Invalid data. Expected a dictionary, but got {kind}."]})
    return value


def require_json(request: Request) -> None:
    """Raises Refused: a form of another site can send other media types, but not this one unasked."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Refused(415, f'Unsupported media type "{media_type}" in request.')


async def uploaded(request: Request, name: str, most: int) -> str:
    """The text of the one file that a form brings along. Raises Refused, Invalid."""
    octets = await _bounded(request, most + ENVELOPE_BYTES)
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or b"boundary" not in options:
        raise Invalid({name: ["Send the file as a form does: multipart/form-data."]})
    found: list[bytes] = []

    def took(file: File) -> None:
        if file.field_name == name.encode():
            file.file_object.seek(0)
            found.append(file.file_object.read())

    config = {"MAX_MEMORY_FILE_SIZE": 2 * (most + ENVELOPE_BYTES)}
    try:
        parser = FormParser(
            "multipart/form-data", lambda field: None, took, boundary=options[b"boundary"], config=config
        )
        parser.write(octets)
        parser.finalize()
        (text,) = found
        return text.decode("utf-8")
    except (FormParserError, ValueError):
        raise Invalid({name: ["Send one file of text, in UTF-8."]}) from None


async def _bounded(request: Request, most: int) -> bytes:
    parts = bytearray()
    try:
        async for part in request.stream():
            parts += part
            if len(parts) > most:
                raise Refused(413, f"Request body exceeds {most} bytes.", {"Connection": "close"})
    except ClientDisconnect:
        raise Refused(400, "The request ended early.") from None
    return bytes(parts)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
