"""What the numbered cases of `tests/vectors/ldap-cases.json` say, in other words: each rule in the variants that one
example does not show. After every answer the connection is still good, unless the protocol itself was broken."""

from __future__ import annotations

import pytest

from protocols.ldap import ber
from protocols.ldap.ber import encode_integer, tlv
from protocols.ldap.messages import MAX_CONTROLS
from protocols.ldap.schema import CANCEL, START_TLS, WHO_AM_I
from tests.outpost.directory.people import BASE, GROUPS, USERS, short
from tests.outpost.listeners.ldap_door import ALICE_DN, BOB_DN, Client, Door
from tests.protocols.ldap import peer

SALES = f"cn=Sales\\, EMEA,{GROUPS}"
EVERYTHING = tlv(0x87, b"objectClass")
ALL = 15
"""Entries of the small directory."""


@pytest.fixture
def client() -> Client:
    client = Door().connect()
    assert client.bind() == 0
    return client


def message(operation: bytes, *controls: bytes) -> bytes:
    return tlv(ber.SEQUENCE, encode_integer(2) + operation + (tlv(0xA0, b"".join(controls)) if controls else b""))


def bind(authentication: bytes) -> bytes:
    return message(tlv(0x60, encode_integer(3) + tlv(4, ALICE_DN.encode()) + authentication))


def search(
    filter: bytes = EVERYTHING, *attributes: bytes, base: bytes = BASE.encode(), scope: int = 2, size: int = 0
) -> bytes:
    numbers = encode_integer(scope, ber.ENUMERATED) + encode_integer(0, ber.ENUMERATED) + encode_integer(size)
    shown = tlv(ber.SEQUENCE, b"".join(tlv(4, one) for one in attributes))
    return tlv(0x63, tlv(4, base) + numbers + encode_integer(0) + tlv(1, b"\0") + filter + shown)


def equal(attribute: str, value: bytes, tag: int = 0xA3) -> bytes:
    return tlv(tag, tlv(4, attribute.encode()) + tlv(4, value))


def part(attribute: str, *pieces: tuple[int, bytes]) -> bytes:
    return tlv(0xA4, tlv(4, attribute.encode()) + tlv(ber.SEQUENCE, b"".join(tlv(*piece) for piece in pieces)))


def compare(attribute: str, value: bytes, name: str = BOB_DN) -> bytes:
    return tlv(0x6E, tlv(4, name.encode()) + tlv(ber.SEQUENCE, tlv(4, attribute.encode()) + tlv(4, value)))


def control(oid: str, criticality: bytes | None = None, value: bytes | None = None) -> bytes:
    said = b"" if criticality is None else tlv(1, criticality)
    return tlv(ber.SEQUENCE, tlv(4, oid.encode()) + said + (b"" if value is None else tlv(4, value)))


def names(client: Client, filter: bytes) -> list[str]:
    found = sorted(short(name) for name in client.names(message(search(filter, b"1.1"))))
    assert who(client) == f"dn:{ALICE_DN}"
    return found


def who(client: Client) -> str:
    (answer,) = client.ask(peer.extended(9, WHO_AM_I))
    assert answer.code == 0
    return (answer.value or b"").decode()


