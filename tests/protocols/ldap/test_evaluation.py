from dataclasses import replace

import pytest

from protocols.ldap.evaluation import MOST_AT_ONCE, Truth, in_turns, predicate
from protocols.ldap.filter import MAX_PARTS, Unrecognised
from protocols.ldap.filter_text import parse
from protocols.ldap.schema import KNOWN
from protocols.ldap.search import PlainEntry

ALICE = PlainEntry(
    "cn=alice,ou=users",
    {
        "objectclass": ("top", "inetOrgPerson"),
        "cn": ("Alice Example", "user0001"),
        "uidnumber": ("2001",),
        "mail": ("alice@example.com",),
        "member": ("CN=Bob, OU=Users",),
        "createtimestamp": ("20260101000000Z",),
    },
)


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("(cn=alice  EXAMPLE)", True),
        ("(cn=bob)", False),
        ("(CommonName=user0001)", True),
        ("(2.5.4.3=user0001)", True),
        ("(objectclass=INETORGPERSON)", True),
        ("(mail=*)", True),
        ("(sn=*)", False),
        ("(sn=x)", False),
        ("(!(sn=x))", True),
        ("(unheard=x)", None),
        ("(!(unheard=x))", None),
        ("(unheard=*)", None),
        ("(!(unheard=*))", None),
        ("(cn;lang-en=alice)", None),
        ("(userPassword=*)", None),
        ("(!(userPassword=secret))", None),
        ("(&)", True),
        ("(|)", False),
        ("(!(&))", False),
        ("(&(cn=user0001)(unheard=x))", None),
        ("(&(cn=bob)(unheard=x))", False),
        ("(|(cn=user0001)(unheard=x))", True),
        ("(|(cn=bob)(unheard=x))", None),
        ("(!(|(cn=bob)(unheard=x)))", None),
        ("(cn=alice*)", True),
        ("(cn=*EXAMPLE)", True),
        ("(cn=a*c*e)", True),
        ("(cn=user*00*0001)", False),  # parts may not overlap
        ("(cn=us*00*01)", True),
        ("(cn=us*00*r0001)", False),
        ("(cn=user0001*user0001)", False),
        ("(cn=alice *)", True),
        ("(cn=user *)", False),  # the blank counts
        ("(cn=*e  e*)", True),
        ("(cn:caseIgnoreSubstringsMatch:=*a*)", True),
        ("(cn=*)", True),
        ("(uidNumber=02001)", None),  # no number begins with 0 (RFC 4517 s3.3.16)
        ("(uidNumber=20*)", None),  # integers have no parts
        ("(uidNumber=abc)", None),
        ("(!(uidNumber=abc))", None),
        ("(uidNumber>=2001)", True),
        ("(uidNumber>=10000)", False),
        ("(uidNumber<=10000)", True),
        ("(gidNumber>=1)", False),
        ("(cn>=a)", None),  # no ordering rule, as in slapd
        ("(createTimestamp>=20251231000000Z)", True),
        ("(createTimestamp>=2026-01-01)", None),
        ("(cn~=USER0001)", True),
        ("(member=cn=bob,ou=users)", True),
        ("(member=cn=eve,ou=users)", False),
        ("(member=nonsense)", None),
        (r"(cn=\ff)", None),
        (r"(cn=user0001\00)", False),
        ("(cn=)", None),
        (r"(cn=\2a)", False),
        ("(userAccountControl:1.2.840.113556.1.4.803:=2)", False),  # known, and not there
        ("(!(userAccountControl:1.2.840.113556.1.4.803:=2))", True),
        ("(unheard:1.2.840.113556.1.4.803:=2)", None),
        ("(!(unheard:1.2.840.113556.1.4.803:=2))", None),
        # 2001 is 0x7D1
        ("(uidNumber:1.2.840.113556.1.4.803:=2001)", True),
        ("(uidNumber:1.2.840.113556.1.4.803:=1)", True),
        ("(uidNumber:1.2.840.113556.1.4.803:=3)", False),
        ("(uidNumber:1.2.840.113556.1.4.804:=3)", True),
        ("(uidNumber:1.2.840.113556.1.4.804:=2)", False),
        ("(uidNumber:integerBitAndMatch:=17)", True),
        ("(uidNumber:1.2.840.113556.1.4.803:=abc)", None),
        ("(cn:1.2.840.113556.1.4.803:=1)", None),  # the rule is of integers
        ("(cn:=ALICE  example)", True),
        ("(cn:caseIgnoreMatch:=ALICE example)", True),
        ("(cn:2.5.13.2:=ALICE example)", True),
        ("(cn:caseExactMatch:=ALICE example)", False),
        ("(cn:caseExactMatch:=Alice Example)", True),
        ("(cn:integerMatch:=1)", None),
        ("(cn:unheardMatch:=x)", None),
        ("(!(cn:unheardMatch:=x))", None),
        ("(:caseIgnoreMatch:=ALICE@EXAMPLE.COM)", True),
        ("(:caseExactMatch:=ALICE@EXAMPLE.COM)", False),
        ("(:integerMatch:=2001)", True),
        ("(:distinguishedNameMatch:=cn=bob,ou=users)", True),
        ("(:booleanMatch:=TRUE)", False),
        ("(:=x)", None),
        ("(uidNumber:integerOrderingMatch:=2002)", True),
        ("(uidNumber:integerOrderingMatch:=2001)", False),
        ("(cn:caseIgnoreOrderingMatch:=B)", True),
        ("(cn:caseIgnoreSubstringsMatch:=ali*EX*)", True),
        ("(cn:caseExactSubstringsMatch:=ali*EX*)", False),
        ("(cn:caseIgnoreSubstringsMatch:=alice example)", None),
        (f"(cn:caseIgnoreSubstringsMatch:={'*x' * MAX_PARTS})", False),
        (f"(cn:caseIgnoreSubstringsMatch:={'*x' * (MAX_PARTS + 1)})", None),
        ("(ou:dn:=USERS)", True),
        ("(ou:=users)", False),
        ("(ou:dn:=groups)", False),
        ("(ou:dn:caseIgnoreMatch:=users)", True),
        ("(:dn:caseIgnoreMatch:=users)", True),
        ("(:dn:caseIgnoreMatch:=nowhere)", False),
        ("(unheard:dn:=users)", None),
        ("(member:1.2.840.113556.1.4.1941:=nonsense)", None),
        ("(cn:1.2.840.113556.1.4.1941:=cn=bob,ou=users)", None),
        ("(member;binary=cn=bob,ou=users)", None),
        ("(jpegPhoto=x)", None),  # no equality rule
        ("(jpegPhoto=*)", False),
    ],
)
def test_three_valued(text: str, truth: Truth) -> None:
    assert predicate(parse(text), KNOWN.get)(ALICE) is truth


