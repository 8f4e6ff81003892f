"""Applications: slugs, one provider each, who sees them, where they lead."""

from __future__ import annotations

import pytest

from control.records import Application, Binding, Provider, User
from control.store.sql import SqlStore
from control.verbs import applications
from control.verbs.applications import RESERVED_SLUGS, launch_url
from tests.control.verbs.do import application, binding, count, group, provider, refused, user


@pytest.mark.parametrize("slug", ["", "a b", "a/b", "ä", "a.b", "../x", "%41", *sorted(RESERVED_SLUGS)])
def test_slugs_that_cannot_stand_in_a_path_are_refused(store: SqlStore, slug: str) -> None:
    assert list(refused(store, lambda tx: applications.create(tx, {"name": "x", "slug": slug}))) == ["slug"]


def test_a_slug_is_taken_once(store: SqlStore) -> None:
    application(store, "Wiki-2_x")
    assert list(refused(store, lambda tx: applications.create(tx, {"name": "x", "slug": "Wiki-2_x"}))) == ["slug"]


def test_a_provider_serves_one_application(store: SqlStore) -> None:
    pk = provider(store, "ldap").pk
    first = application(store, "first", provider=pk)
    assert refused(store, lambda tx: applications.create(tx, {"name": "x", "slug": "x", "provider": pk})) == {
        "provider": ["The application “first” uses this provider already."]
    }
    assert refused(store, lambda tx: applications.update(tx, first.pk, {"provider": 99})) == {
        "provider": ['Invalid pk "99" - object does not exist.']
    }
    again = store.write_now(lambda tx: applications.update(tx, first.pk, {"provider": pk, "name": "again"}))
    assert (again.provider, again.name) == (pk, "again")


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "JavaScript:x", "//x", "ftp://x", "x"])
def test_launch_urls_are_web_addresses(store: SqlStore, url: str) -> None:
    body = {"name": "x", "slug": "x", "meta_launch_url": url}
    assert list(refused(store, lambda tx: applications.create(tx, body))) == ["meta_launch_url"]


def test_deleting_an_application_takes_its_bindings_and_leaves_its_provider(store: SqlStore) -> None:
    app = application(store, "app", provider=provider(store, "ldap").pk)
    binding(store, app.pk, user=user(store, "alice").pk)
    store.write_now(lambda tx: applications.delete(tx, app.pk))
    assert [count(store, kind) for kind in (Application, Binding, Provider)] == [0, 0, 1]


def test_visible_are_open_applications_and_those_whose_bindings_pass(store: SqlStore) -> None:
    staff = group(store, "staff")
    child = group(store, "child", parents=[staff.pk])
    alice, bob = user(store, "alice", groups=[child.pk]), user(store, "bob")
    opened = application(store, "open").pk
    for_staff = application(store, "staff").pk
    binding(store, for_staff, group=staff.pk)
    for_both = application(store, "both", policy_engine_mode="all").pk
    binding(store, for_both, group=staff.pk)
    binding(store, for_both, user=bob.pk)

    def seen(who: User) -> set[str]:
        return set(store.read_now(lambda tx: applications.visible_to(tx, who.pk)))

    assert seen(alice) == {opened, for_staff}
    assert seen(bob) == {opened}


def test_where_the_launcher_leads() -> None:
    alice = User("a&b", pk=3, email="a@example.com")
    host = Provider("p", "proxy", settings={"external_host": "https://app.example.com"})
    plain = Application("x", "x")
    named = Application("x", "x", meta_launch_url="https://x/?u=%(username)s&m=%(email)s&%(other)s")
    assert launch_url(plain, None, alice) is None
    assert launch_url(plain, Provider("l", "ldap"), alice) is None
    assert launch_url(plain, host, alice) == "https://app.example.com"
    assert launch_url(named, host, alice) == "https://x/?u=a%26b&m=a%40example.com&%(other)s"
