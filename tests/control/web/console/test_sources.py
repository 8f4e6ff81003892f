"""Sources by their pages: made, changed, connected and asked now; their secrets are never shown again."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from control.records import Certificate, Group, Provider, Source, SourceConnection, Stage, User
from control.sources.kinds import KINDS
from control.sources.ldap.directories import Directories
from control.store.interface import Query
from control.verbs import groups, ldap_sources, sources
from control.web.console.table.sources import ISSUERS as SECTION
from tests.certificates import issue
from tests.control.sources.ldap.abroad import GIVEN, SERVICE_PASSWORD, Abroad
from tests.control.web.browsing import Browser, Site

ISSUERS = "/if/admin/sources/oauth/"
DIRECTORIES = "/if/admin/sources/ldap/"
KNOWN = "/if/admin/sources/user_connections/"
ISSUER = "https://id.example.com/.well-known/openid-configuration"
SECRET = "secret-of-the-client"
TYPED: dict[str, Any] = {
    "name": "Another house",
    "slug": "house",
    "enabled": "on",
    "oidc_well_known_url": ISSUER,
    "consumer_key": "outpost",
    "user_matching_mode": "identifier",
    "do": "save",
}
DIRECTORY: dict[str, Any] = {**GIVEN, "enabled": "on", "start_tls": "on", "sync_users": "on", "do": "save"}


def one(site: Site) -> Source:
    (source,) = site.sql.read_now(lambda tx: tx.select(Source))
    return source


def seen(text: str) -> str:
    found = re.search(r'name="seen" value="(\w+)"', text)
    assert found is not None
    return found[1]


def issuer(site: Site) -> Source:
    given = {name: TYPED[name] for name in ("name", "slug", "oidc_well_known_url", "consumer_key")}
    return site.sql.write_now(
        lambda tx: sources.create(tx, {**given, "provider_type": "openidconnect", "consumer_secret": SECRET})
    )


def directory(site: Site) -> Source:
    return site.sql.write_now(lambda tx: ldap_sources.create(tx, GIVEN))


def test_a_foreign_provider_is_made_changed_and_deleted(site: Site, admin: Browser) -> None:
    admin.get(f"{ISSUERS}~new/openidconnect/")
    page = admin.submit(consumer_secret=SECRET, pkce="S256", **TYPED)
    assert page.url.path == f"{ISSUERS}house/"
    assert "/source/oauth/callback/house/" in page.text
    made = one(site)
    assert (made.provider_type, made.enabled, made.secrets) == ("openidconnect", True, {"consumer_secret": SECRET})
    assert made.settings["oidc_well_known_url"] == ISSUER
    assert "Another house" in admin.get(ISSUERS).text
    changed = {**TYPED, "name": "The house", "allowed_email_domains": "example.com\nexample.org", "pkce": "none"}
    page = admin.get(f"{ISSUERS}house/")
    admin.submit(seen=seen(page.text), consumer_secret="", **changed)
    made = one(site)
    assert (made.name, made.settings["pkce"]) == ("The house", "none")
    assert made.settings["allowed_email_domains"] == ["example.com", "example.org"]
    assert made.secrets == {"consumer_secret": SECRET}, "what is not typed stays"
    admin.get(f"{ISSUERS}house/delete/")
    admin.submit()
    assert site.sql.read_now(lambda tx: tx.select(Source)) == []


def test_groups_are_mapped_by_name_one_to_a_line(site: Site, admin: Browser) -> None:
    made = site.sql.write_now(lambda tx: [groups.create(tx, {"name": name}) for name in ("Staff", "R = D")])
    admin.get(f"{ISSUERS}~new/openidconnect/")
    lists: dict[str, Any] = {"allowed_emails": "a@example.com\nb@example.com", "allowed_organizations": "acme\nother"}
    lines = "/acme/staff = Staff\r\n\r\n  lab = R = D "
    page = admin.submit(consumer_secret=SECRET, **TYPED, **lists, group_mapping=lines)
    mapping = [{"name": "/acme/staff", "group": made[0].pk}, {"name": "lab", "group": made[1].pk}]
    assert one(site).settings["group_mapping"] == mapping
    assert one(site).settings["allowed_emails"] == ["a@example.com", "b@example.com"]
    assert one(site).settings["allowed_organizations"] == ["acme", "other"]
    assert "/acme/staff = Staff\nlab = R = D</textarea>" in page.text
    for wrong, said in (("lab", "names no group of ours"), ("lab = Nobody", "no group called “Nobody”")):
        page = admin.get(f"{ISSUERS}house/")
        page = admin.submit(seen=seen(page.text), **TYPED, **lists, group_mapping=wrong)
        assert page.status_code == 400
        assert said in page.text
        assert f"{wrong}</textarea>" in page.text
    assert one(site).settings["group_mapping"] == mapping
    page = admin.get(f"{ISSUERS}house/")
    admin.submit(seen=seen(page.text), **TYPED, **lists, group_mapping="")
    assert one(site).settings["group_mapping"] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_form_that_asks_for_no_more_than_it_uses(site: Site, admin: Browser, kind: str) -> None:
    page = admin.get(f"{ISSUERS}~new/{kind}/")
    assert page.status_code == 200
    assert 'name="provider_type"' not in page.text
    assert ('name="profile_url"' in page.text) == (not KINDS[kind].is_oidc)
    needed: dict[str, Any] = {"oidc_well_known_url": ISSUER} if 'name="oidc_well_known_url"' in page.text else {}
    admin.submit(name="x", slug="x", consumer_key="k", consumer_secret="s", **needed)
    assert one(site).provider_type == kind
    assert SECTION.forms.keys() == KINDS.keys()


def test_what_is_wrong_stands_beside_its_field(site: Site, admin: Browser) -> None:
    admin.get(f"{ISSUERS}~new/openidconnect/")
    page = admin.submit(**{**TYPED, "oidc_well_known_url": "https://id.example.com/"})
    assert page.status_code == 400
    assert 'id="oidc_well_known_url-error-1"' in page.text
    assert site.sql.read_now(lambda tx: tx.select(Source)) == []


@pytest.mark.parametrize("place", [f"{ISSUERS}house/", f"{DIRECTORIES}house/"])
def test_a_secret_is_never_shown_again(site: Site, admin: Browser, place: str) -> None:
    made = issuer(site) if place.startswith(ISSUERS) else directory(site)
    ((name, secret),) = made.secrets.items()
    page = admin.get(place)
    assert f'name="{name}"' in page.text
    assert secret not in page.text
    assert "show:" not in page.text
    page = admin.submit(to=place, do=f"show:{name}", seen=seen(page.text))
    assert page.status_code == 404
    assert secret not in page.text
    assert site.events("secret_view") == []


def test_a_directory_is_made_and_its_account_changed_and_emptied(site: Site, admin: Browser) -> None:
    admin.get(f"{DIRECTORIES}~new/")
    page = admin.submit(**DIRECTORY)
    assert page.url.path == f"{DIRECTORIES}house/"
    assert one(site).secrets == {"bind_password": SERVICE_PASSWORD}
    for account, kept in ((f"cn=other,{GIVEN['base_dn']}", SERVICE_PASSWORD), ("", "")):
        page = admin.get(f"{DIRECTORIES}house/")
        admin.submit(seen=seen(page.text), **{**DIRECTORY, "bind_cn": account, "bind_password": ""})
        made = one(site)
        assert (made.settings["bind_cn"], made.secrets) == (account, {"bind_password": kept})
    assert "house" in admin.get(DIRECTORIES).text
    assert "house" not in admin.get(ISSUERS).text
    assert admin.get(f"{ISSUERS}house/").status_code == 404


def test_only_sources_that_have_a_page_are_offered_to_stages_and_providers(site: Site, admin: Browser) -> None:
    house = issuer(site)
    other = site.sql.write_now(lambda tx: ldap_sources.create(tx, {**GIVEN, "name": "Dir", "slug": "dir"}))
    admin.get("/if/admin/core/providers/~new/proxy/")
    assert f'value="{other.pk}"' not in admin.text
    wanted: dict[str, Any] = {"name": "wiki", "mode": "forward_single", "external_host": "https://wiki.example.com"}
    admin.submit(authentication_source=house.pk, **wanted)
    (wiki,) = site.sql.read_now(lambda tx: tx.select(Provider, Query(equal={"name": "wiki"})))
    assert wiki.settings["authentication_source"] == house.pk
    admin.get("/if/admin/flow/stages/~new/identification/")
    assert f'value="{other.pk}"' not in admin.text
    admin.submit(name="who", user_fields="username", sources=house.pk)
    (stage,) = site.sql.read_now(lambda tx: tx.select(Stage, Query(equal={"name": "who"})))
    assert stage.settings["sources"] == [house.pk]


# --- who is who ----------------------------------------------------------------------------------------------------


def test_people_are_connected_listed_by_source_and_let_go(site: Site, admin: Browser) -> None:
    house, bob = issuer(site), site.user("bob")
    other = site.sql.write_now(lambda tx: ldap_sources.create(tx, {**GIVEN, "name": "Dir", "slug": "dir"}))
    for source, identifier in ((house, "id-of-bob"), (other, "S-1-5-21")):
        admin.get(f"{KNOWN}~new/?source={source.pk}")
        page = admin.submit(user=str(bob.pk), source=source.pk, identifier=identifier)
        assert identifier in page.text
        assert page.url.path.startswith(KNOWN)
    assert "1 connected" in admin.get(f"{ISSUERS}house/").text
    listed = admin.get(f"{KNOWN}?source__slug=house").text
    assert "id-of-bob" in listed
    assert "S-1-5-21" not in listed
    person = admin.get(f"/if/admin/identity/users/{bob.pk}/").text
    assert f'href="{ISSUERS}house/">Another house' in person
    assert f'href="{DIRECTORIES}dir/">Dir' in person
    assert "(1)" in admin.get(f"{ISSUERS}house/delete/").text
    (line,) = site.sql.read_now(lambda tx: tx.select(SourceConnection, Query(equal={"source": house.pk})))
    admin.get(f"{KNOWN}{line.pk}/delete/")
    admin.submit()
    (left,) = site.sql.read_now(lambda tx: tx.select(SourceConnection))
    assert left.source == other.pk


def test_nobody_is_connected_twice_to_the_same_identifier(site: Site, admin: Browser) -> None:
    house, bob, eve = issuer(site), site.user("bob"), site.user("eve")
    for person, status in ((bob, 200), (eve, 400)):
        admin.get(f"{KNOWN}~new/")
        page = admin.submit(user=str(person.pk), source=house.pk, identifier="the same")
        assert page.status_code == status
    (line,) = site.sql.read_now(lambda tx: tx.select(SourceConnection))
    assert line.user == bob.pk


# --- taking over ---------------------------------------------------------------------------------------------------


@pytest.fixture
def abroad() -> Abroad:
    return Abroad()


@pytest.fixture
def site(tmp_path: Path, abroad: Abroad) -> Iterator[Site]:
    """Whose directories are in memory."""
    opened = Site(tmp_path, Directories(os.urandom, abroad.dial))
    opened.administrator()
    yield opened
    opened.close()


def test_people_are_taken_over_now_and_what_went_wrong_stays_readable(
    site: Site, admin: Browser, abroad: Abroad
) -> None:
    directory(site)
    admin.get(f"{DIRECTORIES}house/")
    page = admin.submit(to=f"{DIRECTORIES}house/sync/")
    assert "Nobody is found there." in page.text
    assert "Nobody is found there." in admin.get(f"{DIRECTORIES}house/").text
    abroad.group("staff", abroad.person("ann", "password-of-ann"))
    page = admin.submit(to=f"{DIRECTORIES}house/sync/")
    assert "nothing went wrong" in page.text
    assert site.sql.read_now(lambda tx: tx.find(User, username="ann")) is not None
    assert site.sql.read_now(lambda tx: tx.find(Group, name="staff")) is not None
    assert "1 connected" in admin.get(f"{DIRECTORIES}house/").text
    assert admin.submit(to=f"{DIRECTORIES}elsewhere/sync/").status_code == 404


def test_whoever_deletes_what_a_directory_trusts_is_told_first(site: Site, admin: Browser) -> None:
    pair = site.sql.write_now(lambda tx: tx.insert(Certificate("theirs", issue("authority", authority=True).pem)))
    site.sql.write_now(lambda tx: ldap_sources.create(tx, {**GIVEN, "peer_certificate": pair.pk}))
    assert "The LDAP source “House” trusts it" in admin.get(f"/if/admin/crypto/certificates/{pair.pk}/delete/").text
