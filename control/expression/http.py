"""The HTTP request behind a question, as Django shows one: ``http_request``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from control.expression.exposed import Exposed, Routine, Thing, free
from control.expression.operations import kind_of, shown


@dataclass(frozen=True, slots=True)
class HttpFacts:
    method: str = "GET"
    scheme: str = "http"
    host: str = ""
    path: str = "/"
    query: Mapping[str, str] = field(default_factory=dict)
    query_string: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Without cookies and credentials: those are no business of an expression."""
    peer: str = ""


class Headers(Exposed):
    """Found whatever their case."""

    __slots__ = ("_lines",)

    def __init__(self, lines: Mapping[str, str]) -> None:
        self._lines = {name.lower(): (name, value) for name, value in lines.items()}

    def attribute(self, name: str) -> Any:
        match name:
            case "get":
                return free("get", self._get)
            case "items":
                return free("items", lambda: list(self._lines.values()))
            case _:
                return super().attribute(name)

    def item(self, key: Any) -> str:
        found = self._get(key)
        if found is None:
            raise KeyError(key)
        return str(found)

    def contains(self, key: Any) -> bool:
        return self._get(key) is not None

    def each(self) -> Iterator[str]:
        return iter([name for name, _ in self._lines.values()])

    def length(self) -> int:
        return len(self._lines)

    def _get(self, name: Any, default: Any = None) -> Any:
        if type(name) is not str:
            raise TypeError(f"the name of a header is text, not '{kind_of(name)}'")
        found = self._lines.get(name.lower())
        return found[1] if found is not None else default


def http_request(facts: HttpFacts, user: Exposed) -> Thing:
    full = f"{facts.path}?{facts.query_string}" if facts.query_string else facts.path
    address = f"{facts.scheme}://{facts.host}"
    return Thing(
        "HttpRequest",
        {
            "method": facts.method,
            "scheme": facts.scheme,
            "path": facts.path,
            "user": user,
            "GET": dict(facts.query),
            "META": _meta(facts),
            "headers": Headers(facts.headers),
            "is_secure": free("is_secure", lambda: facts.scheme == "https"),
            "get_host": free("get_host", lambda: facts.host),
            "get_full_path": free("get_full_path", lambda: full),
            "build_absolute_uri": Routine(
                "build_absolute_uri",
                lambda budget, path=None: address + (full if path is None else shown(budget, path)),
            ),
        },
    )


def _meta(facts: HttpFacts) -> dict[str, str]:
    """Names as CGI has them (RFC 3875, 4.1); without lines that a visitor could have made look like a proxy's here."""
    headers = {
        f"HTTP_{name.upper().replace('-', '_')}": value for name, value in facts.headers.items() if "_" not in name
    }
    return {
        **headers,
        "REMOTE_ADDR": facts.peer,
        "REQUEST_METHOD": facts.method,
        "PATH_INFO": facts.path,
        "QUERY_STRING": facts.query_string,
    }
