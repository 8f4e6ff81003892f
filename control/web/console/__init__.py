"""The administrator's pages, `/if/admin/`: lists and forms over the API's own table, all of them without JavaScript."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.web.console import actions, configuration, editing, mail_server, overview
from control.web.console.frames import Frame, Place, Shelf, sentences
from control.web.console.listing import listing
from control.web.console.sections import ROOT, Section
from control.web.console.table import MENU, SECTIONS
from control.web.console.visitors import CSRF_FIELD, Stale, administrator, sign_in
from control.web.pages.answers import Endpoint, guarded, redirect
from control.web.services import Services

Page = Callable[[Request, Services, Frame], Awaitable[Response]]
SectionPage = Callable[[Request, Services, Section, Frame], Awaitable[Response]]

SHELVES: Sequence[Shelf] = (
    Shelf("Dashboards", (Place("Overview", f"{ROOT}/"),)),
    *(
        Shelf(
            heading,
            (
                *(Place(section.title, section.url) for section in sections),
                *((Place("Configuration", configuration.URL),) if heading == "System" else ()),
            ),
        )
        for heading, sections in MENU
    ),
)


async def _list(request: Request, services: Services, section: Section, frame: Frame) -> Response:
    resource = section.resource(services.random)
    with sentences():
        found = await services.store.read(
            lambda tx: listing(tx, section, resource, request.query_params, frame.visitor.caller)
        )
    return frame.page(
        "console/list.html",
        section=section,
        listing=found,
        params=request.query_params,
    )


BOTH = ("GET", "POST")
PROVED = f"{ROOT}/~proved/"
"""Where the tab ends in which somebody has shown again who they are."""


@dataclass(frozen=True, slots=True)
class Served:
    """A page of a section: its path below the section's, and its methods."""

    path: str
    page: SectionPage
    methods: tuple[str, ...]
    changes: bool = False
    """It is for changing something and nothing else: a recent sign-in is asked for before anybody types."""


def _pages(section: Section) -> Iterator[Served]:
    """No key begins with a tilde."""
    yield Served("", _list, ("GET",))
    if section.can_make:
        yield Served("~new/", editing.new, BOTH, changes=True)
        yield Served("~new/{kind}/", editing.new, BOTH, changes=True)
    yield Served("{key}/", editing.edit, BOTH)
    if section.can_delete:
        yield Served("{key}/delete/", editing.delete, BOTH, changes=True)
    for of, path, action, methods in actions.ACTIONS:
        if of is section:
            yield Served(f"{{key}}/{path}/", action, methods, changes=True)


def routes(services: Services) -> list[BaseRoute]:
    found = [
        *_both(services, f"{ROOT}/", _framed(overview.page, f"{ROOT}/"), "GET"),
        *_both(services, configuration.URL, _framed(configuration.page, configuration.URL), "GET", "POST"),
        *_both(services, PROVED, _framed(_proved, f"{ROOT}/"), "GET"),
        *_both(services, mail_server.URL, _framed(mail_server.page, configuration.URL), "GET", "POST"),
    ]
    for section in SECTIONS:
        for served in _pages(section):
            found += _both(services, section.url + served.path, _of_section(served, section), *served.methods)
    return found


def _both(services: Services, path: str, endpoint: Endpoint, *methods: str) -> list[BaseRoute]:
    """With and without the trailing slash."""
    served = guarded(endpoint, services)
    return [Route(spelling, served, methods=list(methods)) for spelling in (path, path.rstrip("/"))]


def _framed(page: Page, here: str) -> Endpoint:
    async def endpoint(request: Request, services: Services) -> Response:
        frame = Frame(SHELVES, request, await administrator(request, services), here)
        return await _unless_stale(page(request, services, frame), frame)

    return endpoint


def _of_section(served: Served, section: Section) -> Endpoint:
    async def endpoint(request: Request, services: Services) -> Response:
        visitor = await administrator(request, services)
        if served.changes and request.method != "POST" and not visitor.caller.is_recent:
            return redirect(sign_in(request))
        frame = Frame(SHELVES, request, visitor, section.url)
        return await _unless_stale(served.page(request, services, section, frame), frame)

    return endpoint


async def _unless_stale(answered: Awaitable[Response], frame: Frame) -> Response:
    """What was typed waits in the page that asks for a sign-in, and is sent again from there."""
    try:
        return await answered
    except Stale as stale:
        typed = [(name, value) for name, values in stale.form.values.items() for value in values if name != CSRF_FIELD]
        return frame.page("console/prove_again.html", 403, typed=typed, proved=PROVED)


async def _proved(request: Request, services: Services, frame: Frame) -> Response:
    return frame.page("console/proved.html")
