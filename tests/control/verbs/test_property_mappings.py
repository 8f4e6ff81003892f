"""Property mappings: what is taken, and what is refused before it could ever run."""

from __future__ import annotations

from typing import Any

import pytest

from control.records import PropertyMapping, Provider
from control.store.interface import Query
from control.store.sql import SqlStore
from control.verbs import property_mappings, providers
from control.verbs.property_mappings import EMAIL, ENTITLEMENTS, OFFLINE, OPENID, PROFILE, PROXY, SCOPE
from tests.control.verbs.do import provider, refused

ROLES: dict[str, Any] = {"name": "roles", "scope_name": "roles", "expression": "return {'roles': []}"}


def make(store: SqlStore, **changed: Any) -> PropertyMapping:
    return store.write_now(lambda tx: property_mappings.create(tx, SCOPE, {**ROLES, **changed}))


def refusal(store: SqlStore, **changed: Any) -> dict[str, list[str]]:
    return refused(store, lambda tx: property_mappings.create(tx, SCOPE, {**ROLES, **changed}))


def managed(store: SqlStore, given: Provider) -> set[str | None]:
    found = store.read_now(lambda tx: tx.select(PropertyMapping, Query(within={"pk": given.property_mappings})))
    return {mapping.managed for mapping in found}


def test_a_mapping_is_made_changed_and_deleted(store: SqlStore) -> None:
    made = make(store)
    assert made.settings == {"scope_name": "roles", "description": ""}
    assert (made.on_failure, made.managed) == ("omit", None)
    client = provider(store, "oauth2", property_mappings=[made.pk])
    changed = store.write_now(lambda tx: property_mappings.update(tx, made.pk, {"on_failure": "refuse"}))
    assert (changed.name, changed.on_failure, changed.settings) == ("roles", "refuse", made.settings)
    store.write_now(lambda tx: property_mappings.delete(tx, made.pk))
    assert store.read_now(lambda tx: tx.get(Provider, client.pk)).property_mappings == ()


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("return {", "Line 1, column 8: "),
        ("return {}\nimport os", "Line 2, column 1: “import” is not possible here"),
        ("x = 1\nreturn {'r': usr.name}", "Line 2, column 14: There is no “usr” here."),
        ("return {'r': user.__class__}", "Line 1, column 14: "),
        ("return packet", "Line 1, column 8: There is no “packet” here."),
    ],
)
def test_an_expression_that_could_never_run_is_refused_with_its_place(
    store: SqlStore, expression: str, sentence: str
) -> None:
    (said,) = refusal(store, expression=expression)["expression"]
    assert said.startswith(sentence)
    made = make(store)
    said = refused(store, lambda tx: property_mappings.update(tx, made.pk, {"expression": expression}))["expression"][0]
    assert said.startswith(sentence)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"scope_name": "two words"}, "scope_name"),
        ({"scope_name": 'quo"te'}, "scope_name"),
        ({"scope_name": ""}, "scope_name"),
        ({"name": ""}, "name"),
        ({"expression": ""}, "expression"),
        ({"expression": "#" * 40_000}, "expression"),
        ({"on_failure": "ignore"}, "on_failure"),
    ],
)
def test_fields_are_checked(store: SqlStore, changed: dict[str, Any], field: str) -> None:
    assert list(refusal(store, **changed)) == [field]


def test_names_are_unique(store: SqlStore) -> None:
    make(store)
    assert refusal(store) == {"name": ["This field must be unique."]}


def test_providers_begin_with_those_of_their_kind(store: SqlStore) -> None:
    assert managed(store, provider(store, "oauth2")) == {OPENID, EMAIL, PROFILE, OFFLINE}
    host = {"external_host": "https://app.example.com", "mode": "forward_single"}
    assert managed(store, provider(store, "proxy", **host)) == {OPENID, EMAIL, PROFILE, OFFLINE, ENTITLEMENTS, PROXY}
    assert provider(store, "ldap").property_mappings == ()


def test_a_provider_takes_only_what_it_can_use(store: SqlStore) -> None:
    made = make(store)
    ldap = provider(store, "ldap")
    assert refused(store, lambda tx: providers.update(tx, ldap.pk, {"property_mappings": [made.pk]})) == {
        "property_mappings": ["“roles” is a Scope Mapping, which is of no use here."]
    }
    many = {"property_mappings": [made.pk] * (property_mappings.MOST_MAPPINGS + 1)}
    client = provider(store, "oauth2")
    assert "property_mappings" in refused(store, lambda tx: providers.update(tx, client.pk, many))
