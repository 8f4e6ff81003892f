"""The administrator's pages, `/if/admin/`: lists and forms over the API's own table, all of them without JavaScript."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.web.console import actions, configuration, editing, mail_server, overview
from control.web.console.frames import Frame, Place, Shelf, sentences
from control.web.console.listing import listing
from control.web.console.sections import ROOT, Section
from control.web.console.table import MENU, SECTIONS
from control.web.console.visitors import administrator
from control.web.pages.answers import Endpoint, guarded
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


def _pages(section: Section) -> Iterator[tuple[str, SectionPage, tuple[str, ...]]]:
    """No key begins with a tilde."""
    yield "", _list, ("GET",)
    if section.can_make:
        yield "~new/", editing.new, BOTH
        yield "~new/{kind}/", editing.new, BOTH
    yield "{key}/", editing.edit, BOTH
    if section.can_delete:
        yield "{key}/delete/", editing.delete, BOTH


def routes(services: Services) -> list[BaseRoute]:
    found = [
        *_both(services, f"{ROOT}/", _framed(overview.page, f"{ROOT}/"), "GET"),
        *_both(services, configuration.URL, _framed(configuration.page, configuration.URL), "GET", "POST"),
        *_both(services, mail_server.URL, _framed(mail_server.page, configuration.URL), "GET", "POST"),
    ]
    for section in SECTIONS:
        for path, page, methods in _pages(section):
            found += _both(services, section.url + path, _of_section(page, section), *methods)
    for section, path, action, methods in actions.ACTIONS:
        found += _both(services, f"{section.url}{{key}}/{path}/", _of_section(action, section), *methods)
    return found


def _both(services: Services, path: str, endpoint: Endpoint, *methods: str) -> list[BaseRoute]:
    """With and without the trailing slash."""
    served = guarded(endpoint, services)
    return [Route(spelling, served, methods=list(methods)) for spelling in (path, path.rstrip("/"))]


def _framed(page: Page, here: str) -> Endpoint:
    async def endpoint(request: Request, services: Services) -> Response:
        return await page(request, services, Frame(SHELVES, request, await administrator(request, services), here))

    return endpoint


def _of_section(page: SectionPage, section: Section) -> Endpoint:
    async def endpoint(request: Request, services: Services) -> Response:
        visitor = await administrator(request, services)
        return await page(request, services, section, Frame(SHELVES, request, visitor, section.url))

    return endpoint
