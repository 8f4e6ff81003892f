"""The mappings that every store has: what they say, and that the plain functions in their place say the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control.expression.environment import Asked
from control.mappings.answers import Mappings
from control.mappings.defaults import DEFAULTS, ensure_mappings, is_untouched
from control.oidc.claims import BUILT_IN, person
from control.people import person_facts
from control.records import Group, PropertyMapping, User
from control.store.interface import Query, Transaction
from control.verbs import property_mappings
from control.verbs.property_mappings import EMAIL, ENTITLEMENTS, KINDS, PROXY, SCOPE
from tests.extent import UNHURRIED
from tests.stores import open_store

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)


def as_stored(tx: Transaction) -> dict[str | None, PropertyMapping]:
    return {mapping.managed: mapping for mapping in tx.select(PropertyMapping)}


@settings(max_examples=60, deadline=None, suppress_health_check=[*UNHURRIED, HealthCheck.function_scoped_fixture])
@given(
    name=texts,
    email=st.sampled_from(["", "a@example.org"]),
    verified=st.booleans(),
    names=st.lists(texts.filter(bool), max_size=4, unique_by=str.casefold),
)
def test_a_built_in_says_what_its_expression_says(
    tmp_path_factory: pytest.TempPathFactory, name: str, email: str, verified: bool, names: list[str]
) -> None:
    store = open_store(tmp_path_factory.mktemp("equal"))

    def verb(tx: Transaction) -> None:
        ensure_mappings(tx)
        user = tx.insert(User("alice", name=name, email=email, email_verified=verified))
        above = tx.insert(Group("above all"))
        for title in names:
            group = tx.insert(Group(f"g {title}", parents=(above.pk,)))
            tx.add_members(group.pk, [user.pk])
        facts, told = person_facts(tx, user), person(tx, user)
        for managed, built_in in BUILT_IN.items():
            found = Mappings(lambda: 0.0).ask(as_stored(tx)[managed], Asked(facts))
            assert found.fault is None
            assert found.value == built_in(told)

    try:
        store.write_now(verb)
    finally:
        store.close()


def test_what_every_application_asks_for_needs_no_interpreting() -> None:
    asked = {managed for managed, mapping in DEFAULTS.items() if mapping.kind == SCOPE}
    assert asked - set(BUILT_IN) == {ENTITLEMENTS, PROXY}


def test_a_default_is_one_that_the_api_would_take() -> None:
    for mapping in DEFAULTS.values():
        given = {"name": mapping.name, "expression": mapping.expression, **mapping.settings}
        fields = KINDS[mapping.kind].fields.model_validate(given)
        assert fields.expression == mapping.expression


def test_a_store_gets_what_is_missing_and_keeps_what_is_there(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.write_now(ensure_mappings)
    first = store.read_now(as_stored)
    assert set(first) == set(DEFAULTS)
    assert all(map(is_untouched, first.values()))

    def change(tx: Transaction) -> None:
        property_mappings.update(tx, first[EMAIL].pk, {"expression": "return {'email': 'x'}", "description": "y"})
        property_mappings.delete(tx, first[PROXY].pk)

    store.write_now(change)
    store.write_now(ensure_mappings)
    second = store.read_now(as_stored)
    assert (second[EMAIL].pk, second[EMAIL].expression) == (first[EMAIL].pk, "return {'email': 'x'}")
    assert not is_untouched(second[EMAIL])
    assert is_untouched(second[PROXY])
    assert store.read_now(lambda tx: tx.count(PropertyMapping, Query())) == len(DEFAULTS)
    store.close()


def test_a_mapping_with_another_words_for_people_is_still_untouched() -> None:
    default = DEFAULTS[EMAIL]
    assert is_untouched(replace(default, name="Post", settings={**default.settings, "description": "Post"}))
    assert not is_untouched(replace(default, settings={**default.settings, "scope_name": "post"}))
    assert not is_untouched(replace(default, managed=None))
