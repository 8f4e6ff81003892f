"""Rules of one application behind a proxy: an ordered list, the first that fits a request says what it takes.

Nothing fits: sign in. Paths are matched as `protocols.proxy.canonical` spells them. Where there is no one spelling, the
application might see another path than a rule does, so that an application with rules for paths is closed there. Many
applications ignore case, and a slash at the end: what closes does so too, and what opens does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Protocol

import re2

from rules.hours import is_open

Network = IPv4Network | IPv6Network
MAX_PATTERN_MEMORY = 1024 * 1024
"""Bytes that one compiled pattern may take."""


class Level(Enum):
    BYPASS = "bypass"
    """Nobody needs to sign in."""
    SIGN_IN = "sign_in"
    SECOND_FACTOR = "second_factor"
    """Signed in, with a second factor that was shown lately."""
    DENY = "deny"
    AMBIGUOUS = "ambiguous"
    """Closed, because nobody can say which path the application will see."""


class PathRule(Protocol):
    @property
    def match(self) -> str:
        """``exact``; ``prefix``: it and everything below it; ``pattern``: RE2, which must fit the whole path."""

    @property
    def path(self) -> str: ...


class Rule(Protocol):
    """Everything that a rule says must hold; what it does not say holds for everybody."""

    @property
    def level(self) -> str:
        """A value of `Level`."""

    @property
    def paths(self) -> Sequence[PathRule]:
        """One of these."""

    @property
    def methods(self) -> Sequence[str]: ...

    @property
    def networks(self) -> Sequence[str]:
        """CIDR; the client's address is in one of these."""

    @property
    def groups(self) -> Sequence[str]:
        """pks; the person is in one of these, directly or through a parent."""

    @property
    def preflight(self) -> bool:
        """Only for what truly is a CORS preflight (Fetch, 3.2.2)."""

    @property
    def weekdays(self) -> tuple[int, ...]:
        """As in `rules.hours.Window`, like ``begins`` and ``ends``."""

    @property
    def begins(self) -> int: ...

    @property
    def ends(self) -> int: ...

    @property
    def max_age(self) -> int:
        """Of ``second_factor``: seconds for which one that was shown counts."""


@dataclass(frozen=True, slots=True)
class Asked:
    path: str | None
    """Canonical; None: there is no one spelling."""
    method: str
    address: str
    preflight: bool
    weekday: int
    """0: Monday."""
    minute: int
    """Of the day."""


class AccessRules:
    """Raises ValueError for a network or pattern that is none."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = [(rule, [ip_network(one) for one in rule.networks]) for rule in rules]
        self._about_paths = any(rule.paths for rule, _ in self._rules)
        for rule, _ in self._rules:
            Level(rule.level)
            for path in rule.paths:
                if path.match == "pattern":
                    compiled(path.path)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def level(self, asked: Asked, groups: frozenset[str] | None) -> Level:
        """``groups``: pks with all parents; None while nobody has signed in, and then a rule for groups asks who it
        is."""
        return self._said(asked, groups)[0]

    def max_age(self, asked: Asked, groups: frozenset[str] | None) -> int | None:
        """Seconds since a second factor must have been shown; None where none is asked for."""
        return self._said(asked, groups)[1]

    def _said(self, asked: Asked, groups: frozenset[str] | None) -> tuple[Level, int | None]:
        """The stricter of what the rules say of the path as it is, and in any letters."""
        if asked.path is None and self._about_paths:
            return Level.AMBIGUOUS, None
        said = self._first(asked, groups, "")
        if not self._about_paths or asked.path is None:
            return said
        return max(said, self._first(asked, groups, _folded(asked.path)), key=_strictness)

    def _first(self, asked: Asked, groups: frozenset[str] | None, folded: str) -> tuple[Level, int | None]:
        """``folded``: the path in any letters, for rules that close; empty: in its own alone."""
        for rule, networks in self._rules:
            if not _fits(rule, asked, folded if rule.level != "bypass" else ""):
                continue
            if networks and not _lies_in(asked.address, networks):
                continue
            if rule.groups:
                if groups is None:
                    return Level.SIGN_IN, None
                if groups.isdisjoint(rule.groups):
                    continue
            level = Level(rule.level)
            return level, rule.max_age if level is Level.SECOND_FACTOR else None
        return Level.SIGN_IN, None


_ORDER = {level: place for place, level in enumerate(Level)}


def _strictness(said: tuple[Level, int | None]) -> tuple[int, int]:
    """A second factor is asked for more strictly, the younger it has to be."""
    level, max_age = said
    return _ORDER[level], -(max_age or 0)


def _fits(rule: Rule, asked: Asked, folded: str) -> bool:
    return (
        (not rule.methods or asked.method in rule.methods)
        and (not rule.preflight or asked.preflight)
        and (
            not rule.paths
            or any(_matches(path, asked.path) or (folded and _matches_folded(path, folded)) for path in rule.paths)
        )
        and is_open(rule, asked.weekday, asked.minute)
    )


def _matches(rule: PathRule, path: str | None) -> bool:
    if path is None:
        return False
    if rule.match == "exact":
        return path == rule.path
    if rule.match == "prefix":
        return path == rule.path or path.startswith(f"{rule.path.rstrip('/')}/")
    return compiled(rule.path).fullmatch(path) is not None


def _folded(path: str) -> str:
    return path.lower().rstrip("/") or "/"


def _matches_folded(rule: PathRule, folded: str) -> bool:
    if rule.match == "pattern":
        return compiled(f"(?i:{rule.path})").fullmatch(folded) is not None
    named = _folded(rule.path)
    return folded == named or (rule.match == "prefix" and folded.startswith(f"{named.rstrip('/')}/"))


@lru_cache(4096)
def compiled(pattern: str) -> re2._Regexp:
    """Raises ValueError for what is no pattern."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_PATTERN_MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise ValueError(f"“{pattern}” is not a regular expression that can be used here.") from error


def _lies_in(address: str, networks: Iterable[Network]) -> bool:
    """What is no address lies in none."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks)
