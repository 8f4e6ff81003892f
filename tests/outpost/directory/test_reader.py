from dataclasses import replace

import pytest

from outpost.directory import reader
from outpost.directory.candidates import EVERYTHING
from outpost.directory.entries import GroupEntry
from protocols.ldap.result import Refused, ResultCode
from protocols.ldap.search_request import Scope
from protocols.link.messages import Configuration, GroupRecord, Members, Put
from tests.outpost.directory.people import (
    ALICE,
    BASE,
    BOB,
    CAROL,
    GROUPS,
    RECORDS,
    USERS,
    VIRTUAL,
    People,
    a_provider,
    a_user,
    read,
    short,
)

EVERY_USER = ["user:alice", "user:bob", "user:carol", "user:dora"]
EVERY_GROUP = ["group:Sales\\, EMEA", "group:admins", "group:staff"]
EVERY_VIRTUAL = ["virtual:alice", "virtual:bob", "virtual:carol", "virtual:dora"]
CONTAINERS = ["ou:group", "ou:user", "ou:virtual"]


@pytest.mark.parametrize(
    ("base", "scope", "names"),
    [
        (BASE, Scope.BASE, ["base"]),
        (BASE, Scope.ONE, CONTAINERS),
        (BASE, Scope.SUB, ["base", *CONTAINERS, *EVERY_USER, *EVERY_GROUP, *EVERY_VIRTUAL]),
        (BASE, Scope.CHILDREN, [*CONTAINERS, *EVERY_USER, *EVERY_GROUP, *EVERY_VIRTUAL]),
        (USERS, Scope.BASE, ["ou:user"]),
        (USERS, Scope.ONE, EVERY_USER),
        (USERS, Scope.SUB, ["ou:user", *EVERY_USER]),
        (USERS, Scope.CHILDREN, EVERY_USER),
        (GROUPS, Scope.ONE, EVERY_GROUP),
        (VIRTUAL, Scope.ONE, EVERY_VIRTUAL),
        (f"cn=bob,{USERS}", Scope.BASE, ["user:bob"]),
        (f"cn=bob,{USERS}", Scope.SUB, ["user:bob"]),
        (f"cn=bob,{USERS}", Scope.ONE, []),
        (f"cn=bob,{USERS}", Scope.CHILDREN, []),
        (f"UID = BOB , {USERS.upper()}", Scope.BASE, ["user:bob"]),
        (r"cn=sales\2c emea,ou=groups,dc=LDAP, dc=goauthentik,dc=io", Scope.BASE, ["group:Sales\\, EMEA"]),
        (f"cn=bob,{VIRTUAL}", Scope.SUB, ["virtual:bob"]),
        ("", Scope.ONE, ["base"]),
        ("", Scope.SUB, ["base", *CONTAINERS, *EVERY_USER, *EVERY_GROUP, *EVERY_VIRTUAL]),
    ],
)
def test_base_and_scope(base: str, scope: Scope, names: list[str]) -> None:
    assert People().names(base=base, scope=scope) == sorted(names)


@pytest.mark.parametrize(
    ("base", "matched"),
    [
        (f"cn=nobody,{USERS}", USERS),
        (f"uid=staff,{GROUPS}", GROUPS),
        (f"uid=bob,{VIRTUAL}", VIRTUAL),
        (f"cn=x,cn=bob,{USERS}", f"cn=bob,{USERS}"),
        (f"cn=x,cn=nobody,{USERS}", USERS),
        (f"ou=elsewhere,{BASE}", BASE),
        (f"cn=bob+uid=bob,{USERS}", USERS),
        ("dc=goauthentik,dc=io", ""),
        ("dc=other", ""),
    ],
)
def test_a_missing_base_names_the_nearest_entry_above(base: str, matched: str) -> None:
    with pytest.raises(Refused) as caught:
        People().search(base=base)
    assert caught.value.result.code == ResultCode.NO_SUCH_OBJECT
    assert caught.value.result.matched_dn == matched


