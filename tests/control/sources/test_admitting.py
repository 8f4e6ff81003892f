"""Whom a source may send, and into which groups here that puts them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control.records import Group, SourceSession, User
from control.sources import arriving
from control.sources.asking import MOST_NAMES
from control.store.interface import Query
from control.verbs import groups
from control.verbs.fields import Invalid
from tests.control.sources.abroad import WELL_KNOWN, Abroad

VERIFIED = {"email": "bob@corp.com", "email_verified": True}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Abroad]:
    """Where Bob of abroad is connected; abroad says nothing of groups unless a test lets it."""
    found = Abroad(tmp_path)
    found.abroad.user("bob")
    found.connect(found.here.user("bob-here"), "bob-abroad")
    found.changed_userinfo = {"groups": None}
    yield found
    found.close()


def comes(house: Abroad, **claims: Any) -> int:
    house.changed = {"sub": "bob-abroad", "groups": None, **VERIFIED, **claims}
    return house.arrive(house.here.browser(), "bob").status_code


def refused(house: Abroad) -> str:
    return str(house.here.events("login_failed")[-1].context["reason"])


def asked_userinfo(house: Abroad) -> bool:
    return any(url.endswith("/userinfo/") for url, _, _ in house.asked)


# --- addresses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("email", "verified", "status"),
    [
        ("bob@corp.com", True, 303),
        ("BOB@Corp.com", True, 303),
        ("bob@corp.com", False, 403),
        ("bob@corp.com", "true", 403),
        ("eve@corp.com", True, 403),
        ("bob@corp.com@evil.com", True, 403),
        ("bob@corp.com.", True, 403),
        ("bob\N{FULLWIDTH COMMERCIAL AT}corp.com", True, 403),
        ("bob", True, 403),
        ("", True, 403),
    ],
)
def test_only_addresses_that_are_listed_come_in(house: Abroad, email: str, verified: Any, status: int) -> None:
    house.set(allowed_emails=["alice@corp.com", "Bob@Corp.com"])
    assert comes(house, email=email, email_verified=verified) == status
    assert status == 303 or refused(house) == "source_domain"


@pytest.mark.parametrize(("email", "status"), [("bob@corp.com", 303), ("x@lab.org", 303), ("eve@corp.com", 403)])
def test_of_addresses_and_domains_one_is_enough(house: Abroad, email: str, status: int) -> None:
    house.set(allowed_emails=["bob@corp.com"], allowed_email_domains=["lab.org"])
    assert comes(house, email=email) == status


@pytest.mark.parametrize("email", ["bob", '"bob"@corp.com', "a@b@corp.com", "bob@", "@corp.com", ""])
def test_what_is_no_address_is_not_listed(house: Abroad, email: str) -> None:
    with pytest.raises(Invalid) as wrong:
        house.set(allowed_emails=[email])
    assert wrong.value.fields.keys() == {"allowed_emails"}


# --- organisations ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"organization": "acme"}, 303),
        ({"organization": ["other", "acme"]}, 303),
        ({"organization": {"acme": {"id": "1"}}}, 303),
        ({"organization": [{"acme": {}}]}, 303),
        ({"groups": ["acme"]}, 303),
        ({"organization": "ACME"}, 403),
        ({"organization": ["other"], "groups": []}, 403),
        ({"organization": {"other": {"name": "acme"}}}, 403),
        ({"organization": "acme-too"}, 403),
        ({"organization": ["acme evil"]}, 403),
        ({"organization": [["acme"]]}, 403),
        ({"organization": 5, "groups": True}, 403),
        ({"groups": ""}, 403),
        ({}, 403),
    ],
    ids=str,
)
def test_only_organisations_that_are_listed_come_in(house: Abroad, claims: dict[str, Any], status: int) -> None:
    house.set(allowed_organizations=["acme"])
    assert comes(house, **claims) == status
    assert status == 303 or refused(house) == "source_organization"


@pytest.mark.parametrize(
    ("kind", "listed", "token", "userinfo", "status"),
    [
        ("google", "Corp.com", {"hd": "corp.com"}, {}, 303),
        ("google", "corp.com", {"hd": "evil.com"}, {}, 403),
        ("google", "corp.com", {}, {}, 403),
        ("google", "corp.com", {"email": None, "email_verified": None}, {"hd": "corp.com"}, 403),
        ("google", "corp.com", {"groups": ["corp.com"], "organization": "corp.com"}, {}, 403),
        ("entraid", "3f2a", {"tid": "3f2a"}, {}, 303),
        ("entraid", "3f2a", {"tid": "9999"}, {}, 403),
        ("entraid", "3f2a", {"email": None}, {"tid": "3f2a"}, 403),
        ("gitlab", "Acme/Lab", {"groups_direct": ["acme/lab"]}, {}, 303),
        ("gitlab", "acme/lab", {"groups_direct": ["acme"]}, {"groups": ["acme", "acme/lab"]}, 303),
        ("gitlab", "acme/lab", {"groups_direct": ["acme"]}, {"groups": ["acme"]}, 403),
        ("gitlab", "acme/lab", {"organization": "acme/lab"}, {}, 403),
    ],
)
def test_each_kind_says_it_in_its_own_claim(
    house: Abroad, kind: str, listed: str, token: dict[str, Any], userinfo: dict[str, Any], status: int
) -> None:
    house.set(provider_type=kind, oidc_well_known_url=WELL_KNOWN, allowed_organizations=[listed])
    house.changed_userinfo |= userinfo
    assert comes(house, **token) == status


def test_what_userinfo_says_of_somebody_else_counts_for_nothing(house: Abroad) -> None:
    house.set(allowed_organizations=["acme"])
    house.changed_userinfo = {"groups": ["acme"]}
    assert comes(house) == 303
    house.changed_userinfo |= {"sub": "another"}
    assert comes(house) == 403


def test_every_list_has_to_be_satisfied(house: Abroad) -> None:
    house.set(allowed_organizations=["acme"], allowed_emails=["bob@corp.com"])
    assert comes(house, organization="acme") == 303
    assert comes(house, organization="acme", email="eve@corp.com") == 403
    assert comes(house, organization="other") == 403


def test_userinfo_confirms_no_address_of_the_id_token(house: Abroad) -> None:
    """It may mean another one."""
    house.set(allowed_organizations=["acme"], allowed_emails=["bob@corp.com"])
    house.changed_userinfo = {"groups": ["acme"], "email": "eve@evil.com", "email_verified": True}
    assert comes(house, email_verified=None) == 403
    assert asked_userinfo(house)


def test_nobody_is_asked_for_what_no_list_needs(house: Abroad) -> None:
    assert comes(house, organization=["acme"]) == 303
    assert not asked_userinfo(house)


@pytest.mark.parametrize(("more", "status"), [(0, 303), (1, 403)])
def test_more_names_than_can_be_looked_at_are_not_believed(house: Abroad, more: int, status: int) -> None:
    """To leave some out would take somebody out of their groups."""
    house.set(allowed_organizations=["x"])
    house.changed_userinfo = {"groups": ["x"] * (MOST_NAMES + more)}
    assert comes(house) == status


# --- groups ----------------------------------------------------------------------------------------------------------


def made(house: Abroad, *names: str) -> list[str]:
    return house.here.sql.write_now(lambda tx: [groups.create(tx, {"name": name}).pk for name in names])


def person(house: Abroad, username: str = "bob-here") -> User:
    found = house.here.sql.read_now(lambda tx: tx.find(User, username=username))
    assert found is not None
    return found


def groups_of(house: Abroad, username: str = "bob-here") -> set[str]:
    pk = person(house, username).pk

    def named(tx: Any) -> set[str]:
        pks = tx.groups_of([pk]).get(pk, [])
        return {group.name for group in tx.select(Group, Query(within={"pk": pks}))} if pks else set()

    return house.here.sql.read_now(named)


@pytest.fixture
def mapped(house: Abroad) -> Abroad:
    """engineers and coders stand for Engineers, staff for Staff; Others is nobody's. Bob is in Staff and Others."""
    engineers, staff, others = made(house, "Engineers", "Staff", "Others")
    lines = [("engineers", engineers), ("coders", engineers), ("staff", staff)]
    house.set(group_mapping=[{"name": name, "group": group} for name, group in lines])
    house.here.change(person(house).pk, groups=[staff, others])
    return house


