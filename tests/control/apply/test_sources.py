"""Sources in files: foreign providers and directories, whose secrets come from elsewhere."""

from __future__ import annotations

from pathlib import Path

from control.apply.changes import shown
from control.records import Group, Provider, Source, Stage
from control.verbs import ldap_sources, sources
from tests.control.apply.places import NOTHING, Place, a_place

TEXT = """
stages:
  who: {kind: identification, sources: [house]}
sources:
  house:
    kind: oauth
    name: Another house
    provider_type: openidconnect
    oidc_well_known_url: https://id.example.com/.well-known/openid-configuration
    consumer_key: outpost
    consumer_secret: env://HOUSE
    enrollment_flow: default-source-enrollment
    allowed_emails: [alice@example.com]
    allowed_organizations: [acme]
    group_mapping: [{name: acme/staff, group: Staff}]
  directory:
    kind: ldap
    server_uri: ldaps://dc1.example.com
    base_dn: dc=example,dc=com
    bind_cn: cn=reader,dc=example,dc=com
    bind_password: env://READER
groups:
  Staff: {}
providers:
  wiki: {kind: proxy, mode: forward_single, external_host: https://wiki.example.com, authentication_source: house}
"""
SECRETS = {"HOUSE": "secret-of-the-house", "READER": "password-of-the-reader"}


def applied(place: Place) -> list[str]:
    place.environ = SECRETS
    return place.apply(TEXT)


def test_sources_are_made_and_named_by_stages_and_providers(place: Place) -> None:
    applied(place)
    house, directory = place.find(Source, slug="house"), place.find(Source, slug="directory")
    assert house.secrets == {"consumer_secret": "secret-of-the-house"}
    assert house.settings["group_mapping"] == [{"name": "acme/staff", "group": place.find(Group, name="Staff").pk}]
    assert (directory.name, directory.provider_type) == ("directory", "ldap")
    assert directory.secrets == {"bind_password": "password-of-the-reader"}
    assert place.find(Stage, name="who").settings["sources"] == [house.pk]
    assert place.find(Provider, name="wiki").settings["authentication_source"] == house.pk
    assert place.apply(TEXT) == NOTHING


def test_drift_is_shown_without_a_secret_and_ended(place: Place) -> None:
    applied(place)
    house, directory = place.find(Source, slug="house"), place.find(Source, slug="directory")
    place.write(lambda tx: sources.update(tx, house.pk, {"consumer_secret": "typed-by-hand", "pkce": "none"}))
    place.write(lambda tx: ldap_sources.update(tx, directory.pk, {"bind_password": "typed", "sync_groups": False}))
    lines = shown(place.plan(TEXT), coloured=False)
    assert lines == [
        "~ source house",
        "    consumer_secret: (secret) -> (secret)",
        "~ source directory",
        "    bind_password: (secret) -> (secret)",
        "2 to change",
    ]
    place.apply(TEXT)
    assert place.find(Source, slug="house").secrets == {"consumer_secret": "secret-of-the-house"}
    assert place.find(Source, slug="house").settings["pkce"] == "none"
    assert shown(place.plan(TEXT), coloured=False) == NOTHING


def test_what_files_own_is_exported_without_secrets_and_makes_the_same_again(place: Place, tmp_path: Path) -> None:
    (tmp_path / "fresh").mkdir()
    fresh = a_place(tmp_path / "fresh")
    applied(place)
    house = place.find(Source, slug="house")
    place.write(lambda tx: sources.update(tx, house.pk, {"user_matching_mode": "email_link"}))
    exported = place.export(fresh, everything=False)
    fresh.close()
    assert "user_matching_mode: email_link\n" in exported
    assert "group: Staff" in exported
    assert "consumer_secret: env://SOURCE_HOUSE_CONSUMER_SECRET\n" in exported
    assert "bind_password: env://SOURCE_DIRECTORY_BIND_PASSWORD\n" in exported
    assert not any(secret in exported for secret in SECRETS.values())
    place.environ = {
        "SOURCE_HOUSE_CONSUMER_SECRET": SECRETS["HOUSE"],
        "SOURCE_DIRECTORY_BIND_PASSWORD": SECRETS["READER"],
    }
    assert place.apply(exported) == NOTHING


def test_a_source_that_is_no_longer_described_goes_and_no_other(place: Place) -> None:
    applied(place)
    place.write(
        lambda tx: ldap_sources.create(
            tx, {"name": "by hand", "slug": "by-hand", "server_uri": "ldaps://d.example.com", "base_dn": "dc=d"}
        )
    )
    assert sorted(place.apply("{}")) == [
        "deleted group Staff",
        "deleted provider wiki",
        "deleted source directory",
        "deleted source house",
        "deleted stage who",
    ]
    assert [one.slug for one in place.read(lambda tx: tx.select(Source))] == ["by-hand"]


def test_a_source_does_not_change_its_kind_and_a_foreign_field_is_named(place: Place) -> None:
    applied(place)
    other = "sources: {house: {kind: ldap, server_uri: 'ldaps://d', base_dn: dc=d}}"
    assert "of kind oauth" in place.refused(other)[0]
    assert "bind_password" in place.refused("sources: {x: {kind: oauth, bind_password: y}}")[0]