CHAIN = "1.2.840.113556.1.4.1941"
FILTERS = [
    (f"(memberOf:{CHAIN}:=cn=staff,{GROUPS})", ["group:Sales\\, EMEA", "user:bob", "user:carol", "user:dora"]),
    (f"(memberOf:{CHAIN}:=cn=Sales\\5c, EMEA,{GROUPS})", ["user:bob", "user:dora"]),
    (f"(memberOf:{CHAIN}:=cn=bob,{USERS})", []),
    (f"(member:{CHAIN}:=cn=bob,{USERS})", ["group:Sales\\, EMEA", "group:staff", "virtual:bob"]),
    (f"(uniqueMember:{CHAIN}:=uid=BOB,{USERS})", ["group:Sales\\, EMEA", "group:staff", "virtual:bob"]),
    (f"(member:{CHAIN}:=cn=Sales\\5c, EMEA,{GROUPS})", ["group:staff"]),
    (f"(member:{CHAIN}:=cn=staff,{GROUPS})", []),
    (f"(!(member:{CHAIN}:=nonsense))", []),
    ("(ou:dn:=GROUPS)", ["group:Sales\\, EMEA", "group:admins", "group:staff", "ou:group"]),
    ("(&(objectClass=user)(uidNumber:1.2.840.113556.1.4.803:=2002))", ["user:bob", "user:carol"]),
    ("(department:caseExactMatch:=emea)", []),
    ("(department:caseExactMatch:=EMEA)", ["user:bob"]),
    ("(:caseIgnoreMatch:=zürich)", []),
    ("(:caseExactMatch:=EMEA)", ["user:bob"]),
    ("(uid=bob)", ["user:bob"]),
    ("(uid=BOB)", ["user:bob"]),
    ("(cn=bob)", ["user:bob", "virtual:bob"]),
    ("(sAMAccountName=staff)", ["group:staff"]),
    ("(mail=Bob@Example.com)", ["user:bob"]),
    ("(displayName=bob example)", ["user:bob"]),
    ("(displayName=carol)", ["user:carol"]),
    ("(sn=example)", ["user:alice", "user:bob", "user:dora"]),
    ("(givenName=bob)", ["user:bob"]),
    ("(uidNumber=2002)", ["user:bob"]),
    ("(gidNumber=2002)", ["user:bob", "virtual:bob"]),
    ("(gidNumber=4002)", ["group:staff"]),
    ("(homeDirectory=/home/bob)", ["user:bob"]),
    ("(homeDirectory=/HOME/bob)", []),
    ("(entryUUID=00000000-0000-4000-8000-000000000002)", ["user:bob"]),
    (f"(entryDN=cn=bob,{USERS})", ["user:bob"]),
    (f"(memberOf=cn=staff,{GROUPS})", ["group:Sales\\, EMEA", "user:bob", "user:carol", "user:dora"]),
    (f"(memberOf=cn=Sales\\5c, EMEA,{GROUPS})", ["user:bob", "user:dora"]),
    (f"(memberOf=cn=nothing,{GROUPS})", []),
    (f"(member=cn=bob,{USERS})", ["group:Sales\\, EMEA", "virtual:bob"]),
    (f"(uniqueMember=uid=bob,{USERS})", ["group:Sales\\, EMEA", "virtual:bob"]),
    (f"(member=cn=Sales\\5c, EMEA,{GROUPS})", ["group:staff"]),
    (f"(member=cn=nobody,{USERS})", []),
    ("(memberUid=bob)", ["group:Sales\\, EMEA", "virtual:bob"]),
    ("(memberUid=BOB)", []),
    ("(objectClass=posixAccount)", EVERY_USER),
    ("(objectClass=posixGroup)", [*EVERY_GROUP, *EVERY_VIRTUAL]),
    ("(objectClass=goauthentik.io/ldap/group)", EVERY_GROUP),
    ("(objectClass=organizationalUnit)", CONTAINERS),
    ("(ou=users)", ["ou:user"]),
    ("(mail=*)", ["user:alice", "user:bob", "user:dora"]),
    ("(department=sales)", ["user:bob"]),
    ("(department=*)", ["user:bob"]),
    ("(site=basel)", ["group:Sales\\, EMEA"]),
    ("(badge=17)", ["user:bob"]),
    ("(loginShell=*)", ["user:bob"]),
    ("(unheard=*)", []),
    ("(!(unheard=x))", []),
    ("(&(objectClass=user)(!(department=x)))", EVERY_USER),
    ("(ak-active=FALSE)", ["user:dora"]),
    ("(ak-superuser=true)", ["group:admins", "user:alice"]),
    ("(&(objectClass=posixAccount)(|(uid=bob)(mail=alice@example.com)))", ["user:alice", "user:bob"]),
    ("(|(uid=bob))", ["user:bob"]),
    ("(|(uid=bob)(mailAlternateAddress=x))", ["user:bob"]),
    ("(&(uid=bob)(uid=carol))", []),
    (f"(&(memberOf=cn=staff,{GROUPS})(uid=carol))", ["user:carol"]),
    ("(&(objectClass=user)(!(uid=bob)))", ["user:alice", "user:carol", "user:dora"]),
    ("(cn=*a*r*l)", ["user:carol", "virtual:carol"]),
    ("(&(uidNumber>=2002)(uidNumber<=2003))", ["user:bob", "user:carol"]),
    ("(createTimestamp>=20200101000000Z)", EVERY_USER),
    ("(uid~=bob)", ["user:bob"]),
    ("(&(uid=user0001)(objectClass=posixAccount)(uid=*)(&(uidNumber=*)(!(uidNumber=0))))", []),
    ("(&(uid=bob)(objectClass=posixAccount)(uid=*)(&(uidNumber=*)(!(uidNumber=0))))", ["user:bob"]),
    ("(|)", []),
    ("(uidNumber=abc)", []),
    (r"(uid=\ff)", []),
    (r"(uid=bob\00)", []),
    ("(userPassword=*)", []),
]