@pytest.mark.parametrize(
    ("named", "after"),
    [
        (["engineers"], {"Engineers", "Others"}),
        (["coders", "staff", "unknown"], {"Engineers", "Staff", "Others"}),
        ("staff", {"Staff", "Others"}),
        (["Engineers", "Others"], {"Others"}),
        ([], {"Others"}),
        (None, {"Staff", "Others"}),
        (5, {"Staff", "Others"}),
    ],
)
def test_whoever_comes_is_in_the_mapped_groups_that_are_named(mapped: Abroad, named: Any, after: set[str]) -> None:
    assert comes(mapped, groups=named) == 303
    assert groups_of(mapped) == after


def test_an_organisation_is_no_group(mapped: Abroad) -> None:
    assert comes(mapped, organization=["engineers"]) == 303
    assert groups_of(mapped) == {"Staff", "Others"}


@pytest.mark.parametrize("kind", ["entraid", "gitlab"])
def test_where_case_does_not_count_there_it_does_not_here(mapped: Abroad, kind: str) -> None:
    mapped.set(provider_type=kind, oidc_well_known_url=WELL_KNOWN)
    assert comes(mapped, groups=["ENGINEERS"]) == 303
    assert groups_of(mapped) == {"Engineers", "Others"}


def test_groups_may_come_from_userinfo(mapped: Abroad) -> None:
    mapped.changed_userinfo = {"groups": ["engineers"]}
    assert comes(mapped) == 303
    assert groups_of(mapped) == {"Engineers", "Others"}


