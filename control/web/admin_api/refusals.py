"""What the API says when it does not do what was asked: authentik's bodies and statuses."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from control.passwords.hashing import Busy
from control.store.interface import AlreadyExists, NotFound, Overloaded, Unavailable
from control.verbs.fields import Invalid
from control.web import request_ids
from protocols.proxy.trust import ForwardingError

log = logging.getLogger(__name__)

NOT_AUTHENTICATED = "Authentication credentials were not provided."
BAD_TOKEN = "Token invalid/expired"  # noqa: S105
NOT_PERMITTED = "You do not have permission to perform this action."
NOT_RECENT = "Sign in again, and then once more: this asks for a sign-in of the last few minutes, or a token."
NO_SUCH_PATH = "Not found."


class Refused(Exception):
    """Answered with ``status`` and ``{"detail": detail}``."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON that no cache keeps: it may hold secrets, and it depends on who asks."""
    kept = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **(headers or {})}
    if body is None:
        return Response(status_code=status, headers=kept)
    text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(text.encode(), status, kept, media_type="application/json")


def refusal(error: Exception) -> Response:
    """The answer to a request that ended in this exception; what nobody expected is logged and says nothing."""
    match error:
        case Refused():
            return answer({"detail": error.detail}, error.status, error.headers)
        case Invalid():
            return answer(error.fields, 400)
        case NotFound():
            return answer({"detail": NO_SUCH_PATH}, 404)
        case AlreadyExists():
            return answer({name: ["This field must be unique."] for name in error.fields}, 400)
        case ForwardingError():
            return answer({"detail": str(error)}, 400)
        case Busy():
            return answer({"detail": "Too many passwords are being checked. Try again shortly."}, 503)
        case Unavailable() | Overloaded():
            return answer({"detail": f"The database could not be used: {error}. Try again shortly."}, 503)
    told = {"event": "request_failed", "id": request_ids.current.get()}
    log.error("an API request failed [%s]", told["id"], exc_info=error, extra={"fields": told})
    return answer({"detail": "Internal error; the log says more."}, 500)
