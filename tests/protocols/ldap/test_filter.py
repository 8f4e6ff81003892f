import pytest

from protocols.errors import RemoteProtocolError
from protocols.ldap import ber
from protocols.ldap.filter import (
    BY_A_RULE,
    MAX_DEPTH,
    MAX_PARTS,
    OF_A_WAY,
    OF_EVERY_ATTRIBUTE,
    OF_EVERY_WAY,
    OF_MANY_VALUES,
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
    decode,
    weight,
)
from protocols.ldap.filter_text import parse
from protocols.ldap.result import Refused, ResultCode
from tests.protocols.ldap.peer import encodable

TEXTS: list[tuple[str, Filter]] = [
    ("(uid=alice)", Equality("uid", b"alice")),
    ("(uid=)", Equality("uid", b"")),
    ("(uid=a=b)", Equality("uid", b"a=b")),
    (r"(cn=\28\2a\29\5c\00)", Equality("cn", b"(*)\\\x00")),
    ("(cn=Jürgen)", Equality("cn", "Jürgen".encode())),
    ("(objectClass=*)", Present("objectClass")),
    ("(cn=a*)", Substrings("cn", b"a", (), None)),
    ("(cn=*a)", Substrings("cn", None, (), b"a")),
    ("(cn=*a*)", Substrings("cn", None, (b"a",), None)),
    ("(cn=a*b*c*d)", Substrings("cn", b"a", (b"b", b"c"), b"d")),
    ("(uidNumber>=5)", GreaterOrEqual("uidNumber", b"5")),
    ("(uidNumber<=5)", LessOrEqual("uidNumber", b"5")),
    ("(cn~=alis)", Approx("cn", b"alis")),
    ("(member:1.2.840.113556.1.4.1941:=cn=a)", Extensible("1.2.840.113556.1.4.1941", "member", b"cn=a", False)),
    ("(ou:dn:=users)", Extensible(None, "ou", b"users", True)),
    ("(:caseExactMatch:=A)", Extensible("caseExactMatch", None, b"A", False)),
    ("(&)", And(())),
    ("(|)", Or(())),
    ("(!(cn=a))", Not(Equality("cn", b"a"))),
    (
        "(&(objectClass=posixAccount)(|(uid=x)(mail=x))(!(uidNumber=0)))",
        And(
            (
                Equality("objectClass", b"posixAccount"),
                Or((Equality("uid", b"x"), Equality("mail", b"x"))),
                Not(Equality("uidNumber", b"0")),
            )
        ),
    ),
]


@pytest.mark.parametrize(("text", "filter"), TEXTS)
def test_text(text: str, filter: Filter) -> None:
    assert parse(text) == filter


