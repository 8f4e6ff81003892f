from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from outpost.directory import entries, members
from outpost.directory.attributes import custom_attributes, custom_values
from protocols.ldap import dn
from protocols.ldap.filter import Present
from protocols.ldap.search import Slice
from protocols.ldap.search_request import Scope, SearchRequest
from protocols.link.messages import GroupRecord, ProviderRecord, Put, UserRecord
from tests.outpost.directory.people import (
    ALICE,
    BASE,
    BOB,
    CAROL,
    GROUPS,
    PROVIDER,
    RECORDS,
    USERS,
    VIRTUAL,
    People,
    a_provider,
    a_user,
)
from tests.protocols.ldap.peer import answers, joined


def test_a_user() -> None:
    assert People().entry(f"cn=bob,{USERS}") == {
        "objectClass": [
            "top",
            "person",
            "organizationalPerson",
            "inetOrgPerson",
            "user",
            "posixAccount",
            "shadowAccount",
            "ldapPublicKey",
            "goauthentik.io/ldap/user",
        ],
        "cn": ["bob"],
        "uid": ["bob"],
        "sAMAccountName": ["bob"],
        "name": ["Bob Example"],
        "displayName": ["Bob Example"],
        "givenName": ["Bob"],
        "sn": ["Example"],
        "mail": ["bob@example.com"],
        "uidNumber": ["2002"],
        "gidNumber": ["2002"],
        "homeDirectory": ["/home/bob"],
        "gecos": ["Bob Example"],
        "shadowLastChange": ["19675"],
        "memberOf": [f"cn=Sales\\, EMEA,{GROUPS}", f"cn=staff,{GROUPS}"],
        "ak-active": ["TRUE"],
        "ak-superuser": ["FALSE"],
        "department": ["Sales", "EMEA"],
        "badge": ["17"],
        "loginShell": ["/bin/zsh"],
    }


def test_operational_attributes_come_when_asked_for() -> None:
    assert People().entry(f"cn=bob,{USERS}", attributes=(b"+",)) == {
        "entryUUID": ["00000000-0000-4000-8000-000000000002"],
        "entryDN": [f"cn=bob,{USERS}"],
        "createTimestamp": ["20231114221320Z"],
        "modifyTimestamp": ["20231114221320Z"],
        "structuralObjectClass": ["inetOrgPerson"],
        "hasSubordinates": ["FALSE"],
        "subschemaSubentry": ["cn=Subschema"],
    }


def test_a_user_without_name_and_mail_still_has_what_person_requires() -> None:
    carol = People().entry(f"cn=carol,{USERS}")
    assert (carol["sn"], carol["displayName"]) == (["carol"], ["carol"])
    assert not {"mail", "givenName"} & set(carol)


def test_a_group() -> None:
    assert People().entry(f"cn=Sales\\, EMEA,{GROUPS}") == {
        "objectClass": [
            "top",
            "group",
            "groupOfNames",
            "groupOfUniqueNames",
            "posixGroup",
            "goauthentik.io/ldap/group",
        ],
        "cn": ["Sales, EMEA"],
        "sAMAccountName": ["Sales, EMEA"],
        "gidNumber": ["4003"],
        "member": [f"cn=bob,{USERS}", f"cn=dora,{USERS}"],
        "uniqueMember": [f"cn=bob,{USERS}", f"cn=dora,{USERS}"],
        "memberUid": ["bob", "dora"],
        "memberOf": [f"cn=staff,{GROUPS}"],
        "ak-superuser": ["FALSE"],
        "site": ["Basel"],
    }


def test_a_child_group_is_a_member() -> None:
    staff = People().entry(f"cn=staff,{GROUPS}")
    assert staff["member"] == [f"cn=carol,{USERS}", f"cn=Sales\\, EMEA,{GROUPS}"]
    assert staff["memberUid"] == ["carol"]


