"""Reading a form, within bounds."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request

from control.web.pages.answers import Stop

MOST_FORM_BYTES = 64 * 1024
"""A password of a thousand characters, percent-encoded, fits into a tenth of it."""
MOST_FIELDS = 50
"""The longest form here has seven."""
FORM = "application/x-www-form-urlencoded"


async def form(request: Request) -> dict[str, str]:
    """The fields of a POST. Raises Stop: 413, 415, or 400 for what is not a form, or names a field twice."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != FORM:
        raise Stop(415, "That did not work", "This page takes only what its own form sends.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_FORM_BYTES:
            raise Stop(413, "That was too much", "The form is longer than anything that belongs into it.")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Stop(400, "That did not work", "What was sent is not a form that can be read.") from None
    fields = dict(pairs)
    if len(fields) != len(pairs) or any("\0" in value for value in fields.values()):
        raise Stop(400, "That did not work", "What was sent is not a form of this page.")
    return fields