@pytest.mark.parametrize(
    "text", ["", "uid=a", "(uid=a", "(uid=a))", "(&(uid=a)", "(!)", "(!(a=b)(c=d))", "(=a)", r"(a=\zz)", "(a)"]
)
def test_what_is_no_filter(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the text is nobody's contract
        parse(text)


@pytest.mark.parametrize(("text", "filter"), TEXTS)
def test_another_encoder_is_understood(text: str, filter: Filter) -> None:
    octets = encodable(filter).toWire()
    assert decode(octets, 0, len(octets)) == (filter, len(octets))
    assert decode(b"xx" + octets + b"more", 2, 2 + len(octets)) == (filter, 2 + len(octets))


@pytest.mark.parametrize("tag", [0xAB, 0x61, 0x04])
def test_an_unknown_choice_is_a_filter_of_a_later_standard(tag: int) -> None:
    assert decode(bytes((tag, 0)), 0, 2) == (Unrecognised(tag), 2)


@pytest.mark.parametrize("pieces", ["830161", "800161830162", "830161810162"])
def test_so_is_a_substring_filter_with_an_unknown_kind_of_piece(pieces: str) -> None:
    octets = ber.tlv(0xA4, ber.tlv(4, b"cn") + ber.tlv(0x30, bytes.fromhex(pieces)))
    assert decode(octets, 0, len(octets)) == (Unrecognised(0x83), len(octets))


@pytest.mark.parametrize(
    "octets",
    ["a3", "a300", "a3030401 61", "a30704016104016104", "a200", "a40304016130", "a900", "a403040161"],
)
def test_malformed(octets: str) -> None:
    raw = bytes.fromhex(octets)
    with pytest.raises(RemoteProtocolError):
        decode(raw, 0, len(raw))


@pytest.mark.parametrize(
    "pieces",
    [b"", ber.tlv(0x81, b"a") + ber.tlv(0x80, b"b"), ber.tlv(0x82, b"a") + ber.tlv(0x81, b"b")],
    ids=["none", "initial behind any", "any behind final"],
)
def test_ill_formed_substrings_are_refused_for_this_operation_only(pieces: bytes) -> None:
    octets = ber.tlv(0xA4, ber.tlv(4, b"cn") + ber.tlv(0x30, pieces))
    with pytest.raises(Refused) as caught:
        decode(octets, 0, len(octets))
    assert caught.value.result.code == ResultCode.PROTOCOL_ERROR


PRESENT = ber.tlv(0x87, b"cn")


def nested(depth: int, tag: int, beside: bytes = b"") -> bytes:
    octets = PRESENT
    for _ in range(depth):
        octets = ber.tlv(tag, octets + beside)
    return octets


def refusal(octets: bytes) -> int:
    with pytest.raises(Refused) as caught:
        decode(octets, 0, len(octets))
    return caught.value.result.code


def test_depth_is_bounded() -> None:
    octets = nested(MAX_DEPTH - 1, 0xA0, PRESENT)
    assert decode(octets, 0, len(octets))[1] == len(octets)
    for depth in (MAX_DEPTH, 3000):
        assert refusal(nested(depth, 0xA0, PRESENT)) == ResultCode.ADMIN_LIMIT_EXCEEDED


@pytest.mark.parametrize("tag", [0xA0, 0xA1, 0xA2])
def test_what_stands_alone_is_itself_however_deep(tag: int) -> None:
    for depth, filter in ((1000, Present("cn")), (1001, Not(Present("cn")) if tag == 0xA2 else Present("cn"))):
        octets = nested(depth, tag)
        assert decode(octets, 0, len(octets)) == (filter, len(octets))
    assert refusal(nested(20_000, tag)) == ResultCode.ADMIN_LIMIT_EXCEEDED


def test_width_is_bounded() -> None:
    octets = ber.tlv(0xA1, PRESENT * (MAX_PARTS - 1))
    assert decode(octets, 0, len(octets))[1] == len(octets)
    assert refusal(ber.tlv(0xA1, PRESENT * MAX_PARTS)) == ResultCode.ADMIN_LIMIT_EXCEEDED


def test_pieces_of_a_value_count_as_parts_do() -> None:
    name = ber.tlv(0x04, b"telephoneNumber")
    octets, more = (
        ber.tlv(0xA4, name + ber.tlv(0x30, ber.tlv(0x81, b"-") * pieces)) for pieces in (MAX_PARTS - 1, MAX_PARTS)
    )
    assert decode(octets, 0, len(octets))[1] == len(octets)
    assert refusal(more) == ResultCode.ADMIN_LIMIT_EXCEEDED
    assert refusal(ber.tlv(0xA1, octets * 2)) == ResultCode.ADMIN_LIMIT_EXCEEDED


@pytest.mark.parametrize(
    ("fields", "most"),
    [
        (ber.tlv(0x81, b"caseIgnoreMatch"), OF_EVERY_ATTRIBUTE),
        (ber.tlv(0x82, b"cn"), BY_A_RULE),
        (ber.tlv(0x82, b"MemberUid;binary"), OF_MANY_VALUES),
        (ber.tlv(0x81, b"1.2.840.113556.1.4.1941") + ber.tlv(0x82, b"manager"), OF_A_WAY),
        (ber.tlv(0x81, b"LDAP_MATCHING_RULE_IN_CHAIN") + ber.tlv(0x82, b"memberOf"), BY_A_RULE),
        (ber.tlv(0x81, b"1.2.840.113556.1.4.1941"), OF_EVERY_WAY),
    ],
)
def test_what_takes_long_counts_as_more_parts(fields: bytes, most: int) -> None:
    item = ber.tlv(0xA9, fields + ber.tlv(0x83, b"x"))
    many = (MAX_PARTS - 1) // most
    octets = ber.tlv(0xA1, item * many)
    filter, _ = decode(octets, 0, len(octets))
    assert weight(filter) == weight(Not(filter)) == many * most
    assert refusal(ber.tlv(0xA1, item * (many + 1))) == ResultCode.ADMIN_LIMIT_EXCEEDED


@pytest.mark.parametrize("name", [b"memberUid", b"MEMBERUID;binary", b"1.3.6.1.1.1.1.12"])
def test_few_parts_look_at_each_name_of_a_large_group(name: bytes) -> None:
    item = ber.tlv(0xA4, ber.tlv(0x04, name) + ber.tlv(0x30, ber.tlv(0x81, b"x")))
    few = MAX_PARTS // (OF_MANY_VALUES + 1)
    octets = ber.tlv(0xA1, item * few)
    assert weight(decode(octets, 0, len(octets))[0]) == few * OF_MANY_VALUES
    assert refusal(ber.tlv(0xA1, item * (few + 2))) == ResultCode.ADMIN_LIMIT_EXCEEDED
