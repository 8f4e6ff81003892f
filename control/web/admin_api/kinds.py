"""`types/`: the kinds of record that can be made, in authentik's shape."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import Response

from control.web.admin_api.callers import Caller
from control.web.admin_api.endpoint import Do
from control.web.admin_api.refusals import answer


def types(kinds: Iterable[tuple[str, str, str, str]]) -> Do:
    """``kinds``: label, description, component and model name of each."""
    listed = [
        {
            "name": label,
            "description": about,
            "component": component,
            "model_name": model,
            "requires_enterprise": False,
        }
        for label, about, component, model in kinds
    ]

    async def do(request: Request, caller: Caller) -> Response:
        return answer(listed)

    return do
