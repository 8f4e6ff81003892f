"""What a provider's switches show, and where its settings put it."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from outpost.directory.attributes import custom_attributes
from outpost.directory.profiles import text_sid, user_rid
from protocols.ldap import dn
from protocols.ldap.search_request import Scope
from protocols.link.messages import GroupRecord, Put
from tests.outpost.directory.people import ALICE, BASE, BOB, NOW, RECORDS, USERS, People, a_provider, a_user

GROUP_UUID = "12345678-1234-4678-9234-567812345678"
MOMENTS = (b"shadowLastChange", b"pwdLastSet", b"sambaPwdLastSet", b"pwdChangedTime")


def people(**settings: Any) -> People:
    return People(
        (
            *RECORDS[:-1],
            a_user(9, "Zoë", name="Zoë Müller", password_changed=NOW, valid_until=NOW + 86_400),
            GroupRecord(GROUP_UUID, "real", False, 8, (), (BOB,)),
            a_provider(**settings),
        )
    )


def attributes(there: People, name: str) -> dict[str, list[bytes]]:
    (entry,) = there.search(base=name, scope=Scope.BASE)
    return entry.attributes


def test_posix_and_shadow() -> None:
    zoe = people().entry(f"cn=Zoë,{USERS}")
    assert zoe["gecos"] == ["Zoe Muller"]
    assert (zoe["shadowLastChange"], zoe["shadowExpire"]) == (["19675"], ["19676"])
    assert people().names("(shadowExpire>=19676)") == ["user:Zoë"]
    there = people()
    record = next(user for user in there.directory.current.users.values() if user.username == "bob")
    there.change(Put(replace(record, must_change_password=True)))  # shadow(5): 0 is "at the next login"
    assert there.entry(f"cn=bob,{USERS}")["shadowLastChange"] == ["0"]
    assert there.names("(shadowLastChange=0)") == ["user:bob"]
    assert people().names("(&(objectClass=shadowAccount)(uid=bob))") == ["user:bob"]


def test_how_long_passwords_are_good_is_a_shadow_attribute_too() -> None:
    """By shadowLastChange + shadowMax clients see that a password has ended (shadow(5))."""
    there = people(password_days=90, password_warning_days=14)
    zoe = there.entry(f"cn=Zoë,{USERS}")
    assert (zoe["shadowMax"], zoe["shadowWarning"]) == (["90"], ["14"])
    assert "shadowMax" not in there.entry(f"cn=bob,{USERS}")  # whose password is nobody knows how old
    for filter in ("(shadowMax=90)", "(shadowMax>=90)", "(shadowMax=*)", "(shadowWarning=14)", "(shadowWarning=*)"):
        assert there.names(filter) == ["user:Zoë"]
        assert people().names(filter) == []
    assert "shadowWarning" not in people(password_days=90).entry(f"cn=Zoë,{USERS}")
    assert "shadowMax" not in people().entry(f"cn=Zoë,{USERS}")


def test_who_has_no_password_of_their_own_has_a_moment_still() -> None:
    """Of their account: without one, or with 0, clients take it that a password has to be changed."""
    there = people(active_directory=True, samba=True)
    bob, zoe = (there.entry(f"cn={name},{USERS}", attributes=MOMENTS) for name in ("bob", "Zoë"))
    assert bob == {
        "shadowLastChange": ["19675"],
        "pwdLastSet": ["133444736000000000"],
        "sambaPwdLastSet": ["1700000000"],
    }
    assert zoe == {**bob, "pwdChangedTime": ["20231114221320Z"]}
    record = next(user for user in there.directory.current.users.values() if user.username == "bob")
    there.change(Put(replace(record, must_change_password=True)))
    assert there.entry(f"cn=bob,{USERS}", attributes=MOMENTS)["pwdLastSet"] == ["0"]


def test_a_user_name_that_is_an_address_is_the_principal_name() -> None:
    there = people(active_directory=True)
    there.change(Put(a_user(9, "ed@example.org")))
    assert there.names("(userPrincipalName=ed@example.org)") == ["user:ed@example.org"]


def test_active_directory() -> None:
    there = people(active_directory=True)
    bob = attributes(there, f"cn=bob,{USERS}")
    assert bob["userPrincipalName"] == [b"bob@ldap.goauthentik.io"]
    assert str(UUID(bytes_le=bob["objectGUID"][0])) == "00000000-0000-4000-8000-000000000002"
    assert bob["userAccountControl"] == [b"512"]
    sid = bob["objectSid"][0]
    assert (sid[:2], sid[2:8], sid[8:12], sid[-4:]) == (
        b"\x01\x05",
        b"\0\0\0\0\0\5",
        b"\x15\0\0\0",
        (1000 + 2 * BOB).to_bytes(4, "little"),
    )
    assert bob["accountExpires"] == [b"9223372036854775807"]
    assert bob["distinguishedName"] == [f"cn=bob,{USERS}".encode()]
    assert bob["objectCategory"] == [f"CN=Person,CN=Schema,CN=Configuration,{BASE}".encode()]
    group = attributes(there, f"cn=real,ou=groups,{BASE}")
    assert group["objectSid"][0][:-4] == sid[:-4]
    assert str(UUID(bytes_le=group["objectGUID"][0])) == GROUP_UUID
    assert not {"objectSid", "userAccountControl"} & set(attributes(people(), f"cn=bob,{USERS}"))


@pytest.mark.parametrize(
    ("filter", "names"),
    [
        ("(userAccountControl:1.2.840.113556.1.4.803:=2)", ["user:dora"]),
        ("(&(objectClass=user)(!(userAccountControl:1.2.840.113556.1.4.803:=2))(uid=bob))", ["user:bob"]),
        ("(userPrincipalName=BOB@ldap.goauthentik.io)", ["user:bob"]),
        (r"(objectGUID=\00\00\00\00\00\00\00\40\80\00\00\00\00\00\00\02)", ["user:bob"]),
        ("(objectGUID={00000000-0000-4000-8000-000000000002})", ["user:bob"]),
        ("(objectGUID=00000000-0000-4000-8000-000000000002)", ["user:bob"]),
        ("(&(objectSid=*)(uid=bob))", ["user:bob"]),
        ("(primaryGroupID=513)", ["user:Zoë", "user:alice", "user:bob", "user:carol", "user:dora"]),
        ("(whenChanged>=20231114221319.0Z)", None),
    ],
)
def test_filters_of_active_directorys_clients(filter: str, names: list[str] | None) -> None:
    found = people(active_directory=True).names(filter)
    assert found if names is None else found == names


def test_security_identifiers_are_found_by_their_text() -> None:
    there = people(active_directory=True)
    tree = there.reader(ALICE).tree
    assert there.names(f"(objectSid={text_sid(tree, user_rid(tree.snapshot.users[BOB]))})") == ["user:bob"]
    assert there.names(f"(objectSid={text_sid(tree, 7)})") == []


def test_samba_without_hashes() -> None:
    there = people(samba=True, domain_name="CORP")
    dora = there.entry(f"cn=dora,{USERS}")
    assert dora["sambaAcctFlags"] == ["[UD         ]"]
    assert dora["sambaSID"][0].startswith("S-1-5-21-")
    assert dora["sambaDomainName"] == ["CORP"]
    assert "sambaSamAccount" in dora["objectClass"]
    assert there.names("(objectClass=sambaSamAccount)") == there.names("(objectClass=posixAccount)")
    assert there.names("(sambaNTPassword=*)") == []
    assert "sambaSID" not in people().entry(f"cn=dora,{USERS}")


def test_member_of_direct_by_switch() -> None:
    there = people(nested_member_of=False)
    staff = f"cn=staff,ou=groups,{BASE}"
    assert staff not in there.entry(f"cn=bob,{USERS}")["memberOf"]
    assert there.names(f"(memberOf={staff})") == ["group:Sales\\, EMEA", "user:carol"]
    chain = f"(memberOf:1.2.840.113556.1.4.1941:={staff})"
    assert there.names(chain) == ["group:Sales\\, EMEA", "user:bob", "user:carol", "user:dora"]
    assert there.names(f"(!(!{chain}))") == there.names(chain)
    assert there.names(f"(!(!(memberOf={staff})))") == there.names(f"(memberOf={staff})")


def test_a_layout_of_ones_own() -> None:
    there = people(
        users_container="People",
        groups_container="Teams",
        virtual_groups_container="private",
        extra_containers=("services",),
        user_rdn="uid",
    )
    names = [entry.text for entry in there.search(attributes=(b"1.1",))]
    assert f"uid=bob,ou=People,{BASE}" in names
    assert f"cn=staff,ou=Teams,{BASE}" in names
    assert f"cn=bob,ou=private,{BASE}" in names
    assert f"ou=services,{BASE}" in names
    assert there.entry(f"cn=BOB,ou=people,{BASE}")["memberOf"][-1] == f"cn=staff,ou=Teams,{BASE}"
    assert there.entry(f"cn=staff,ou=teams,{BASE}")["member"][0] == f"uid=carol,ou=People,{BASE}"
    assert there.search(base=f"ou=services,{BASE}", scope=Scope.ONE) == []
    assert there.names("(&(objectClass=organizationalUnit)(hasSubordinates=FALSE))") == [f"ou=services,{BASE}"]
    login = there.contexts.login(f"uid=bob,ou=people,{BASE}")
    assert login is not None
    assert login[1] == "bob"
    assert there.contexts.login(f"cn=bob,ou=users,{BASE}") is None
    assert dn.parse(names[0])


@pytest.mark.parametrize("base", [" DC = Example , DC = com ", "dc=Example;dc=com", 'dc="Example",dc=com'])
def test_names_end_as_strict_clients_read_them(base: str) -> None:
    there = People((*RECORDS[:-1], a_provider(base=base, active_directory=True)))
    clean = "dc=Example,dc=com"
    assert there.contexts.base_dns() == [clean]
    found = there.search(base=base, attributes=(b"entryDN", b"memberOf", b"objectCategory"))
    names = [entry.text for entry in found] + [
        value.decode() for entry in found for values in entry.attributes.values() for value in values
    ]
    assert len(names) > 2 * len(found)
    assert {name[-len(clean) :] for name in names} == {clean}


def test_photographs_and_keys() -> None:
    photo = b"\xff\xd8\xff\xe0photo"
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI bob@laptop"
    added = {"jpegPhoto": [b64encode(photo).decode(), "not base64!"], "sshPublicKey": [key], "telephoneNumber": "+41 1"}
    there = People((*RECORDS, a_user(9, "zed", attributes=added)))
    zed = attributes(there, f"cn=zed,{USERS}")
    assert zed["jpegPhoto"] == [photo]
    assert zed["sshPublicKey"] == [key.encode()]
    assert there.names("(jpegPhoto=*)") == ["user:zed"]
    assert there.names(f"(sshPublicKey={key})") == ["user:zed"]
    assert there.names("(telephoneNumber=+411)") == ["user:zed"]
    url = {"jpegPhoto": "data:image/jpeg;base64," + b64encode(photo).decode()}
    assert custom_attributes(a_user(9, "zed", attributes=url))["jpegphoto"][1] == (photo,)


def test_what_we_derive_and_secrets_stay_ours() -> None:
    wrong = {
        "userPassword": "x",
        "objectSid": "x",
        "entryUUID": "x",
        "sambaNTPassword": "x",
        "cn": "x",
        "memberOf": "x",
    }
    assert custom_attributes(a_user(ALICE, "alice", attributes=wrong)) == {}


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ("(&(objectCategory=person)(objectClass=user)(sAMAccountName=bob))", ["user:bob"]),
        ("(&(objectCategory=Person)(cn=bob))", ["user:bob"]),
        (f"(&(objectCategory=cn=person,cn=schema,cn=configuration,{BASE})(uid=bob))", ["user:bob"]),
        ("(&(objectCategory=group)(cn=real))", ["group:real"]),
        ("(&(objectCategory=computer)(cn=bob))", []),
    ],
)
def test_people_are_found_by_their_category(filter: str, found: list[str]) -> None:
    assert people(active_directory=True).names(filter) == found
    assert people().names(filter) == []
