"""Mappings as people write them for authentik run as they stand; what needs network or records of others is refused
with a sentence that says why."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from control.expression.environment import Asked
from control.expression.people import Facts, GroupFacts, PersonFacts
from control.expression.program import LIMITS
from control.mappings.answers import Mappings, scope_names
from control.mappings.radius import reply
from control.records import PropertyMapping
from control.verbs import property_mappings
from control.verbs.fields import Invalid
from control.verbs.property_mappings import KINDS

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/expressions/mappings.json").read_text(encoding="utf-8"))
STAFF = GroupFacts("3", "staff", attributes={"quota": "100 GB", "team": "blue", "vlan": 20})
EDITORS, VPN = GroupFacts("1", "Grafana Editors", parents=("3",)), GroupFacts("2", "vpn users")
ALICE = PersonFacts(
    7,
    {
        "username": "alice",
        "name": "Alice Liddell",
        "email": "alice@example.org",
        "uuid": "5f0a",
        "attributes": {"phone": ["+41 1", "+41 2"], "employee": "n/a"},
        "date_joined": datetime.fromtimestamp(86_400.0, UTC),
    },
    direct=(EDITORS, VPN),
    every=(EDITORS, STAFF, VPN),
)
PROVIDER = Facts("Provider", {"name": "wiki", "application": Facts("Application", {"slug": "wiki"})})
ASKED = Asked(ALICE, "192.0.2.7", of=PROVIDER)
STILL = Mappings(lambda: 0.0)


@pytest.mark.parametrize("vector", VECTORS["run"], ids=lambda vector: vector["name"])
def test_it_is_taken_and_says_what_it_should(vector: dict[str, Any]) -> None:
    kind = KINDS[vector["kind"]]
    fields = kind.fields.model_validate({"name": "m", "scope_name": "x", "expression": vector["expression"]})
    property_mappings.check_expression(vector["kind"], fields)
    mapping = PropertyMapping("m", vector["kind"], fields.expression)
    if vector["kind"] == "radius":
        told, broken = reply([mapping], ASKED, STILL)
        assert broken == ()
        assert [[one.name, one.value, one.tag] for one in told] == vector["value"]
    else:
        found = STILL.ask(mapping, ASKED, scope_names(PROVIDER, ["openid"]))
        assert found.fault is None
        assert found.value == vector["value"]
        assert found.steps < LIMITS.steps / 100


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: vector["says"])
def test_what_it_cannot_have_is_refused_when_it_is_saved(vector: dict[str, Any]) -> None:
    fields = KINDS["scope"].fields.model_validate({"name": "m", "scope_name": "x", "expression": vector["expression"]})
    with pytest.raises(Invalid) as refusal:
        property_mappings.check_expression("scope", fields)
    assert any(vector["says"] in sentence for sentence in refusal.value.fields["expression"])
