"""People and groups of a directory become people and groups here, and nobody gets rights by it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control.records import Event, Group, SourceConnection, User
from control.sources.ldap import syncing
from control.sources.ldap.directories import Directories
from control.sources.ldap.syncing import FEW_GONE, Looks, Syncing
from control.store.interface import Query, Transaction
from control.verbs import groups, ldap_sources, users
from tests.control.sources.ldap.abroad import BASE, Abroad, make
from tests.fakes import counted_random
from tests.stores import ImmediateStore, open_store

FLAGS = "userAccountControl"


class World:
    def __init__(self, folder: Path) -> None:
        self.sql = open_store(folder)
        self.abroad = Abroad()
        self.source = self.sql.write_now(make)
        self.looks: Looks = {}
        self.syncing = Syncing(ImmediateStore(self.sql), Directories(counted_random(), self.abroad.dial), self.looks)

    def change(self, **settings: Any) -> None:
        self.source = self.sql.write_now(lambda tx: ldap_sources.update(tx, self.source.pk, settings))

    def sync(self) -> list[str]:
        return asyncio.run(self.syncing.one(self.source))

    def people(self) -> dict[str, User]:
        return {one.username: one for one in self.sql.read_now(lambda tx: tx.select(User))}

    def groups(self) -> dict[str, set[str]]:
        def verb(tx: Transaction) -> dict[str, set[str]]:
            names = {one.pk: one.username for one in tx.select(User)}
            every = tx.select(Group)
            members = tx.members_of([one.pk for one in every])
            return {one.name: {names[pk] for pk in members.get(one.pk, ())} for one in every}

        return self.sql.read_now(verb)

    def user(self, **fields: Any) -> int:
        return self.sql.write_now(lambda tx: users.create(tx, {"name": "", **fields}).pk)

    def claims(self, pk: int, email: str) -> None:
        """They say of themselves that this is their address."""
        self.sql.write_now(lambda tx: tx.update(replace(tx.get(User, pk), email=email, email_verified=False)))

    def connected(self) -> dict[str, int]:
        return {one.identifier: one.user for one in self.sql.read_now(lambda tx: tx.select(SourceConnection))}

    def events(self) -> list[Event]:
        query = Query(equal={"action": "configuration_warning"})
        return self.sql.read_now(lambda tx: tx.select(Event, query))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.sql.close()


def test_people_come_with_name_address_and_place(world: World) -> None:
    dn = world.abroad.person("alice", "theirs", cn="Alice Example")
    assert world.sync() == []
    alice = world.people()["alice"]
    assert (alice.name, alice.email, alice.path) == (
        "Alice Example",
        "alice@example.org",
        "goauthentik.io/sources/house",
    )
    assert alice.attributes == {"distinguishedName": dn}
    assert alice.password is None
    assert world.connected() == {"id-of-alice": alice.pk}


def test_nothing_is_written_where_nothing_has_changed(world: World) -> None:
    world.abroad.group("staff", world.abroad.person("alice", "theirs"))
    world.sync()
    before = world.sql.read_now(lambda tx: tx.revision().number)
    assert world.sync() == []
    assert world.sql.read_now(lambda tx: tx.revision().number) == before


def test_the_identifier_says_who_somebody_is_whatever_they_are_called(world: World) -> None:
    world.abroad.person("alice", "theirs")
    world.sync()
    pk = world.people()["alice"].pk
    del world.abroad.entries[f"uid=alice,{BASE}"]
    world.abroad.person("alicia", "theirs", entryUUID="id-of-alice")
    assert world.sync() == []
    assert world.people()["alicia"].pk == pk
    assert len(world.people()) == 1


def test_nobody_is_called_there_as_the_address_of_somebody_here(world: World) -> None:
    world.user(username="carol", email="carol@example.net")
    world.abroad.person("Carol@example.net", "theirs", mail="c@example.org")
    (said,) = world.sync()
    assert said.endswith("is called Carol@example.net there, as somebody else here.")
    assert set(world.people()) == {"carol"}
    world.abroad.person("bob", "theirs")
    world.sync()
    world.abroad.person("bob", "theirs", uid="carol@example.net")
    assert len(world.sync()) == 2
    assert set(world.people()) == {"carol", "bob"}


def test_who_has_such_a_name_already_is_looked_after(world: World) -> None:
    world.abroad.person("carol@example.net", "theirs", mail="c@example.org")
    world.sync()
    pk = world.user(username="carol", email="carol@example.net")
    world.abroad.person("carol@example.net", "theirs", cn="Carol", mail="c@example.org")
    assert world.sync() == []
    assert world.people()["carol@example.net"].name == "Carol"
    assert world.people()["carol"].pk == pk


def test_who_is_gone_there_is_deactivated_and_stays_so(world: World) -> None:
    world.abroad.person("alice", "theirs")
    world.abroad.person("bob", "theirs")
    world.sync()
    gone = world.abroad.entries.pop(f"uid=bob,{BASE}")
    world.sync()
    assert not world.people()["bob"].is_active
    assert world.people()["alice"].is_active
    world.abroad.entries[f"uid=bob,{BASE}"] = gone
    world.sync()
    assert not world.people()["bob"].is_active, "an administrator may have had reasons"


def test_who_is_gone_there_is_deleted_if_the_source_says_so(world: World) -> None:
    world.change(delete_not_found_objects=True)
    world.abroad.person("alice", "theirs")
    world.abroad.person("bob", "theirs")
    world.sync()
    del world.abroad.entries[f"uid=bob,{BASE}"]
    world.sync()
    assert list(world.people()) == ["alice"]


def test_active_directorys_flag(world: World) -> None:
    world.abroad.person("alice", "theirs", **{FLAGS: "512"})
    world.abroad.person("bob", "theirs", **{FLAGS: "514"})
    world.sync()
    assert {name: one.is_active for name, one in world.people().items()} == {"alice": True, "bob": False}
    world.abroad.person("alice", "theirs", **{FLAGS: "514"})
    world.sync()
    assert not world.people()["alice"].is_active


def test_a_filter_that_suddenly_finds_few_takes_nobody_away(world: World) -> None:
    for number in range(2 * FEW_GONE + 4):
        world.abroad.person(f"person{number}", "theirs")
    world.sync()
    for number in range(FEW_GONE + 4):
        del world.abroad.entries[f"uid=person{number},{BASE}"]
    (told,) = world.sync()
    assert "nobody was let go" in told
    assert all(one.is_active for one in world.people().values())


@pytest.mark.parametrize("entries", [{}, {"cn=x": {"objectClass": [b"person"], "uid": [b"x"]}}])
def test_an_empty_answer_takes_nobody_away(world: World, entries: dict[str, Any]) -> None:
    world.abroad.person("alice", "theirs")
    world.sync()
    world.abroad.entries = entries
    (told,) = world.sync()
    assert "Nobody is found there" in told
    assert world.people()["alice"].is_active


def test_a_directory_that_is_away_changes_nothing_and_is_told_once(world: World) -> None:
    world.abroad.person("alice", "theirs")
    world.sync()
    world.abroad.is_away = True
    for _ in range(3):
        (told,) = world.sync()
        assert "nobody listens" in told
    (event,) = world.events()
    assert event.context["source"] == "house"
    assert world.people()["alice"].is_active
    world.abroad.is_away = False
    assert world.sync() == []


def test_how_it_went_is_known_and_said_once_whoever_did_it(world: World) -> None:
    another = Syncing(ImmediateStore(world.sql), Directories(counted_random(), world.abroad.dial), world.looks)
    world.abroad.person("alice", "theirs")
    world.sync()
    look = world.looks[world.source.pk]
    assert (look.is_running, look.status, look.troubles) == (False, "done", ())
    succeeded = look.succeeded
    assert succeeded is not None
    world.abroad.is_away = True
    for syncing_ in (world.syncing, another):
        asyncio.run(syncing_.one(world.source))
    assert (look.status, len(look.troubles), look.succeeded) == ("error", 1, succeeded)
    assert len(world.events()) == 1


# --- who is somebody here already ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["identifier", "username_deny", "email_deny"])
def test_nobody_becomes_somebody_here_by_a_name(world: World, mode: str) -> None:
    world.change(user_matching_mode=mode)
    pk = world.user(username="alice", email="alice@example.org")
    world.abroad.person("alice", "theirs")
    (told,) = world.sync()
    assert "somebody" in told
    assert world.connected() == {}
    assert world.people()["alice"].pk == pk


@pytest.mark.parametrize(
    ("mode", "here"),
    [
        ("username_link", {"username": "ALICE"}),
        ("email_link", {"username": "ally", "email": "Alice@example.org"}),
    ],
)
def test_linking_where_an_administrator_says_so(world: World, mode: str, here: dict[str, str]) -> None:
    world.change(user_matching_mode=mode)
    pk = world.user(**here)
    world.abroad.person("alice", "theirs")
    assert world.sync() == []
    assert world.connected() == {"id-of-alice": pk}
    assert world.people()["alice"].pk == pk


def test_who_only_says_that_an_address_is_theirs_is_not_connected(world: World) -> None:
    """Else whoever claims an address before its owner is taken over has the groups that the directory gives them."""
    world.change(user_matching_mode="email_link")
    pk = world.user(username="mallory", email="alice@example.org")
    world.claims(pk, "alice@example.org")
    world.abroad.person("alice", "theirs")
    (told,) = world.sync()
    assert "has not confirmed it" in told
    assert world.connected() == {}
    owner = world.user(username="ally", email="ALICE@example.org")
    assert world.sync() == []
    assert world.connected() == {"id-of-alice": owner}


def test_what_the_directory_says_of_an_address_confirms_it(world: World) -> None:
    world.abroad.person("alice", "theirs")
    world.sync()
    pk = world.people()["alice"].pk
    for said in ("alice@example.org", "boss@example.org"):
        world.claims(pk, said)
        assert world.sync() == []
        assert world.people()["alice"].confirmed_email == "alice@example.org"


@pytest.mark.parametrize("mode", ["username_link", "email_link"])
def test_nobody_with_rights_is_linked_by_a_name(world: World, mode: str) -> None:
    """Else whoever writes the directory would be the administrator."""
    world.change(user_matching_mode=mode)
    pk = world.user(username="alice", email="alice@example.org")

    def raised(tx: Transaction) -> None:
        above = groups.create(tx, {"name": "admins", "is_superuser": True})
        below = groups.create(tx, {"name": "leads", "parents": [above.pk]})
        tx.add_members(below.pk, [pk])

    world.sql.write_now(raised)
    world.abroad.person("alice", "theirs")
    (told,) = world.sync()
    assert "connect them by hand" in told
    assert world.connected() == {}


def test_two_there_are_never_one_here(world: World) -> None:
    world.change(user_matching_mode="email_link")
    world.user(username="ally", email="alice@example.org")
    world.abroad.person("alice", "theirs")
    world.abroad.person("other", "theirs", mail="alice@example.org")
    (told,) = world.sync()
    assert "somebody else there" in told
    assert len(world.connected()) == 1


def test_people_of_whom_too_little_is_said(world: World) -> None:
    world.abroad.person("alice", "theirs")
    world.abroad.person("bob", "theirs", entryUUID="")
    world.abroad.person("x" * 151, "theirs")
    world.abroad.person("eve\u202e", "theirs")
    world.abroad.person("carol", "theirs", entryUUID="id-of-alice")
    (told,) = world.sync()
    assert told.startswith("4 entries")
    assert list(world.people()) == ["alice"]


def test_an_address_that_is_none_is_told(world: World) -> None:
    world.abroad.person("alice", "theirs", mail="Alice <alice@example.org>, eve@example.org")
    (told,) = world.sync()
    assert "cannot be taken over" in told
    assert world.people() == {}


# --- groups --------------------------------------------------------------------------------------------------------


def test_groups_come_with_their_members(world: World) -> None:
    alice, bob = world.abroad.person("alice", "theirs"), world.abroad.person("bob", "theirs")
    world.abroad.group("staff", alice.upper().replace("UID", "uid").replace(",DC", ", dc"), bob, "uid=nobody,dc=x")
    assert world.sync() == []
    assert world.groups() == {"staff": {"alice", "bob"}}
    world.abroad.group("staff", bob)
    world.sync()
    assert world.groups() == {"staff": {"bob"}}
    del world.abroad.entries[f"cn=staff,{BASE}"]
    world.sync()
    assert world.groups() == {"staff": set()}


def test_a_group_of_ours_is_never_the_directorys(world: World) -> None:
    world.sql.write_now(lambda tx: groups.create(tx, {"name": "Admins", "is_superuser": True}))
    world.abroad.group("admins", world.abroad.person("alice", "theirs"))
    (told,) = world.sync()
    assert "is not the directory's" in told
    assert world.groups() == {"Admins": set()}


def test_groups_by_a_name_instead_of_a_dn(world: World) -> None:
    world.change(user_membership_attribute="uid", group_membership_field="memberUid")
    world.abroad.person("alice", "theirs")
    dn = world.abroad.group("staff")
    world.abroad.entries[dn]["memberUid"] = [b"alice", b"nobody"]
    world.sync()
    assert world.groups() == {"staff": {"alice"}}


def test_groups_as_people_tell_of_them(world: World) -> None:
    world.change(lookup_groups_from_user=True)
    dn = world.abroad.group("staff")
    world.abroad.person("alice", "theirs", memberOf=dn)
    world.sync()
    assert world.groups() == {"staff": {"alice"}}


def test_a_group_that_is_told_of_in_part_keeps_whom_it_has(world: World) -> None:
    """Active Directory gives 1,500 members at a time, under another name."""
    alice = world.abroad.person("alice", "theirs")
    world.abroad.group("staff", alice)
    world.sync()
    world.abroad.group("staff", f"uid=nobody,{BASE}", alice)
    world.abroad.part = 1
    (told,) = world.sync()
    assert "lookup_groups_from_user" in told
    assert world.groups() == {"staff": {"alice"}}


def test_groups_only_if_the_source_says_so(world: World) -> None:
    world.change(sync_groups=False)
    world.abroad.group("staff", world.abroad.person("alice", "theirs"))
    assert world.sync() == []
    assert world.groups() == {}
    world.change(sync_users=False)
    world.abroad.person("bob", "theirs")
    asyncio.run(world.syncing.look())
    assert list(world.people()) == ["alice"]


def test_a_fault_of_one_part_is_that_parts_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syncing, "AT_ONCE", 1)
    world.user(username="alice")
    world.abroad.person("alice", "theirs")
    world.abroad.person("bob", "theirs")
    (told,) = world.sync()
    assert "alice" in told
    assert world.connected() == {"id-of-bob": world.people()["bob"].pk}
