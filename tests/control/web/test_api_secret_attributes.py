"""Passwords for applications behind proxies, among people's and groups' attributes: superusers alone read them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from control.outposts.view import configuration
from control.records import Event, Group, Outpost, User
from control.store.interface import Query
from protocols.link.messages import OutpostRecord
from rules.secret_attributes import MASK
from tests.control.web.api import Api
from tests.control.web.test_api_roles import holder, role_with

SECRET = "s3cret-of-the-application"
ATTRIBUTES = {"app_password": SECRET, "shell": "/bin/sh"}
PROXY = {
    "name": "proxy",
    "external_host": "https://app.example.com",
    "mode": "forward_single",
    "basic_auth_enabled": True,
    "basic_auth_user_attribute": "app_name",
    "basic_auth_password_attribute": "app_password",
}


class House:
    """alice is in the group `staff`, below `everybody`: all three have one."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.proxy = api.post("/providers/proxy/", PROXY)["pk"]
        self.above = api.post("/core/groups/", {"name": "everybody", "attributes": ATTRIBUTES})["pk"]
        given: dict[str, Any] = {"name": "staff", "parents": [self.above], "attributes": ATTRIBUTES}
        self.group = api.post("/core/groups/", given)["pk"]
        self.alice = api.post("/core/users/", {"username": "alice", "name": "Alice", "attributes": ATTRIBUTES})["pk"]
        api.patch(f"/core/users/{self.alice}/", {"groups": [self.group]})

    def token(self, permission: str) -> str:
        return self.api.token(holder(self.api, permission, role_with(self.api, permission, permission)))

    def user(self) -> dict[str, Any]:
        return self.api.sql.read_now(lambda tx: tx.get(User, self.alice)).attributes


@pytest.fixture
def house(api: Api) -> House:
    return House(api)


def paths(house: House) -> list[str]:
    everything = "include_children=true&include_parents=true"
    return [
        "/core/users/",
        f"/core/users/{house.alice}/",
        f"/core/groups/?{everything}",
        f"/core/groups/{house.group}/?{everything}",
        f"/core/groups/{house.above}/?{everything}",
    ]


@pytest.mark.parametrize("permission", ["outpost.auditor", "outpost.helpdesk"])
def test_who_only_looks_after_people_reads_none(house: House, permission: str) -> None:
    token = house.token(permission)
    for path in paths(house):
        answer = house.api.call("GET", path, token=token)
        assert answer.status == 200, path
        assert SECRET.encode() not in answer.text, path
        assert MASK.encode() in answer.text, path
        assert b"/bin/sh" in answer.text, path
        assert SECRET in json.dumps(house.api.get(path)), path


def test_an_attribute_is_secret_while_a_provider_names_it(house: House) -> None:
    token, path = house.token("outpost.auditor"), f"/core/users/{house.alice}/"

    def read() -> Any:
        return house.api.call("GET", path, token=token).body["attributes"]["app_password"]

    assert read() == MASK
    house.api.patch(f"/providers/proxy/{house.proxy}/", {"basic_auth_enabled": False})
    assert read() == MASK, "it may be switched on again"
    house.api.patch(f"/providers/proxy/{house.proxy}/", {"basic_auth_password_attribute": "another"})
    assert read() == SECRET


def test_events_do_not_tell_them(house: House) -> None:
    house.api.patch(f"/core/users/{house.alice}/", {"attributes": {**ATTRIBUTES, "app_password": SECRET + "2"}})
    house.api.patch(f"/core/groups/{house.group}/", {"attributes": {**ATTRIBUTES, "shell": "/bin/zsh"}})
    events = house.api.sql.read_now(lambda tx: tx.select(Event, Query()))
    said = json.dumps([event.context for event in events])
    assert SECRET not in said
    assert "/bin/zsh" in said
    assert MASK in said
    assert SECRET.encode() not in house.api.call("GET", "/events/events/", token=house.token("outpost.auditor")).text


HEADERS = {"name": "knocking", "expression": f'return {{"Authorization": "Bearer {SECRET}"}}'}
WIFI = {"name": "Tunnel-Password", "value": SECRET, "tag": 1}


@pytest.mark.parametrize("kind", ["mapping", "rule"])
def test_nor_what_only_superusers_read_of_rules_and_mappings(api: Api, kind: str) -> None:
    """A webhook's mapping holds its receiver's password, an answer's attribute that of a Wi-Fi."""
    provider = api.post("/providers/radius/", {"name": "radius"})["pk"]
    rule = {"name": "staff", "provider": provider, "attributes": [WIFI]}
    path, made = {"mapping": ("/propertymappings/notification/", HEADERS), "rule": ("/radius/rules/", rule)}[kind]
    pk = api.post(path, made)["pk"]
    api.patch(f"{path}{pk}/", {**made, "name": "another"})
    auditor = api.token(holder(api, "looks", role_with(api, "looks", "outpost.auditor")))
    assert api.call("GET", f"{path}{pk}/", token=auditor).status == 403
    pages = [api.call("GET", f"/events/events/?page_size=100&page={page}", token=auditor).text for page in (1, 2)]
    assert SECRET.encode() not in b"".join(pages)
    assert b'"another"' in b"".join(pages), "they are all of one moment, and in no order"


def test_a_mask_that_is_written_back_changes_nothing(house: House) -> None:
    given = {"app_password": MASK, "shell": "/bin/zsh"}
    house.api.patch(f"/core/users/{house.alice}/", {"attributes": given})
    assert house.user() == {**ATTRIBUTES, "shell": "/bin/zsh"}
    house.api.patch(f"/core/groups/{house.group}/", {"attributes": given})
    group = house.api.sql.read_now(lambda tx: tx.get(Group, house.group))
    assert group.attributes == {**ATTRIBUTES, "shell": "/bin/zsh"}
    house.api.patch(f"/core/users/{house.alice}/", {"attributes": {"app_password": "another"}})
    assert house.user() == {"app_password": "another"}


def test_every_outpost_hears_which_they_are(house: House) -> None:
    """Also one that serves LDAP alone."""
    ldap = house.api.post("/providers/ldap/", {"name": "ldap"})["pk"]
    made = house.api.post("/outposts/instances/", {"name": "o", "type": "ldap", "providers": [ldap]})["pk"]
    records = house.api.sql.read_now(lambda tx: configuration(tx, tx.get(Outpost, made).pk))
    (own,) = [record for record in records if isinstance(record, OutpostRecord)]
    assert own.password_attributes == ("app_password",)