def test_a_filter_of_a_later_standard_is_undefined() -> None:
    assert predicate(Unrecognised(0xAB), KNOWN.get)(ALICE) is None


MANY = PlainEntry("cn=many", {"cn": ("many",), "memberuid": tuple(f"user{n}" for n in range(3 * MOST_AT_ONCE))})


@pytest.mark.parametrize(
    ("text", "truth", "turns"),
    [
        ("(memberUid=*nobody*)", False, 3),
        ("(!(memberUid=*nobody*))", True, 3),
        ("(memberUid=user1*)", True, 1),
        ("(memberUid=*r2500)", True, 3),
        ("(memberUid:caseIgnoreMatch:=USER2999)", True, 3),
        ("(memberUid:caseExactOrderingMatch:=a)", False, 3),
        ("(:caseExactMatch:=nobody)", False, 3),
        ("(&(memberUid=*r2500)(memberUid=*nobody))", False, 6),
        ("(&(cn=x)(memberUid=*nobody))", False, 0),
        ("(|(cn=many)(memberUid=*nobody))", True, 0),
        ("(|(memberUid=*nobody)(memberUid=*r1500))", True, 5),
        ("(memberUid=user5)", True, 0),
        ("(memberUid=*)", True, 0),
    ],
)
def test_very_many_values_take_turns_where_they_matter(text: str, truth: bool, turns: int) -> None:
    asked = predicate(parse(text), KNOWN.get)
    for entry in (MANY, replace(MANY, dn="cn=more"), MANY):
        *pauses, found = in_turns(asked, entry)
        assert (found, pauses) == (truth, [None] * turns)
