"""Where the index decides, the answer is what the filter would have given: nothing more and nothing less."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outpost.directory import candidates as module
from outpost.directory import texts
from outpost.directory.candidates import EVERYTHING, LONG_LOOK_UP, candidates
from outpost.directory.index import ORDINAL
from outpost.directory.reader import Reader
from protocols.ldap import dn, search
from protocols.ldap.evaluation import predicate
from protocols.ldap.extensible import IN_CHAIN
from protocols.ldap.filter import And, Approx, Equality, Extensible, Filter, Not, Or, Present, Substrings
from protocols.ldap.filter_text import parse
from protocols.ldap.search_request import Scope, SearchRequest
from protocols.link.messages import GroupRecord, ProviderRecord, UserRecord
from tests.outpost.directory.people import (
    ALICE,
    BASE,
    BOB,
    GROUPS,
    NOW,
    PROVIDER,
    RECORDS,
    USERS,
    VIRTUAL,
    People,
    a_provider,
    a_user,
)
from tests.outpost.directory.test_reader import FILTERS
from tests.protocols.ldap.peer import answers, joined

EVE, FRED, GINA = 21, 22, 23
PEOPLE = People(
    (
        *RECORDS,
        a_user(EVE, "eve", attributes={"mail": "other@example.com", "uidNumber": 2002, "title": "Engineer"}),
        a_user(24, "hank", attributes={"manager": [f"uid=eve,{USERS}", f"cn=gina,{USERS}"]}),
        a_user(25, "ida", attributes={"manager": f"cn=hank,{USERS}"}),
        a_user(FRED, "fred", attributes={"gidNumber": 2001, "givenName": "Freddy", "title": ["Engineer", "Cook"]}),
        a_user(GINA, "Gina", created=0.0, password_changed=NOW),
        GroupRecord(
            "g-odd",
            "odd",
            False,
            9,
            ("g-sales",),
            (EVE, FRED),
            attributes={"gidNumber": 4001, "title": "Cook", "manager": f"cn=ida,{USERS}"},
        ),
    )
)
"""With attributes that hide what the index knows a record by."""


def a_request(filter: Filter, base: str = BASE, scope: Scope = Scope.SUB) -> SearchRequest:
    return SearchRequest(base, scope, 0, 0, False, filter, (b"1.1",))


def answered(reader: Reader, request: SearchRequest) -> list[str]:
    octets = joined(reader.answer(1, request, dn.parse(request.base)))
    *entries, done = answers(octets)
    assert done.code == 0
    return sorted(entry.text for entry in entries)


def scanned(reader: Reader, request: SearchRequest) -> list[str]:
    """Every entry there is, and the filter asked about each."""
    everything = a_request(Present("objectClass"), request.base, request.scope)
    selects = predicate(request.filter, reader.recognise)
    found = (entry for entry in reader.search(everything, dn.parse(request.base)) if selects(entry) is True)
    return sorted(
        answer.text for answer in answers(joined(search.results(1, everything, found, reader.recognise)))[:-1]
    )


@pytest.mark.parametrize("by", [ALICE, BOB])
@pytest.mark.parametrize("filter", [filter for filter, _ in FILTERS])
def test_an_answer_is_what_a_scan_finds(filter: str, by: int) -> None:
    reader = PEOPLE.reader(by)
    for base in (BASE, USERS, GROUPS, VIRTUAL, f"cn=bob,{USERS}"):
        for scope in Scope:
            request = a_request(parse(filter), base, scope)
            assert answered(reader, request) == scanned(reader, request), (base, scope)


NAMES = ("alice", "bob", "carol", "dora", "eve", "fred", "gina", "hank", "ida", "staff", "odd", "users", "nobody")
VALUES = (
    *(name.encode() for name in NAMES),
    *(f"{name}@example.com".encode() for name in (*NAMES, "other")),
    *(f"cn={name},{where}".encode() for name in NAMES for where in (USERS, GROUPS)),
    *(b"2001", b"2002", b"2021", b"2022", b"4001", b"4002", b"4009", b"Engineer", b"Cook", b"Sales", b"\xff", b""),
    *(b"posixAccount", b"group", b"top", b"organizationalUnit", b"TRUE", b"FALSE"),
)
ATTRIBUTES = (
    *("cn", "uid", "sAMAccountName", "mail", "uidNumber", "gidNumber", "name", "displayName", "givenName", "sn"),
    *("member", "uniqueMember", "memberUid", "memberOf", "objectClass", "ou", "dc", "entryDN", "entryUUID"),
    *("title", "department", "loginShell", "site", "unheard", "ak-superuser", "ak-active", "pwdChangedTime"),
    *("createTimestamp", "objectCategory", ORDINAL, "homeDirectory", "2.5.4.3", "manager"),
)
PIECES = (b"a", b"A", b"al", b"ob", b"gin", b"e", b"example", b"@", b".com", b" ", b"red", b"o", b"Coo", b"\xff", b"")
assertions = st.one_of(
    st.builds(Equality, st.sampled_from(ATTRIBUTES), st.sampled_from(VALUES)),
    st.builds(Approx, st.sampled_from(ATTRIBUTES), st.sampled_from(VALUES)),
    st.builds(Present, st.sampled_from(ATTRIBUTES)),
    st.builds(
        Extensible,
        st.sampled_from((None, IN_CHAIN.oid, IN_CHAIN.name, "caseIgnoreMatch", "caseExactMatch", "integerBitOrMatch")),
        st.sampled_from((None, *ATTRIBUTES)),
        st.sampled_from(VALUES),
        st.booleans(),
    ),
    st.builds(
        Substrings,
        st.sampled_from(ATTRIBUTES),
        st.none() | st.sampled_from(PIECES),
        st.lists(st.sampled_from(PIECES), max_size=2).map(tuple),
        st.none() | st.sampled_from(PIECES),
    ),
)
filters: st.SearchStrategy[Any] = st.recursive(
    assertions,
    lambda parts: st.one_of(
        st.builds(And, st.lists(parts, max_size=3).map(tuple)),
        st.builds(Or, st.lists(parts, max_size=3).map(tuple)),
        st.builds(Not, parts),
    ),
    max_leaves=6,
)


@given(filters)
def test_whatever_the_filter(filter: Filter) -> None:
    reader = PEOPLE.reader(ALICE)
    request = a_request(filter)
    assert answered(reader, request) == scanned(reader, request)


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_each_assertion(attribute: str) -> None:
    reader = PEOPLE.reader(ALICE)
    every: list[Filter] = [Present(attribute), *(Equality(attribute, value) for value in VALUES)]
    for piece in PIECES:
        every += [
            Substrings(attribute, piece, (), None),
            Substrings(attribute, None, (piece,), None),
            Substrings(attribute, None, (), piece),
            Substrings(attribute, b"a", (piece,), b"e"),
        ]
    for filter in every:
        request = a_request(filter)
        assert answered(reader, request) == scanned(reader, request), filter


def test_an_address_that_another_one_hides_is_not_found() -> None:
    reader = PEOPLE.reader(ALICE)
    assert answered(reader, a_request(parse("(mail=eve@example.com)"))) == []
    assert answered(reader, a_request(parse("(mail=*eve@*)"))) == []
    assert len(answered(reader, a_request(parse("(mail=other@example.com)")))) == 1


@pytest.mark.parametrize(
    ("filter", "decided"),
    [
        ("(uid=bob)", True),
        ("(title=Engineer)", True),
        ("(objectClass=*)", True),
        ("(&(objectClass=posixAccount)(uid=bob))", True),
        (f"(&(objectClass=user)(memberOf=cn=staff,{GROUPS}))", True),
        ("(|(uid=bob)(uid=alice))", True),
        (f"(memberOf:1.2.840.113556.1.4.1941:=cn=staff,{GROUPS})", True),
        (f"(member:1.2.840.113556.1.4.1941:=cn=bob,{USERS})", True),
        ("(mail=bob@example.com)", True),
        ("(uidNumber=2002)", False),
        ("(&(uid=bob)(sn=*x*))", False),
        ("(!(uid=bob))", False),
    ],
)
def test_what_the_index_decides_asks_no_filter(filter: str, decided: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = PEOPLE.reader(ALICE)
    assert candidates(parse(filter), reader.tree).decided is decided

    def asked(*_: Any) -> Any:
        raise AssertionError("the filter is made")

    monkeypatch.setattr(search, "predicate", asked)
    if decided:
        assert answered(reader, a_request(parse(filter)))
    else:
        with pytest.raises(AssertionError, match="is made"):
            answered(reader, a_request(parse(filter)))


def test_large_parts_of_an_and_are_left_to_the_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = PEOPLE.reader(ALICE)
    filter = parse(f"(&(title=Engineer)(memberOf=cn=odd,{GROUPS})(title=Cook))")
    assert candidates(filter, reader.tree).decided
    monkeypatch.setattr(module, "MAX_COMPARED", 0)
    assert not candidates(filter, reader.tree).decided
    assert answered(reader, a_request(filter)) == [f"cn=fred,{USERS}"]


LONG = ("(cn=*e*)", f"(memberOf=cn=staff,{GROUPS})", f"(memberOf:1.2.840.113556.1.4.1941:=cn=staff,{GROUPS})")


@pytest.mark.parametrize("part", LONG)
@pytest.mark.parametrize("around", ["(|{})", "(&{})", "(|(uid=eve)(&{}))"])
def test_no_more_is_looked_up_than_is_done_in_a_turn(part: str, around: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is scanned for, and the answer is the same."""
    reader = PEOPLE.reader(ALICE)
    monkeypatch.setattr(module, "LOOKED_THROUGH", 1)
    cost, most = LONG_LOOK_UP + len(reader.tree.snapshot.users), 10
    monkeypatch.setattr(module, "MOST_LOOK_UPS", most * cost)
    for times in (1, most, most + 1, 3 * most):
        filter, left = parse(around.format(part * times)), [most * cost]
        found = candidates(filter, reader.tree, left)
        assert (left[0] < 0) == (times * cost + around.count("uid=") > most * cost)
        if times > most and around == "(|{})":
            assert found == EVERYTHING
        request = a_request(filter)
        assert answered(reader, request) == scanned(reader, request)