def test_whoever_is_refused_gets_no_group_and_loses_none(mapped: Abroad) -> None:
    mapped.set(allowed_organizations=["acme"])
    assert comes(mapped, groups=["engineers"]) == 403
    mapped.set(allowed_organizations=[])
    mapped.here.change(person(mapped).pk, is_active=False)
    assert comes(mapped, groups=["engineers"]) == 403
    assert groups_of(mapped) == {"Staff", "Others"}


def test_nor_does_whoever_has_not_finished_the_sources_flow(mapped: Abroad) -> None:
    mapped.set(authentication_flow=mapped.flow("default-authentication-flow"))
    assert comes(mapped, groups=["engineers"]) == 303
    assert groups_of(mapped) == {"Staff", "Others"}


def test_whoever_enrols_is_put_into_them(mapped: Abroad) -> None:
    mapped.set(enrollment_flow=mapped.flow("default-source-enrollment"))
    new = {"preferred_username": "carol", "email": "carol@corp.com"}
    assert comes(mapped, sub="carol-abroad", groups=["engineers"], **new) == 303
    assert groups_of(mapped, "carol") == {"Engineers"}


def test_what_was_said_of_one_person_moves_nobody_else(mapped: Abroad) -> None:
    """Should a flow ever end with somebody else than began it."""
    mallory = mapped.here.user("mallory")
    mapped.here.browser().sign_in("mallory")
    (session,) = [one for one in mapped.here.sessions() if one.user == mallory.pk]
    (engineers,) = {one["group"] for one in mapped.source.settings["group_mapping"] if one["name"] == "engineers"}
    told = {"source": mapped.source.pk, "identifier": "bob-abroad", "sid": "", "groups": engineers}
    mapped.here.sql.write_now(lambda tx: arriving.signed_in(tx, session, told))
    assert groups_of(mapped, "mallory") == set()


def test_a_group_that_is_deleted_stands_for_nothing(mapped: Abroad) -> None:
    def delete(tx: Any) -> None:
        groups.delete(tx, tx.find(Group, name="Engineers").pk)

    mapped.here.sql.write_now(delete)
    assert comes(mapped, groups=["engineers", "staff"]) == 303
    assert groups_of(mapped) == {"Staff", "Others"}
    mapped.set(name="Still changeable")
    assert [one["name"] for one in mapped.source.settings["group_mapping"]] == ["staff"]


def test_a_group_that_goes_while_somebody_is_on_the_way_keeps_nobody_out(mapped: Abroad) -> None:
    assert comes(mapped, groups=["staff"]) == 303
    (session,) = [one for one in mapped.here.sessions() if one.user == person(mapped).pk]
    told = {"source": mapped.source.pk, "identifier": "bob-abroad", "sid": "", "groups": "gone-meanwhile"}

    def once_more(tx: Any) -> None:
        tx.delete(tx.get(SourceSession, session.pk))
        arriving.signed_in(tx, session, told)

    mapped.here.sql.write_now(once_more)
    assert groups_of(mapped) == {"Others"}


def test_sources_from_before_there_were_lists_let_everybody_in(house: Abroad) -> None:
    new = ("allowed_emails", "allowed_organizations", "group_mapping")
    old = {name: value for name, value in house.source.settings.items() if name not in new}
    assert len(old) == len(house.source.settings) - len(new)
    house.here.sql.write_now(lambda tx: tx.update(replace(house.source, settings=old)))
    assert comes(house, groups=["staff"]) == 303
    house.set(name="Still changeable")
    assert [house.source.settings[name] for name in new] == [[], [], []]