def test_a_virtual_group() -> None:
    entry = People().entry(f"cn=bob,{VIRTUAL}")
    assert entry["gidNumber"] == ["2002"]
    assert (entry["member"], entry["memberUid"]) == ([f"cn=bob,{USERS}"], ["bob"])
    assert "uid" not in entry


def test_a_virtual_group_has_what_other_groups_have_to_tell_it_by() -> None:
    """Programs that want an entryUUID (vSphere, Nextcloud) want it of every group."""
    people = People()
    name = f"cn=bob,{VIRTUAL}"
    told = people.entry(name, attributes=(b"+",))
    (bob,) = people.entry(f"cn=bob,{USERS}", attributes=(b"entryUUID",))["entryUUID"]
    (own,) = told["entryUUID"]
    assert UUID(own).version == 4
    assert own == str(UUID(own))
    assert people.names(f"(entryUUID={own})") == people.names(f"(entryUUID={own.upper()})") == ["virtual:bob"]
    assert people.names(f"(!(!(entryUUID={own})))") == ["virtual:bob"]
    assert people.names(f"(entryUUID={bob})") == ["user:bob"]
    found = people.search("(&(objectClass=groupOfUniqueNames)(entryUUID=*))", attributes=(b"entryUUID",))
    assert len({entry.attributes["entryUUID"][0] for entry in found}) == len(found) == 4 + 3
    people.change(Put(a_user(BOB, "robert")))
    assert people.names(f"(entryUUID={own})") == ["virtual:robert"]


def test_groups_have_no_uid() -> None:
    assert "uid" not in People().entry(f"cn=staff,{GROUPS}", attributes=(b"*", b"+"))


def test_the_base_and_its_containers() -> None:
    people = People()
    assert people.entry(BASE) == {"objectClass": ["top", "domain"], "dc": ["ldap"]}
    assert people.entry(USERS)["ou"] == ["users"]


def test_attributes_override_what_they_may() -> None:
    people = People()
    attributes = {
        "uidNumber": 9000,
        "homeDirectory": "/srv/%s",
        "mail": "other@example.com",
        "sn": "Other",
        "cn": "mallory",
        "uid": "mallory",
        "memberOf": f"cn=admins,{GROUPS}",
        "ak-superuser": True,
        "objectClass": "evil",
        "userPassword": "secret",
        "entryUUID": "forged",
        "nested": {"a": 1},
        "empty": "",
        "nothing": None,
        "bad name": "x",
        "goauthentik.io/user/x": "y",
        "flag": True,
        "twice": ["a", "a"],
    }
    people.change(Put(a_user(BOB, "bob", attributes=attributes)))
    bob = people.entry(f"cn=bob,{USERS}", attributes=(b"*", b"+"))
    assert (bob["uidNumber"], bob["gidNumber"]) == (["9000"], ["9000"])
    assert people.entry(f"cn=bob,{VIRTUAL}")["gidNumber"] == ["9000"]
    assert (bob["homeDirectory"], bob["mail"], bob["sn"]) == (["/srv/bob"], ["other@example.com"], ["Other"])
    assert (bob["cn"], bob["uid"], bob["ak-superuser"]) == (["bob"], ["bob"], ["FALSE"])
    assert f"cn=admins,{GROUPS}" not in bob["memberOf"]
    assert "evil" not in bob["objectClass"]
    assert bob["entryUUID"] == ["00000000-0000-4000-8000-000000000002"]
    assert bob["goauthentikio-user-x"] == ["y"]
    assert (bob["flag"], bob["twice"]) == (["TRUE"], ["a"])
    assert not {"userPassword", "nested", "empty", "nothing", "bad name"} & set(bob)


def test_text_that_utf8_cannot_carry_spoils_no_answer() -> None:
    people = People()
    people.change(Put(a_user(CAROL, "carol", name="lone \ud800")))
    assert people.entry(f"cn=carol,{USERS}")["displayName"] == ["lone ?"]


