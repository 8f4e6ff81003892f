import pytest

from protocols.ldap import matching
from protocols.ldap.matching import MatchingRule, Value


@pytest.mark.parametrize(
    ("rule", "one", "other"),
    [
        (matching.CASE_IGNORE, "Alice  Example ", b"alice example"),
        (matching.CASE_IGNORE, "JÜRGEN", "jürgen".encode()),
        (matching.CASE_IGNORE, "ﬁ", b"FI"),
        (matching.CASE_EXACT, " a  b ", b"a b"),
        (matching.BOOLEAN, "TRUE", b"true"),
        (matching.DISTINGUISHED_NAME, "CN=a, OU=b", b"cn=A,ou=B"),
        (matching.GENERALIZED_TIME, "20260101120000Z", b"202601011300+0100"),
        (matching.GENERALIZED_TIME, "20260101123000Z", b"2026010112.5Z"),
        (matching.GENERALIZED_TIME, "20170101000000Z", b"20161231235960Z"),  # a leap second
        (matching.GENERALIZED_TIME, "20170101000000.5Z", b"20161231235960.5Z"),
        (matching.GENERALIZED_TIME, "20260101120000Z", b"20260101120000.0000000000Z"),
        (matching.GENERALIZED_TIME, "20260101120000.5Z", b"20260101120000,5" + b"0" * 10_000 + b"Z"),
        (matching.GENERALIZED_TIME, "00010101000000Z", b"00000101000000Z"),
        (matching.UUID, "0000ABCD-0000-4000-8000-00000000000A", b"0000abcd-0000-4000-8000-00000000000a"),
        (matching.OBJECT_IDENTIFIER, "inetOrgPerson", b"INETORGPERSON"),
        (matching.OBJECT_IDENTIFIER, "person", b"2.5.6.6"),
        (matching.OBJECT_IDENTIFIER, "1.2.3", b"1.2.3"),
        (matching.FIRST_COMPONENT, "( 2.5.6.6 NAME 'person' )", b"person"),
        (matching.FIRST_COMPONENT, "( 2.5.6.6 NAME 'person' )", b"2.5.6.6"),
        (matching.CASE_IGNORE_IA5, "", b""),
        (matching.DISTINGUISHED_NAME, "", b""),
        (matching.OCTET_STRING, "abc", b"abc"),
        (matching.OBJECT_SID, bytes.fromhex("01020000000000052000000020020000"), b"S-1-5-32-544"),
        (matching.OBJECT_GUID, bytes(range(16)), b"03020100-0504-0706-0809-0a0b0c0d0e0f"),
        (matching.OBJECT_GUID, bytes(range(16)), b"{03020100-0504-0706-0809-0A0B0C0D0E0F}"),
    ],
)
def test_the_same(rule: MatchingRule, one: Value, other: Value) -> None:
    assert rule.normalise(one) is not None
    assert rule.normalise(one) == rule.normalise(other)


@pytest.mark.parametrize(
    ("rule", "one", "other"),
    [
        (matching.CASE_IGNORE, "secret", b"secret\x00"),
        (matching.CASE_EXACT, "a", b"A"),
        (matching.INTEGER, "1", b"10"),
        (matching.GENERALIZED_TIME, "20260101120000Z", b"20260101120001Z"),
        (matching.OCTET_STRING, "abc", b"ABC"),
        (matching.OBJECT_SID, b"S-1-5-32-4294967295", b"S-1-5-32-4294967296"),
        (matching.OBJECT_GUID, bytes(range(16)), b"{03020100-0504-0706-0809-0A0B0C0D0E0F"),
    ],
)
def test_different(rule: MatchingRule, one: Value, other: Value) -> None:
    assert rule.normalise(one) != rule.normalise(other)


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        (matching.CASE_IGNORE, b"\xff"),
        (matching.CASE_IGNORE, b""),
        (matching.CASE_EXACT, b""),
        (matching.TELEPHONE, b""),
        (matching.OBJECT_IDENTIFIER, b"nobody-knows-it"),
        (matching.OBJECT_IDENTIFIER, b" person"),
        (matching.OBJECT_IDENTIFIER, b"1.02"),
        (matching.FIRST_COMPONENT, b"nobody-knows-it"),
        (matching.INTEGER, b"1e3"),
        (matching.INTEGER, b"02001"),
        (matching.INTEGER, b"-0"),
        (matching.INTEGER, b"9" * (matching.MOST_DIGITS + 1)),
        (matching.INTEGER, "٣".encode()),
        (matching.BOOLEAN, b"yes"),
        (matching.DISTINGUISHED_NAME, b"nonsense"),
        (matching.DISTINGUISHED_NAME, b"  "),
        (matching.GENERALIZED_TIME, b"2026-01-01T00:00:00Z"),
        (matching.GENERALIZED_TIME, b"20261301000000Z"),
        (matching.GENERALIZED_TIME, b"99991231235959-1200"),
        (matching.GENERALIZED_TIME, b"99991231235960Z"),
        *((matching.GENERALIZED_TIME, b"2026010100" + rest) for rest in (b"0061Z", b"6000Z", b"0000+0060", b"0000+24")),
    ],
)
def test_what_does_not_fit_the_syntax_matches_nothing(rule: MatchingRule, value: bytes) -> None:
    assert rule.normalise(value) is None


def test_orderings_are_those_of_the_syntax() -> None:
    normalise = matching.INTEGER.normalise
    assert normalise("9") < normalise(b"10")
    assert matching.GENERALIZED_TIME.normalise("20260101000000Z") < matching.GENERALIZED_TIME.normalise(b"2026010101Z")
    assert not matching.CASE_IGNORE.ordered  # as in slapd: uid has no ordering rule