# --- binds ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        *((bind(tlv(tag, b"secret")), 7) for tag in (0x81, 0x82, 0x84, 0xA1, 0xA4, 0x9E, 0x04)),
        (bind(tlv(0xA3, tlv(4, b"PLAIN"))), 13),
        (bind(tlv(0xA3, tlv(4, b"GSSAPI"))), 7),
        (bind(tlv(0xA3, tlv(4, b""))), 7),
        (bind(tlv(0xA3, tlv(4, b"EXTERNAL"))), 48),
        *((peer.bind(2, ALICE_DN, password), 49) for password in ("secret\0", "\0secret", "\0", "Secret", "secret ")),
        *((peer.bind(2, name, ""), 53) for name in (ALICE_DN, "cn=nobody,dc=elsewhere", "no name")),
        *((peer.bind(2, name, "secret"), 49) for name in ("", " ", BASE, USERS, f"cn=*,{USERS}", f"cn=alice,{GROUPS}")),
        *((peer.bind(2, name, "secret"), 34) for name in (f"{ALICE_DN},", f"cn=,{USERS}", "cn=alice\\", "x" * 9000)),
        *((peer.bind(2, ALICE_DN, "secret", version=version), 2) for version in (0, 1, 2, 4, 127, 128)),
    ],
)
def test_who_is_refused_is_nobody(client: Client, asked: bytes, code: int) -> None:
    assert client.code(asked) == code
    assert who(client) == ""
    assert client.code(message(search())) == 50


@pytest.mark.parametrize("authentication", [b"", tlv(0xA3, b"")])
def test_a_bind_that_is_cut_off_ends_the_connection(client: Client, authentication: bytes) -> None:
    assert client.code(bind(authentication)) == 2
    assert client.closed


# --- filters -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", [0xA0, 0xA1, 0xA2])
@pytest.mark.parametrize("depth", [1, 50, 51, 99, 100, 101, 1000, 1001])
def test_filters_inside_filters_mean_what_they_say(client: Client, tag: int, depth: int) -> None:
    filter = equal("uid", b"bob")
    for _ in range(depth):
        filter = tlv(tag, filter)
    found = names(client, filter)
    negated = tag == 0xA2 and depth % 2
    assert ("user:bob" in found, len(found)) == ((False, ALL - 1) if negated else (True, 1))


@pytest.mark.parametrize("tag", [0xA0, 0xA1, 0xA2])
def test_20000_filters_inside_filters_are_too_many(client: Client, tag: int) -> None:
    filter = equal("uid", b"bob")
    for _ in range(20_000):
        filter = tlv(tag, filter)
    assert client.code(message(search(filter))) == 11
    assert who(client)


BAD, BOB = equal("unheard", b"x"), equal("uid", b"bob")


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        (tlv(0xA0, BAD + BOB), 0),
        (tlv(0xA1, BAD + BOB), 1),
        (tlv(0xA2, tlv(0xA1, BAD + BOB)), 0),
        (tlv(0xA2, tlv(0xA0, BAD + BOB)), ALL - 1),  # Undefined only where it is bob
        (tlv(0xA2, tlv(0x87, b"unheard")), 0),
        (tlv(0xA2, equal("uidNumber", b"abc")), 0),
        (equal("uidNumber", b"9" * 40, 0xA6), 4),
        (equal("uidNumber", b"-" + b"9" * 40, 0xA5), 4),
        (tlv(0xA2, equal("uidNumber", b"9" * 40)), ALL),
        (tlv(0xA2, equal("uidNumber", b"9" * 4000)), 0),
        (tlv(0xA2, equal("uid", b"a", 0xA5)), 0),  # which has no ordering rule
        (tlv(0xA2, equal("memberOf", b"no name")), 0),
        (tlv(0xA2, equal("uid", b"\xff")), 0),
        (equal("", b"x"), 0),
        (tlv(0x87, b""), 0),
        (tlv(0xA2, tlv(0xA0, b"")), 0),
        (tlv(0xA2, tlv(0xA1, b"")), ALL),
        (part("uid", (0x80, b"b"), (0x83, b"b")), 0),  # a kind of piece that nobody knows yet
        (tlv(0xA2, part("uid", (0x83, b"b"))), 0),
        (tlv(0xA0, b""), ALL),
        (tlv(0xA1, b""), 0),
    ],
)
def test_true_false_and_undefined(client: Client, filter: bytes, found: int) -> None:
    assert len(names(client, filter)) == found


