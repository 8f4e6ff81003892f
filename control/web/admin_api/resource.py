"""A kind of record with the usual six actions, from one table entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar
from uuid import UUID

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.records import Record
from control.store.interface import Transaction
from control.verbs.fields import Fields
from control.web.admin_api import endpoint
from control.web.admin_api.bodies import json_object
from control.web.admin_api.callers import Caller, Permit, superusers_only
from control.web.admin_api.endpoint import Action, Answer, Do, Endpoint
from control.web.admin_api.lists import Filter, Narrowed, ordering_of, page_of, pagination, query_of
from control.web.admin_api.refusals import Refused, answer
from control.web.admin_api.used_by import used_by
from control.web.services import Services

R = TypeVar("R", bound=Record)
Body = Mapping[str, Any]
Create = Callable[[Transaction, Body], R]
Update = Callable[[Transaction, Any, Body, bool], R]
"""pk, body, and whether what is not in the body may be required (PUT) or not (PATCH)."""
Delete = Callable[[Transaction, Any], None]


def pk_of(record: Record) -> Any:
    return record.pk  # type: ignore[attr-defined]  # every record has one, of one of two types


@dataclass(frozen=True, slots=True)
class View:
    """For whom a record is shown, and what was asked to be left out of it."""

    caller: Caller
    params: QueryParams

    def includes(self, name: str, default: bool) -> bool:
        """``?include_users=false`` and such."""
        return self.params.get(name, str(default)).lower() == "true"


def sees_everything(tx: Transaction, caller: Caller) -> Narrowed:
    return {}


def taken_as_it_is(body: Body, caller: Caller, is_new: bool) -> Body:
    return body


@dataclass(frozen=True, slots=True)
class Resource(Generic[R]):
    """``shape`` turns records into bodies, many at once. An action without a function does not exist."""

    path: str
    """Below /api/v3/, without slashes at its ends."""
    kind: type[R]
    title: str
    """authentik's class name."""
    shape: Callable[[Transaction, Sequence[R], View], list[dict[str, Any]]]
    fields: type[Fields] | None = None
    """What a record is made from, for the schema; None for records that this API does not make."""
    optional: frozenset[str] = frozenset()
    """Those that are made up where they are not given."""
    write_only: frozenset[str] = frozenset()
    """Those that no answer has."""
    ordering: tuple[str, ...] = ("name",)
    lookup: str = "pk"
    numbered: bool = False
    """The pk is an integer; otherwise a UUID."""
    keeps_pk: bool = False
    """No answer has the pk; ``lookup`` is another field."""
    only: Narrowed = field(default_factory=dict)
    """Records of other kinds live in the same table, and are not seen here."""
    filters: Mapping[str, Filter] = field(default_factory=dict)
    filters_by_view: Mapping[str, Callable[[Transaction, View, str], Narrowed]] = field(default_factory=dict)
    """Filters whose answer depends on who asks, each with its parameter's value."""
    readers: Permit = superusers_only
    sees: Callable[[Transaction, Caller], Narrowed] = sees_everything
    """Which records a permitted reader sees."""
    writers: Permit = superusers_only
    recent: bool | None = None
    """`Action.recent` of everything that writes."""
    as_given: Callable[[Body, Caller, bool], Body] = taken_as_it_is
    """What a body means from this caller, for a new record or not: who may write may still not say everything."""
    create: Create[R] | None = None
    update: Update[R] | None = None
    delete: Delete | None = None
    clear: Delete | None = None
    """Deletes all that the list's filters choose, one after another."""

    def routes(self, services: Services) -> list[BaseRoute]:
        return [
            Route(f"/{self.path}/", Endpoint(services, self._collection(services))),
            Route(f"/{self.path}/{{key}}/", Endpoint(services, self._single(services))),
            Route(f"/{self.path}/{{key}}/used_by/", Endpoint(services, {"GET": self._used_by(services)})),
        ]

    def one(self, tx: Transaction, key: str, caller: Caller) -> R:
        """The record with this key. Raises Refused with 404, also for one that the caller does not see."""
        try:
            wanted: Narrowed = {self.lookup: [self._key(key)]}
        except ValueError:
            raise self._unknown() from None
        query = query_of(tx, QueryParams(), {}, [wanted, self.only, self.sees(tx, caller)])
        found = tx.select(self.kind, replace(query, limit=1))
        if not found:
            raise self._unknown()
        return found[0]

    def _key(self, text: str) -> int | str:
        """Raises ValueError for what cannot be a key."""
        if self.lookup != "pk":
            return text
        return int(text) if self.numbered else str(UUID(text))

    def _unknown(self) -> Refused:
        return Refused(404, f"No {self.title} matches the given query.")

    # --- the actions ---

    def _collection(self, services: Services) -> dict[str, Action]:
        page = replace(self.answer, pages=True, filters=(*self.filters, *self.filters_by_view))
        actions = {"GET": Action(self.readers, self._list(services), gives=page)}
        if self.create is not None:
            do = self._create(services, self.create)
            actions["POST"] = self._writing(do, self._body(partial=False), self.answer, 201)
        if self.clear is not None:
            actions["DELETE"] = self._writing(self._clear(services, self.clear), status=204)
        return actions

    def _single(self, services: Services) -> dict[str, Action]:
        actions = {"GET": Action(self.readers, self._retrieve(services), gives=self.answer)}
        if self.update is not None:
            for method, partial in (("PUT", False), ("PATCH", True)):
                do = self._update(services, self.update, partial)
                actions[method] = self._writing(do, self._body(partial), self.answer)
        if self.delete is not None:
            actions["DELETE"] = self._writing(self._delete(services, self.delete), status=204)
        return actions

    def _writing(
        self, do: Do, takes: endpoint.Body | None = None, gives: Answer | None = None, status: int = 200
    ) -> Action:
        return Action(self.writers, do, takes, gives, status, recent=self.recent)

    @property
    def answer(self) -> Answer:
        """One record, for the schema."""
        pk = None if self.keeps_pk else int if self.numbered else str
        return Answer(self.title, self.fields, self.write_only, pk)

    def _body(self, partial: bool) -> endpoint.Body | None:
        if self.fields is None:
            return None
        return endpoint.Body(f"{'Patched' if partial else ''}{self.title}Request", self.fields, self.optional, partial)

    def _list(self, services: Services) -> Do:
        async def do(request: Request, caller: Caller) -> Response:
            return answer(await services.store.read(lambda tx: self._page(tx, View(caller, request.query_params))))

        return do

    def _page(self, tx: Transaction, view: View) -> dict[str, Any]:
        page = page_of(view.params)
        viewed = [
            narrow(tx, view, said) for name, narrow in self.filters_by_view.items() if (said := view.params.get(name))
        ]
        given = [self.only, self.sees(tx, view.caller), *viewed]
        query = query_of(tx, view.params, self.filters, given)
        numbers = pagination(page, tx.count(self.kind, query))
        ordering = ordering_of(view.params, self.kind, self.ordering)
        records = tx.select(self.kind, replace(query, ordering=ordering, offset=page.offset, limit=page.size))
        return {"pagination": numbers, "results": self.shape(tx, records, view), "autocomplete": {}}

    def _retrieve(self, services: Services) -> Do:
        async def do(request: Request, caller: Caller) -> Response:
            def verb(tx: Transaction) -> dict[str, Any]:
                record = self.one(tx, request.path_params["key"], caller)
                return self._shown(tx, record, View(caller, request.query_params))

            return answer(await services.store.read(verb))

        return do

    def _used_by(self, services: Services) -> Action:
        async def do(request: Request, caller: Caller) -> Response:
            key = request.path_params["key"]
            return answer(await services.store.read(lambda tx: used_by(tx, self.one(tx, key, caller))))

        return Action(superusers_only, do)

    def _create(self, services: Services, create: Create[R]) -> Do:
        async def do(request: Request, caller: Caller) -> Response:
            body = self.as_given(await json_object(request), caller, True)
            view = View(caller, request.query_params)

            def verb(tx: Transaction) -> dict[str, Any]:
                return self._shown(tx, create(tx, body), view)

            return answer(await services.store.write(verb, caller.actor), 201)

        return do

    def _update(self, services: Services, update: Update[R], partial: bool) -> Do:
        async def do(request: Request, caller: Caller) -> Response:
            body = self.as_given(await json_object(request), caller, False)
            view = View(caller, request.query_params)

            def verb(tx: Transaction) -> dict[str, Any]:
                record = self.one(tx, request.path_params["key"], caller)
                return self._shown(tx, update(tx, pk_of(record), body, partial), view)

            return answer(await services.store.write(verb, caller.actor))

        return do

    def _delete(self, services: Services, delete: Delete) -> Do:
        async def do(request: Request, caller: Caller) -> Response:
            def verb(tx: Transaction) -> None:
                delete(tx, pk_of(self.one(tx, request.path_params["key"], caller)))

            await services.store.write(verb, caller.actor)
            return answer(None, 204)

        return do

    def _clear(self, services: Services, delete: Delete) -> Do:
        async def do(request: Request, caller: Caller) -> Response:
            def verb(tx: Transaction) -> None:
                query = query_of(tx, request.query_params, self.filters, [self.only, self.sees(tx, caller)])
                for record in tx.select(self.kind, query):
                    delete(tx, pk_of(record))

            await services.store.write(verb, caller.actor)
            return answer(None, 204)

        return do

    def _shown(self, tx: Transaction, record: R, view: View) -> dict[str, Any]:
        return self.shape(tx, [record], view)[0]
