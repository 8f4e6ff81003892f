"""What the pages know of a kind of record: where it is, what its list shows, and its forms.

Lists and changes go through the API's own table (`control.web.admin_api.table`), so that pages and API agree.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from starlette.datastructures import QueryParams

from control.records import Record
from control.store.interface import Transaction
from control.verbs.fields import Fields
from control.verbs.tokens import Random
from control.web.admin_api.callers import Caller
from control.web.admin_api.resource import Resource, View, pk_of
from control.web.console.cells import Body, Column
from control.web.console.pickers import Picker
from control.web.services import Services

ROOT = "/if/admin"

Create = Callable[[Services, Caller, Mapping[str, Any]], Awaitable[Any]]
"""Makes a record out of the checked form, and gives it back. Raises Invalid."""


@dataclass(frozen=True, slots=True)
class Form:
    """One way to make or change a record. Fields in neither list come last, under *More settings*."""

    fields: type[Fields]
    first: tuple[str, ...] = ()
    """Those that everybody has to look at."""
    left_out: frozenset[str] = frozenset()
    """Those that a page of their own changes, or nobody needs."""
    pickers: Mapping[str, Picker] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    """Never shown without being asked for, and then with an event."""
    sealed: frozenset[str] = frozenset()
    """Those of them that are never shown again."""
    optional: frozenset[str] = frozenset()
    """Made up where nothing is typed."""
    at_first: Mapping[str, Any] = field(default_factory=dict)
    """What a new form proposes, where that differs from what the API fills in."""
    create: Create | None = None
    """None: only for changes."""
    label: str = ""
    """For the page that asks which one."""
    about: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """A way to narrow a list: a parameter of the API's list, and what may be chosen."""

    name: str
    label: str
    options: tuple[tuple[str, str], ...]
    """Value and label."""


@dataclass(frozen=True, slots=True)
class Around:
    """What the panels beside a form are made with."""

    view: View
    base: str
    """Scheme and host that browsers know us by."""
    services: Services


@dataclass(frozen=True, slots=True)
class Section:
    path: str
    """Below `ROOT`, as authentik names it."""
    title: str
    one: str
    about: str
    resource: Callable[[Random], Resource[Any]]
    columns: Sequence[Column]
    name: Callable[[Body], str]
    forms: Mapping[str, Form] = field(default_factory=dict)
    form_of: Callable[[Any], str] = lambda record: ""
    """Which form changes this record."""
    current: Callable[[Transaction, Any], dict[str, Any]] | None = None
    """The fields as they are; None: attributes of the same names."""
    affects: Callable[[Transaction, Any], list[str]] = lambda tx, record: []
    """What deleting it does beside, a sentence each."""
    beside: Callable[[Transaction, Any, Around], Mapping[str, Any]] = lambda tx, record, around: {}
    """What the template needs for the panels beside the form."""
    back: Callable[[Transaction, Any], str] | None = None
    """Where to go when it is made, changed or deleted; None: to itself, and to the list when it is gone."""
    template: str = "console/edit.html"
    shape: Callable[[Transaction, Sequence[Any], View], list[Body]] | None = None
    """Bodies with more than the API's list has."""
    revealed: Mapping[str, Callable[[Transaction, Any], str]] = field(default_factory=dict)
    """Secrets that can be seen again, each time with an event. Raise Refused where they cannot."""
    choices: tuple[Choice, ...] = ()
    wide: Mapping[str, str] = field(default_factory=dict)
    """Parameters for the shapes, such as what not to fetch."""
    empty: str = ""
    """What to do when the list is empty."""

    @property
    def url(self) -> str:
        return f"{ROOT}/{self.path}/"

    def url_of(self, body: Body) -> str:
        return f"{self.url}{quote(str(body[self.lookup]), safe='')}/"

    @property
    def lookup(self) -> str:
        return self.resource(_no_random).lookup

    @property
    def can_make(self) -> bool:
        return any(form.create is not None for form in self.forms.values())

    @property
    def can_delete(self) -> bool:
        return self.resource(_no_random).delete is not None

    def view(self, caller: Caller, params: QueryParams) -> View:
        return View(caller, QueryParams({**dict(params), **self.wide}))

    def place_of(self, record: Any) -> str:
        return self.url_of({self.lookup: getattr(record, self.lookup)})

    def fields_of(self, tx: Transaction, record: Record) -> dict[str, Any]:
        if self.current is not None:
            return self.current(tx, record)
        names = self.forms[self.form_of(record)].fields.model_fields
        return {name: getattr(record, name) for name in names if hasattr(record, name)}


def _no_random(size: int) -> bytes:
    raise AssertionError("what a table says of itself needs no randomness")


def made_by(section_resource: Callable[[Random], Resource[Any]]) -> Create:
    """As the API's POST does it."""

    async def create(services: Services, caller: Caller, given: Mapping[str, Any]) -> Any:
        resource = section_resource(services.random)
        verb = resource.create
        assert verb is not None
        body = resource.as_given(given, caller, True)
        return await services.store.write(lambda tx: verb(tx, body), caller.actor)

    return create


__all__ = ["ROOT", "Choice", "Create", "Form", "Section", "made_by", "pk_of"]
