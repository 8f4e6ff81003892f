"""Requests that come with an outpost's token, as the audit has them."""

from __future__ import annotations

from starlette.requests import Request

from control.outposts.callers import Unbelieved
from control.records import Outpost
from control.web import browser
from control.web.services import Services


async def tell_unbelieved(request: Request, services: Services, error: Unbelieved) -> None:
    """Somebody has the outpost's token, and not its certificate. Raises ForwardingError, Unavailable."""
    if services.audit is not None:
        address = browser.address(request, services).client
        await services.audit.refused(error.outpost, address, _said(request), str(error))


async def tell_asked(request: Request, services: Services, account: int, why: str = "") -> None:
    """An outpost's account asks the API; ``why`` it may not. Raises ForwardingError, Unavailable."""
    outpost = await services.store.read(lambda tx: tx.find(Outpost, user=account))
    if services.audit is None or outpost is None:
        return
    address = browser.address(request, services).client
    if why:
        await services.audit.refused(outpost.pk, address, _said(request), why)
    else:
        await services.audit.asked(outpost.pk, address, API)


API = "API"


def _said(request: Request) -> str:
    return f"{request.method} {request.url.path}"[:LONGEST_SAID]


LONGEST_SAID = 200
"""Characters of a path, which a stranger may choose."""
