"""The few static files, read once; their address carries their digest, so that browsers may keep them for long."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

FOLDER = Path(__file__).parent.parent / "static"
MEDIA_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
"""Nothing else is served."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True)
class Asset:
    content: bytes
    media_type: str
    digest: str


@cache
def assets() -> dict[str, Asset]:
    return {
        file.name: Asset(content, MEDIA_TYPES[file.suffix], hashlib.sha256(content).hexdigest()[:16])
        for file in sorted(FOLDER.iterdir())
        if file.suffix in MEDIA_TYPES and (content := file.read_bytes())
    }


def versioned(name: str) -> str:
    """The address of a static file. Raises KeyError if there is no such file."""
    return f"/static/{name}?v={assets()[name].digest}"


async def serve(request: Request) -> Response:
    asset = assets().get(request.path_params["name"])
    if asset is None:
        return PlainTextResponse("Not found\n", 404, headers={**HEADERS, "Cache-Control": "no-store"})
    tag = f'"{asset.digest}"'
    fresh = request.query_params.get("v") == asset.digest
    headers = {
        **HEADERS,
        "Cache-Control": "public, max-age=31536000, immutable" if fresh else "public, max-age=300",
        "ETag": tag,
    }
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(asset.content, headers=headers, media_type=asset.media_type)
