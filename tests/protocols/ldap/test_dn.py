import pytest
from ldap.dn import escape_dn_chars, str2dn

from protocols.ldap import dn


@pytest.mark.parametrize(
    ("text", "rdns"),
    [
        ("", ()),
        ("cn=alice", ((("cn", "alice"),),)),
        ("CN=Alice,OU=Users", ((("cn", "Alice"),), (("ou", "Users"),))),
        (" cn = alice , ou = users ", ((("cn", "alice"),), (("ou", "users"),))),
        ("cn=alice;ou=users", ((("cn", "alice"),), (("ou", "users"),))),
        (r"cn=Smith\, Jane", ((("cn", "Smith, Jane"),),)),
        (r"cn=a\2Cb\20", ((("cn", "a,b "),),)),
        (r"cn=\ a\ ", ((("cn", " a "),),)),
        (r"cn=\#a\=b\+c\"\\", ((("cn", '#a=b+c"\\'),),)),
        ('cn="Smith, Jane"', ((("cn", "Smith, Jane"),),)),
        (r"cn=J\C3\BCrgen", ((("cn", "Jürgen"),),)),
        ("cn=Jürgen", ((("cn", "Jürgen"),),)),
        ("cn=a=b", ((("cn", "a=b"),),)),
        ("2.5.4.3=alice", ((("cn", "alice"),),)),
        ("OID.2.5.4.3=alice", ((("cn", "alice"),),)),
        ("commonName=alice", ((("cn", "alice"),),)),
        ("cn=#0405616c696365", ((("cn", "alice"),),)),
        ("cn=#048105616c696365", ((("cn", "alice"),),)),
        (r"cn=\<a\3e\\", ((("cn", "<a>\\"),),)),
        ('cn="<a>"', ((("cn", "<a>"),),)),
        ("uid=a+cn=b", ((("cn", "b"), ("uid", "a")),)),
        (r"cn=a\+b+uid=c", ((("cn", "a+b"), ("uid", "c")),)),
        ("CN=a\\00b", ((("cn", "a\x00b"),),)),
    ],
)
def test_parse(text: str, rdns: tuple[dn.RDN, ...]) -> None:
    assert dn.parse(text).rdns == rdns


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", ""),
        ("DC=ldap,DC=goauthentik,DC=io", "DC=ldap,DC=goauthentik,DC=io"),
        (" DC = Example , DC = com ", "dc=Example,dc=com"),
        ("dc=example;dc=com", "dc=example,dc=com"),
        ('O="Smith, Jane",C=CH', r"o=Smith\, Jane,c=CH"),
        (r"O=Smith\2C Jane,C=CH", r"o=Smith\, Jane,c=CH"),
        (r"O=Smith\, Jane,C=CH", r"O=Smith\, Jane,C=CH"),
        ("2.5.4.10=Org", "o=Org"),
        ("o=#04034f7267", "o=Org"),
        ("l=b+ou=a,dc=Zürich", "l=b+ou=a,dc=Zürich"),
    ],
)
def test_written(text: str, written: str) -> None:
    assert dn.written(text) == written
    assert dn.parse(written) == dn.parse(text)
    str2dn(written)


@pytest.mark.parametrize(
    "text",
    [
        "alice",
        "=alice",
        "cn=",
        "cn=a,",
        ",cn=a",
        "cn=a,,cn=b",
        "c n=a",
        "cn=a\\",
        "cn=a\\q",
        'cn="a',
        'cn=a"b',
        "cn=a<b",
        "cn=a>b",
        r"cn=\<a<b",
        "cn=a\x00b",
        "cn=#0405",
        "cn=#04016161",
        "cn=#zz",
        "cn=#04",
        "cn=\\ff",
        "1.=a",
        "2.05.4.3=a",
        "02.5.4.3=a",
        "２.5.4.3=a",
        "cn=a+cn=b",
        "cn=a+2.5.4.3=A",
        "cn=\udcff",
        "cn=" + "a" * dn.MAX_LENGTH,
    ],
)
def test_what_is_no_dn(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the text is nobody's contract
        dn.parse(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cn=alice,ou=users", "CN=ALICE, OU=Users"),
        ("cn=a b", "cn=A   B"),
        ("cn=a+uid=b", "UID=B+CN=A"),
        ("uid=b+cn=A", "cn=a+uid=B"),
        (r"cn=a\,b", r"cn=a\2cb"),
        ("cn=straße", "cn=STRASSE"),
        ("cn=Ａ", "cn=a"),
        ("2.5.4.3=x", "cn=x"),
    ],
)
def test_written_differently_and_equal(one: str, other: str) -> None:
    assert dn.parse(one) == dn.parse(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("cn=a", "uid=a"), ("cn=a,ou=b", "ou=b,cn=a"), ("cn=a+uid=b", "cn=a,uid=b"), ("cn=a\\00", "cn=a")],
)
def test_unequal(one: str, other: str) -> None:
    assert dn.parse(one) != dn.parse(other)


def test_is_under() -> None:
    base = dn.parse("DC=ldap,DC=example")
    assert dn.is_under(dn.parse("dc=ldap, dc=EXAMPLE"), base)
    assert dn.is_under(dn.parse("cn=a,ou=users,dc=ldap,dc=example"), base)
    assert not dn.is_under(dn.parse("cn=a,dc=xldap,dc=example"), base)
    assert not dn.is_under(dn.parse("dc=example"), base)
    assert not dn.is_under(dn.ROOT, base)
    assert dn.is_under(base, dn.ROOT)


@pytest.mark.parametrize(
    "value", ["a", " a ", "#a", "a,b", 'a"b\\c', "a+b;c<d>e=f", " ", "Jürgen", "\x00", "a  b", "##"]
)
def test_escaped_values_come_back(value: str) -> None:
    text = f"cn={dn.escape(value)},ou=users"
    assert dn.parse(text).rdns[0] == (("cn", value),)
    assert str2dn(text)[0][0][:2] == ("cn", value)  # OpenLDAP's parser agrees
    assert (
        str2dn(f"cn={escape_dn_chars(value)}")[0][0][1]
        == value
        == dn.parse(f"cn={escape_dn_chars(value)}").rdns[0][0][1]
    )


@pytest.mark.parametrize(
    ("text", "top"),
    [
        ("cn=Alice,ou=users,DC=Example,DC=org", "dc=example,dc=org"),
        ("dc=example,dc=org", "dc=example,dc=org"),
        ("dc=x,ou=between,dc=example,dc=org", "dc=example,dc=org"),
        ("cn=alice,ou=users,o=Acme\\, Inc", "o=acme\\, inc"),
        ("cn=alice", "cn=alice"),
        ("", ""),
    ],
)
def test_the_domain_that_a_name_lies_in(text: str, top: str) -> None:
    assert dn.top(dn.parse(text)) == top