def test_a_cached_body_follows_every_change_that_shows_in_it() -> None:
    people = People()
    name = f"cn=carol,{USERS}"
    before = people.search("(uid=carol)")
    assert people.search("(uid=carol)") == before
    people.change(Put(a_user(CAROL, "carol", name="Carol New")))
    assert people.entry(name)["displayName"] == ["Carol New"]
    staff = people.directory.current.groups["g-staff"]
    people.change(Put(replace(staff, name="crew", members=(CAROL,))))
    assert people.entry(name)["memberOf"] == [f"cn=crew,{GROUPS}"]
    assert people.entry(f"cn=crew,{GROUPS}")["memberUid"] == ["carol"]
    people.change(Put(a_user(CAROL, "caroline")))
    assert people.entry(f"cn=crew,{GROUPS}")["memberUid"] == ["caroline"]


# --- groups of many ------------------------------------------------------------------------------------------------


def crowd(count: int) -> People:
    names = [f"{'zyxwv'[pk % 5]}{pk}" for pk in range(100, 100 + count)]
    users = [a_user(pk, name) for pk, name in enumerate(names, 100)]
    group = GroupRecord("g-many", "many", False, 7, (), tuple(user.pk for user in users))
    child = GroupRecord("g-child", "child", False, 8, ("g-many",))
    return People((*RECORDS, *users, group, child))


def slices(people: People, attributes: tuple[bytes, ...] = (), types_only: bool = False) -> list[bytes]:
    return [joined([one]) for one in as_made(people, attributes, types_only)]


def as_made(people: People, attributes: tuple[bytes, ...] = (), types_only: bool = False) -> list[Slice]:
    request = SearchRequest(f"cn=many,{GROUPS}", Scope.BASE, 0, 0, types_only, Present("objectClass"), attributes)
    return list(people.reader(ALICE).answer(1, request, dn.parse(request.base)))


def test_a_group_of_many_is_spelt_out_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    people = crowd(50)
    monkeypatch.setattr(members, "MEMBERS_A_TURN", 1000)
    at_once = slices(people)
    assert len(at_once) == 1
    monkeypatch.setattr(members, "MEMBERS_A_TURN", 10)
    assert slices(people) == at_once  # it is kept
    *others, last = slices(crowd(50))
    assert others == [b""] * 8  # five to order the names, five to encode them, and none at the end of either
    assert last == at_once[0]
    attributes = answers(last)[0].attributes
    assert attributes["memberUid"] == sorted(attributes["memberUid"])
    assert len(attributes["memberUid"]) == 50
    assert attributes["member"] == attributes["uniqueMember"]
    assert attributes["member"] == [
        *(b"cn=" + name + f",{USERS}".encode() for name in attributes["memberUid"]),
        f"cn=child,{GROUPS}".encode(),
    ]


def test_an_entry_of_very_many_is_never_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    (at_once,) = slices(crowd(50))
    monkeypatch.setattr(members, "MEMBERS_A_TURN", 10)
    monkeypatch.setattr(members, "LONG", 100)
    people = crowd(50)
    for _ in range(2):  # the second time it is kept
        made = as_made(people)
        (long,) = [one for one in made if isinstance(one, tuple)]
        assert max(map(len, long)) < len(at_once) / 8
        assert joined(made) == at_once


def test_members_that_nobody_asks_for_are_not_spelt_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "spelling", None)
    (octets,) = slices(crowd(50), (b"cn",))
    assert answers(octets)[0].attributes == {"cn": [b"many"]}


def test_the_types_of_members_alone() -> None:
    (octets,) = slices(crowd(3), types_only=True)
    attributes = answers(octets)[0].attributes
    assert attributes["member"] == attributes["memberUid"] == []


def test_others_are_answered_while_a_group_is_spelt_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "MEMBERS_A_TURN", 10)
    people = crowd(50)
    everything = SearchRequest(GROUPS, Scope.ONE, 0, 0, False, Present("objectClass"), ())
    found = list(people.reader(ALICE).answer(1, everything, dn.parse(GROUPS)))
    assert len(found) > 8
    assert {entry.text for entry in answers(joined(found))[:-1]} == {
        f"cn={name},{GROUPS}" for name in ("admins", "staff", "Sales\\, EMEA", "many", "child")
    }


