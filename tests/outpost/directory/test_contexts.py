from dataclasses import replace
from typing import Any

import pytest

from outpost.directory import memory
from protocols.ldap import dn
from protocols.link.messages import BindingRecord, Configuration, Put, Remove
from tests.fakes import an_identity
from tests.outpost.directory.people import (
    ALICE,
    BASE,
    BOB,
    DORA,
    NOW,
    PROVIDER,
    RECORDS,
    USERS,
    People,
    a_provider,
    a_user,
)


def test_the_longest_base_dn_wins() -> None:
    people = People((*RECORDS, a_provider(pk=6, base=f"ou=inner,{BASE}"), a_provider(pk=7, base="o=other")))
    places = {BASE: 5, f"cn=x,ou=inner,{BASE}": 6, f"ou=INNER, {BASE}": 6, "cn=x,o=Other": 7}
    for name, provider in places.items():
        tree = people.contexts.tree_at(dn.parse(name))
        assert tree is not None
        assert tree.provider.pk == provider
    assert people.contexts.tree_at(dn.parse("o=nobody")) is None
    assert people.contexts.tree_at(dn.ROOT) is None
    assert people.contexts.base_dns() == [BASE, f"ou=inner,{BASE}", "o=other"]


@pytest.mark.parametrize("base", ["", "nonsense", " "])
def test_a_provider_with_an_impossible_base_is_left_out_with_a_reason(base: str) -> None:
    people = People((*RECORDS, a_provider(pk=6, base=base)))
    assert people.contexts.base_dns() == [BASE]
    assert people.contexts.problems[6]
    people.change(Put(a_provider(pk=6, base="o=good")))
    assert people.contexts.problems == {}
    assert people.contexts.base_dns() == [BASE, "o=good"]


def test_a_removed_provider_is_gone() -> None:
    people = People()
    people.change(Configuration(()))
    assert people.contexts.tree_at(dn.parse(BASE)) is None
    assert people.contexts.readable_by(people.identity(ALICE), PROVIDER, NOW) is None


def test_changed_settings_show_at_once() -> None:
    people = People()
    people.search()
    people.change(Put(a_provider(base="o=new")))
    assert people.search(base="cn=bob,ou=users,o=new")[0].text == "cn=bob,ou=users,o=new"


@pytest.mark.parametrize(
    "change",
    [
        Put(a_user(BOB, "bob", is_active=False)),
        Put(a_user(BOB, "bob", valid_until=NOW)),
        Put(a_user(BOB, "bob", valid_from=NOW + 1)),
        Put(a_user(BOB, "bob", uuid="another person")),
        Remove("user", BOB),
        Put(a_provider(BindingRecord("b1", 0, user=ALICE))),
        Put(a_provider(BindingRecord("b1", 0, group="g-admins"))),
    ],
    ids=["disabled", "expired", "not yet valid", "another with this pk", "gone", "not bound", "group not bound"],
)
def test_who_loses_the_right_to_read_has_nothing_to_call(change: Any) -> None:
    people = People()
    bob = people.identity(BOB)
    assert people.contexts.readable_by(bob, PROVIDER, NOW) is not None
    people.change(change)
    assert people.contexts.readable_by(bob, PROVIDER, NOW) is None


def test_configuration_that_says_the_same_again_keeps_encoded_entries() -> None:
    people = People()
    people.search()
    tree = people.contexts.tree(PROVIDER)
    people.change(Configuration((a_provider(),)))
    after = people.contexts.tree(PROVIDER)
    assert tree is not None
    assert after is not None
    assert (after.provider, after.ancestries) == (tree.provider, tree.ancestries)
    assert after.provider is tree.provider


def test_a_disabled_user_never_reads() -> None:
    people = People()
    assert people.contexts.readable_by(people.identity(DORA), PROVIDER, NOW) is None
    assert people.contexts.readable_by(an_identity("ghost", 99), PROVIDER, NOW) is None


def test_bindings_reach_through_parents_and_policies_are_left_to_control() -> None:
    people = People()
    people.change(Put(a_provider(BindingRecord("b1", 0, group="g-staff"))))
    assert people.contexts.readable_by(people.identity(BOB), PROVIDER, NOW) is not None
    assert not people.contexts.policies_decide(BOB, PROVIDER)
    people.change(Put(a_provider(BindingRecord("b1", 0, policy="p"), BindingRecord("b2", 1, user=ALICE))))
    assert people.contexts.policies_decide(BOB, PROVIDER)
    assert people.contexts.readable_by(people.identity(BOB), PROVIDER, NOW, by_policies=True) is not None
    assert people.contexts.readable_by(people.identity(BOB), PROVIDER, NOW) is None
    assert not people.contexts.policies_decide(ALICE, PROVIDER)
    assert people.contexts.readable_by(people.identity(ALICE), PROVIDER, NOW) is not None


