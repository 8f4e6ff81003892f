"""Passwords for applications behind proxies are attributes of people and groups, and none in LDAP."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from outpost.directory.draft import changed, whole
from outpost.directory.snapshot import Snapshot
from outpost.kept.credential_cache import told_of
from outpost.kept.snapshot import pieces, stored
from protocols.link.messages import Configuration, OutpostRecord, ProviderRecord, Put, Record, Remove
from protocols.link.replica import Standing
from tests.outpost.directory.people import (
    ALICE,
    BOB,
    GROUPS,
    RECORDS,
    USERS,
    VIRTUAL,
    People,
    a_provider,
    a_user,
)
from tests.outpost.listeners.forward_auth_door import provider

SECRET = "s3cret"
ATTRIBUTES = {"appPassword": SECRET, "badge": "17"}
BOBS = Put(a_user(BOB, "bob", attributes=ATTRIBUTES))
WIKI = provider(
    9,
    "https://wiki.example.com",
    basic_auth_enabled=True,
    basic_auth_user_attribute="appName",
    basic_auth_password_attribute="appPassword",
)
OUTPOST = OutpostRecord("o", "embedded", "any", password_attributes=("appPassword",))


def people(*configuration: Record) -> People:
    sales = next(record for record in RECORDS if getattr(record, "pk", "") == "g-sales")
    found = People((*RECORDS, *configuration))
    found.change(BOBS, Put(replace(sales, members=None, attributes=dict(ATTRIBUTES))))  # type: ignore[arg-type]
    return found


def visible(found: People, by: int = ALICE) -> bool:
    """In any way in which LDAP could tell of it?"""
    entries = [f"cn=bob,{USERS}", f"cn=Sales\\, EMEA,{GROUPS}", f"cn=bob,{VIRTUAL}"]
    shown = any(SECRET in str(found.entry(name, by=by, attributes=wanted)) for name in entries for wanted in WANTED)
    filters = (f"(appPassword={SECRET})", "(appPassword=*)", "(appPassword=s*)", f"(appPassword~={SECRET})")
    matches = any(found.names(one, by=by) for one in filters)
    reader = found.reader(by)
    known = reader.recognise("apppassword") is not None
    described = any(one.key == "apppassword" for one in reader.tree.custom_types())
    assert shown == matches == known == described
    assert found.names("(badge=17)", by=by) == ["group:Sales\\, EMEA", "user:bob"]
    return shown


WANTED: tuple[tuple[bytes, ...], ...] = ((), (b"*", b"+"), (b"appPassword",))


@pytest.mark.parametrize("configuration", [WIKI, OUTPOST], ids=["served here", "served elsewhere"])
@pytest.mark.parametrize("by", [ALICE, BOB], ids=["reader of everything", "in one's own"])
def test_nothing_in_ldap_tells_of_them(configuration: Record, by: int) -> None:
    if by == ALICE:
        assert visible(people())
        assert not visible(people(configuration))
    else:
        found = people(configuration)
        assert SECRET not in str(found.entry(f"cn=bob,{USERS}", by=BOB, attributes=(b"*", b"+")))
        assert found.names(f"(appPassword={SECRET})", by=BOB) == []


@pytest.mark.parametrize("slow", [False, True])
def test_what_is_secret_follows_the_configuration(slow: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if slow:
        monkeypatch.setattr("outpost.directory.draft.SLICE_COST", 1)
    found = people()
    assert visible(found)
    found.change(Configuration((a_provider(), WIKI)))
    assert not visible(found)
    found.change(Put(a_user(BOB, "bob", attributes={**ATTRIBUTES, "appPassword": "another"})), BOBS)
    assert not visible(found)
    found.change(Configuration((a_provider(), OUTPOST)))
    assert not visible(found)
    found.change(Configuration((a_provider(),)))
    assert visible(found)
    assert not found.directory.current.secrets


def told(snapshot: Snapshot, asked: ProviderRecord, user: int = BOB) -> Any:
    return told_of(snapshot.users[user], snapshot, asked)["attributes"]


def test_the_proxy_that_names_one_is_told_of_it_and_no_other() -> None:
    names = {"basic_auth_user_attribute": "appName", "basic_auth_password_attribute": "another"}
    other = provider(10, "https://other.example.com", basic_auth_enabled=True, **names)
    off = provider(11, "https://off.example.com", **names)
    found = people(WIKI, other, off)
    found.change(Put(a_user(BOB, "bob", attributes={**ATTRIBUTES, "another": "x"})))
    snapshot = found.directory.current
    assert told(snapshot, WIKI) == ATTRIBUTES
    assert told(snapshot, other) == {"badge": "17", "another": "x"}
    for nobody in (off, provider(12, "https://plain.example.com"), a_provider()):
        assert told(snapshot, nobody) == {"badge": "17"}


def test_from_the_groups_as_well() -> None:
    found = people(WIKI)
    found.change(Put(a_user(BOB, "bob")))
    assert told(found.directory.current, WIKI) == ATTRIBUTES
    found.change(Put(a_user(BOB, "bob", attributes={"appPassword": "own"})))
    assert told(found.directory.current, WIKI) == {**ATTRIBUTES, "appPassword": "own"}


def test_they_survive_a_restart_and_are_as_secret() -> None:
    before = people(WIKI).directory.current
    standing = Standing("i", before.revision, "c")
    kept = stored(iter([*pieces(before, standing, 0.0)]))
    after = whole(before.revision, [record for chunk in kept.chunks for record in chunk.records])
    assert after.secrets == before.secrets
    assert len(after.secrets) == 2
    assert (after.users[BOB], after.groups["g-sales"]) == (before.users[BOB], before.groups["g-sales"])


def test_who_goes_takes_theirs_along() -> None:
    before = people(WIKI).directory.current
    after, _ = changed(before, 9, [Remove("user", BOB), Remove("group", "g-sales")])
    assert not after.secrets
