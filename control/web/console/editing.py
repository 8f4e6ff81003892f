"""One record: made, changed, shown with what is around it, deleted; its secrets shown when somebody asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from control import audit
from control.store.interface import NotFound, Transaction
from control.verbs.fields import NON_FIELD, Invalid
from control.web.addresses import known_as
from control.web.admin_api.refusals import Refused
from control.web.admin_api.resource import Resource, pk_of
from control.web.console import filling, inputs
from control.web.console.frames import Frame, sentences
from control.web.console.inputs import Drawing, Kind, Typed
from control.web.console.sections import Around, Form, Section
from control.web.console.visitors import sent
from control.web.pages.answers import Stop, redirect
from control.web.services import Services

MOST_FORM_BYTES = 1024 * 1024
"""A certificate chain with its key, percent-encoded, has 100 kB; the API takes as much."""
MOST_FIELDS = 2_000
"""Each box that is ticked is one; a longer list is typed into one field."""
SHOW = "show:"
FILLED_IN = frozenset({Kind.TEXT, Kind.EMAIL, Kind.NUMBER, Kind.CHOICE})
"""What an address may fill in."""


async def new(request: Request, services: Services, section: Section, frame: Frame) -> Response:
    """Asks which form, if there are several."""
    typed = None
    if request.method == "POST":
        typed = await sent(request, services, frame.visitor, MOST_FORM_BYTES, MOST_FIELDS)
    choices = {kind: form for kind, form in section.forms.items() if form.create is not None}
    kind = request.path_params.get("kind", "" if len(choices) == 1 else None)
    if kind is None:
        return frame.page("console/choose.html", section=section, choices=choices)
    form = choices.get(kind.removeprefix("~"))
    if form is None:
        raise Stop(404, "Not found", f"There is no such {section.one}.")
    if typed is not None:
        return await _make(services, section, form, frame, typed.values)
    with sentences():
        drawn = await services.store.read(lambda tx: _blank(tx, form, request.query_params))
    return frame.page("console/new.html", section=section, form=form, filled=drawn)


async def _make(services: Services, section: Section, form: Form, frame: Frame, typed: Typed) -> Response:
    assert form.create is not None
    caller = frame.visitor.caller
    try:
        given = await services.store.read(lambda tx: filling.read(tx, form, typed, is_new=True))
        record = await form.create(services, caller, given)
    except Invalid as error:
        drawing = Drawing({}, typed, error.fields, is_new=True)
        drawn = await services.store.read(lambda tx: filling.filled(tx, form, drawing))
        return frame.page("console/new.html", 400, section=section, form=form, filled=drawn)
    back = section.back
    to = section.place_of(record) if back is None else await services.store.read(lambda tx: back(tx, record))
    return redirect(f"{to}?done=made")


def _blank(tx: Transaction, form: Form, params: QueryParams) -> filling.Filled:
    """The address may fill fields in: ``?provider=5``."""
    known = inputs.specs(form.fields, form.secrets)
    names = {name for name, spec in known.items() if spec.kind in FILLED_IN and name not in form.left_out}
    filled_in = {name: value for name, value in params.items() if name in names}
    return filling.filled(tx, form, Drawing({**form.at_first, **filled_in}, is_new=True))


async def edit(request: Request, services: Services, section: Section, frame: Frame) -> Response:
    around = Around(
        section.view(frame.visitor.caller, request.query_params), await known_as(request, services), services
    )
    if request.method != "POST":
        with sentences():
            values = await services.store.read(lambda tx: _page(tx, request, around, section))
        return frame.page(section.template, section=section, **values)
    typed = await sent(request, services, frame.visitor, MOST_FORM_BYTES, MOST_FIELDS)
    asked = typed.one("do")
    if asked.startswith(SHOW):
        name, before = asked.removeprefix(SHOW), typed.values if typed.one("seen") else None

        def shown(tx: Transaction) -> dict[str, Any]:
            _leave_event(tx, request, around, section, name)
            return _page(tx, request, around, section, before, shown=frozenset({name}))

        with sentences():
            values = await services.store.write(shown, frame.visitor.caller.actor)
        return frame.page(section.template, section=section, **values)
    return await _save(request, around, section, frame, typed.values)


async def _save(request: Request, around: Around, section: Section, frame: Frame, typed: Typed) -> Response:
    services, caller = around.services, frame.visitor.caller
    resource = section.resource(services.random)
    update = resource.update
    if update is None:
        raise Stop(405, "Not here", f"A {section.one} is not changed by hand.")

    def save(tx: Transaction) -> str:
        record = resource.one(tx, request.path_params["key"], caller)
        form = section.forms[section.form_of(record)]
        if filling.seen(form, section.fields_of(tx, record)) != (typed.get("seen") or ("",))[-1]:
            raise Invalid({NON_FIELD: [filling.CHANGED_MEANWHILE]})
        given = resource.as_given(filling.read(tx, form, typed, is_new=False), caller, False)
        changed = update(tx, pk_of(record), given, True)
        return section.place_of(changed) if section.back is None else section.back(tx, changed)

    try:
        to = await services.store.write(save, caller.actor)
    except Invalid as error:
        wrong = error.fields
        with sentences():
            values = await services.store.read(lambda tx: _page(tx, request, around, section, typed, errors=wrong))
        return frame.page(section.template, 400, section=section, **values)
    return redirect(f"{to}?done=saved")


def _page(
    tx: Transaction,
    request: Request,
    around: Around,
    section: Section,
    typed: Typed | None = None,
    errors: Mapping[str, Sequence[str]] | None = None,
    shown: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """Raises Refused."""
    view = around.view
    resource = section.resource(around.services.random)
    record = resource.one(tx, request.path_params["key"], view.caller)
    body = (section.shape or resource.shape)(tx, [record], view)[0]
    found: dict[str, Any] = {"form": None, "filled": None, "seen": ""}
    if section.forms and resource.update is not None:
        form = section.forms[section.form_of(record)]
        current = section.fields_of(tx, record)
        drawing = Drawing(current, typed, errors or {}, shown)
        found = {
            "form": form,
            "filled": filling.filled(tx, form, drawing),
            "seen": (typed.get("seen") or ("",))[-1] if typed is not None else filling.seen(form, current),
        }
    return {
        **found,
        "body": body,
        "name": section.name(body),
        "url": section.url_of(body),
        "secrets": {name: section.revealed[name](tx, record) for name in shown if name in section.revealed},
        "revealed": list(section.revealed),
        **section.beside(tx, record, around),
    }


def _leave_event(tx: Transaction, request: Request, around: Around, section: Section, name: str) -> None:
    caller = around.view.caller
    resource: Resource[Any] = section.resource(around.services.random)
    record = resource.one(tx, request.path_params["key"], caller)
    form = section.forms.get(section.form_of(record))
    if name not in section.revealed and (form is None or name not in form.secrets - form.sealed):
        raise Refused(404, "There is no such secret.")
    body = (section.shape or resource.shape)(tx, [record], around.view)[0]
    audit.secret_viewed(tx, record, section.name(body), caller.actor, type=name)


async def delete(request: Request, services: Services, section: Section, frame: Frame) -> Response:
    """Says first what goes with it."""
    resource, caller = section.resource(services.random), frame.visitor.caller
    remove = resource.delete
    assert remove is not None
    refused: list[str] = []
    if request.method == "POST":
        await sent(request, services, frame.visitor, MOST_FORM_BYTES, MOST_FIELDS)

        def gone(tx: Transaction) -> str:
            record = resource.one(tx, request.path_params["key"], caller)
            to = section.url if section.back is None else section.back(tx, record)
            remove(tx, pk_of(record))
            return to

        try:
            to = await services.store.write(gone, caller.actor)
        except (Refused, NotFound):
            return redirect(section.url)
        except Invalid as error:
            refused = [said for every in error.fields.values() for said in every]
        else:
            return redirect(f"{to}?done=deleted")

    def shown(tx: Transaction) -> dict[str, Any]:
        record = resource.one(tx, request.path_params["key"], caller)
        shape = section.shape or resource.shape
        body = shape(tx, [record], section.view(caller, request.query_params))[0]
        return {"name": section.name(body), "url": section.url_of(body), "affects": section.affects(tx, record)}

    with sentences():
        values = await services.store.read(shown)
    return frame.page("console/delete.html", 400 if refused else 200, section=section, refused=refused, **values)
