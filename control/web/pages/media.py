"""Pictures of the operator's, from the folder that settings name: `/media/public/application-icons/wiki.png`.

Nothing but pictures is served, and those cannot run anything, whatever is in them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

from control.web.pages.assets import HEADERS

MEDIA_TYPES = {
    ".gif": "image/gif",
    ".ico": "image/vnd.microsoft.icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
HARMLESS = {
    **HEADERS,
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox",
    "Cache-Control": "public, max-age=300",
}


def picture(folder: Path | None, name: str) -> Path | None:
    """The file of that name below ``folder``, links followed, if it is a picture and lies there."""
    if folder is None or "\0" in name:
        return None
    try:
        root = folder.resolve()
        found = (root / name).resolve()
        inside = found.is_relative_to(root) and found.is_file()
    except OSError:
        return None
    return found if inside and found.suffix.lower() in MEDIA_TYPES else None


def serve(folder: Path | None) -> Callable[[Request], Awaitable[Response]]:
    """What answers at `/media/{name:path}`."""

    async def answer(request: Request) -> Response:
        found = picture(folder, request.path_params["name"])
        if found is None:
            return PlainTextResponse("Not found\n", 404, headers={**HEADERS, "Cache-Control": "no-store"})
        return FileResponse(found, headers=HARMLESS, media_type=MEDIA_TYPES[found.suffix.lower()])

    return answer
