"""`/api/v3/schema/`: this API in OpenAPI 3.1, made from its routes and from the types that check what comes in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from control.web.admin_api.endpoint import Action, Answer, Body, Endpoint, Open
from control.web.admin_api.flow_executor import FlowExecutor
from control.web.admin_api.refusals import answer
from control.web.services import Services

OPENAPI = "3.1.0"
VERBS = {"POST": "create", "PUT": "update", "PATCH": "partial_update", "DELETE": "destroy"}
REFUSALS = {"400": "ValidationError", "403": "GenericError"}
PAGE_PARAMETERS = (("page", "integer"), ("page_size", "integer"), ("ordering", "string"), ("search", "string"))
REFERENCE = "#/components/schemas/{model}"
Schema = dict[str, Any]

FIXED: Mapping[str, Schema] = {
    "GenericError": {
        "type": "object",
        "properties": {"detail": {"type": "string"}},
        "required": ["detail"],
    },
    "ValidationError": {
        "description": "Field names, and what is wrong with them; `detail` for a body that cannot be read at all.",
        "type": "object",
        "properties": {"detail": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}},
        "additionalProperties": {"type": "array", "items": {"type": "string"}},
    },
    "Pagination": {
        "type": "object",
        "properties": {
            name: {"type": "integer"}
            for name in ("next", "previous", "count", "current", "total_pages", "start_index", "end_index")
        },
        "required": ["next", "previous", "count", "current", "total_pages", "start_index", "end_index"],
    },
    "FlowChallengeResponse": {
        "type": "object",
        "properties": {"component": {"type": "string"}},
        "additionalProperties": True,
    },
    "FlowChallenge": {
        "description": "What the flow asks; `component` says which other fields there are.",
        "type": "object",
        "properties": {"component": {"type": "string"}},
        "required": ["component"],
        "additionalProperties": True,
    },
}


def route(described: Sequence[BaseRoute], services: Services) -> Route:
    """Open to everybody: it says nothing that the source does not say."""
    return Route("/schema/", Document(described, services.version))


class Document:
    """An ASGI application that answers every request with the same document.

    Written at the first request: it takes half a second, which no start and no other request waits for.
    """

    def __init__(self, described: Sequence[BaseRoute], version: str) -> None:
        self._described = described
        self._version = version

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await answer(self._document)(scope, receive, send)

    @cached_property
    def _document(self) -> Schema:
        return document(self._described, self._version)


def document(described: Sequence[BaseRoute], version: str) -> Schema:
    schemas: dict[str, Schema] = dict(FIXED)
    paths: dict[str, Schema] = {}
    for found in described:
        if isinstance(found, Route):
            operations = dict(_operations(found, schemas))
            paths[found.path] = {"parameters": _in_path(found), **operations}
    return {
        "openapi": OPENAPI,
        "info": {"title": "Outpost", "version": version},
        "servers": [{"url": "/api/v3"}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {"authentik": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"authentik": []}],
    }


# --- paths ---------------------------------------------------------------------------------------------------------


def _in_path(found: Route) -> list[Schema]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", found.path)
    ]


def _operations(found: Route, schemas: dict[str, Schema]) -> Iterator[tuple[str, Schema]]:
    if isinstance(found.app, FlowExecutor):
        yield from _flow_operations(found)
    elif isinstance(found.app, Endpoint):
        for method, action in found.app.actions.items():
            yield method.lower(), _operation(found.path, method, action, schemas)
    elif isinstance(found.app, Open):
        yield "get", _open_operation(found.path)
    else:
        raise TypeError(f"{found.path} cannot be described")


def _operation(path: str, method: str, action: Action, schemas: dict[str, Schema]) -> Schema:
    operation: Schema = {
        "operationId": _operation_id(path, method, action.gives),
        "tags": [path.split("/")[1]],
        "parameters": _in_query(action.gives),
        "responses": {
            str(action.status): _response(_answered(action.gives, schemas), action.status, action.media),
            **{status: _response({"$ref": REFERENCE.format(model=name)}) for status, name in REFUSALS.items()},
            **({"404": _response({"$ref": REFERENCE.format(model="GenericError")})} if _may_miss(path, action) else {}),
        },
    }
    if action.takes is not None:
        schema = _taken(action.takes, schemas)
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


def _open_operation(path: str) -> Schema:
    unreadable = _response({"$ref": REFERENCE.format(model="ValidationError")})
    return {
        "operationId": _operation_id(path, "GET", None),
        "tags": [path.split("/")[1]],
        "parameters": [],
        "security": [],
        "responses": {"200": _response(_answered(None, {}), 200), "400": unreadable},
    }


def _may_miss(path: str, action: Action) -> bool:
    """A record that is not there, or a page behind the last one."""
    return "{" in path or (action.gives is not None and action.gives.pages)


def _operation_id(path: str, method: str, gives: Answer | None) -> str:
    """As authentik names them: core_users_partial_update."""
    words = [word for word in path.strip("/").split("/") if not word.startswith("{")]
    verb = ("list" if gives is not None and gives.pages else "retrieve") if method == "GET" else VERBS[method]
    if method == "DELETE" and "{" not in path:
        verb = "clear"
    return "_".join([*words, verb])


def _in_query(gives: Answer | None) -> list[Schema]:
    if gives is None or not gives.pages:
        return []
    filters = [(name, "string") for name in gives.filters]
    return [
        {"name": name, "in": "query", "required": False, "schema": {"type": kind}}
        for name, kind in (*PAGE_PARAMETERS, *filters)
    ]


def _flow_operations(found: Route) -> Iterator[tuple[str, Schema]]:
    query = {"name": "query", "in": "query", "required": False, "schema": {"type": "string"}}
    challenge = _response({"$ref": REFERENCE.format(model="FlowChallenge")})
    refused = _response({"$ref": REFERENCE.format(model="GenericError")})
    unreadable = _response({"$ref": REFERENCE.format(model="ValidationError")})
    for method, name in (("get", "flows_executor_get"), ("post", "flows_executor_solve")):
        operation: Schema = {
            "operationId": name,
            "tags": ["flows"],
            "parameters": [query],
            "security": [],
            "responses": {"200": challenge, "400": unreadable, "403": refused, "404": refused},
        }
        if method == "post":
            given = {"$ref": REFERENCE.format(model="FlowChallengeResponse")}
            operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": given}}}
            operation["responses"]["302"] = {"description": "The next challenge is at this address."}
        yield method, operation


# --- bodies --------------------------------------------------------------------------------------------------------


def _response(schema: Schema | None, status: int = 200, media: str = "application/json") -> Schema:
    if status == 204:
        return {"description": ""}
    return {"description": "", "content": {media: {"schema": {} if schema is None else schema}}}


def _taken(body: Body, schemas: dict[str, Schema]) -> Schema:
    if body.name not in schemas:
        schema = body.fields.model_json_schema(ref_template=REFERENCE)
        required = [name for name in schema.get("required", ()) if name not in body.optional]
        schemas[body.name] = _component(schema, schemas, body.name, [] if body.partial else required)
    return {"$ref": REFERENCE.format(model=body.name)}


def _answered(gives: Answer | None, schemas: dict[str, Schema]) -> Schema | None:
    if gives is None:
        return None
    if gives.name not in schemas:
        schemas[gives.name] = _shown(gives, schemas)
    one: Schema = {"$ref": REFERENCE.format(model=gives.name)}
    if not gives.pages:
        return one
    name = f"Paginated{gives.name}List"
    schemas[name] = {
        "type": "object",
        "properties": {
            "pagination": {"$ref": REFERENCE.format(model="Pagination")},
            "results": {"type": "array", "items": one},
            "autocomplete": {"type": "object"},
        },
        "required": ["pagination", "results"],
    }
    return {"$ref": REFERENCE.format(model=name)}


def _shown(gives: Answer, schemas: dict[str, Schema]) -> Schema:
    """Every answer has more fields than these, which are only read."""
    schema = gives.fields.model_json_schema(ref_template=REFERENCE) if gives.fields is not None else {}
    properties = {name: _stored(part) for name, part in schema.get("properties", {}).items()}
    shown = {name: part for name, part in properties.items() if name not in gives.write_only}
    if gives.pk is not None:
        shown = {"pk": {"type": "integer" if gives.pk is int else "string", "readOnly": True}, **shown}
    whole = {**schema, "properties": shown, "additionalProperties": True}
    return _component(whole, schemas, gives.name, list(shown))


def _stored(part: Schema) -> Schema:
    """What an answer holds need not be what may be asked for: bounds and defaults are of the request."""
    return {name: value for name, value in part.items() if name not in ("default", "minLength", "title")}


def _component(schema: Schema, schemas: dict[str, Schema], title: str, required: list[str]) -> Schema:
    for name, definition in schema.pop("$defs", {}).items():
        schemas[name] = definition
    schema.pop("required", None)
    schema.pop("description", None)
    return {**schema, "type": "object", "title": title, **({"required": required} if required else {})}
