"""A user's attributes with those of their groups (authentik's rule)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def merged(groups: Iterable[dict[str, Any]], user: dict[str, Any]) -> dict[str, Any]:
    """Groups in the order of their names, then the user: dictionaries are merged, lists joined, and of all else the
    later one wins. Nothing given is changed."""
    result: dict[str, Any] = {}
    for attributes in (*groups, user):
        result = _merge(result, attributes)
    return result


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        result[key] = _together(result[key], value) if key in result else value
    return result


def _together(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return _merge(below, above)
    if isinstance(below, list) and isinstance(above, list):
        return [*below, *above]
    return above
