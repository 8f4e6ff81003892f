"""What mappings say of everybody, beforehand: of whom, how much, and what a broken one costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from control.mappings.answers import Mappings, leave_events
from control.mappings.defaults import DEFAULTS
from control.mappings.everybody import LARGEST, MOST_FAILURES, Everybody
from control.records import Application, Event, Group, PropertyMapping, Provider, User
from control.store.interface import Query, Transaction
from control.store.sql import SqlStore
from control.verbs.property_mappings import PROXY
from tests.stores import open_store

STILL = Mappings(lambda: 0.0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


def provide(tx: Transaction, kind: str, *expressions: str) -> str:
    """A provider with such mappings; its pk as text."""
    its = {"ldap": "ldap", "proxy": "scope"}[kind]
    made = [
        tx.insert(PropertyMapping(f"{kind} {number}", its, source, settings={"scope_name": "x"}))
        for number, source in enumerate(expressions)
    ]
    provider = tx.insert(Provider(kind, kind, property_mappings=tuple(mapping.pk for mapping in made)))
    tx.insert(Application(kind, kind, provider=provider.pk))
    return str(provider.pk)


def test_each_provider_has_its_own_say(store: SqlStore) -> None:
    def verb(tx: Transaction) -> None:
        floor, who = "return {'floor': user.group_attributes()['floor']}", "return {'who': request.obj.name}"
        ldap = provide(tx, "ldap", floor, who)
        proxy = provide(tx, "proxy", "return {'groups': [user.username, provider.application.slug]}")
        alice = tx.insert(User("alice"))
        above = tx.insert(Group("above", attributes={"floor": 3}))
        group = tx.insert(Group("g", parents=(above.pk,)))
        assert Everybody(tx, STILL).of(alice, [group.pk]) == {
            ldap: {"floor": 3, "who": "ldap"},
            proxy: {"groups": ["alice", "proxy"]},
        }

    store.write_now(verb)


def test_no_mapping_gives_ldap_a_password_for_an_application(store: SqlStore) -> None:
    def verb(tx: Transaction) -> None:
        whole = "return {**user.attributes, 'App-Password': user.attributes['app/password']}"
        ldap, proxy = provide(tx, "ldap", whole), provide(tx, "proxy", whole)
        alice = tx.insert(User("alice", attributes={"app/password": "secret", "floor": 3}))
        everything = {"app/password": "secret", "App-Password": "secret", "floor": 3}
        assert Everybody(tx, STILL).of(alice, []) == {ldap: everything, proxy: everything}
        tx.insert(Provider("wiki", "proxy", settings={"basic_auth_password_attribute": "app/password"}))
        everybody = Everybody(tx, STILL)
        assert everybody.of(alice, []) == {}
        assert {broken.mapping.name for _, broken in everybody.broken} == {"ldap 0", "proxy 0"}

    store.write_now(verb)


def test_a_mapping_sees_the_passwords_of_its_own_proxy_alone(store: SqlStore) -> None:
    def verb(tx: Transaction) -> None:
        seen = "return {'seen': str([user.attributes, user.group_attributes(), user.all_groups()[0].attributes])}"
        ldap, proxy = provide(tx, "ldap", seen), provide(tx, "proxy", seen)
        same = tx.get(Provider, int(proxy)).property_mappings
        other = str(tx.insert(Provider("other", "proxy", property_mappings=same)).pk)
        for pk, name in ((proxy, "app/password"), (other, "another")):
            settings = {"basic_auth_enabled": True, "basic_auth_password_attribute": name}
            tx.update(replace(tx.get(Provider, int(pk)), settings=settings))
        alice = tx.insert(User("alice", attributes={"app-password": "alice@app"}))
        group = tx.insert(Group("g", attributes={"App/Password": "g@app"}))
        said = Everybody(tx, STILL).of(alice, [group.pk])
        assert {pk: (str(one).count("alice@app"), str(one).count("g@app")) for pk, one in said.items()} == {
            ldap: (0, 0),
            proxy: (2, 2),
            other: (0, 0),
        }

    store.write_now(verb)


def test_what_a_mapping_makes_under_a_secret_name_is_no_attribute_of_ldap(store: SqlStore) -> None:
    def verb(tx: Transaction) -> None:
        made = "return {'App-Password': 'made', 'floor': 3}"
        ldap, proxy = provide(tx, "ldap", made), provide(tx, "proxy", made)
        tx.insert(Provider("wiki", "proxy", settings={"basic_auth_password_attribute": "app/password"}))
        said = Everybody(tx, STILL).of(tx.insert(User("alice")), [])
        assert said == {ldap: {"floor": 3}, proxy: {"App-Password": "made", "floor": 3}}

    store.write_now(verb)


@pytest.mark.parametrize("said", ["'host_header': 'a b'", "'backend_override': 'theirs'", "'backend_override': 7"])
def test_one_that_leads_nowhere_is_told_of_once_and_still_said(store: SqlStore, said: str) -> None:
    """The outpost refuses whom it is about. Left out, it would send them to the provider's own application."""
    expression = f"return {{'ak_proxy': {{{said}}}}}"

    def verb(tx: Transaction) -> None:
        ours = provide(tx, "proxy", expression)
        proxy = replace(tx.get(Provider, int(ours)), settings={"mode": "proxy"})
        tx.update(proxy)
        asked_by_another = {"mode": "forward_single"}
        tx.insert(Provider("q", "proxy", property_mappings=proxy.property_mappings, settings=asked_by_another))
        everybody = Everybody(tx, STILL)
        for number in range(MOST_FAILURES + 5):
            told = everybody.of(tx.insert(User(f"u{number}")), ())
            assert told[ours]["ak_proxy"]
        ((provider, broken),) = everybody.broken
        assert (str(provider), broken.mapping.name, broken.misdirects) == (ours, "proxy 0", True)
        assert "ak_proxy." in broken.fault.sentence
        leave_events(tx, [broken], "outpost", provider, None, "")
        (event,) = tx.select(Event, Query(equal={"action": "property_mapping_exception"}))
        assert event.context["mapping"]["name"] == "proxy 0"
        assert event.context["effect"] == "Whoever it says so of is refused at the application."

    store.write_now(verb)


def test_untouched_defaults_say_nothing_that_outposts_do_not_know(store: SqlStore) -> None:
    def verb(tx: Transaction) -> None:
        mapping = tx.insert(DEFAULTS[PROXY])
        tx.insert(Provider("proxy", "proxy", property_mappings=(mapping.pk,)))
        assert Everybody(tx, STILL).served == ()

    store.write_now(verb)


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("return user.nothing", "User has no attribute nothing"),
        ("while True:\n  pass", "more than 2000 steps"),
        ("return ['a']", "dictionary of names and values"),
        (f"return {{'a': 'x' * {LARGEST}}}", f"more than {LARGEST} characters"),
    ],
)
def test_a_broken_one_is_left_out_told_of_once_and_soon_not_asked_any_more(
    store: SqlStore, expression: str, sentence: str
) -> None:
    def verb(tx: Transaction) -> None:
        ldap = provide(tx, "ldap", expression, "return {'good': user.username}")
        everybody = Everybody(tx, STILL)
        for number in range(MOST_FAILURES + 5):
            user = tx.insert(User(f"u{number}"))
            assert everybody.of(user, ()) == {ldap: {"good": f"u{number}"}}
        ((provider, broken),) = everybody.broken
        assert (str(provider), broken.mapping.name) == (ldap, "ldap 0")
        assert sentence in broken.fault.sentence
        assert set(everybody._failures.values()) == {MOST_FAILURES}

    store.write_now(verb)
