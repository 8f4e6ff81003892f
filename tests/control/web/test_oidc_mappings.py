"""What scope mappings put into tokens and userinfo, and what a broken one does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from control.mappings.answers import LARGEST
from control.records import Group, PropertyMapping
from control.store.interface import Transaction
from control.verbs import property_mappings
from control.verbs.property_mappings import SCOPE
from tests.control.oidc.relying import OWN, Person, Relying, answered
from tests.control.web.test_oidc_tokens import INTROSPECT, alice, signed_in

GRAFANA = """\
if ak_is_group_member(request.user, name="grafana-admins"):
    role = "Admin"
elif ak_is_group_member(request.user, name="grafana-editors"):
    role = "Editor"
else:
    role = "Viewer"
return {"grafana_role": role}
"""


@pytest.fixture
def relying(tmp_path: Path) -> Iterator[Relying]:
    opened = Relying(tmp_path)
    yield opened
    opened.close()


def add(relying: Relying, expression: str, scope: str = "profile", **more: Any) -> PropertyMapping:
    """A mapping beside those that the provider has."""

    def verb(tx: Transaction) -> PropertyMapping:
        given = {"name": f"mapping of {scope}", "scope_name": scope, "expression": expression, **more}
        return property_mappings.create(tx, SCOPE, given)

    made = relying.sql.write_now(verb)
    relying.set_provider(property_mappings=[*relying.provider.property_mappings, made.pk])
    return made


def tokens(relying: Relying, person: Person, scope: str = "openid email profile") -> tuple[dict[str, Any], str]:
    answer = relying.exchange(person.code(scope=scope))
    assert answer.status_code == 200, answer.text
    return relying.verified(answer.json()["id_token"]), answer.json()["access_token"]


def exceptions(relying: Relying) -> list[dict[str, Any]]:
    return [event.context for event in relying.oidc_events("property_mapping_exception")]


def join(relying: Relying, name: str) -> None:
    def verb(tx: Transaction) -> None:
        group = tx.find(Group, name=name) or tx.insert(Group(name))
        tx.add_members(group.pk, [alice(relying).pk])

    relying.sql.write_now(verb)


@pytest.mark.parametrize(
    ("groups", "role"),
    [(["grafana-admins"], "Admin"), (["grafana-editors"], "Editor"), (["others"], "Viewer"), (["below"], "Admin")],
)
def test_grafana_roles_are_derived_from_group_membership(relying: Relying, groups: list[str], role: str) -> None:
    """The article's example, as a mapping in place of Grafana's own rule; membership through a parent counts."""
    person = signed_in(relying)
    admins = relying.add_group("grafana-admins")
    relying.sql.write_now(lambda tx: tx.insert(Group("below", parents=(admins.pk,))))
    for name in groups:
        join(relying, name)
    add(relying, GRAFANA)
    claims, access = tokens(relying, person)
    assert claims["grafana_role"] == role
    told = relying.userinfo(access).json()
    assert told["grafana_role"] == role
    assert told["preferred_username"] == "alice"
    assert exceptions(relying) == []


def test_a_scope_of_ones_own_is_offered_described_and_told_only_when_granted(relying: Relying) -> None:
    add(relying, "return {'department': user.attributes.get('department')}", "staff", description="See where you work")
    assert "staff" in relying.call("GET", f"{OWN}/.well-known/openid-configuration").json()["scopes_supported"]
    person = signed_in(relying, attributes={"department": "ops"})
    assert "department" not in tokens(relying, person)[0]
    assert tokens(relying, person, "openid staff unheard-of")[0]["department"] == "ops"
    relying.set_provider(authorization_flow=relying.flow("default-provider-authorization-explicit-consent"))
    assert "See where you work" in person.walk(scope="openid staff").text


def test_without_its_mapping_a_scope_is_dropped(relying: Relying) -> None:
    relying.set_provider(property_mappings=[])
    person = signed_in(relying)
    answer = relying.exchange(person.code(scope="openid email profile offline_access")).json()
    assert answer["scope"] == "openid"
    assert "refresh_token" not in answer
    assert set(relying.userinfo(answer["access_token"]).json()) == {"sub"}


def test_claims_of_several_mappings_are_merged(relying: Relying) -> None:
    add(relying, "return {'groups': ['extra'], 'nested': {'a': 1}}", "email", name="one")
    add(relying, "return {'groups': ['more', 'extra'], 'nested': {'b': 2}, 'name': 'Changed'}", "zone", name="two")
    claims, _ = tokens(relying, signed_in(relying), "openid email zone")
    assert (claims["groups"], claims["nested"], claims["name"]) == (["extra", "more"], {"a": 1, "b": 2}, "Changed")


def test_the_protocols_claims_are_not_a_mappings_to_say(relying: Relying) -> None:
    """Whoever may write a mapping for one application must not speak as somebody else in it."""
    forged = dict.fromkeys(("sub", "iss", "aud", "exp", "sid", "azp", "scope", "jti", "nonce", "at_hash"), "forged")
    add(relying, f"return {forged!r}")
    claims, access = tokens(relying, signed_in(relying))
    assert "forged" not in claims.values()
    assert "forged" not in relying.verified(access).values()
    assert "forged" not in relying.userinfo(access).json().values()


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("return {'a': 1 / 0}", "ZeroDivisionError"),
        ("while True:\n  pass", "100000 steps"),
        ("return ['a']", "returns a dictionary"),
        (f"return {{'a': 'x' * {LARGEST}}}", f"more than {LARGEST} characters"),
    ],
)
def test_what_a_broken_mapping_would_have_said_is_left_out_and_told_to_the_operator(
    relying: Relying, expression: str, said: str
) -> None:
    mapping = add(relying, expression)
    claims, access = tokens(relying, signed_in(relying))
    assert (claims["preferred_username"], "a" in claims) == ("alice", False)
    (event,) = exceptions(relying)
    assert said in event["message"]
    assert event["mapping"] == {"pk": mapping.pk, "name": mapping.name}
    assert (event["line"], event["effect"]) == (1, "What it would have said was left out.")
    assert event["application"]["slug"] == "grafana"
    assert relying.userinfo(access).status_code == 200
    assert len(exceptions(relying)) == 2


def test_a_broken_mapping_that_must_not_fail_lets_nobody_in(relying: Relying) -> None:
    person = signed_in(relying)
    _, access = tokens(relying, person)
    renewal = relying.exchange(person.code(scope="openid offline_access profile")).json()["refresh_token"]
    add(relying, "return user.nothing", on_failure="refuse")
    answer = relying.exchange(person.code())
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert "property mapping" in answer.json()["error_description"]
    again = relying.exchange("", grant_type="refresh_token", refresh_token=renewal, code=None)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    told = relying.userinfo(access)
    assert (told.status_code, told.json()["error"]) == (401, "invalid_token")
    asked = relying.call("POST", INTROSPECT, data={"token": access}, auth=(relying.client_id, relying.secret))
    assert asked.json() == {"active": False}
    assert [event["effect"] for event in exceptions(relying)] == ["The login was refused."] * 3


def test_one_that_leaves_itself_out_is_not_broken(relying: Relying) -> None:
    add(relying, "raise SkipObject", on_failure="refuse")
    add(relying, "return None", on_failure="refuse", name="other")
    tokens(relying, signed_in(relying))
    assert exceptions(relying) == []


def test_a_mapping_sees_its_provider_and_its_token(relying: Relying) -> None:
    add(relying, "return {'via': [provider.application.slug, provider.client_id, token.scope, request.obj.name]}")
    claims, _ = tokens(relying, signed_in(relying), "openid profile")
    assert claims["via"] == ["grafana", relying.client_id, ["openid", "profile"], "grafana"]


def test_a_changed_default_says_what_it_says_now(relying: Relying) -> None:
    def change(tx: Transaction) -> None:
        mapping = tx.find(PropertyMapping, managed="goauthentik.io/providers/oauth2/scope-profile")
        assert mapping is not None
        property_mappings.update(tx, mapping.pk, {"expression": "return {'nickname': user.username.upper()}"})

    relying.sql.write_now(change)
    claims, _ = tokens(relying, signed_in(relying))
    assert (claims["nickname"], "groups" in claims) == ("ALICE", False)


def test_a_redirect_with_an_unknown_scope_is_answered(relying: Relying) -> None:
    assert "code" in answered(signed_in(relying).ask(scope="openid made-up"))


@pytest.mark.parametrize(("nested", "names"), [(False, ["below"]), (True, ["above", "below"])])
def test_groups_are_direct_or_inherited_by_switch(relying: Relying, nested: bool, names: list[str]) -> None:
    """The same for the built-in claims and for what an expression reads."""
    person = signed_in(relying)
    above = relying.add_group("above")
    relying.sql.write_now(lambda tx: tx.insert(Group("below", parents=(above.pk,))))
    join(relying, "below")
    relying.set_provider(nested_groups=nested)
    add(relying, "return {'mine': [g.name for g in user.ak_groups.all()]}")
    claims, access = tokens(relying, person)
    assert (claims["groups"], claims["mine"]) == (names, names)
    assert relying.userinfo(access).json()["groups"] == names
