"""Three-valued evaluation of filters (RFC 4511 s4.5.1.7): True, False or Undefined (None here); only True selects.

What is Undefined: an attribute type that nobody knows, an assertion that does not fit the attribute's syntax, a rule
that the attribute lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

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


class Matchable(Protocol):
    """What evaluation needs of an entry. ``key`` is an `AttributeType.key`."""

    def values(self, key: str) -> Sequence[Value]: ...
    def holds(self, key: str, rule: MatchingRule, assertion: Normal) -> bool:
        """Does a value of the attribute equal the normalised assertion?"""
        ...


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
        case Extensible() | Unrecognised():
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
    return lambda entry: bool(entry.values(key))


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
    return (lambda entry: any(value >= assertion for value in _normal(entry, key, rule))) if rule.ordered else None


def _at_most(key: str, rule: MatchingRule, assertion: Any) -> Predicate | None:
    return (lambda entry: any(value <= assertion for value in _normal(entry, key, rule))) if rule.ordered else None


def _normal(entry: Matchable, key: str, rule: MatchingRule) -> Iterable[Any]:
    return (normal for value in entry.values(key) if (normal := rule.normalise(value)) is not None)


def _contains(filter: Substrings, attribute: AttributeType | None) -> Predicate:
    if attribute is None or not attribute.rule.text:
        return _undefined
    normalise = attribute.rule.normalise
    # The full stops keep the blanks at the inner edges, which are significant (RFC 4518 s2.6.1).
    initial = normalise((filter.initial or b"") + b".")
    middle = [normalise(b"." + piece + b".") for piece in filter.any]
    final = normalise(b"." + (filter.final or b""))
    if initial is None or final is None or None in middle:
        return _undefined
    key, rule = attribute.key, attribute.rule
    pieces = [piece[1:-1] for piece in middle]
    return lambda entry: any(
        _holds_pieces(value, initial[:-1], pieces, final[1:]) for value in _normal(entry, key, rule)
    )


def _holds_pieces(value: str, initial: str, middle: Iterable[str], final: str) -> bool:
    if not value.startswith(initial):
        return False
    at = len(initial)
    for piece in middle:
        found = value.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return len(value) - len(final) >= at and value.endswith(final)
