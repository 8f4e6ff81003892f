"""Entitlements: what somebody may do in one application, told to it in tokens, headers and expressions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from control.expression.environment import Asked
from control.expression.evaluation import evaluate
from control.mappings.answers import provider_facts, scope_names
from control.mappings.everybody import Everybody, changed_users
from control.people import person_facts
from control.records import Application, Binding, Group, Outpost, PropertyMapping, Provider, User
from control.store.interface import Query, Transaction
from control.verbs import bindings, entitlements, providers
from control.verbs.property_mappings import ENTITLEMENTS
from tests.control.oidc.relying import Relying
from tests.control.web.api import Api

PATH = "/core/application_entitlements/"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    made = Api(tmp_path)
    yield made
    made.close()


def application(api: Api, slug: str = "app") -> str:
    return str(api.post("/core/applications/", {"name": slug.title(), "slug": slug})["pk"])


def test_they_are_made_listed_changed_and_deleted(api: Api) -> None:
    app = application(api)
    made = api.post(PATH, {"name": "editor", "app": app, "attributes": {"quota": 1}})
    pk = made["pk"]
    assert made == {"pk": pk, "pbm_uuid": pk, "name": "editor", "app": app, "attributes": {"quota": 1}}
    other = application(api, "other")
    api.post(PATH, {"name": "editor", "app": other})
    (listed,) = api.get(f"{PATH}?app={app}")["results"]
    assert listed == made
    path = f"{PATH}{made['pbm_uuid']}/"
    assert api.call("PATCH", path, {"name": "author"}).body["name"] == "author"
    assert api.call("DELETE", path).status == 204
    assert api.get(f"{PATH}?app={app}")["results"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x", "app": "6f7a2f64-9f5e-4ee7-9d5e-0d4f5d3a2b11"}, "app"),
        ({"name": "", "app": None}, "name"),
        ({"name": "twice", "app": None}, "name"),
    ],
)
def test_what_cannot_be_one(api: Api, body: dict[str, Any], field: str) -> None:
    app = application(api)
    api.post(PATH, {"name": "twice", "app": app})
    answer = api.call("POST", PATH, {**body, "app": body["app"] or app})
    assert answer.status == 400
    assert field in answer.body


def test_policies_do_not_decide_about_them(api: Api) -> None:
    made = api.post(PATH, {"name": "editor", "app": application(api)})
    policy = api.post("/policies/expression/", {"name": "p", "expression": "return True"})
    answer = api.call("POST", "/policies/bindings/", {"target": made["pbm_uuid"], "policy": policy["pk"], "order": 0})
    assert (answer.status, list(answer.body)) == (400, ["policy"])


def test_they_and_their_bindings_go_with_the_application_and_without_bindings_are_nobodys(api: Api) -> None:
    app = application(api)
    made = api.post(PATH, {"name": "editor", "app": app})
    group = api.sql.write_now(lambda tx: tx.insert(Group("staff")))
    api.post("/policies/bindings/", {"target": made["pbm_uuid"], "group": group.pk, "order": 0})
    assert api.call("DELETE", f"/core/groups/{group.pk}/").status == 204  # which leaves it to nobody, not to everybody
    alice = api.sql.read_now(lambda tx: tx.select(User)[0])
    assert api.sql.read_now(lambda tx: person_facts(tx, alice)).entitlements == {}
    api.post("/policies/bindings/", {"target": made["pbm_uuid"], "user": alice.pk, "order": 0})
    assert list(api.sql.read_now(lambda tx: person_facts(tx, alice)).entitlements) == [app]
    assert api.call("DELETE", "/core/applications/app/").status == 204
    assert api.get(PATH)["results"] == []
    assert api.sql.read_now(lambda tx: tx.count(Binding, Query(equal={"target": made["pbm_uuid"]}))) == 0


def test_who_may_not_administrate_sees_none(api: Api) -> None:
    assert api.call("GET", PATH, token=api.token(api.user("alice"))).status == 403


# --- told ----------------------------------------------------------------------------------------------------------


class Held:
    """Alice is an editor by a group above hers, and no admin; ``app`` is a proxy's application."""

    def __init__(self, api: Api) -> None:
        self.api = api

        def verb(tx: Transaction) -> None:
            self.alice, self.bob = tx.insert(User("alice")), tx.insert(User("bob"))
            above = tx.insert(Group("above"))
            below = tx.insert(Group("below", parents=(above.pk,)))
            tx.add_members(below.pk, [self.alice.pk])
            given = {"name": "p", "external_host": "https://app.example.com", "mode": "forward_single"}
            self.provider = providers.create(tx, "proxy", given, lambda size: bytes(size))
            self.app = tx.insert(Application("App", "app", provider=self.provider.pk)).pk
            tx.insert(Outpost("o", "any", pk="o", providers=(self.provider.pk,)))
            self.above = above.pk

        api.sql.write_now(verb)
        self.editor = api.post(PATH, {"name": "editor", "app": self.app, "attributes": {"quota": 5}})["pbm_uuid"]
        self.admin = api.post(PATH, {"name": "admin", "app": self.app})["pbm_uuid"]
        self.bind(self.editor, group=self.above)

    def bind(self, target: str, **subject: Any) -> None:
        self.api.post("/policies/bindings/", {"target": target, "order": 0, **subject})

    def value(self, source: str) -> Any:
        def ask(tx: Transaction) -> Any:
            facts = provider_facts(tx.get(Provider, self.provider.pk), tx.get(Application, self.app))
            return evaluate(source, Asked(person_facts(tx, self.alice), of=facts), lambda: 0.0, scope_names(facts, ()))

        found = self.api.sql.read_now(ask)
        assert found.fault is None, found.fault
        return found.value


