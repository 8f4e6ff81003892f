"""System -> Configuration: the settings of the whole installation, the public URL first."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from control.store.interface import Transaction
from control.verbs import system
from control.verbs.fields import NON_FIELD, Invalid
from control.web.browser import address
from control.web.console import filling
from control.web.console.editing import MOST_FIELDS, MOST_FORM_BYTES
from control.web.console.frames import Frame
from control.web.console.inputs import Drawing, Typed
from control.web.console.sections import ROOT, Form
from control.web.console.visitors import sent
from control.web.pages.answers import redirect
from control.web.services import Services

URL = f"{ROOT}/admin/settings/"
FORM = Form(system.SystemFields, first=("base_url",))


async def page(request: Request, services: Services, frame: Frame) -> Response:
    if request.method != "POST":
        return await _drawn(request, services, frame, None, None)
    typed = (await sent(request, services, frame.visitor, MOST_FORM_BYTES, MOST_FIELDS)).values

    def save(tx: Transaction) -> None:
        if filling.seen(FORM, _current(tx)) != (typed.get("seen") or ("",))[-1]:
            raise Invalid({NON_FIELD: [filling.CHANGED_MEANWHILE]})
        system.change(tx, filling.read(tx, FORM, typed, is_new=False))

    try:
        await services.store.write(save, frame.visitor.caller.actor)
    except Invalid as error:
        return await _drawn(request, services, frame, typed, error)
    return redirect(f"{URL}?done=saved")


def _current(tx: Transaction) -> dict[str, Any]:
    return system.read(tx).model_dump()


async def _drawn(
    request: Request, services: Services, frame: Frame, typed: Typed | None, error: Invalid | None
) -> Response:
    here = address(request, services)

    def verb(tx: Transaction) -> dict[str, Any]:
        current = _current(tx)
        shown = {**current, **_proposed(request, current)}
        drawing = Drawing(shown, typed, error.fields if error is not None else {})
        seen = (typed.get("seen") or ("",))[-1] if typed is not None else filling.seen(FORM, current)
        used = services.post.server(tx)
        return {
            "mail_host": used.host if used is not None else "",
            "filled": filling.filled(tx, FORM, drawing),
            "seen": seen,
            "is_set": bool(current["base_url"]),
        }

    values = await services.store.read(verb)
    here_url = f"{here.scheme}://{here.host}"
    return frame.page("console/settings.html", 400 if error is not None else 200, origin=here_url, **values)


def _proposed(request: Request, current: dict[str, Any]) -> dict[str, str]:
    """The overview proposes a public URL; it is only filled in, not stored."""
    proposed = request.query_params.get("base_url", "")
    return {"base_url": proposed} if proposed and not current["base_url"] else {}