@pytest.mark.parametrize(("filter", "names"), FILTERS)
def test_filters(filter: str, names: list[str]) -> None:
    assert People().names(filter) == sorted(names)


@pytest.mark.parametrize("filter", [filter for filter, _ in FILTERS])
def test_the_index_never_hides_what_a_scan_finds(filter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    people = People()
    indexed = people.names(filter)
    monkeypatch.setattr(reader, "candidates", lambda *_: EVERYTHING)
    assert people.names(filter) == indexed


# --- who sees what -------------------------------------------------------------------------------------------------

BOBS = ["base", *CONTAINERS, "group:Sales\\, EMEA", "group:staff", "user:bob", "virtual:bob"]


def test_without_the_right_one_sees_ones_own_entry_and_groups_only() -> None:
    people = People()
    assert people.names(by=BOB) == sorted(BOBS)
    assert people.names("(objectClass=user)", by=CAROL) == ["user:carol"]


@pytest.mark.parametrize("base", [f"cn=alice,{USERS}", f"cn=admins,{GROUPS}", f"cn=alice,{VIRTUAL}"])
def test_what_may_not_be_read_is_as_if_it_were_not_there(base: str) -> None:
    people = People()
    with pytest.raises(Refused) as hidden:
        people.search(base=base, scope=Scope.BASE, by=BOB)
    with pytest.raises(Refused) as missing:
        people.search(base=base.replace("a", "x", 1), scope=Scope.BASE, by=BOB)
    assert hidden.value.result == missing.value.result


def test_other_members_of_ones_groups_are_not_shown() -> None:
    people = People()
    group = people.entry(f"cn=Sales\\, EMEA,{GROUPS}", by=BOB)
    assert (group["member"], group["memberUid"]) == ([f"cn=bob,{USERS}"], ["bob"])
    assert people.entry(f"cn=staff,{GROUPS}", by=BOB)["member"] == [f"cn=Sales\\, EMEA,{GROUPS}"]
    assert people.entry(f"cn=staff,{GROUPS}", by=CAROL)["member"] == [f"cn=carol,{USERS}"]


@pytest.mark.parametrize(
    "filter", [f"(member=cn=dora,{USERS})", "(memberUid=dora)", "(uid=alice)", f"(uniqueMember=cn=carol,{USERS})"]
)
def test_filters_reveal_nothing_that_may_not_be_read(filter: str) -> None:
    people = People()
    assert people.names(filter, by=BOB) == []
    assert people.names(filter) != []


def test_a_full_answer_does_not_leak_into_a_restricted_one() -> None:
    people = People()
    full = people.entry(f"cn=staff,{GROUPS}")
    assert people.entry(f"cn=staff,{GROUPS}", by=CAROL) != full
    assert people.entry(f"cn=staff,{GROUPS}") == full


# --- revisions -----------------------------------------------------------------------------------------------------


def test_a_search_ends_on_the_revision_that_it_began_on() -> None:
    people = People()
    before = people.reader(ALICE)
    people.change(Put(a_user(9, "new")), Members("g-staff", added=(BOB,), removed=(CAROL,)))
    assert "user:new" not in [short(entry.text) for entry in read(before)]
    (staff,) = read(before, base=f"cn=staff,{GROUPS}", scope=Scope.BASE)
    assert staff.attributes["memberUid"] == [b"carol"]
    assert "user:new" in people.names()
    assert people.entry(f"cn=staff,{GROUPS}")["memberUid"] == ["bob"]
    (staff,) = read(before, base=f"cn=staff,{GROUPS}", scope=Scope.BASE)
    assert staff.attributes["memberUid"] == [b"carol"]


def test_a_membership_removed_is_gone_with_the_next_revision() -> None:
    people = People()
    filter = f"(memberOf=cn=staff,{GROUPS})"
    assert "user:bob" in people.names(filter)
    people.change(Members("g-sales", removed=(BOB,)))
    assert "user:bob" not in people.names(filter)
    assert "memberOf" not in people.entry(f"cn=bob,{USERS}")
    assert people.names(by=BOB) == sorted(["base", *CONTAINERS, "user:bob", "virtual:bob"])


def test_losing_the_superuser_group_takes_the_full_view() -> None:
    people = People()
    people.change(Members("g-admins", removed=(ALICE,)))
    assert people.names("(objectClass=user)") == ["user:alice"]


def test_a_parent_that_becomes_superuser_gives_the_full_view() -> None:
    people = People()
    staff = people.directory.current.groups["g-staff"]
    people.change(Put(replace(staff, is_superuser=True, members=(CAROL,))))
    assert people.names("(objectClass=user)", by=BOB) == EVERY_USER


def test_a_role_with_the_permission_gives_the_full_view_through_groups_below() -> None:
    people = People()
    staff = people.directory.current.groups["g-staff"]
    people.change(Configuration((replace(a_provider(), full_search_roles=("r-readers",)),)))
    assert people.names("(objectClass=user)", by=BOB) == ["user:bob"]
    people.change(Put(replace(staff, roles=("r-readers",), members=(CAROL,))))
    assert people.names("(objectClass=user)", by=BOB) == EVERY_USER
    people.change(Configuration((a_provider(),)))
    assert people.names("(objectClass=user)", by=BOB) == ["user:bob"]


def test_whether_a_group_has_members_is_answered_without_spelling_them_out(monkeypatch: pytest.MonkeyPatch) -> None:
    people = People((*RECORDS, GroupRecord("g-empty", "empty", False, 9, (), ())))

    def spelt(entry: GroupEntry) -> list[str]:
        raise AssertionError("spelt out")

    monkeypatch.setattr(GroupEntry, "member_names", spelt)
    for key in ("member", "uniqueMember", "memberUid"):
        without = people.names(f"(!({key}=*))")
        assert "group:empty" in without
        assert "group:admins" not in without
