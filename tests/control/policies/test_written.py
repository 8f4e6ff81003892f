"""Policies as people write them for authentik, as data: each runs as it stands, or says what stands in its way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from control.expression.program import LIMITS
from control.people import person_facts
from control.policies.kinds import KINDS
from control.records import User
from control.verbs.fields import Invalid, parse
from tests.control.policies.asking import House

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/expressions/policies.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", VECTORS["run"], ids=lambda vector: vector["name"])
def test_it_is_taken_and_decides_as_it_should(house: House, vector: dict[str, Any]) -> None:
    asked: dict[str, Any] = dict(vector["asked"])
    if asked.pop("pending", False):
        asked["context"] = {"pending_user": house.store.read_now(lambda tx: person_facts(tx, tx.get(User, 1)))}
    if asked.pop("bound", False):
        asked["target"] = house.application
    verdict = house.decide_kind("expression", {"expression": vector["expression"]}, **asked)
    assert (verdict.passing, list(verdict.messages)) == (vector["passing"], vector["messages"])
    assert verdict.steps < LIMITS.steps / 100


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: vector["after"])
def test_what_needs_network_or_database_says_so_when_it_is_stored(vector: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        parse(KINDS["expression"].fields, {"name": "p", "expression": vector["expression"]})
    assert vector["says"] in str(refused.value)


@pytest.mark.parametrize(
    "line",
    [
        "from ipaddress import ip_network as n",
        "from ipaddress import *",
        "from ipaddress import ip_network, sys",
        "from .ipaddress import ip_network",
        "from os import ip_network",
        "import ipaddress",
        "if True:\n    from ipaddress import ip_network",
    ],
)
def test_only_what_everybody_is_given_may_stand_in_an_import(line: str) -> None:
    with pytest.raises(Invalid, match="import"):
        parse(KINDS["expression"].fields, {"name": "p", "expression": f"{line}\nreturn True"})
