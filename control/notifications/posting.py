"""JSON posted to URLs of the operator's: within seconds, without redirects, and without reading what comes back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from control.outward import ask

SECONDS = 10.0
"""For all of it, name look-up and handshake included."""

PostJson = Callable[[str, bytes, Mapping[str, str]], Awaitable[str]]
"""Posts JSON to a URL, with these header lines beside the usual ones. "": it was understood; else a sentence that says
what went wrong. Raises nothing."""
HEADERS = {"Content-Type": "application/json", "User-Agent": "outpost"}
"""Large services refuse programs that do not say who they are."""
NO_MORE: Mapping[str, str] = MappingProxyType({})


async def post_json(url: str, body: bytes, headers: Mapping[str, str] = NO_MORE) -> str:
    usual = {name: value for name, value in HEADERS.items() if name.lower() not in {one.lower() for one in headers}}
    try:
        status = (await ask(url, SECONDS, {**usual, **headers}, body)).status
    except TimeoutError:
        return f"It did not answer within {SECONDS:g} seconds."
    except (OSError, ValueError) as error:
        return f"It cannot be reached: {error or type(error).__name__}."
    return "" if 200 <= status < 300 else f"It answered {status}."
