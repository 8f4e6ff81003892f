"""Secrets that stand among attributes: somebody's passwords for applications, and what travels hidden in the answers of
RADIUS rules, such as the password of a tunnel or of a Wi-Fi."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from protocols.radius.definitions import defined
from rules.secret_attributes import secret

Instead = Callable[[str], Any]
"""Of the name of a secret attribute: what is told in place of its value."""


def of_people(attributes: Mapping[str, Any], passwords: frozenset[str], instead: Instead) -> dict[str, Any]:
    """``passwords``: `rules.secret_attributes.keys`."""
    return {**attributes, **{name: instead(name) for name in secret(attributes, passwords)}}


def of_answers(rule: Any, instead: Instead) -> Any:
    """``rule``: an item of a list; one that has no answers is told as it is."""
    answers = rule.get("attributes") if isinstance(rule, dict) else None
    if not isinstance(answers, list | tuple):
        return rule
    told = [{**one, "value": instead(one["name"])} if _travels_hidden(one) else one for one in answers]
    return {**rule, "attributes": told}


def _travels_hidden(answer: Any) -> bool:
    """Also if its dictionary is not here any more, so that nobody knows."""
    if not isinstance(answer, dict) or "name" not in answer:
        return False
    try:
        return defined(str(answer["name"])).hidden
    except ValueError:
        return True
