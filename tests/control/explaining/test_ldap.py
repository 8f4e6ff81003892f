"""What is explained of the LDAP door is what the door does, on the snapshot that control sends it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from control.explaining.explain import Asked, explain
from control.explaining.explained import Explanation
from control.outposts import view as outposts
from control.policies.judge import Judge
from control.records import Application, Group, Outpost, Provider, Role, User
from control.store.interface import Transaction
from control.store.sql import SqlStore
from outpost.directory.contexts import NamingContexts
from outpost.directory.draft import whole
from outpost.directory.snapshot import Directory, Touched
from protocols.ldap.filter import Equality, Filter, Or
from rules.permissions import SEARCH_FULL_DIRECTORY, written
from tests.fakes import an_identity
from tests.outpost.directory.people import People
from tests.outpost.listeners.ldap_door import Door
from tests.protocols.ldap import peer
from tests.stores import open_store

BASE = "dc=example,dc=com"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


def populate(tx: Transaction, **settings: Any) -> None:
    """alice reads everything by a role of a group above hers, erin by a superuser group, bob nothing: his role is for
    another provider."""
    provider = tx.insert(Provider("directory", "ldap", settings={"base_dn": BASE, **settings}))
    tx.insert(Application("App", "app", provider=provider.pk))
    tx.insert(Outpost("o", "ldap", pk="o", providers=(provider.pk,)))
    here = tx.insert(Role("readers", permissions=(written(SEARCH_FULL_DIRECTORY, provider.pk),)))
    elsewhere = tx.insert(Role("others", permissions=(written(SEARCH_FULL_DIRECTORY, provider.pk + 1),)))
    above = tx.insert(Group("above", roles=(here.pk,)))
    for name, group in (
        ("alice", Group("below", parents=(above.pk,))),
        ("bob", Group("elsewhere", roles=(elsewhere.pk,))),
        ("erin", Group("admins", is_superuser=True)),
    ):
        tx.add_members(tx.insert(group).pk, [tx.insert(User(name)).pk])


def explained(store: SqlStore, user: str, **told: str) -> Explanation:
    return store.read_now(lambda tx: explain(tx, Asked(user, "app", attributes=told), Judge()))


def said(found: Explanation, step: str) -> str:
    (sentence,) = [one.said for one in found.steps if one.name == step]
    return sentence


@pytest.mark.parametrize(("name", "everything"), [("alice", True), ("bob", False), ("erin", True)])
def test_how_much_somebody_searches(store: SqlStore, name: str, everything: bool) -> None:
    store.write_now(populate)
    directory = Directory()
    contexts = NamingContexts(directory)
    directory.publish(whole(1, store.read_now(lambda tx: outposts.snapshot(tx, "o"))), Touched(everything=True))
    (user,) = [one for one in directory.current.users.values() if one.username == name]
    (provider,) = directory.current.providers
    reader = contexts.readable_by(an_identity(name, user.pk, uuid=user.uuid), provider, 0.0)
    assert reader is not None
    assert reader.everything is everything
    assert said(explained(store, name), "search").startswith("Searches the whole directory") is everything


DEEP = "(|(uid=y)" * 100 + "(uid=x)" + ")" * 100


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"tls": "no"}, "tls_required"),
        ({"tls": "yes"}, "accepted"),
        ({"base": "dc=elsewhere"}, "unknown_base_dn"),
        ({"base": f"ou=users,{BASE}"}, "accepted"),
        ({"base": "ou=users,DC=Example, DC=com"}, "accepted"),
        ({"base": ""}, "accepted"),
        ({"base": "no name"}, "no_dn"),
        ({"filter": DEEP}, "too_large_request"),
        ({"filter": "(|" + "(uid=x)" * 4096 + ")"}, "too_large_request"),
        ({"filter": "(|(uid=y)" * 99 + "(uid=x)" + ")" * 99}, "accepted"),
        ({"filter": "(!" * 250 + "(uid=x)" + ")" * 250}, "accepted"),
        ({"filter": "(|(!(uid=y))" * 99 + "(&(uid=x))" + ")" * 99}, "accepted"),
        ({"filter": "(uid=x"}, "impossible_request"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_requests_are_refused_for_the_same_reason_as_at_the_door(
    store: SqlStore, told: dict[str, str], reason: str
) -> None:
    store.write_now(lambda tx: populate(tx, require_tls=True))
    assert explained(store, "alice", **told).reason == reason
    if "filter" not in told or reason != "impossible_request":  # no client can send what is no filter
        assert at_the_door(store, told) == reason


def at_the_door(store: SqlStore, told: dict[str, str]) -> str:
    """The reason code that the operator hears of alice's bind, or of her search behind it."""
    door = Door(People(store.read_now(lambda tx: outposts.snapshot(tx, "o"))))
    client = door.connect()
    client.connection._session.secure = told.get("tls") != "no"
    bound = client.bind(f"cn=alice,ou=users,{BASE}")
    if bound == 0:
        client.ask(peer.search(2, told.get("base", BASE), filter=as_sent(told.get("filter", "(uid=x)"))))
    heard = {**door.telemetry.decisions, **door.telemetry.refusals}
    return next((reason for _, reason in heard if reason != "accepted"), "accepted")


def as_sent(text: str) -> str | Filter:
    """Where reading the text would refuse it, the filter that a client would make of it."""
    if text != DEEP:
        return text
    deep: Filter = Equality("uid", b"x")
    for _ in range(text.count("(|")):
        deep = Or((Equality("uid", b"y"), deep))
    return deep
