"""Second factors: a person has their own, an administrator everybody's, and nobody reads a key or a code."""

from __future__ import annotations

from typing import Any

import pytest

from control.records import Authenticator, AuthenticatorUse, Event, User
from control.store.interface import Query
from control.verbs import authenticators
from control.verbs.authenticators import KINDS, STATIC, TOTP
from tests.control.web.api import ADMIN_TOKEN, Api


class People:
    """alice and bob, each with a program and a list of codes."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.alice, self.bob = (api.user(name, attributes={"note": "unsteady"}) for name in ("alice", "bob"))
        self.as_alice, self.as_bob = api.token(self.alice), api.token(self.bob)
        self.of_alice = {kind: api.factor(self.alice, kind, f"alice's {kind}") for kind in KINDS}
        self.of_bob = {kind: api.factor(self.bob, kind, f"bob's {kind}") for kind in KINDS}

    def version(self, user: int) -> int:
        return self.api.sql.read_now(lambda tx: tx.get(User, user)).credential_version

    def stored(self, pk: int) -> Authenticator | None:
        return self.api.sql.read_now(lambda tx: tx.find(Authenticator, pk=pk))

    def secrets(self) -> list[str]:
        """Every key and code there is."""
        factors = self.api.sql.read_now(lambda tx: tx.select(Authenticator))
        keys = [factor.secrets["key"] for factor in factors if factor.kind == TOTP]
        codes = [code for factor in factors if factor.kind == STATIC for code in factor.secrets["codes"]]
        assert len(keys) >= 2
        assert len(codes) >= 12
        return keys + codes


@pytest.fixture
def people(api: Api) -> People:
    return People(api)


def pks(listed: Any) -> list[Any]:
    return [one["pk"] for one in (listed["results"] if isinstance(listed, dict) else listed)]


# --- one's own -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_person_lists_their_own(api: Api, people: People, kind: str) -> None:
    assert pks(api.get(f"/authenticators/{kind}/", people.as_alice)) == [people.of_alice[kind]]
    one = api.get(f"/authenticators/{kind}/{people.of_alice[kind]}/", people.as_alice)
    assert (one["name"], one["user"]["username"]) == (f"alice's {kind}", "alice")
    assert one["user"]["attributes"] == {}, "what administrators note of her is not for her"


def test_a_person_lists_their_own_of_all_kinds(api: Api, people: People) -> None:
    api.sql.write_now(lambda tx: authenticators.begin_totp(tx, people.alice, api.random))
    program, paper, key, address = api.get("/authenticators/all/", people.as_alice)
    assert program == {
        "verbose_name": "TOTP Device",
        "verbose_name_plural": "TOTP Devices",
        "meta_model_name": "authentik_stages_authenticator_totp.totpdevice",
        "pk": str(people.of_alice[TOTP]),
        "name": "alice's totp",
        "type": "authentik_stages_authenticator_totp.TOTPDevice",
        "confirmed": True,
        "created": "2023-11-14T22:13:20.000000Z",
        "last_updated": "2023-11-14T22:13:20.000000Z",
        "last_used": "2023-11-14T22:13:20.000000Z",
        "external_id": None,
        "extra_description": "",
    }
    assert (paper["pk"], paper["last_used"]) == (str(people.of_alice[STATIC]), None)
    assert address["type"] == "authentik_stages_authenticator_email.EmailDevice"
    assert (key["type"], key["external_id"]) == (
        "authentik_stages_authenticator_webauthn.WebAuthnDevice",
        "00000000-0000-0000-0000-000000000000",
    )


def test_what_is_being_set_up_is_not_there_yet(api: Api, people: People) -> None:
    begun = api.sql.write_now(lambda tx: authenticators.begin_totp(tx, people.alice, api.random))
    assert begun.pk not in pks(api.get("/authenticators/totp/", people.as_alice))
    assert api.call("DELETE", f"/authenticators/totp/{begun.pk}/", token=people.as_alice).status == 404


@pytest.mark.parametrize("kind", KINDS)
def test_a_person_names_their_own(api: Api, people: People, kind: str) -> None:
    path, before = f"/authenticators/{kind}/{people.of_alice[kind]}/", people.stored(people.of_alice[kind])
    for method in ("PATCH", "PUT"):
        answer = api.call(method, path, {"name": f"by {method}"}, people.as_alice)
        assert (answer.status, answer.body["name"]) == (200, f"by {method}")
    after = people.stored(people.of_alice[kind])
    assert before is not None
    assert after is not None
    assert (after.name, after.secrets, after.confirmed) == ("by PUT", before.secrets, True)
    assert people.version(people.alice) == 1 + len(KINDS), "a name is nothing that an outpost has to forget"


@pytest.mark.parametrize(
    ("method", "body", "sentence"),
    [
        ("PATCH", {"name": ""}, "This field may not be blank."),
        ("PATCH", {"name": "x" * 256}, "Ensure this field has no more than 255 characters."),
        ("PUT", {}, "This field is required."),
    ],
)
def test_a_name_that_is_none_is_refused(
    api: Api, people: People, method: str, body: dict[str, str], sentence: str
) -> None:
    answer = api.call(method, f"/authenticators/totp/{people.of_alice[TOTP]}/", body, people.as_alice)
    assert (answer.status, answer.body) == (400, {"name": [sentence]})


def test_only_the_name_is_taken(api: Api, people: People) -> None:
    before = people.stored(people.of_alice[TOTP])
    body = {"name": "alice's totp", "user": people.bob, "confirmed": False, "secrets": {"key": "A"}, "kind": STATIC}
    assert api.call("PATCH", f"/authenticators/totp/{people.of_alice[TOTP]}/", body, people.as_alice).status == 200
    assert people.stored(people.of_alice[TOTP]) == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_person_deletes_their_own(api: Api, people: People, kind: str) -> None:
    pk, version = people.of_alice[kind], people.version(people.alice)
    assert api.call("DELETE", f"/authenticators/{kind}/{pk}/", token=people.as_alice).status == 204
    assert people.stored(pk) is None
    assert api.sql.read_now(lambda tx: tx.find(AuthenticatorUse, pk=pk)) is None
    assert people.version(people.alice) == version + 1
    assert set(pks(api.get("/authenticators/all/", people.as_alice))) == {
        str(other) for other in people.of_alice.values() if other != pk
    }


def test_a_factor_of_one_kind_is_not_reached_as_another(api: Api, people: People) -> None:
    assert api.call("DELETE", f"/authenticators/static/{people.of_alice[TOTP]}/", token=people.as_alice).status == 404
    assert people.stored(people.of_alice[TOTP]) is not None


def test_none_is_made_here(api: Api, people: People) -> None:
    for path in ("/authenticators/totp/", "/authenticators/admin/totp/"):
        assert api.call("POST", path, {"name": "x", "user": people.alice}).status == 405


# --- somebody else's -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_somebody_elses_is_not_there(api: Api, people: People, kind: str, method: str) -> None:
    before = people.stored(people.of_alice[kind])
    answer = api.call(method, f"/authenticators/{kind}/{people.of_alice[kind]}/", {"name": "x"}, people.as_bob)
    assert answer.status == 404
    assert people.stored(people.of_alice[kind]) == before


@pytest.mark.parametrize("query", ["?user={alice}", "?name=alice's totp", "?search=alice", "?page_size=100"])
def test_no_question_lists_somebody_elses(api: Api, people: People, query: str) -> None:
    query = query.format(alice=people.alice)
    for path in ("/authenticators/totp/", "/authenticators/all/"):
        found = pks(api.get(path + query, people.as_bob))
        assert {str(pk) for pk in found} <= {str(pk) for pk in people.of_bob.values()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_the_paths_of_administrators_are_theirs(api: Api, people: People, kind: str, method: str) -> None:
    for pk in (people.of_alice[kind], people.of_bob[kind]):
        answer = api.call(method, f"/authenticators/admin/{kind}/{pk}/", {"name": "x"}, people.as_bob)
        assert answer.status == 403
        assert people.stored(pk) is not None
    for path in (f"/authenticators/admin/{kind}/", f"/authenticators/admin/all/?user={people.bob}"):
        assert api.call("GET", path, token=people.as_bob).status == 403


@pytest.mark.parametrize("permission", ["outpost.helpdesk", "outpost.auditor"])
def test_a_role_is_no_administrator(api: Api, people: People, permission: str) -> None:
    role = api.post("/rbac/roles/", {"name": "helping"})["pk"]
    given = {"permissions": [permission]}
    api.post(f"/rbac/permissions/assigned_by_roles/{role}/assign/", given, 200)
    group = api.post("/core/groups/", {"name": "helping", "roles": [role]})["pk"]
    token = api.token(api.user("helper", groups=[group]))
    assert api.call("GET", "/core/users/", token=token).status == 200, "the role is held"
    path = f"/authenticators/admin/totp/{people.of_alice[TOTP]}/"
    assert [api.call(method, path, {}, token).status for method in ("GET", "DELETE")] == [403, 403]
    assert api.call("DELETE", path.replace("/admin", ""), token=token).status == 404


# --- an administrator ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_an_administrator_lists_everybodys(api: Api, people: People, kind: str) -> None:
    path = f"/authenticators/admin/{kind}/"
    assert set(pks(api.get(path))) == {people.of_alice[kind], people.of_bob[kind]}
    assert pks(api.get(f"{path}?user={people.bob}")) == [people.of_bob[kind]]
    assert api.get(f"{path}{people.of_bob[kind]}/")["user"]["attributes"] == {"note": "unsteady"}
    assert pks(api.get(f"/authenticators/{kind}/")) == [], "their own are their own"


def test_an_administrator_lists_all_kinds_of_one_person(api: Api, people: People) -> None:
    assert pks(api.get(f"/authenticators/admin/all/?user={people.bob}")) == [str(pk) for pk in people.of_bob.values()]
    assert api.get("/authenticators/admin/all/?user=999") == []


@pytest.mark.parametrize("query", ["", "?user=", "?user=bob", "?user=-1", "?user=1234567890", "?user=%C2%B2"])
def test_whose_has_to_be_said(api: Api, query: str) -> None:
    answer = api.call("GET", f"/authenticators/admin/all/{query}")
    assert (answer.status, answer.body["detail"]) == (400, "Say whose: add ?user= and the user's number.")


@pytest.mark.parametrize("kind", KINDS)
def test_an_administrator_deletes_somebodys(api: Api, people: People, kind: str) -> None:
    pk, version, of_alice = people.of_bob[kind], people.version(people.bob), people.version(people.alice)
    assert api.call("DELETE", f"/authenticators/admin/{kind}/{pk}/").status == 204
    assert people.stored(pk) is None
    assert (people.version(people.bob), people.version(people.alice)) == (version + 1, of_alice)
    assert people.stored(people.of_alice[kind]) is not None


# --- secrets and events --------------------------------------------------------------------------------------------


def test_no_answer_and_no_event_has_a_key_or_a_code(api: Api, people: People) -> None:
    secrets = people.secrets()
    answers = [str(api.get(f"/authenticators/admin/all/?user={people.alice}"))]
    answers.append(str(api.get("/authenticators/all/", people.as_alice)))
    for kind in KINDS:
        own = f"/authenticators/{kind}/"
        for path, token in ((own, people.as_alice), (f"/authenticators/admin/{kind}/", ADMIN_TOKEN)):
            one = f"{path}{people.of_alice[kind]}/"
            for method, where in (("GET", path), ("GET", one), ("PUT", one), ("PATCH", one)):
                answer = api.call(method, where, {"name": f"{method} {where}"}, token)
                assert answer.status == 200, (method, where)
                answers.append(answer.text.decode())
        assert api.call("DELETE", f"{own}{people.of_alice[kind]}/", token=people.as_alice).status == 204
    events = api.sql.read_now(lambda tx: tx.select(Event))
    told = "".join([*answers, str(events), str(api.get("/events/events/?page_size=100"))])
    assert [secret for secret in secrets if secret in told] == []


def test_who_took_it_away_is_in_the_events(api: Api, people: People) -> None:
    api.call("DELETE", f"/authenticators/admin/totp/{people.of_bob[TOTP]}/")
    query = Query(equal={"action": "model_deleted", "app": "authentik_stages_authenticator_totp"})
    (event,) = api.sql.read_now(lambda tx: tx.select(Event, query))
    assert (event.user["username"], event.context["model"]["name"]) == ("akadmin", "bob's totp")


def test_a_browser_session_deletes_its_own_with_its_csrf_token_alone(api: Api, people: People) -> None:
    cookie, csrf = api.sign_in(people.alice)
    path = f"/authenticators/totp/{people.of_alice[TOTP]}/"
    assert api.call("DELETE", path, token=None, headers=cookie).status == 403
    assert people.stored(people.of_alice[TOTP]) is not None
    assert api.call("DELETE", path, token=None, headers={**cookie, "x-authentik-csrf": csrf}).status == 204