INITIAL, ANY, FINAL = 0x80, 0x81, 0x82


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        (part("uid", (INITIAL, b"al"), (ANY, b"i"), (FINAL, b"ce")), ["user:alice"]),
        (part("uid", (INITIAL, b"al"), (ANY, b"li"), (FINAL, b"ce")), []),  # parts do not overlap
        (part("uid", (INITIAL, b"ali"), (FINAL, b"ice")), []),
        (part("uid", (ANY, b"c"), (ANY, b"i")), []),  # and come in order
        (part("uid", (ANY, b"L"), (ANY, b"C")), ["user:alice"]),
        (part("uid", (ANY, b"\xff")), []),
        (part("uid", (INITIAL, b"*")), []),
    ],
)
def test_parts_of_values(client: Client, filter: bytes, found: list[str]) -> None:
    assert names(client, filter) == found


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        ((INITIAL, b"a"), (INITIAL, b"l")),
        ((FINAL, b"e"), (INITIAL, b"a")),
        ((FINAL, b"e"), (FINAL, b"e")),
        ((ANY, b"l"), (INITIAL, b"a")),
    ],
)
def test_parts_that_stand_where_they_may_not(client: Client, pieces: tuple[tuple[int, bytes], ...]) -> None:
    assert client.code(message(search(part("uid", *pieces)))) == 2
    assert who(client)


RULE, TYPE, VALUE = tlv(0x81, b"caseIgnoreMatch"), tlv(0x82, b"uid"), tlv(0x83, b"bob")


@pytest.mark.parametrize(
    "parts",
    [
        *(TYPE + RULE + VALUE, VALUE + TYPE, TYPE + TYPE + VALUE, TYPE + VALUE + VALUE, TYPE, b"", TYPE + b"\x84"),
        *(TYPE + VALUE + tlv(0x84, b""), TYPE + VALUE + tlv(0x84, b"\0\0")),  # no BOOLEAN
    ],
)
def test_extensible_matches_that_break_the_grammar(client: Client, parts: bytes) -> None:
    assert client.code(message(search(tlv(0xA9, parts)))) == 2
    assert client.closed


@pytest.mark.parametrize(
    "parts", [RULE + TYPE + VALUE, TYPE + VALUE + tlv(0x84, b"\0"), TYPE + VALUE + tlv(0x85, b"x")]
)
def test_extensible_matches(client: Client, parts: bytes) -> None:
    assert names(client, tlv(0xA9, parts)) == ["user:bob"]


SECRETS = ("userPassword", "2.5.4.35", "USERPASSWORD", "userPassword;binary", "sambaNTPassword", "unicodePwd")


@pytest.mark.parametrize("attribute", SECRETS)
def test_secrets_are_not_found(client: Client, attribute: str) -> None:
    for filter in (
        tlv(0x87, attribute.encode()),
        *(equal(attribute, b"secret", tag) for tag in (0xA3, 0xA5, 0xA6, 0xA8)),
        part(attribute, (INITIAL, b"s")),
        tlv(0xA9, tlv(0x82, attribute.encode()) + tlv(0x83, b"secret")),
    ):
        assert names(client, filter) == names(client, tlv(0xA2, filter)) == []


@pytest.mark.parametrize("attribute", SECRETS)
def test_secrets_are_not_told(client: Client, attribute: str) -> None:
    shown = (b"*", b"+", attribute.encode())
    for entry in client.ask(message(search(EVERYTHING, *shown))):
        assert not {name.lower() for name in entry.attributes} & {"userpassword", "sambantpassword", "unicodepwd"}


# --- controls ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        (search(base=BOB_DN.encode(), scope=0), 12),
        (compare("uid", b"bob"), 12),
        (tlv(0x77, tlv(0x80, WHO_AM_I.encode())), 12),
        (tlv(0x4A, b"dc=x"), 12),
        (tlv(0x50, b"\x01"), None),  # has no answer
    ],
)
@pytest.mark.parametrize("criticality", [b"\xff", b"\x01"])
def test_unknown_critical_controls(client: Client, operation: bytes, code: int | None, criticality: bytes) -> None:
    answers = client.ask(message(operation, control("1.2.3", None), control("1.2.4", criticality)))
    assert [answer.code for answer in answers] == ([] if code is None else [code])
    assert who(client)


