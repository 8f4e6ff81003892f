from dataclasses import replace

from protocols.link.messages import Put
from tests.outpost.directory.people import BASE, BOB, CAROL, GROUPS, USERS, VIRTUAL, People, a_user


def test_a_user() -> None:
    assert People().entry(f"cn=bob,{USERS}") == {
        "objectClass": [
            "top",
            "person",
            "organizationalPerson",
            "inetOrgPerson",
            "user",
            "posixAccount",
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
