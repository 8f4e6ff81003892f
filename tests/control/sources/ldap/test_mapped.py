"""Property mappings of LDAP sources: what they say of people and groups, and what goes wrong harms nobody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from control.mappings.defaults import OF_ENTRIES, ensure_mappings
from control.records import Group, PropertyMapping, Source, User
from control.sources.ldap import mapped
from control.store.interface import Query
from control.verbs import ldap_sources, property_mappings
from control.verbs.fields import Invalid
from control.verbs.property_mappings import LDAP, LDAP_SOURCE
from protocols.ldap.asking import Entry
from tests.control.sources.ldap.abroad import BASE
from tests.control.sources.ldap.test_taking_over import World as Directory

AT = "goauthentik.io/sources/ldap/"


class World(Directory):
    def mapping(self, expression: str, name: str = "mine", kind: str = LDAP_SOURCE) -> str:
        given = {"name": name, "expression": expression}
        return self.sql.write_now(lambda tx: property_mappings.create(tx, kind, given)).pk

    def says(self, *expressions: str, of: str = "user") -> None:
        pks = [self.mapping(one, f"{of} {number}") for number, one in enumerate(expressions)]
        self.change(**{f"{of}_property_mappings": pks})

    def default(self, *names: str) -> list[str]:
        self.sql.write_now(ensure_mappings)
        wanted = Query(within={"managed": [AT + name for name in names]})
        return [one.pk for one in self.sql.read_now(lambda tx: tx.select(PropertyMapping, wanted))]

    def group(self, name: str) -> Group:
        found = self.sql.read_now(lambda tx: tx.find(Group, name=name))
        assert found is not None
        return found


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.sql.close()


def alice(world: World, **more: str) -> User:
    world.abroad.person("alice", "theirs", **more)
    assert world.sync() == []
    return next(iter(world.people().values()))


def test_they_come_before_the_attributes_that_the_source_names(world: World) -> None:
    world.says(
        'return {"username": ldap.get("sAMAccountName"), "attributes": {"town": ldap["l"]}}',
        'return {"name": f"{properties[\'username\']} of {source.slug}", "path": f"{source.get_user_path()}/x"}',
    )
    user = alice(world, sAMAccountName="ALICE.L", l="Oxford")
    assert (user.username, user.name, user.email) == ("ALICE.L", "ALICE.L of house", "alice@example.org")
    assert user.path == "goauthentik.io/sources/house/x"
    assert user.attributes == {"town": "Oxford", "distinguishedName": f"uid=alice,{BASE}"}


def test_what_is_there_no_more_goes_and_what_is_ours_stays(world: World) -> None:
    world.says('return {"attributes": {"town": ldap.get("l"), "phones": ldap.get("telephoneNumber")}}')
    user = alice(world, l="Oxford")
    world.sql.write_now(lambda tx: tx.update(replace(user, attributes={**user.attributes, "ours": 1})))
    entry = world.abroad.entries[f"uid=alice,{BASE}"]
    del entry["l"]
    entry["telephoneNumber"] = [b"1", b"2"]
    assert world.sync() == []
    told = world.people()["alice"].attributes
    assert (told.get("town"), told["phones"], told["ours"]) == (None, ["1", "2"], 1)
    assert "town" not in told


def test_those_that_authentik_ships_do_as_they_are_called(world: World) -> None:
    assert {one.managed for one in OF_ENTRIES} == {
        f"{AT}{name}"
        for name in (
            "default-dn-path", "default-name", "default-mail", "ms-samaccountname", "ms-userprincipalname",
            "ms-givenName", "ms-sn", "openldap-uid", "openldap-cn",
        )
    }  # fmt: skip
    source = world.source
    entry = Entry(
        "CN=Alice,OU=Staff,OU=Berlin,DC=example,DC=org",
        {
            "name": (b"Alice L.",),
            "mail": (b"a@example.org", b"b@example.org"),
            "samaccountname": (b"alice",),
            "userprincipalname": (b"alice@ad.example.org",),
            "givenname": (b"Alice",),
            "sn": (b"Liddell",),
            "uid": (b"al",),
            "cn": (b"Al",),
        },
    )

    def said(*names: str) -> object:
        one = [mapping for mapping in OF_ENTRIES if mapping.managed in {AT + name for name in names}]
        return mapped.said(source, one, [entry], mapped.PEOPLES)[entry.dn]

    def properties(*names: str) -> object:
        found = said(*names)
        assert isinstance(found, mapped.Said)
        assert not found.fault
        return found.properties

    assert properties("default-dn-path") == {"path": "goauthentik.io/sources/house/Berlin/Staff"}
    assert properties("default-name", "default-mail") == {"name": "Alice L.", "email": "a@example.org"}
    assert properties("ms-samaccountname") == {"username": "alice"}
    assert properties("ms-userprincipalname", "ms-givenName", "ms-sn") == {
        "attributes": {"upn": "alice@ad.example.org", "givenName": "Alice", "sn": "Liddell"}
    }
    assert properties("openldap-uid", "openldap-cn") == {"username": "al", "name": "Al"}


def test_only_what_expressions_name_is_asked_for(world: World) -> None:
    one = PropertyMapping("x", LDAP_SOURCE, 'return {"name": ldap.get("displayName") or ldap[\'cn\'] + "a b"}')
    assert mapped.named([one]) == ["name", "displayName", "cn"]


def test_a_group_may_be_called_otherwise_and_have_attributes(world: World) -> None:
    dn = world.abroad.person("alice", "theirs")
    world.abroad.group("engineers", dn)
    world.says('return {"name": f"ad-{ldap[\'cn\']}", "attributes": {"dn": dn}}', of="group")
    assert world.sync() == []
    assert world.groups()["ad-engineers"] == {"alice"}
    assert world.group("ad-engineers").attributes == {"dn": f"cn=engineers,{BASE}"}


@pytest.mark.parametrize(
    ("of", "expression"),
    [
        ("user", 'return {"type": "service_account"}'),
        ("user", 'return {"is_superuser": True}'),
        ("user", 'return {"groups": ["authentik Admins"]}'),
        ("group", 'return {"is_superuser": True}'),
        ("group", 'return {"roles": ["x"]}'),
    ],
)
def test_no_directory_gives_rights(world: World, of: str, expression: str) -> None:
    world.abroad.group("engineers", world.abroad.person("alice", "theirs"))
    world.says(expression, of=of)
    assert "no directory decides that" in " ".join(world.sync())
    assert (of == "user") == ("alice" not in world.people())
    assert (of == "group") == ("engineers" not in world.groups() and "alice" in world.people())


def test_one_that_fails_leaves_everybody_as_they_are(world: World) -> None:
    user = alice(world)
    world.abroad.group("engineers", f"uid=alice,{BASE}")
    world.abroad.person("bob", "his")
    world.sync()
    before, groups = world.people(), world.groups()
    world.says('return {"name": ldap["nothing"]}')
    world.change(group_property_mappings=[world.mapping('return {"name": 1 / 0}', "of groups")])
    world.abroad.person("carol", "hers")
    (nobody, first, second) = world.sync()
    assert ("Nobody is found" in nobody, "user 0" in first, "of groups" in second) == (True, True, True)
    assert world.people() == before
    assert world.groups() == groups
    half = world.mapping('return {"name": ldap["cn"]} if "alice" in dn else {"name": ldap["nothing"]}', "half")
    world.change(user_property_mappings=[half], group_property_mappings=[])
    assert any("failed" in said for said in world.sync())
    assert world.people()["bob"].is_active, "whoever it fails for is still there"
    assert world.people()["alice"].pk == user.pk


def test_whom_it_leaves_out_stays_outside(world: World) -> None:
    world.abroad.person("alice", "theirs")
    world.abroad.person("robot", "its")
    world.says('if "robot" in dn:\n    raise SkipObject\nreturn {}')
    assert world.sync() == []
    assert set(world.people()) == {"alice"}


def test_who_is_not_active_by_its_word_is_not(world: World) -> None:
    world.says('return {"is_active": ldap.get("employeeType") != "left"}')
    assert alice(world, employeeType="staff").is_active
    world.abroad.entries[f"uid=alice,{BASE}"]["employeeType"] = [b"left"]
    world.sync()
    assert not world.people()["alice"].is_active


def test_a_source_takes_those_of_its_kind_and_forgets_those_that_are_deleted(world: World) -> None:
    other = world.mapping("return {}", "other", LDAP)
    with pytest.raises(Invalid) as refused:
        world.change(user_property_mappings=[other])
    assert "user_property_mappings" in refused.value.fields
    kept, gone = world.mapping("return {}", "kept"), world.mapping("return {}", "gone")
    world.change(user_property_mappings=[kept, gone], group_property_mappings=[gone])
    world.sql.write_now(lambda tx: property_mappings.delete(tx, gone))
    source = world.sql.read_now(lambda tx: tx.get(Source, world.source.pk))
    assert (source.settings["user_property_mappings"], source.settings["group_property_mappings"]) == ([kept], [])
    assert world.sql.write_now(lambda tx: ldap_sources.update(tx, source.pk, {"name": "New"})).name == "New"


def test_an_expression_that_could_never_run_is_refused_and_sees_no_request(world: World) -> None:
    for wrong in ("return {", "return user.name", "return http_request.path", "import os"):
        with pytest.raises(Invalid):
            world.mapping(wrong, wrong)