# --- custom attributes ---------------------------------------------------------------------------------------------


def test_one_custom_attribute_is_as_among_all() -> None:
    attributes = {
        "a/b": "first",
        "a-b": "last wins",
        "a.-b": "",
        "UPPER": ["x", "x", 1, True, None, {}, "%s's"],
        "uid": "reserved",
        "memberOf": "reserved",
        "no name": "x",
        "mail": "own@example.com",
        "empty": [],
        "x" * 600: "too long",
        "scalar": 1.5,
    }
    for record in (a_user(BOB, "bob", attributes=attributes), GroupRecord("g", "g", False, 1, attributes=attributes)):
        found = custom_attributes(record)
        assert set(found) == {"a-b", "upper", "mail", "scalar"}
        for key in (*found, "uid", "memberof", "no name", "empty", "x" * 600, "unheard"):
            assert custom_values(record, key) == (found[key][1] if key in found else None), key
    assert found["a-b"] == ("a-b", ("last wins",))
    assert found["upper"] == ("UPPER", ("x", "1", "TRUE", "g's"))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("userid", None),
        ("commonName", None),
        ("surname", "sn"),
        ("FAX", "facsimileTelephoneNumber"),
        ("gn", "givenName"),
    ],
)
def test_another_word_for_an_attribute_is_the_attribute(name: str, shown: str | None) -> None:
    people = People()
    people.change(Put(a_user(BOB, "bob", attributes={name: "root"})))
    (bob,) = people.search(base=f"cn=bob,{USERS}", scope=Scope.BASE)
    assert [key for key, values in bob.attributes.items() if values == [b"root"]] == ([shown] if shown else [])
    assert (bob.attributes["uid"], bob.attributes["cn"]) == ([b"bob"], [b"bob"])
    for word in (name, shown or name):
        assert people.names(f"({word}=root)") == (["user:bob"] if shown else [])
    assert name.lower() not in {one.key for one in people.reader(ALICE).tree.custom_types()}


# --- attributes by property mapping --------------------------------------------------------------------------------


def mapped_people(*, counts: bool = True) -> People:
    """bob's mapping says something; another provider's says something else."""
    ours = {"department": ["Lab"], "wikiRole": "editor", "cn": "root"}
    said: dict[str, dict[str, Any]] = {str(PROVIDER): ours, "99": {"secretRole": "x"}}
    mapped = (
        replace(record, mapped=said) if isinstance(record, UserRecord) and record.pk == BOB else record
        for record in RECORDS
        if not isinstance(record, ProviderRecord)
    )
    return People((*mapped, a_provider(mapped=counts)))


def test_a_mapping_adds_and_replaces_attributes_of_its_provider_alone() -> None:
    people = mapped_people()
    entry = people.entry(f"cn=bob,{USERS}")
    assert (entry["department"], entry["wikiRole"], entry["badge"]) == (["Lab"], ["editor"], ["17"])
    assert entry["cn"] == ["bob"]  # what we derive ourselves is not a mapping's to say
    assert "secretRole" not in entry
    assert people.names("(wikirole=Editor)") == ["user:bob"]
    assert people.names("(department=lab)") == ["user:bob"]
    assert people.names("(department=Sales)") == []
    assert people.names("(secretRole=x)") == []


def test_it_is_described_in_the_schema() -> None:
    people = mapped_people()
    assert "wikirole" in {one.key for one in people.reader(ALICE).tree.custom_types()}


def test_what_was_said_for_a_provider_counts_only_while_it_has_mappings() -> None:
    people = mapped_people(counts=False)
    entry = people.entry(f"cn=bob,{USERS}")
    assert (entry["department"], "wikiRole" in entry) == (["Sales", "EMEA"], False)
    assert people.names("(wikiRole=editor)") == []
