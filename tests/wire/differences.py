"""Where our answers and slapd's differ on purpose: an example, the reason, and which items of a filter it is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from protocols.ldap import dn, matching
from protocols.ldap.extensible import NAMED
from protocols.ldap.filter import Approx, Equality, Extensible, Filter, GreaterOrEqual, LessOrEqual, Substrings
from protocols.ldap.object_classes import BY_NAME
from protocols.ldap.oids import is_numeric
from protocols.ldap.schema import KNOWN, AttributeType

STAMPS = frozenset(("createtimestamp", "modifytimestamp"))
COMPUTED = frozenset(("entrydn", "hassubordinates", "subschemasubentry"))
DN_RULES = frozenset((matching.DISTINGUISHED_NAME, matching.UNIQUE_MEMBER))
PRINTABLE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'()+,-.=/:? ")
"""Octets of a PrintableString (RFC 4517 s3.2)."""


@dataclass(frozen=True)
class Difference:
    example: str
    reason: str
    covers: Callable[[Filter], bool]


def covered(item: Filter) -> bool:
    return any(difference.covers(item) for difference in DIFFERENCES)


# --- what an item asks about ---------------------------------------------------------------------------------------


def _type(item: Filter) -> AttributeType | None:
    attribute = getattr(item, "attribute", None)
    return None if attribute is None else KNOWN.get(attribute.lower())


def _key(item: Filter) -> str:
    known = _type(item)
    return "" if known is None else known.key


def _octets(item: Filter) -> bytes:
    if isinstance(item, Substrings):
        return b"".join(_pieces(item))
    return getattr(item, "value", b"")


def _has_rule(item: Filter, *rules: matching.MatchingRule) -> bool:
    known = _type(item)
    return known is not None and known.rule in rules


def _has_syntax(item: Filter, syntax: str) -> bool:
    known = _type(item)
    return known is not None and known.rule.syntax == syntax


def _names_a_rule_of_another_syntax(item: Filter) -> bool:
    if not isinstance(item, Extensible) or item.rule is None or item.rule.lower() not in NAMED:
        return False
    rule = NAMED[item.rule.lower()].rule
    if not rule.text and rule not in DN_RULES:
        return False
    known = _type(item)
    return item.attribute is None or known is None or known.rule.syntax != rule.syntax


def _names_unknown_types(item: Filter) -> bool:
    if not _has_rule(item, *DN_RULES):
        return False
    try:
        name = dn.parse(_octets(item).decode())
    except ValueError:
        return False
    return any(kind not in KNOWN for rdn in name.key for kind, _ in rdn)


def _pieces(item: Substrings) -> list[bytes]:
    return [piece for piece in (item.initial, *item.any, item.final) if piece is not None]


def _is_integer(item: Filter) -> bool:
    return _has_rule(item, matching.INTEGER)


DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "(createTimestamp=*)",
        "slapadd stamps every entry; our containers and virtual groups were never made by anybody",
        lambda item: _key(item) in STAMPS,
    ),
    Difference(
        "(entryUUID=*)",
        "the same of containers",
        lambda item: _key(item) == "entryuuid" and not isinstance(item, Equality),
    ),
    Difference(
        "(name=*)",
        "X.500's name and distinguishedName are supertypes, of cn and member among others; Active Directory's, which "
        "we show, are attributes of their own",
        lambda item: _key(item) in ("name", "distinguishedname"),
    ),
    Difference(
        "(!(objectCategory=person))",
        "clients of Active Directory write the class's name in place of its DN, which is no DN to slapd",
        lambda item: _key(item) == "objectcategory",
    ),
    Difference(
        "(shadowLastChange>=1)",
        "RFC 2307 gives these integers no ordering rule; ours have integerOrderingMatch, which is what people mean",
        lambda item: _key(item).startswith("shadow") and isinstance(item, GreaterOrEqual | LessOrEqual),
    ),
    Difference(
        "(loginShell~=/bin/zsh0)",
        "slapd compares sounds; ours is equality, which RFC 4511 s4.5.1.7.6 allows",
        lambda item: isinstance(item, Approx),
    ),
    Difference(
        "(!(cn;lang-de=x))",
        "we know no language options, and a description that is not recognised is Undefined (RFC 4512 s2.5)",
        lambda item: ";" in (getattr(item, "attribute", None) or ""),
    ),
    Difference(
        "(homeDirectory=/home/*)",
        "RFC 2307 gives these two no substrings rule; ours have one",
        lambda item: _key(item) in ("homedirectory", "loginshell") and isinstance(item, Substrings),
    ),
    Difference(
        "(homeDirectory=/home/émile)",
        "IA5 strings are ASCII; since RFC 6531 addresses are not, and neither are the names of people",
        lambda item: _has_syntax(item, matching.IA5_STRING) and not _octets(item).isascii(),
    ),
    Difference(
        "(!(pager=Zürich))",
        "numbers are found as people typed them, printable strings or not",
        lambda item: _has_rule(item, matching.TELEPHONE) and not PRINTABLE.issuperset(_octets(item)),
    ),
    Difference(
        "(mobile=-*)",
        "every number begins with nothing, which is what is left of blanks and hyphens (RFC 4518 s2.6.3)",
        lambda item: (
            _has_rule(item, matching.TELEPHONE)
            and isinstance(item, Substrings)
            and not all(piece.strip(b" -") for piece in _pieces(item))
        ),
    ),
    Difference(
        "(ak-active=true)",
        "clients write booleans in lower case",
        lambda item: _has_rule(item, matching.BOOLEAN) and not _octets(item).isupper(),
    ),
    Difference(
        "(subschemaSubentry=cn=Subschema)",
        "slapd writes this into answers and does not find it by filters; we do",
        lambda item: (
            _key(item) == "subschemasubentry"
            or (isinstance(item, Extensible) and (item.attribute is None or _key(item) in COMPUTED))
        ),
    ),
    Difference(
        "(entryUUID:=00000000-0000-4000-8000-000000000001)",
        "slapd finds by equality, but not by the extensible match that means the same",
        lambda item: _key(item) == "entryuuid" and isinstance(item, Extensible),
    ),
    Difference(
        "(dc:caseExactMatch:=ldap)",
        "slapd applies a rule of text to its own syntax; ours apply to all text, and rules of names to all names",
        _names_a_rule_of_another_syntax,
    ),
    Difference(
        "(!(member=n=alice,ou=users))",
        "a name with attribute types that nobody knows is a name to us, which nobody has",
        _names_unknown_types,
    ),
    Difference(
        "(gecos=*lice   a*nn  * example)",
        "slapd drops blanks at the edges of pieces, or not, by syntax; ours are one blank each",
        lambda item: isinstance(item, Substrings) and any(piece != piece.strip(b" ") for piece in _pieces(item)),
    ),
    Difference(
        r"(gecos=*\00)",
        "to slapd a NUL ends a piece of an IA5 string, and nothing is in everything; to us it is a letter as any other",
        lambda item: (
            isinstance(item, Substrings)
            and _has_syntax(item, matching.IA5_STRING)
            and any(b"\x00" in piece for piece in _pieces(item))
        ),
    ),
    Difference(
        "(!(objectClass=1.2.3))",
        "an OID that nobody knows is still one, which no entry has (RFC 4517 s4.2.26)",
        lambda item: (
            _has_rule(item, matching.OBJECT_IDENTIFIER)
            and is_numeric(_octets(item).decode("latin-1"))
            and _octets(item).decode("latin-1") not in BY_NAME
        ),
    ),
    Difference(
        "(structuralObjectClass=person)",
        "slapd's also finds entries of the classes below",
        lambda item: _key(item) == "structuralobjectclass",
    ),
    Difference(
        "(objectClass=goauthentik.io/ldap/user)",
        "authentik's name, which RFC 4512's grammar does not have",
        lambda item: b"/" in _octets(item) and _has_rule(item, matching.OBJECT_IDENTIFIER),
    ),
    Difference(
        f"(!(uidNumber={'9' * 2 * matching.MOST_DIGITS}))",
        "a number of more than a thousand digits is none to us",
        lambda item: _is_integer(item) and len(_octets(item)) > matching.MOST_DIGITS,
    ),
)

BOTH_WRONG = frozenset(((17, 32), (21, 32)))
"""(slapd's code, ours) of comparisons with two faults: slapd looks at the assertion first, we at the name."""


def uncomparable(item: Filter) -> bool:
    """slapd refuses to compare what it computes, and its entries all have an entryUUID."""
    return covered(item) or _key(item) in COMPUTED or _key(item) == "entryuuid"
