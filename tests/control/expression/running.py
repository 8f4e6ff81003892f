"""Runs an expression in a test: a clock that stands still unless the test says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control.expression.budget import Limits
from control.expression.exposed import Thing
from control.expression.program import LIMITS, Finished, Program


def run(source: str, names: Mapping[str, Any] | None = None, limits: Limits = LIMITS) -> Finished:
    return Program(source).run(names or {}, lambda: 0.0, limits)


def value_of(source: str, **names: Any) -> Any:
    return run(source, names).value


PERSON = Thing("User", {"username": "alice", "email": "alice@example.org", "attributes": {"a": [1, {"b": "c"}]}})
