"""System -> Configuration -> SMTP server: which server sends mail, and a test mail that says what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from control.mail import server
from control.mail.trial import Tried
from control.store.interface import Transaction
from control.verbs.fields import Invalid
from control.web.admin_api.mail import shown, tried
from control.web.console import filling
from control.web.console.configuration import URL as ABOVE
from control.web.console.editing import MOST_FIELDS, MOST_FORM_BYTES
from control.web.console.frames import Frame
from control.web.console.inputs import Drawing, Typed
from control.web.console.sections import Form
from control.web.console.visitors import sent
from control.web.pages.answers import redirect
from control.web.services import Services

URL = f"{ABOVE}mail/"
FORM = Form(
    server.MailServerFields,
    first=("host", "port", "use_tls", "use_ssl", "username", "from_address", "timeout"),
    left_out=frozenset({"password"}),
)
"""The password has an input of its own: it goes in, and never comes out."""


async def page(request: Request, services: Services, frame: Frame) -> Response:
    if request.method != "POST":
        return await _drawn(services, frame)
    form = await sent(request, services, frame.visitor, MOST_FORM_BYTES, MOST_FIELDS)
    if form.one("do") == "test":
        to = form.one("to").strip()
        return await _drawn(services, frame, test=await tried(services, to), to=to)

    def save(tx: Transaction) -> None:
        given = filling.read(tx, FORM, form.values, is_new=False)
        if password := form.one("password"):
            given = {**given, "password": password}
        server.change(tx, given)

    try:
        await services.store.write(save, frame.visitor.caller.actor)
    except Invalid as error:
        return await _drawn(services, frame, form.values, error.fields)
    return redirect(f"{URL}?done=saved")


async def _drawn(
    services: Services,
    frame: Frame,
    typed: Typed | None = None,
    errors: Mapping[str, Sequence[str]] | None = None,
    test: Tried | None = None,
    to: str = "",
) -> Response:
    def verb(tx: Transaction) -> dict[str, Any]:
        now = shown(server.stored(tx), services.post.configured)
        drawing = Drawing(now, typed, errors or {})
        return {"filled": filling.filled(tx, FORM, drawing), "now": now}

    values = await services.store.read(verb)
    to = to or frame.visitor.caller.user.email
    return frame.page(
        "console/mail_server.html", 400 if errors else 200, above=ABOVE, url=URL, test=test, to=to, **values
    )