@pytest.mark.parametrize("criticality", [None, b"\x00"])
def test_unknown_controls_that_are_not_critical(client: Client, criticality: bytes | None) -> None:
    assert client.code(message(compare("uid", b"bob"), control("1.2.3", criticality))) == 6


@pytest.mark.parametrize("critical", [b"\xff", None])
@pytest.mark.parametrize(
    "value",
    [
        *(None, "", "78", "3000", "3005020102040078", "30060201ff040000", "30050201ff0400"),
        *("3009020500ffffffff0400", "300702010004026162", "300702010504026162"),
    ],
)
def test_pages_that_are_none(client: Client, critical: bytes | None, value: str | None) -> None:
    octets = None if value is None else bytes.fromhex(value)
    assert client.code(message(search(), control("1.2.840.113556.1.4.319", critical, octets))) == 2
    assert who(client)


LATER = tlv(0x9E, b"x")
"""An element that no standard has yet (RFC 4511 s4)."""
PAGED, SORT = "1.2.840.113556.1.4.319", "1.2.840.113556.1.4.473"


@pytest.mark.parametrize(
    ("oid", "value"),
    [
        (PAGED, tlv(ber.SEQUENCE, encode_integer(100) + tlv(4, b"") + LATER)),
        (SORT, tlv(ber.SEQUENCE, tlv(ber.SEQUENCE, tlv(4, b"cn") + LATER))),
        (SORT, tlv(ber.SEQUENCE, tlv(ber.SEQUENCE, tlv(4, b"cn") + tlv(0x81, b"\0") + LATER))),
    ],
)
def test_values_of_controls_with_elements_of_later_versions(client: Client, oid: str, value: bytes) -> None:
    *found, done = client.ask(message(search(), control(oid, b"\xff", value)))
    assert (len(found), done.code) == (ALL, 0)


ASSERTED = tlv(4, b"uid") + tlv(4, b"bob")


@pytest.mark.parametrize(
    "filter",
    [
        tlv(0xA3, ASSERTED + LATER),
        tlv(0xA8, ASSERTED + LATER + LATER),
        tlv(0xA4, tlv(4, b"uid") + tlv(ber.SEQUENCE, tlv(0x80, b"bo")) + LATER),
        tlv(0xA9, TYPE + VALUE + LATER),
    ],
)
def test_filters_with_elements_of_later_versions(client: Client, filter: bytes) -> None:
    assert names(client, filter) == ["user:bob"]


@pytest.mark.parametrize(
    "filter",
    [
        *(tlv(0xA3, ASSERTED + one) for one in (tlv(4, b"x"), b"\x9e\x05x")),
        tlv(0xA4, tlv(4, b"uid") + tlv(ber.SEQUENCE, tlv(0x80, b"bo")) + tlv(ber.SEQUENCE, tlv(0x82, b"b"))),
        tlv(0xA2, BOB + LATER),  # a choice, not a sequence
    ],
)
def test_what_is_known_stands_in_its_place(client: Client, filter: bytes) -> None:
    assert client.code(message(search(filter))) == 2
    assert client.closed


@pytest.mark.parametrize("given", [b"", tlv(1, b"\0"), tlv(1, b"\0") + tlv(4, b"x")])
def test_controls_with_elements_of_later_versions(client: Client, given: bytes) -> None:
    later = tlv(ber.SEQUENCE, tlv(4, b"1.2.3") + given + LATER)
    assert client.ask(message(search(), later))[-1].code == 0
    critical = tlv(ber.SEQUENCE, tlv(4, b"1.2.3") + tlv(1, b"\xff") + LATER)
    assert client.ask(message(search(), critical))[-1].code == 12


