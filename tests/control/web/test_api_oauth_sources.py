"""`/sources/oauth/`: who may come in and with which groups, beside authentik's shape."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from control.records import Source
from tests.control.web.api import Api
from tests.control.web.test_api_ldap_sources import call

GIVEN = {"name": "House", "slug": "house", "provider_type": "github", "consumer_key": "k", "consumer_secret": "s"}
NOBODY = "6f1a3a0e-0000-4000-8000-000000000000"
NEW = {"allowed_emails", "allowed_organizations", "group_mapping"}


def test_lists_and_groups_are_made_and_changed(api: Api) -> None:
    staff = call(api, "POST", "core/groups/", {"name": "Staff"}, 201)["pk"]
    mapping = [{"name": "acme", "group": staff}]
    made = call(api, "POST", "sources/oauth/", {**GIVEN, "allowed_emails": ["Bob@example.com"]}, 201)
    assert {name: made[name] for name in NEW} == {
        "allowed_emails": ["Bob@example.com"],
        "allowed_organizations": [],
        "group_mapping": [],
    }
    changes = {"group_mapping": mapping, "allowed_organizations": ["acme"]}
    changed = call(api, "PATCH", "sources/oauth/house/", changes)
    assert (changed["group_mapping"], changed["allowed_organizations"]) == (mapping, ["acme"])
    assert call(api, "PATCH", "sources/oauth/house/", {"name": "Other"})["group_mapping"] == mapping
    call(api, "DELETE", f"core/groups/{staff}/", status=204)
    assert call(api, "GET", "sources/oauth/house/")["group_mapping"] == []


def test_a_source_from_before_there_were_lists_is_shown_with_empty_ones(api: Api) -> None:
    call(api, "POST", "sources/oauth/", GIVEN, 201)

    def forget(tx: Any) -> None:
        source = tx.find(Source, slug="house")
        kept = {name: value for name, value in source.settings.items() if name not in NEW}
        tx.update(replace(source, settings=kept))

    api.sql.write_now(forget)
    shown = call(api, "GET", "sources/oauth/house/")
    assert {name: shown[name] for name in NEW} == {name: [] for name in NEW}


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"allowed_emails": ["example.com"]}, "allowed_emails"),
        ({"allowed_emails": ["a@example.com"] * 501}, "allowed_emails"),
        ({"allowed_emails": [f"{'a' * 250}@example.com"]}, "allowed_emails"),
        ({"allowed_organizations": [""]}, "allowed_organizations"),
        ({"allowed_organizations": ["a" * 256]}, "allowed_organizations"),
        ({"allowed_organizations": ["a"] * 101}, "allowed_organizations"),
        ({"group_mapping": [{"name": "acme", "group": NOBODY}]}, "group_mapping"),
        ({"group_mapping": [{"name": "acme"}]}, "group_mapping"),
        ({"group_mapping": {"acme": NOBODY}}, "group_mapping"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_refused(api: Api, changed: dict[str, Any], field: str) -> None:
    said = call(api, "POST", "sources/oauth/", {**GIVEN, **changed}, 400)
    assert all(name.startswith(field) for name in said)


@pytest.mark.parametrize(("name", "more", "status"), [("acme", 0, 201), ("acme", 1, 400), ("a" * 256, -99, 400)])
def test_the_mapping_is_bounded(api: Api, name: str, more: int, status: int) -> None:
    staff = call(api, "POST", "core/groups/", {"name": "Staff"}, 201)["pk"]
    mapping = [{"name": name, "group": staff}] * (100 + more)
    call(api, "POST", "sources/oauth/", {**GIVEN, "group_mapping": mapping}, status)
