"""A user's attributes with those of their groups (authentik's rule)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def merged(groups: Iterable[dict[str, Any]], user: dict[str, Any]) -> dict[str, Any]:
    """Groups in the order of their names, then the user; deep, the later one wins. Nothing given is changed."""
    result: dict[str, Any] = {}
    for attributes in (*groups, user):
        result = _merge(result, attributes)
    return result


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        result[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result
