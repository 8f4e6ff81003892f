"""Expressions that authentik's documentation and blueprints print: those that need no network and no store run
unchanged, and the others are refused with a sentence, and listed in docs/expressions.md."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from control.expression.environment import NAMES, Asked
from control.expression.evaluation import check, evaluate
from control.expression.exposed import Exposed, free
from control.expression.methods import METHODS
from control.expression.people import Facts, exposed
from control.expression.program import LIMITS
from control.expression.syntax import ABSENT
from control.expression.vocabulary import AUTHENTIK, PYTHON
from control.mappings.answers import scope_names
from control.mappings.radius import Packet
from control.verbs.property_mappings import KINDS
from tests.control.expression.test_environment import ALICE, HTTP

ROOT = Path(__file__).parents[3]
VECTORS = ROOT / "tests/vectors/expressions"
PAGE = ROOT / "docs/expressions.md"

ALICIA = replace(
    ALICE,
    fields={
        **ALICE.fields,
        "username": "admin-alice",
        "uuid": "6a7",
        "attributes": {"settings": {"locale": "de"}},
    },
    direct=tuple(replace(group, attributes={"nextcloud_quota": "1 GB"}) for group in ALICE.direct),
    every=tuple(replace(group, attributes={"nextcloud_quota": "1 GB"}) for group in ALICE.direct),
    entitlements={"a1": (Facts("Entitlement", {"name": "editor", "attributes": {"upload_quota": "5 GB"}}, "editor"),)},
)
INSIDE: dict[str, Any] = {
    "pending_user": ALICIA,
    "prompt_data": {"email": "alice@example.com", "password": "a", "password_repeat": "b"},
    "geoip": {"continent": "EU", "country": "CH"},
    "asn": {"asn": 64496},
    "auth_method": "password",
    "oauth_scopes": ["openid", "my-admin-scope"],
}
ASKED = Asked(
    ALICIA, "10.0.0.7", HTTP, {**INSIDE, "flow_plan": Facts("FlowPlan", {"context": dict(INSIDE)})}, Facts("Provider")
)
PROVIDER = Facts(
    "Provider",
    {
        "pk": 1,
        "name": "p",
        "application": Facts("Application", {"pk": "a1", "name": "App"}),
        "backchannel_application": None,
    },
)


def _read(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((VECTORS / name).read_text("utf-8"))
    return found


POLICIES, MAPPINGS, REFUSED = _read("policies.yml"), _read("mappings.yml"), _read("refused.yml")


def _titles(cases: list[dict[str, Any]]) -> list[str]:
    return [f"{number}-{Path(str(case['from'])).stem}" for number, case in enumerate(cases)]


@pytest.mark.parametrize("case", POLICIES, ids=_titles(POLICIES))
def test_policies_run_unchanged(case: dict[str, Any]) -> None:
    assert check(case["source"]) == ()
    found = evaluate(case["source"], ASKED, lambda: 0.0)
    assert found.fault is None, found.fault
    assert found.value == case["is"]
    assert not case.get("said") or list(found.messages) == case["said"]


@pytest.mark.parametrize("case", MAPPINGS, ids=_titles(MAPPINGS))
def test_mappings_run_unchanged(case: dict[str, Any]) -> None:
    packet = Packet()
    more: dict[str, Any] = {name: exposed(_named(value)) for name, value in case.get("names", {}).items()}
    if case["kind"] == "scope":
        more = dict(scope_names(PROVIDER, ()))
    elif case["kind"] == "radius":
        more = {"packet": packet, "define_attribute": free("define_attribute", packet.define)}
    assert check(case["source"], more) == ()
    found = evaluate(case["source"], ASKED, lambda: 0.0, more)
    assert found.fault is None, found.fault
    told = [[one.name, one.value] for one in packet.told]
    assert (told if case["kind"] == "radius" else found.value) == case["is"]


def _named(value: Any) -> Any:
    return Facts("Group", value) if value == {"name": "staff"} else value


@pytest.mark.parametrize("case", REFUSED, ids=_titles(REFUSED))
def test_what_does_not_run_says_why(case: dict[str, Any]) -> None:
    faults = check(case["source"], {"packet", "email"})
    if "says" in case:
        assert case["says"] in " ".join(map(str, faults))
    else:
        assert faults == ()
        found = evaluate(case["source"], ASKED, lambda: 0.0)
        assert found.fault is not None
        assert case["runs"] in found.fault.sentence


# --- the page ------------------------------------------------------------------------------------------------------


def test_the_page_lists_what_does_not_run_and_why() -> None:
    rows = "\n".join(dict.fromkeys(f"| {case['needs']} | {case['instead']} |" for case in REFUSED))
    assert rows in PAGE.read_text("utf-8"), f"docs/expressions.md has to have these rows:\n{rows}"


def test_the_page_names_every_name_method_and_budget() -> None:
    words = set(re.findall(r"\w+", PAGE.read_text("utf-8")))
    kinds = {name for kind in KINDS.values() for name in kind.names}
    names = {*NAMES, *PYTHON, *AUTHENTIK, *ABSENT, *kinds}
    methods = {name for table in METHODS.values() for name in table}
    figures = {f"{number:_}".replace("_", ",") for number in (LIMITS.steps, LIMITS.size, LIMITS.bits)}
    assert sorted((names | methods) - words) == []
    assert [figure for figure in figures if figure not in PAGE.read_text("utf-8")] == []


def test_every_program_of_the_page_runs() -> None:
    programs = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert len(programs) >= 5
    for source in programs:
        assert check(source, KINDS["scope"].names | KINDS["radius"].names) == ()
        packet = Packet()
        more: dict[str, Exposed] = {"packet": packet, **scope_names(PROVIDER, ())}
        more["define_attribute"] = free("define_attribute", packet.define)
        found = evaluate(source, ASKED, lambda: 0.0, more)
        assert found.fault is None, (source, found.fault)