@pytest.mark.parametrize(
    "key",
    [
        tlv(4, b"cn") + tlv(0x81, b"\0") + tlv(0x80, b"2.5.13.3"),
        tlv(4, b"cn") + tlv(0x81, b"\0") + tlv(0x81, b"\0"),
        tlv(4, b"cn") + tlv(4, b"cn"),
    ],
)
def test_sort_keys_that_are_none(client: Client, key: bytes) -> None:
    value = tlv(ber.SEQUENCE, tlv(ber.SEQUENCE, key))
    assert client.code(message(search(), control(SORT, b"\xff", value))) == 2
    assert who(client)


def test_as_many_controls_as_nobody_sends(client: Client) -> None:
    assert client.code(message(compare("uid", b"bob"), *[control("1.2.3")] * MAX_CONTROLS)) == 6
    assert client.code(message(compare("uid", b"bob"), *[control("1.2.3")] * (MAX_CONTROLS + 1))) == 2
    assert client.closed


# --- places and limits ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", [-1, 4, 9, 127, 128])
def test_scopes_that_nobody_defined(client: Client, scope: int) -> None:
    assert client.code(message(search(scope=scope))) == 2
    assert who(client)


@pytest.mark.parametrize(
    ("base", "code", "matched"),
    [
        (f"cn=gone,{USERS}", 32, USERS),
        (f"cn=x,cn=gone,{USERS}", 32, USERS),
        (f"ou=x,ou=gone,{BASE}", 32, BASE),
        (f"cn=x,{BOB_DN}", 32, BOB_DN),
        ("dc=io", 32, ""),
        ("dc=elsewhere", 32, ""),
        ("no name", 34, ""),
        (f"cn=\0,{BASE}", 34, ""),
        (f"cn=a+cn=b,{BASE}", 34, ""),
        (f"commonName=bob+cn=bob,{USERS}", 34, ""),
        (f"cn=bob+uid=bob,{USERS}", 32, USERS),
        (f"2.5.04.3=bob,{USERS}", 34, ""),
        (f"02.5.4.3=bob,{USERS}", 34, ""),
    ],
)
@pytest.mark.parametrize("scope", [0, 1, 2, 3])
def test_bases_that_are_not_there(client: Client, base: str, code: int, matched: str, scope: int) -> None:
    (done,) = client.ask(message(search(base=base.encode(), scope=scope)))
    assert (done.code, done.text) == (code, matched)
    assert who(client)


@pytest.mark.parametrize(("scope", "found"), [(1, 1), (2, ALL), (3, ALL)])
def test_from_the_empty_name_all_is_found_that_we_hold(client: Client, scope: int, found: int) -> None:
    *entries, done = client.ask(message(search(base=b"", scope=scope)))
    assert (len(entries), done.code) == (found, 0)
    assert entries[0].text == BASE


@pytest.mark.parametrize(("scope", "found"), [(0, 1), (1, 0), (2, 1), (3, 0)])
def test_nothing_lies_below_the_schema(client: Client, scope: int, found: int) -> None:
    for more in ((), (control(PAGED, b"\xff", tlv(ber.SEQUENCE, encode_integer(9) + tlv(4, b""))),)):
        *entries, done = client.ask(message(search(base=b"cn=Subschema", scope=scope), *more))
        assert (len(entries), done.code) == (found, 0)


@pytest.mark.parametrize("base", ["", "cn=Subschema"])
def test_values_in_ber_are_asked_of_every_entry(client: Client, base: str) -> None:
    assert client.code(message(compare("objectClass;binary", b"top", base))) == 6
    assert client.code(message(compare("userPassword;binary", b"top", base))) == 50
    assert len(client.names(message(search(tlv(0x87, b"objectClass;binary"), base=base.encode(), scope=0)))) == 1