def test_the_name_under_which_numbers_are_indexed_is_no_attribute() -> None:
    assert answered(PEOPLE.reader(ALICE), a_request(Present(ORDINAL))) == []


@pytest.mark.parametrize("mapped", [True, False])
@pytest.mark.parametrize(
    "asked",
    [
        *("(department=Lab)", "(department=Sales)", "(department=*)", "(wikiRole=editor)", "(wikiRole=*)"),
        *("(mail=mapped@example.com)", "(mail=bob@example.com)", "(mail=*)", "(uidNumber=7777)", "(uidNumber=2002)"),
        *("(gidNumber=7777)", "(secretRole=x)", "(!(wikiRole=editor))", "(&(wikiRole=editor)(department=Lab))"),
        *("(wikiRole=*dit*)", "(department=La*)", "(mail=mapped*)", "(mail=bob*)", "(displayName=*app*)"),
        *("(|(wikiRole=editor)(department=Sales))", "(displayName=Mapped)", "(cn=bob)"),
    ],
)
def test_with_mappings_what_is_looked_up_is_what_a_scan_finds(asked: str, mapped: bool) -> None:
    """A mapping may hide a value of the person's own, and that of another provider counts for nothing."""
    ours = {"department": "Lab", "wikiRole": "editor", "mail": "mapped@example.com", "uidNumber": 7777}
    said: dict[str, dict[str, Any]] = {str(PROVIDER): {**ours, "displayName": "Mapped"}, "99": {"secretRole": "x"}}
    records = [
        replace(record, mapped=said) if isinstance(record, UserRecord) and record.pk == BOB else record
        for record in RECORDS
        if not isinstance(record, ProviderRecord)
    ]
    reader = People((*records, a_provider(mapped=mapped))).reader(ALICE)
    request = a_request(parse(asked))
    found = answered(reader, request)
    assert found == scanned(reader, request)
    if asked in ("(wikiRole=editor)", "(department=Lab)", "(mail=mapped@example.com)"):
        assert found == ([f"cn=bob,{USERS}"] if mapped else [])


@pytest.mark.parametrize(
    ("filter", "users"),
    [("(cn=*lic*)", {ALICE}), ("(uid=AL*)", {ALICE}), ("(sn=*zzz*)", set()), ("(mail=*@example.com)", None)],
)
def test_parts_of_values_are_found_without_a_scan(
    filter: str, users: set[int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "MOST_LOOKED_AT", 3)
    found = candidates(parse(filter), PEOPLE.reader(ALICE).tree)
    assert (None if found.users is None else set(found.users)) == users
