"""The cases of the field, by number, and its advisories, by name: each has a test wherever it can be tried.

The numbers are those of the survey that this project began with. A case is a function whose name begins with its
number, a vector of `tests/vectors/proxy/decisions.json`, or a row of `tests/wire/field_cases.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.wire.field_cases import CASES

TESTS = Path(__file__).parent
NUMBERS = {
    *("T01", "T02", "T04", "T05", "T07", "T08", "T10", "T11", "T13"),
    *("T14", "T16", "T17", "T19", "T20", "T22", "T23", "T25", "T26", "T28"),
    *("T29", "T31", "T32", "T34", "T35"),
    *("T37", "T38", "T40", "T41", "T43", "T44", "T46", "T47", "T49", "T50"),
}
"""Trust, matching, identity, signing in, sessions."""
VECTORS = {vector["id"][:3] for vector in json.loads((TESTS / "vectors/proxy/decisions.json").read_text())} & NUMBERS
"""Replayed on the languages, and on the listener both as a proxy asks and where we are the proxy."""
NOT_ON_THE_WIRE = {
    "T02": "on loopback nobody is a stranger",
    "T31": "who may be called what is the directory's say; what a header cannot carry never leaves the listener",
    "T32": "the same",
    "T34": "an application's own header, which no shipped configuration copies",
    "T35": "tests/wire/test_reverse_proxy.py::test_who_may_in_reaches_the_application",
    "T38": "where a sign-in lands is sealed in its state",
    "T43": "tests/wire/test_caddy.py::test_three_tabs_finish_in_any_order",
    "T49": "tests/control/sources/test_signing_in.py::test_only_addresses_of_allowed_domains_come_in",
}
"""Why not, or which test it is instead."""
AT_CONTROL = {"T49": "tests/control/sources/test_signing_in.py::test_only_addresses_of_allowed_domains_come_in"}


def named(files: Iterable[Path]) -> set[str]:
    """Numbers in the names of test functions."""
    found = [re.findall(r"^def test_((?:t\d\d_)+)", file.read_text(), re.MULTILINE) for file in files]
    return {number.upper() for names in found for name in names for number in name.split("_") if number}


def exists(test: str) -> bool:
    file, _, function = test.partition("::")
    return f"def {function}(" in (TESTS.parent / file).read_text()


def test_every_number_is_tried_on_the_languages() -> None:
    assert VECTORS | named((TESTS / "protocols").rglob("test_*.py")) | AT_CONTROL.keys() == NUMBERS


def test_every_number_is_tried_on_the_listener() -> None:
    assert VECTORS | named((TESTS / "outpost").rglob("test_*.py")) | AT_CONTROL.keys() == NUMBERS


def test_every_number_is_tried_through_every_proxy() -> None:
    assert {case.number for case in CASES} | NOT_ON_THE_WIRE.keys() == NUMBERS
    for caller in ("nginx", "ingress_nginx", "caddy", "haproxy", "envoy", "traefik", "apache"):
        assert "every_case_holds(" in (TESTS / f"wire/test_{caller}.py").read_text()


@pytest.mark.parametrize("said", [*NOT_ON_THE_WIRE.values(), *AT_CONTROL.values()])
def test_tests_that_stand_elsewhere_exist(said: str) -> None:
    assert exists(said) if said.startswith("tests/") else said