@pytest.mark.parametrize(
    ("size", "found", "code"), [(0, ALL, 0), (1, 1, 4), (14, 14, 4), (15, ALL, 0), (2**31 - 1, ALL, 0)]
)
def test_as_many_as_are_wanted(client: Client, size: int, found: int, code: int) -> None:
    *entries, done = client.ask(message(search(EVERYTHING, b"1.1", size=size)))
    assert (len(entries), done.code) == (found, code)


# --- compare, abandon, cancel, extended ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        (compare("uid", b"BOB"), 6),
        (compare("uid", b"x"), 5),
        (compare("uid", b"\xff"), 21),
        (compare("uidNumber", b"abc"), 21),
        (compare("objectClass", b"POSIXaccount"), 6),
        (compare("objectClass", b"2.16.840.1.113730.3.2.2"), 6),
        (compare("objectClass", b"unheard"), 21),
        (compare("memberOf", f"CN=sales\\2c emea , {GROUPS}".encode()), 6),
        (compare("member", f" CN = Bob , {USERS}".encode(), SALES), 6),
        (compare("uniqueMember", f"uid=bob,{USERS}".encode(), SALES), 6),
        (compare("member", ALICE_DN.encode(), SALES), 5),
        (compare("memberUid", b"bob", SALES), 6),
        (compare("memberUid", b"BOB", SALES), 5),
        (compare("telephoneNumber", b"1"), 16),
        (compare("unheard", b"x"), 17),
        (compare("", b"x"), 17),
        (compare("uid", b"x", f"cn=gone,{USERS}"), 32),
        (compare("uid", b"x", "no name"), 34),
        *((compare(attribute, b"secret"), 50) for attribute in SECRETS if attribute != "unicodePwd"),
        (compare("objectClass", b"top", ""), 6),
    ],
)
def test_compares(client: Client, operation: bytes, code: int) -> None:
    assert client.code(message(operation)) == code
    assert who(client)


@pytest.mark.parametrize("abandoned", [b"\x4d", b"\x02", b"\x00", b"\xff", b"\x7f\xff\xff\xff"])
def test_abandons_have_no_answer(client: Client, abandoned: bytes) -> None:
    assert client.ask(message(tlv(0x50, abandoned))) == []
    assert who(client)


def change(kind: int, *behind: bytes) -> bytes:
    what = tlv(ber.SEQUENCE, tlv(4, b"cn") + tlv(ber.SET, tlv(4, b"x")) + b"".join(behind))
    changes = tlv(ber.SEQUENCE, tlv(ber.SEQUENCE, encode_integer(kind, ber.ENUMERATED) + what + b"".join(behind)))
    return tlv(0x66, tlv(4, BOB_DN.encode()) + changes + b"".join(behind))


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        *((change(kind), 53) for kind in range(4)),
        (change(2, LATER), 53),
        *((change(kind), 2) for kind in (4, 9, -1)),
    ],
)
def test_changes(client: Client, operation: bytes, code: int) -> None:
    assert client.code(message(operation)) == code
    assert who(client)


@pytest.mark.parametrize(
    ("oid", "value", "code"),
    [
        *((CANCEL, tlv(ber.SEQUENCE, encode_integer(number)), 119) for number in (77, 2, 0, 2**31 - 1)),
        *((CANCEL, tlv(ber.SEQUENCE, encode_integer(number)), 2) for number in (-1, 2**31)),
        (CANCEL, tlv(ber.SEQUENCE, encode_integer(77) + LATER), 119),
        (CANCEL, tlv(ber.SEQUENCE, encode_integer(77)) + LATER, 2),
        *((CANCEL, value, 2) for value in (None, b"", b"x", b"\x30\x00")),
        (WHO_AM_I, b"", 2),
        (START_TLS, None, 2),  # which is not offered here
        ("1.2.3", b"x", 2),
        ("", None, 2),
    ],
)
def test_extended_operations(client: Client, oid: str, value: bytes | None, code: int) -> None:
    assert client.code(peer.extended(2, oid, value)) == code
    assert who(client)
