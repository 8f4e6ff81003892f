"""Rules of an application behind a proxy: what it takes to see which part of it, from where and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from control.verbs.fields import Fields, Minute, Uuid, Weekdays
from protocols.link.messages import AccessRule, PathRule
from protocols.proxy.canonical import canonical_path
from protocols.proxy.forwarded import MAX_METHOD_LENGTH, METHOD
from rules.access import compiled
from rules.hours import MINUTES

MOST_RULES = 200
"""Of one provider: each may be looked at for every request."""
MOST_VALUES = 50
"""Paths, methods, networks or groups of one rule."""


class PathFields(Fields):
    match: Literal["exact", "prefix", "pattern"] = "prefix"
    path: Annotated[str, Field(min_length=1, max_length=1024)]

    @model_validator(mode="after")
    def _can_match(self) -> PathFields:
        if self.match == "pattern":
            compiled(self.path)
        elif canonical_path(self.path) != self.path:
            told = canonical_path(self.path)
            instead = f"Write “{told}”." if told is not None else "Leave out dots, escapes and semicolons."
            raise ValueError(f"“{self.path}” is no path as rules see it. {instead}")
        return self


def _networks(networks: list[str]) -> list[str]:
    for one in networks:
        try:
            ip_network(one)
        except ValueError:
            raise ValueError(f"“{one}” is not a network. Write it like 192.0.2.0/24.") from None
    return networks


def _methods(methods: list[str]) -> list[str]:
    for one in methods:
        if len(one) > MAX_METHOD_LENGTH or not METHOD.fullmatch(one):
            raise ValueError(f"“{one[:MAX_METHOD_LENGTH]}” is no method. Write it in capitals, like GET.")
    return methods


SHORTEST_MAX_AGE = 60
"""Seconds: the way to control and back takes a few, and two clocks may differ by some."""


class AccessRuleFields(Fields):
    level: Literal["bypass", "sign_in", "second_factor", "deny"]
    max_age: Annotated[int, Field(ge=SHORTEST_MAX_AGE, le=14 * 24 * 3600)] = 900
    paths: Annotated[list[PathFields], Field(max_length=MOST_VALUES)] = Field(default_factory=list)
    methods: Annotated[list[str], Field(max_length=MOST_VALUES), AfterValidator(_methods)] = Field(default_factory=list)
    networks: Annotated[list[str], Field(max_length=MOST_VALUES), AfterValidator(_networks)] = Field(
        default_factory=list
    )
    groups: Annotated[list[Uuid], Field(max_length=MOST_VALUES)] = Field(default_factory=list)
    preflight: bool = False
    weekdays: Weekdays = Field(default_factory=list)
    begins: Minute = 0
    ends: Minute = MINUTES

    @model_validator(mode="after")
    def _opens_for_strangers(self) -> AccessRuleFields:
        if self.level == "bypass" and self.groups:
            raise ValueError("Nobody's groups are known before they sign in: a rule with groups cannot bypass that.")
        return self


def delivered(stored: Iterable[Mapping[str, Any]]) -> tuple[AccessRule, ...]:
    """As outposts know them, of the provider's setting."""
    return tuple(
        AccessRule(
            level=rule["level"],
            paths=tuple(PathRule(path["match"], path["path"]) for path in rule["paths"]),
            methods=tuple(rule["methods"]),
            networks=tuple(rule["networks"]),
            groups=tuple(rule["groups"]),
            preflight=rule["preflight"],
            weekdays=tuple(rule["weekdays"]),
            begins=rule["begins"],
            ends=rule["ends"],
            max_age=rule.get("max_age", 900),
        )
        for rule in stored
    )