@pytest.mark.parametrize(
    ("name", "username"),
    [
        (f"cn=bob,{USERS}", "bob"),
        (f"UID=BOB,{USERS}", "bob"),
        (f"cn=Nobody,{USERS}", "Nobody"),
        (f"cn=bob+uid=bob,{USERS}", None),
        (f"mail=bob,{USERS}", None),
        (f"cn=staff,ou=groups,{BASE}", None),
        (f"cn=bob,ou=virtual-groups,{BASE}", None),
        (f"cn=bob,{BASE}", None),
        (f"cn=x,cn=bob,{USERS}", None),
        (USERS, None),
        (BASE, None),
    ],
)
def test_the_user_name_of_a_bind_dn(name: str, username: str | None) -> None:
    tree = People().contexts.tree(PROVIDER)
    assert tree is not None
    assert tree.login_name(dn.parse(name)) == username


def test_names_that_differ_by_case_alone_are_told_apart_by_their_spelling() -> None:
    people = People((*RECORDS, a_user(20, "Bob")))
    tree = people.contexts.tree(PROVIDER)
    assert tree is not None
    assert tree.login_name(dn.parse(f"cn=Bob,{USERS}")) == "Bob"
    assert tree.login_name(dn.parse(f"cn=bob,{USERS}")) == "bob"
    assert tree.login_name(dn.parse(f"cn=BOB,{USERS}")) == "bob"


# --- what is remembered --------------------------------------------------------------------------------------------


def test_the_spelling_of_a_login_follows_the_revision() -> None:
    people = People()

    def username(name: str) -> str | None:
        login = people.contexts.login(name)
        return None if login is None else login[1]

    for _ in range(2):
        assert username(f"cn=BOB,{USERS}") == "bob"
        assert username(f"cn=later,{USERS}") == "later"
    people.change(Put(a_user(BOB, "Bob")), Put(a_user(9, "LATER")))
    assert username(f"cn=BOB,{USERS}") == "Bob"
    assert username(f"cn=later,{USERS}") == "LATER"
    people.change(Configuration((a_provider(base="o=new"),)))
    assert username(f"cn=BOB,{USERS}") is None
    assert username("cn=BOB,ou=users,o=new") == "Bob"


@pytest.mark.parametrize("name", [BASE, USERS, f"cn=bob,ou=groups,{BASE}", "cn=bob,ou=users,o=other", ""])
def test_what_is_no_login_stays_none(name: str) -> None:
    people = People()
    assert [people.contexts.login(name) for _ in range(2)] == [None, None]


@pytest.mark.parametrize("ask", ["login", "place"])
def test_no_dn(ask: str) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="RDN"):
            getattr(People().contexts, ask)("nonsense")


def test_the_place_of_a_base_follows_the_revision() -> None:
    people = People()
    assert [people.contexts.place(USERS)[1] for _ in range(2)] == [people.contexts.tree(PROVIDER)] * 2
    people.change(Put(a_user(9, "new")))
    assert people.contexts.place(USERS)[1] is people.contexts.tree(PROVIDER)
    people.change(Configuration((a_provider(base="o=new"),)))
    assert people.contexts.place(USERS)[1] is None
    assert people.contexts.place("o=new")[1] is people.contexts.tree(PROVIDER)


def test_a_reader_that_is_remembered_is_still_checked_by_the_clock_and_the_uuid() -> None:
    people = People()
    people.change(Put(a_user(BOB, "bob", valid_until=NOW + 10)))
    identity = people.identity(BOB)
    readers = [people.contexts.readable_by(identity, PROVIDER, NOW + seconds) for seconds in (0, 9)]
    assert readers[0] is not None
    assert readers[0] is readers[1]
    assert people.contexts.readable_by(identity, PROVIDER, NOW + 10) is None
    assert people.contexts.readable_by(replace(identity, uuid="another"), PROVIDER, NOW) is None


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MOST_REMEMBERED", 10)
    people = People()
    for number in range(35):
        people.contexts.login(f"cn=nobody{number},{USERS}")
        people.contexts.place(f"cn=nobody{number},{USERS}")
        long = f"cn={'x' * dn.CACHED_LENGTH}{number},{USERS}"
        assert people.contexts.login(long) is not None
        assert people.contexts.place(long)[1] is not None
    remembered = people.contexts.memory
    for number in range(35):
        asked = 1, 2, False, bytes((number,))
        assert not remembered.comes_again(asked)
        assert remembered.comes_again(asked)
        remembered.keep(asked, [b"x" * memory.LONGEST_ANSWER])
        remembered.keep((3, *asked[1:]), [b"x" * memory.LONGEST_ANSWER, b"y"])
    assert 0 < len(remembered.answers) <= 10
    assert 0 < len(remembered.heard) <= 10
    assert all(provider == 1 for provider, *_ in remembered.answers)
    assert 0 < len(remembered.logins) <= 10
    assert 0 < len(remembered.places) <= 10
    assert all(len(name) <= dn.CACHED_LENGTH for name in (*remembered.logins, *remembered.places))
