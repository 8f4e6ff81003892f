"""Rules of one application behind a proxy: an ordered list, the first that fits a request says what it takes.

Nothing fits: sign in. Paths are matched as `protocols.proxy.canonical` spells them. Where there is no one spelling, the
application might see another path than a rule does, so that an application with rules for paths is closed there. Many
applications ignore case, escapes that are not needed, and a slash at the end: what closes does so too, and what opens
does not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Protocol
from urllib.parse import unquote

import re2

from rules.hours import is_open

Network = IPv4Network | IPv6Network
MAX_PATTERN_MEMORY = 1024 * 1024
"""Bytes that one compiled pattern may take."""
DAY, MINUTE = 86_400, 60
THURSDAY = 3
"""1 January 1970."""


class Level(Enum):
    BYPASS = "bypass"
    """Nobody needs to sign in."""
    SIGN_IN = "sign_in"
    SECOND_FACTOR = "second_factor"
    """Signed in, with a second factor that was shown lately."""
    DENY = "deny"
    AMBIGUOUS = "ambiguous"
    """Closed, because nobody can say which path the application will see."""


CLOSED = {Level.DENY: "denied_by_rule", Level.AMBIGUOUS: "ambiguous_path"}
"""What nobody may see, and the reason."""


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

    @classmethod
    def at(cls, now: float, path: str | None, method: str, address: str, preflight: bool = False) -> Asked:
        """``now``: seconds since the epoch. Hours are UTC."""
        day, second = divmod(int(now), DAY)
        return cls(path, method, address, preflight, (day + THURSDAY) % 7, second // MINUTE)


class AccessRules:
    """Raises ValueError for a network or pattern that is none."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = [_prepared(rule) for rule in rules]
        self._about_paths = any(one.rule.paths for one in self._rules)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def level(self, asked: Asked, groups: frozenset[str] | None) -> Level:
        """``groups``: pks with all parents; None while nobody has signed in, and then a rule for groups asks who it
        is."""
        return self._said(asked, groups)[0]

    def max_age(self, asked: Asked, groups: frozenset[str] | None) -> int | None:
        """Seconds since a second factor must have been shown; None where none is asked for."""
        return self._said(asked, groups)[1]

    def _said(self, asked: Asked, groups: frozenset[str] | None) -> Said:
        """The stricter of what the first rule for the path in any letters says, and the first for it as it is."""
        if asked.path is None and self._about_paths:
            return Level.AMBIGUOUS, None
        path = asked.path or ""
        spellings = _spellings(path) if self._about_paths else ()
        loosely: Said | None = None
        for one in self._rules:
            exactly = one.named.has(path)
            if not exactly and (loosely is not None or not any(map(one.folded.has, spellings))):
                continue
            said = one.said(asked, groups)
            if said is None:
                continue
            if exactly:
                return _stricter(said, loosely)
            loosely = said
        return _stricter((Level.SIGN_IN, None), loosely)


Said = tuple[Level, int | None]
"""And the age, in seconds, that a second factor may have."""
_ORDER = {level: place for place, level in enumerate(Level)}


def _stricter(said: Said, other: Said | None) -> Said:
    return said if other is None else max(said, other, key=_strictness)


def _strictness(said: Said) -> tuple[int, int]:
    """A second factor is asked for more strictly, the younger it has to be."""
    level, max_age = said
    return _ORDER[level], -(max_age or 0)


@dataclass(frozen=True, slots=True)
class _Paths:
    """Of one rule."""

    names: frozenset[str]
    beginnings: tuple[str, ...]
    patterns: tuple[str, ...]
    every: bool = False

    def has(self, path: str) -> bool:
        return (
            self.every
            or path in self.names
            or path.startswith(self.beginnings)
            or any(compiled(pattern).fullmatch(path) for pattern in self.patterns)
        )


@dataclass(frozen=True, slots=True)
class _Prepared:
    rule: Rule
    level: Level
    named: _Paths
    folded: _Paths
    """The same in any letters; of a rule that opens, nothing."""
    networks: tuple[Network, ...]

    def said(self, asked: Asked, groups: frozenset[str] | None) -> Said | None:
        """None: it is for another request, whatever the path."""
        rule = self.rule
        if (
            (rule.methods and asked.method not in rule.methods)
            or (rule.preflight and not asked.preflight)
            or not is_open(rule, asked.weekday, asked.minute)
            or (self.networks and not _lies_in(asked.address, self.networks))
        ):
            return None
        if rule.groups:
            if groups is None:
                return Level.SIGN_IN, None
            if groups.isdisjoint(rule.groups):
                return None
        return self.level, rule.max_age if self.level is Level.SECOND_FACTOR else None


def _prepared(rule: Rule) -> _Prepared:
    level = Level(rule.level)
    patterns = [path.path for path in rule.paths if path.match == "pattern"]
    for pattern in patterns:
        compiled(pattern)
    named = _paths(rule, str, patterns)
    folded = _paths(rule, _folded, [one for pattern in patterns for one in _folded_patterns(pattern)])
    networks = tuple(ip_network(one) for one in rule.networks)
    return _Prepared(rule, level, named, folded if level is not Level.BYPASS else NOTHING, networks)


def _paths(rule: Rule, spelt: Callable[[str], str], patterns: Iterable[str]) -> _Paths:
    beginnings = tuple(f"{spelt(path.path).rstrip('/')}/" for path in rule.paths if path.match == "prefix")
    names = frozenset(spelt(path.path) for path in rule.paths if path.match != "pattern")
    return _Paths(names, beginnings, tuple(patterns), every=not rule.paths)


NOTHING = _Paths(frozenset(), (), ())


def _spellings(path: str) -> Iterable[str]:
    """What a rule that closes looks at. Patterns may be for just what `_folded` drops: they see it, too."""
    folded = _folded(path)
    if folded == path:
        return (path,)
    return (folded, path, f"{folded}/") if path.endswith("/") else (folded, path)


def _folded(path: str) -> str:
    """In small letters, without escapes, a slash at the end, or what Windows drops at the end of names."""
    if "%" in path:
        path = _small(unquote(path))
    if "." in path or " " in path:
        path = "/".join([name.rstrip(". ") for name in path.split("/")])
    return path.lower().rstrip("/") or "/"


def _folded_patterns(pattern: str) -> Iterable[str]:
    """As it is, and without escapes, unless there is something about one that makes it another."""
    loose = f"(?i:{pattern})"
    folded = f"(?i:{_ESCAPED.sub(lambda found: re2.escape(_small_escapes(found)), pattern)})"
    try:
        compiled(folded)
    except ValueError:
        return (loose,)
    return dict.fromkeys((loose, folded))


_ESCAPED = re.compile("(?:%[0-9A-Fa-f]{2})+")


def _small_escapes(escapes: re.Match[str]) -> str:
    try:
        return _small(unquote(escapes[0], errors="strict"))
    except UnicodeDecodeError:
        return escapes[0]


def _small(text: str) -> str:
    """Of letters beyond ASCII nobody knows how an application takes them: they are what their capitals are in small."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).upper().casefold())


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
