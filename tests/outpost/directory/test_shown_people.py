"""A provider that shows not everybody: whoever is left out is nowhere to be found there, and changes follow at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from protocols.ldap.result import Refused
from protocols.ldap.search_request import Scope
from protocols.link.messages import BindingRecord, Members, Put
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
)

ADMINS, STAFF = BindingRecord("b1", 0, group="g-admins"), BindingRecord("b2", 1, group="g-staff")
SALES = f"cn=Sales\\, EMEA,{GROUPS}"
SALES_IN_FILTERS = SALES.replace("\\", "\\5c")
EVERYBODY = {"alice", "bob", "carol", "dora"}


def showing(*bindings: BindingRecord, **settings: Any) -> People:
    """alice reads everything; bob and dora are in Sales, which is in staff; carol is in staff."""
    return People((*RECORDS[:-1], a_provider(*bindings, **settings)))


def people_in(found: list[str]) -> set[str]:
    return {name.partition(":")[2] for name in found if name.startswith("user:")}


def shown(people: People) -> set[str]:
    found = people.names()
    assert people_in(found) == {name.partition(":")[2] for name in found if name.startswith("virtual:")}
    return people_in(found)


@pytest.mark.parametrize(
    ("bindings", "settings", "names"),
    [
        ((), {}, EVERYBODY),
        ((ADMINS,), {}, EVERYBODY),
        ((ADMINS,), {"show_only_admitted": True}, {"alice"}),
        ((ADMINS, STAFF), {"show_only_admitted": True}, EVERYBODY),
        ((ADMINS, BindingRecord("b3", 1, user=CAROL)), {"show_only_admitted": True}, {"alice", "carol"}),
        ((), {"show_only_admitted": True}, EVERYBODY),
        ((), {"show_only_groups": ("g-sales",)}, {"bob", "dora"}),
        ((), {"show_only_groups": ("g-staff",)}, {"bob", "carol", "dora"}),
        ((), {"show_only_groups": ("g-sales", "g-admins")}, {"alice", "bob", "dora"}),
        ((), {"show_only_groups": ("gone",)}, set()),
        (
            (ADMINS, BindingRecord("b3", 1, user=BOB)),
            {"show_only_admitted": True, "show_only_groups": ("g-staff",)},
            {"bob"},
        ),
    ],
)
def test_who_is_shown(bindings: tuple[BindingRecord, ...], settings: dict[str, Any], names: set[str]) -> None:
    assert shown(showing(*bindings, **settings)) == names


@pytest.fixture
def staff_without_sales() -> People:
    """bob and dora are not shown."""
    bindings = (ADMINS, BindingRecord("b3", 1, user=CAROL))
    return showing(*bindings, show_only_admitted=True)


@pytest.mark.parametrize("base", [f"cn=bob,{USERS}", f"uid=BOB,{USERS}", f"cn=bob,{VIRTUAL}"])
def test_they_are_no_base(staff_without_sales: People, base: str) -> None:
    for scope in Scope:
        with pytest.raises(Refused) as refused:
            staff_without_sales.search(base=base, scope=scope)
        assert refused.value.result.code == 32


@pytest.mark.parametrize(
    "filter",
    [
        "(uid=bob)",
        "(cn=bob)",
        "(mail=bob@example.com)",
        "(department=Sales)",
        "(uidNumber=2002)",
        "(entryUUID=00000000-0000-4000-8000-000000000002)",
        f"(member=cn=bob,{USERS})",
        f"(uniqueMember=uid=bob,{USERS})",
        "(memberUid=bob)",
        f"(member:1.2.840.113556.1.4.1941:=cn=bob,{USERS})",
        f"(memberOf={SALES_IN_FILTERS})",
        f"(memberOf:1.2.840.113556.1.4.1941:={SALES_IN_FILTERS})",
        "(&(objectClass=user)(uid=b*))",
        "(entryDN:=cn=bob,ou=users,DC=ldap,DC=goauthentik,DC=io)",
    ],
)
def test_no_filter_finds_them_or_where_they_are(staff_without_sales: People, filter: str) -> None:
    assert staff_without_sales.names(filter) == []
    assert showing().names(filter) != []


def test_they_are_no_members(staff_without_sales: People) -> None:
    shows = staff_without_sales.entry(SALES)
    assert not {"member", "uniqueMember", "memberUid"} & shows.keys()
    staff = staff_without_sales.entry(f"cn=staff,{GROUPS}")
    assert staff["memberUid"] == ["carol"]
    assert staff["member"] == [f"cn=carol,{USERS}", SALES]  # groups are shown, whoever is in them
    assert "group:Sales\\, EMEA" not in staff_without_sales.names("(member=*)")
    assert "group:Sales\\, EMEA" in staff_without_sales.names("(!(member=*))")


def test_whoever_is_let_in_later_is_shown_at_once() -> None:
    people = showing(ADMINS, STAFF, show_only_admitted=True, show_only_groups=("g-sales",))
    assert shown(people) == {"bob", "dora"}
    people.change(Members("g-sales", (CAROL,), (BOB,)))
    assert shown(people) == {"carol", "dora"}
    assert people.entry(SALES)["memberUid"] == ["carol", "dora"]
    people.change(Put(replace(people.directory.current.providers[5], bindings=(ADMINS,))))
    assert shown(people) == set()


def test_whoever_may_read_everything_need_not_be_shown() -> None:
    people = showing(show_only_groups=("g-sales",))
    assert people.reader(ALICE).everything
    assert people.names(base=USERS, scope=Scope.ONE) == ["user:bob", "user:dora"]
    assert people.contexts.login(f"cn=alice,{USERS}") is not None
    assert people.names(base=BASE, scope=Scope.SUB, filter="(uid=*)", by=BOB) == ["user:bob"]
