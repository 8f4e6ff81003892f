"""One path of the API: identify, permit, do, answer. Everything that goes wrong becomes an authentik-like refusal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from control.verbs.fields import Fields
from control.web.admin_api.callers import SAFE_METHODS, Caller, Permit, identify, people, require
from control.web.admin_api.refusals import NO_SUCH_PATH, NOT_PERMITTED, Refused, refusal
from control.web.outpost_requests import tell_asked
from control.web.services import Services

Do = Callable[[Request, Caller], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Body:
    """What an action takes, for the schema: ``optional`` fields are made up where they are not given."""

    name: str
    fields: type[Fields]
    optional: frozenset[str] = frozenset()
    partial: bool = False
    """Nothing is required."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What it gives, for the schema: fields of a type, without those that only go in. None: nothing is said."""

    name: str
    fields: type[Fields] | None = None
    write_only: frozenset[str] = frozenset()
    pk: type[int] | type[str] | None = None
    pages: bool = False
    """A page of such, with parameters to choose it by."""
    filters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    permit: Permit
    do: Do
    takes: Body | None = None
    gives: Answer | None = None
    status: int = 200
    """When it went well."""
    media: str = "application/json"
    """Of the answer."""
    recent: bool | None = None
    """It asks for a recent sign-in: a browser that was left open is not enough. None: as `asks_recent` says."""

    def asks_recent(self, method: str) -> bool:
        """Whatever somebody changes by a right that they hold decides in the end who gets in, and as whom."""
        if self.recent is not None:
            return self.recent
        return method not in SAFE_METHODS and self.permit is not people


class Endpoint:
    """An ASGI application for one path; ``actions`` by method. HEAD is answered as GET, without the body."""

    def __init__(self, services: Services, actions: Mapping[str, Action]) -> None:
        self.actions = dict(actions)
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except Exception as error:
            response = refusal(error)
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        caller = await identify(request, self._services)
        action = self.actions.get("GET" if request.method == "HEAD" else request.method)
        if action is None:
            raise Refused(405, f'Method "{request.method}" not allowed.', {"Allow": self._allowed()})
        if caller.is_outpost:
            why = "" if action.permit(caller) else NOT_PERMITTED
            await tell_asked(request, self._services, caller.user.pk, why)
        require(action.permit, caller, action.asks_recent(request.method))
        return await action.do(request, caller)

    def _allowed(self) -> str:
        return ", ".join([*self.actions, *(["HEAD"] if "GET" in self.actions else [])])


class Open:
    """An ASGI application for one path that strangers may GET, too; it knows of nobody who they are."""

    def __init__(self, do: Callable[[Request], Awaitable[Response]]) -> None:
        self._do = do

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            if request.method not in ("GET", "HEAD"):
                raise Refused(405, f'Method "{request.method}" not allowed.', {"Allow": "GET, HEAD"})
            response = await self._do(request)
        except Exception as error:
            response = refusal(error)
        await response(scope, receive, send)


class Elsewhere:
    """Every path that is none of ours. Without its trailing slash, a GET is sent to the path with one."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        path = request.url.path
        if request.method in ("GET", "HEAD") and not path.endswith("/"):
            query = f"?{request.url.query}" if request.url.query else ""
            response: Response = RedirectResponse(f"{path}/{query}", 301)
        else:
            response = refusal(Refused(404, NO_SUCH_PATH))
        await response(scope, receive, send)
