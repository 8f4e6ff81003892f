"""Searches and comparisons made up from the entries of a directory: what is there, nearly there, and nowhere."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from protocols.ldap.extensible import IN_CHAIN, RULES
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
)
from protocols.ldap.schema import KNOWN
from tests.protocols.ldap.peer import BASE, CHILDREN, ONE, SUB, Answer

MOST_DEPTH = 3
NOWHERE = ("nobody", "carLicense", "pager", "9.9.9", "no_such", "cn;lang-de", "")
"""Attribute descriptions that no entry has, or nobody can have."""
ODD_VALUES = (
    *(b"", b" ", b"  ", b"x", b"*", b"0", b"-0", b"-1", b"07", b"7", b"1000", b"9" * 30, b"\xff", b"a\xffb", b"\x00"),
    *("é".encode(), b"TRUE", b"FALSE", b"person", b"2.5.6.6", b"1.2.3", b"1.2.3.", b" person", b"top ", b"no_such"),
    *(b"20260101000000Z", b"20231114221320Z", b"202311142213Z", b"2023111422Z", b"20231114231320+0100"),
    *(b"20231114221320.0Z", b"20231332000000Z", b"2023", b"cn=x", b"cn=alice", b"CN = Alice , OU=users", b"cn", b"=,"),
    *(b"00000000-0000-4000-8000-000000000001", b"00000000000040008000000000000001", b"+41 (61) 555", b"++", b"--"),
)
MADE_UP: tuple[Callable[[bytes, Random], bytes], ...] = (
    lambda value, _: value,
    lambda value, _: value.upper(),
    lambda value, _: value.swapcase(),
    lambda value, _: b" " + value,
    lambda value, _: value + b"  ",
    lambda value, _: value.replace(b" ", b"   "),
    lambda value, _: value.replace(b" ", b""),
    lambda value, _: value.replace(b",", b" , ").replace(b"=", b" ="),
    lambda value, _: value[:-1],
    lambda value, _: value[1:],
    lambda value, _: value + b"0",
    lambda value, random: value[: (cut := random.randrange(len(value) + 1))] + b"-" + value[cut:],
    lambda value, _: unicodedata.normalize("NFD", value.decode("utf-8", "replace")).encode(),
)
"""What becomes of a value that is there."""


@dataclass(frozen=True)
class Question:
    base: str
    scope: int
    filter: Filter


@dataclass(frozen=True)
class Comparison:
    entry: str
    attribute: str
    value: bytes


class Questions:
    """The same for the same ``random`` and ``entries``. ``avoided`` says which items are never asked about."""

    def __init__(self, random: Random, entries: Sequence[Answer], avoided: Callable[[Filter], bool]) -> None:
        self._random = random
        self._avoided = avoided
        self._names = [entry.text for entry in entries]
        self._values: dict[str, list[bytes]] = {}
        for entry in entries:
            for name, values in entry.attributes.items():
                self._values.setdefault(name, []).extend(values)
        self._attributes = sorted(self._values)

    def question(self) -> Question:
        if self._random.random() < 0.7:
            return Question(self._names[0], SUB, self._filter(MOST_DEPTH))
        return Question(self._name(), self._random.choice((BASE, ONE, SUB, CHILDREN)), self._filter(MOST_DEPTH))

    def comparison(self) -> Comparison:
        while True:
            attribute = self._description()
            value = self._value(attribute)
            if not self._avoided(Equality(attribute, value)):
                return Comparison(self._name(), attribute, value)

    def _name(self) -> str:
        name = self._random.choice(self._names)
        match self._random.randrange(8):
            case 0:
                return "cn=nobody," + name
            case 1:
                return name.replace(",", " , ", 1).swapcase()
            case 2:
                return self._random.choice(("cn=x", "no name", ",", "ou=users", "cn=,dc=io", "dc=io"))
        return name

    def _filter(self, depth: int) -> Filter:
        kind = self._random.randrange(10) if depth else 9
        if kind < 2:
            parts = tuple(self._filter(depth - 1) for _ in range(self._random.choice((0, 1, 2, 2, 3))))
            return And(parts) if kind else Or(parts)
        if kind < 5:
            return Not(self._filter(depth - 1))
        while self._avoided(item := self._item()):
            pass
        return item

    def _item(self) -> Filter:
        attribute = self._description()
        value = self._value(attribute)
        match self._random.randrange(20):
            case 0 | 1:
                return Present(attribute)
            case 2 | 3 | 4 | 5:
                return self._substrings(attribute, value)
            case 6:
                return GreaterOrEqual(attribute, value)
            case 7:
                return LessOrEqual(attribute, value)
            case 8:
                return Approx(attribute, value)
            case 9 | 10 | 11:
                return self._extensible(attribute, value)
        return Equality(attribute, value)

    def _description(self) -> str:
        if self._random.random() < 0.1:
            return self._random.choice(NOWHERE)
        name = self._random.choice(self._attributes)
        known = KNOWN.get(name.lower())
        if known is None:
            return name
        return self._random.choice((name, name, name, name.upper(), known.oid, *known.aliases))

    def _value(self, attribute: str) -> bytes:
        known = KNOWN.get(attribute.lower())
        own = self._values.get(known.name if known is not None else attribute, [])
        chance = self._random.random()
        if own and chance < 0.65:
            return self._random.choice(MADE_UP)(self._random.choice(own), self._random)
        if chance < 0.75:
            return self._random.choice(self._values[self._random.choice(self._attributes)])
        return self._random.choice(ODD_VALUES)

    def _substrings(self, attribute: str, value: bytes) -> Filter:
        cuts = sorted(self._random.randrange(len(value) + 1) for _ in range(self._random.choice((2, 4))))
        pieces = [
            value[: cuts[0]],
            *(value[cuts[at] : cuts[at + 1]] for at in range(1, len(cuts) - 1)),
            value[cuts[-1] :],
        ]
        initial, *middle, final = pieces
        kept = tuple(piece for piece in middle if piece)
        if not (initial or kept or final):
            return Present(attribute)
        return Substrings(attribute, initial or None, kept, final or None)

    def _extensible(self, attribute: str, value: bytes) -> Filter:
        rules = [rule for rule in RULES if rule.rule is not IN_CHAIN]
        rule = self._random.choice(rules)
        named = self._random.choice((None, rule.name, rule.oid, "noSuchMatch"))
        of_all = named is not None and self._random.random() < 0.2
        return Extensible(named, None if of_all else attribute, value, self._random.random() < 0.3)
