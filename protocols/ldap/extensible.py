"""Extensible match (RFC 4511 s4.5.1.7.7): a filter that names its matching rule, asks the DN too, or every attribute.

Beyond equality: ordering and substrings by name, Active Directory's bit rules, and *in chain*, which follows groups
inside groups in both directions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from protocols.ldap import dn, matching
from protocols.ldap.filter import MAX_PARTS
from protocols.ldap.matching import MatchingRule, Value
from protocols.ldap.substrings import holds_pieces, pieces_of

IN_CHAIN = MatchingRule(
    "LDAP_MATCHING_RULE_IN_CHAIN",
    "1.2.840.113556.1.4.1941",
    matching.DISTINGUISHED_NAME.syntax,
    matching.DISTINGUISHED_NAME.normalise,
)
"""Entries answer it themselves, in ``holds``: only they know what is in what."""


@dataclass(frozen=True, slots=True)
class NamedRule:
    """A rule that a filter may name. ``test`` gets a value and the assertion, both normalised."""

    name: str
    oid: str
    syntax: str
    """Of the assertion."""
    rule: MatchingRule
    """How values are normalised; it applies to attributes whose values are of the same nature."""
    assertion: Callable[[Value], Any]
    """To what ``test`` takes; None if it fits no syntax."""
    test: Callable[[Any, Any], bool] = field(default=lambda value, assertion: bool(value == assertion))
    is_equality: bool = False

    def applies_to(self, rule: MatchingRule) -> bool:
        return _nature(rule) == _nature(self.rule)


def _nature(rule: MatchingRule) -> str:
    return "text" if rule.text else "name" if rule.normalise is matching.DISTINGUISHED_NAME.normalise else rule.name


def _equality(rule: MatchingRule) -> NamedRule:
    return NamedRule(rule.name, rule.oid, rule.syntax, rule, rule.normalise, is_equality=True)


def _ordering(name: str, oid: str, rule: MatchingRule) -> NamedRule:
    """True where the value comes before the assertion (RFC 4517 s4.2.3)."""
    return NamedRule(name, oid, rule.syntax, rule, rule.normalise, lambda value, assertion: bool(value < assertion))


def _substrings(name: str, oid: str, rule: MatchingRule) -> NamedRule:
    def assertion(value: Value) -> Any:
        """``initial*any*final`` (RFC 4517 s3.3.30), a literal asterisk written ``\\2A``."""
        octets = value if isinstance(value, bytes) else value.encode()
        if octets.count(b"*") > MAX_PARTS:
            return None
        initial, *rest = (part.replace(rb"\2A", b"*").replace(rb"\2a", b"*") for part in octets.split(b"*"))
        if not rest:
            return None
        return pieces_of(rule, initial or None, [part for part in rest[:-1] if part], rest[-1] or None)

    return NamedRule(name, oid, "1.3.6.1.4.1.1466.115.121.1.58", rule, assertion, holds_pieces)


RULES: tuple[NamedRule, ...] = (
    *(_equality(rule) for rule in matching.EQUALITY_RULES),
    _ordering("caseIgnoreOrderingMatch", "2.5.13.3", matching.CASE_IGNORE),
    _ordering("caseExactOrderingMatch", "2.5.13.6", matching.CASE_EXACT),
    _ordering("integerOrderingMatch", "2.5.13.15", matching.INTEGER),
    _ordering("octetStringOrderingMatch", "2.5.13.18", matching.OCTET_STRING),
    _ordering("generalizedTimeOrderingMatch", "2.5.13.28", matching.GENERALIZED_TIME),
    _ordering("UUIDOrderingMatch", "1.3.6.1.1.16.3", matching.UUID),
    _substrings("caseIgnoreSubstringsMatch", "2.5.13.4", matching.CASE_IGNORE),
    _substrings("caseExactSubstringsMatch", "2.5.13.7", matching.CASE_EXACT),
    _substrings("caseIgnoreIA5SubstringsMatch", "1.3.6.1.4.1.1466.109.114.3", matching.CASE_IGNORE_IA5),
    _substrings("caseExactIA5SubstringsMatch", "1.3.6.1.4.1.4203.1.2.1", matching.CASE_EXACT_IA5),
    _substrings("telephoneNumberSubstringsMatch", "2.5.13.21", matching.TELEPHONE),
    NamedRule(
        "integerBitAndMatch",
        "1.2.840.113556.1.4.803",
        matching.INTEGER.syntax,
        matching.INTEGER,
        matching.INTEGER.normalise,
        lambda value, bits: bool(value & bits == bits),
    ),
    NamedRule(
        "integerBitOrMatch",
        "1.2.840.113556.1.4.804",
        matching.INTEGER.syntax,
        matching.INTEGER,
        matching.INTEGER.normalise,
        lambda value, bits: bool(value & bits),
    ),
    NamedRule(IN_CHAIN.name, IN_CHAIN.oid, IN_CHAIN.syntax, IN_CHAIN, IN_CHAIN.normalise),
)

NAMED: Mapping[str, NamedRule] = {spelling: rule for rule in RULES for spelling in (rule.name.lower(), rule.oid)}
"""Names in lower case and OIDs."""

ORDERING: Mapping[str, str] = {
    rule.rule.name: rule.name for rule in RULES if rule.name.endswith("OrderingMatch") and rule.rule.ordered
}
"""Equality rule to the ordering rule of the same attributes, for the schema; what is not here has none."""
SUBSTRINGS: Mapping[str, str] = {rule.rule.name: rule.name for rule in RULES if rule.name.endswith("SubstringsMatch")}


def named_values(name: str) -> Iterable[tuple[str, str]]:
    """(attribute type in lower case, value) of every RDN of a DN, for ``:dn:``."""
    return (pair for rdn in dn.parse(name).rdns for pair in rdn)