@pytest.fixture
def held(api: Api) -> Held:
    return Held(api)


def test_expressions_ask_for_those_of_an_application(held: Held) -> None:
    assert held.value("return [one.name for one in request.user.app_entitlements(provider.application)]") == ["editor"]
    assert held.value("return user.app_entitlements_attributes(provider.application).get('quota')") == 5
    assert held.value("return user.app_entitlements(None).exists()") is False
    nextcloud = (
        "groups = [\n    entitlement.name\n"
        "    for entitlement in request.user.app_entitlements(provider.application)\n]\n"
        "quota = (\n    request.user.app_entitlements_attributes(provider.application).get('quota')\n"
        "    or request.user.group_attributes().get('quota')\n)\n"
        "return {'name': request.user.name, 'groups': groups, 'quota': quota}"
    )
    assert held.value(nextcloud) == {"name": "", "groups": ["editor"], "quota": 5}


def test_a_proxys_headers_tell_them_and_follow_their_bindings(held: Held) -> None:
    """By what the outpost is told of everybody beforehand."""

    def told(tx: Transaction) -> list[Any]:
        everybody = Everybody(tx)
        return [
            everybody.of(user, tx.groups_of([user.pk]).get(user.pk, []))
            .get(str(held.provider.pk), {})
            .get("entitlements")
            for user in (held.alice, held.bob)
        ]

    sql = held.api.sql
    assert sql.read_now(told) == [["editor"], []]
    before = sql.read_now(lambda tx: tx.revision().number)
    held.bind(held.admin, user=held.bob.pk)
    assert sql.read_now(told) == [["editor"], ["admin"]]
    assert sql.read_now(lambda tx: changed_users(tx, Everybody(tx), tx.changes_since(before))) is None


def test_without_entitlements_the_mapping_is_not_asked_about_anybody(api: Api) -> None:
    def verb(tx: Transaction) -> None:
        given = {"name": "p", "external_host": "https://app.example.com", "mode": "forward_single"}
        provider = providers.create(tx, "proxy", given, lambda size: bytes(size))
        mapping = tx.find(PropertyMapping, managed=ENTITLEMENTS)
        assert mapping is not None
        assert mapping.pk in provider.property_mappings

    api.sql.write_now(verb)
    assert api.sql.read_now(lambda tx: Everybody(tx).served) == ()


def test_a_token_tells_them_to_who_asks(tmp_path: Path) -> None:
    site = Relying(tmp_path)
    try:
        mapping = site.sql.read_now(lambda tx: tx.find(PropertyMapping, managed=ENTITLEMENTS))
        assert mapping is not None
        site.set_provider(property_mappings=[*site.provider.property_mappings, mapping.pk])
        alice = site.user("alice")

        def entitle(tx: Transaction) -> None:
            made = entitlements.create(tx, {"name": "editor", "app": site.application.pk})
            bindings.create(tx, {"target": made.pk, "user": alice.pk})

        site.sql.write_now(entitle)
        person = site.person()
        person.sign_in("alice")
        answer = site.exchange(person.code(scope="openid entitlements")).json()
        claims = site.verified(answer["id_token"])
        assert (claims["entitlements"], claims["roles"]) == (["editor"], ["editor"])
    finally:
        site.close()
