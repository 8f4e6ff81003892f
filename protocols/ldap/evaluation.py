"""Three-valued evaluation of filters (RFC 4511 s4.5.1.7): True, False or Undefined (None here); only True selects.

What is Undefined: an attribute type that nobody knows, an assertion that does not fit the attribute's syntax, a rule
that the attribute lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice
from typing import Any, Protocol

from protocols.ldap.extensible import IN_CHAIN, NAMED, NamedRule, named_values
from protocols.ldap.filter import (
    And,
    Approx,
    Equality,
    Extensible,
    Filter,
    GreaterOrEqual,
    LessOrEqual,
    Not,
    Or,
    Present,
    Substrings,
    Unrecognised,
)
from protocols.ldap.matching import MatchingRule, Normal, Value
from protocols.ldap.schema import AttributeType
from protocols.ldap.substrings import holds_pieces, pieces_of


class Matchable(Protocol):
    """What evaluation needs of an entry. ``key`` is an `AttributeType.key`."""

    @property
    def dn(self) -> str: ...
    def attribute_types(self) -> Iterable[AttributeType]:
        """Of the attributes that it may have, operational ones included."""
        ...

    def values(self, key: str) -> Collection[Value]: ...
    def has(self, key: str) -> bool:
        """Is there any value of the attribute? Some take long to spell out."""
        ...

    def holds(self, key: str, rule: MatchingRule, assertion: Normal) -> bool:
        """Does a value of the attribute equal the normalised assertion? Or does, for `IN_CHAIN`, what it leads to?"""
        ...


MOST_AT_ONCE = 1000
"""Values of one entry that are compared before others have their turn: about a millisecond."""

Truth = bool | None
Predicate = Callable[[Matchable], Truth]
Recognise = Callable[[str], AttributeType | None]
"""Attribute description in lower case to its type; None when nobody knows it."""


def predicate(filter: Filter, recognise: Recognise) -> Predicate:
    """The filter as a function of an entry; assertions are normalised once, here."""
    match filter:
        case Equality(attribute, value) | Approx(attribute, value):
            return _compared(recognise(attribute.lower()), value, _equal)
        case Present(attribute):
            known = recognise(attribute.lower())
            return _undefined if known is None else _present(known.key)
        case And(parts):
            return _all([predicate(part, recognise) for part in parts])
        case Or(parts):
            return _any([predicate(part, recognise) for part in parts])
        case Not(part):
            return _not(predicate(part, recognise))
        case Substrings():
            return _contains(filter, recognise(filter.attribute.lower()))
        case GreaterOrEqual(attribute, value):
            return _compared(recognise(attribute.lower()), value, _at_least)
        case LessOrEqual(attribute, value):
            return _compared(recognise(attribute.lower()), value, _at_most)
        case Extensible():
            return _extensible(filter, recognise)
        case Unrecognised():
            return _undefined


def _undefined(entry: Matchable) -> Truth:
    return None


def _all(tests: Iterable[Predicate]) -> Predicate:
    def test(entry: Matchable) -> Truth:
        truth: Truth = True
        for part in tests:
            match part(entry):
                case False:
                    return False
                case None:
                    truth = None
        return truth

    return test


def _any(tests: Iterable[Predicate]) -> Predicate:
    def test(entry: Matchable) -> Truth:
        truth: Truth = False
        for part in tests:
            match part(entry):
                case True:
                    return True
                case None:
                    truth = None
        return truth

    return test


def _not(part: Predicate) -> Predicate:
    def test(entry: Matchable) -> Truth:
        truth = part(entry)
        return None if truth is None else not truth

    return test


def _present(key: str) -> Predicate:
    return lambda entry: entry.has(key)


def _compared(
    attribute: AttributeType | None, value: bytes, comparison: Callable[[str, MatchingRule, Any], Predicate | None]
) -> Predicate:
    if attribute is None:
        return _undefined
    assertion = attribute.rule.normalise(value)
    if assertion is None:
        return _undefined
    return comparison(attribute.key, attribute.rule, assertion) or _undefined


def _equal(key: str, rule: MatchingRule, assertion: Any) -> Predicate:
    return lambda entry: entry.holds(key, rule, assertion)


def _at_least(key: str, rule: MatchingRule, assertion: Any) -> Predicate | None:
    return _some(key, rule, lambda value: bool(value >= assertion)) if rule.ordered else None


def _at_most(key: str, rule: MatchingRule, assertion: Any) -> Predicate | None:
    return _some(key, rule, lambda value: bool(value <= assertion)) if rule.ordered else None


def _contains(filter: Substrings, attribute: AttributeType | None) -> Predicate:
    if attribute is None or not attribute.rule.text:
        return _undefined
    pieces = pieces_of(attribute.rule, filter.initial, filter.any, filter.final)
    if pieces is None:
        return _undefined
    return _some(attribute.key, attribute.rule, lambda value: holds_pieces(value, pieces))


# --- value by value ------------------------------------------------------------------------------------------------


class TakesTurns(Exception):
    """An entry has more values than are looked at in one go: ``turns`` pauses between, and then there is an answer."""

    def __init__(self, turns: Iterator[None]) -> None:
        super().__init__()
        self.turns = turns


def in_turns(predicate: Predicate, entry: Matchable) -> Iterator[bool | None]:
    """Is the entry selected? None, whenever others should have their turn, then the answer."""
    while True:
        try:
            yield predicate(entry) is True
            return
        except TakesTurns as work:
            for _ in work.turns:
                yield None


def _some(key: str, rule: MatchingRule, test: Callable[[Any], bool]) -> Predicate:
    """Does any value of the attribute, normalised, pass? Raises TakesTurns for very many; of the last entry of these
    it knows the answer."""
    looked_at: Matchable | None = None
    found = False

    def passes(values: Iterable[Value]) -> bool:
        return any(test(normal) for value in values if (normal := rule.normalise(value)) is not None)

    def look(entry: Matchable, values: Iterator[Value]) -> Iterator[None]:
        nonlocal looked_at, found
        found = False
        while not found and (some := list(islice(values, MOST_AT_ONCE))):
            found = passes(some)
            yield
        looked_at = entry

    def ask(entry: Matchable) -> Truth:
        values = entry.values(key)
        if len(values) <= MOST_AT_ONCE:
            return passes(values)
        if looked_at is not entry:
            raise TakesTurns(look(entry, iter(values)))
        return found

    return ask


# --- extensible match ----------------------------------------------------------------------------------------------


def _extensible(filter: Extensible, recognise: Recognise) -> Predicate:
    attribute = None if filter.attribute is None else recognise(filter.attribute.lower())
    if filter.attribute is not None and attribute is None:
        return _undefined
    if filter.rule is not None:
        rule = NAMED.get(filter.rule.lower())
    else:
        rule = None if attribute is None else NAMED.get(attribute.rule.name.lower())
    if rule is None or (attribute is not None and not rule.applies_to(attribute.rule)):
        return _undefined
    assertion = rule.assertion(filter.value)
    if assertion is None:
        return _undefined
    tests = [_of_every(rule, assertion) if attribute is None else _of_one(rule, attribute, assertion)]
    if filter.dn_attributes:
        tests.append(_of_name(rule, attribute, assertion, recognise))
    return _any(tests)


def _of_one(rule: NamedRule, attribute: AttributeType, assertion: Any) -> Predicate:
    key = attribute.key
    if rule.rule is IN_CHAIN or (rule.is_equality and rule.rule.normalise is attribute.rule.normalise):
        return _equal(key, rule.rule, assertion)
    return _some(key, rule.rule, lambda value: rule.test(value, assertion))


def _of_every(rule: NamedRule, assertion: Any) -> Predicate:
    """Without an attribute type: whatever the rule applies to."""
    tests: dict[str, Predicate] = {}

    def test(entry: Matchable) -> Truth:
        for attribute in entry.attribute_types():
            if rule.applies_to(attribute.rule):
                if attribute.key not in tests:
                    tests[attribute.key] = _of_one(rule, attribute, assertion)
                if tests[attribute.key](entry):
                    return True
        return False

    return test


def _of_name(rule: NamedRule, attribute: AttributeType | None, assertion: Any, recognise: Recognise) -> Predicate:
    """``:dn:``: the attributes of the entry's name as well (RFC 4511 s4.5.1.7.7)."""

    def test(entry: Matchable) -> Truth:
        for kind, value in named_values(entry.dn):
            known = recognise(kind)
            if known is None or not (rule.applies_to(known.rule) if attribute is None else known == attribute):
                continue
            normal = rule.rule.normalise(value)
            if normal is not None and rule.test(normal, assertion):
                return True
        return False

    return test
