"""Every HTTP request gets an id: the answer carries it, and so does every log line about what went wrong."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rules.durations import Durations

log = logging.getLogger(__name__)

HEADER = b"x-authentik-id"
ID_BYTES = 16

current: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that is being answered; "" outside of one."""


class RequestIds:
    """Around ``application``. What a client says in this header is not believed: ids are told apart in logs by it.

    ``random`` gives that many bytes; ``clock`` only counts seconds.
    """

    def __init__(
        self, application: ASGIApp, random: Callable[[int], bytes], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.durations = Durations()
        """From a request to the beginning of its answer."""
        self.statuses: Counter[int] = Counter()
        """Answers by the first digit of their status."""
        self._application = application
        self._random = random
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        request_id = self._random(ID_BYTES).hex()
        began = self._clock()

        async def identified(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.durations.observe(self._clock() - began)
                self.statuses[message["status"] // 100] += 1
                message["headers"] = [*message.get("headers", ()), (HEADER, request_id.encode())]
            await send(message)

        token = current.set(request_id)
        try:
            await self._application(scope, receive, identified)
        except OSError:  # nobody listens any more
            raise
        except Exception:
            told = {"event": "request_failed", "id": request_id, "method": scope["method"], "path": scope["path"]}
            log.error("%s %s failed [%s]", scope["method"], scope["path"], request_id, extra={"fields": told})
            raise
        finally:
            current.reset(token)
