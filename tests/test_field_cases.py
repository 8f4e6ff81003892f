"""The cases of the field, by number, and its advisories, by name: each has a test wherever it can be tried.

The numbers are those of the survey that this project began with. A case is a function whose name begins with its
number, a vector of `tests/vectors/proxy/decisions.json`, or a row of `tests/wire/field_cases.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.wire.field_cases import CASES, SCRIPT, UPGRADE

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


class Tried(NamedTuple):
    """Which test it is, or why there is none."""

    core: str
    listener: str
    proxies: str


LOGOUT = "tests/control/sources/test_logout.py"
AUTHENTICATORS = "tests/control/verbs/test_authenticators.py"
FOREIGN = "tests/control/oidc/test_foreign.py"
THROTTLE = "tests/outpost/test_throttle.py"
TRIES = "tests/control/test_tries.py"
SIGN_IN = "tests/outpost/listeners/test_sign_in.py"
BEARER = "tests/wire/test_nginx.py::test_a_person_signs_in_and_arrives_where_they_wanted"
SAME_FOR_ALL = "a proxy hands on what a program shows, and has no say in it"
EVERY_CASE = "tests/wire/field_cases.py::every_case_holds"
ACCOUNT = "tests/wire/journeys.py::credentials_open"
FURTHER: dict[str, Tried] = {
    "many refreshes at once are one": Tried(
        "tests/control/sources/test_renewing.py::test_two_control_processes_ask_once",
        "tests/outpost/browsers/test_renewals.py::test_many_who_wait_at_once_ask_one_time",
        "control alone asks a foreign provider",
    ),
    "a logout token ends a session within a second": Tried(
        f"{LOGOUT}::test_a_session_ends_and_no_other",
        f"{LOGOUT}::test_every_outpost_hears_of_it",
        "tests/wire/test_foreign_house.py::test_a_logout_token_cuts_the_websocket",
    ),
    "a logout token that comes again": Tried(
        f"{LOGOUT}::test_a_token_counts_once",
        f"{LOGOUT}::test_a_token_counts_once",
        "the provider tells control, past every proxy",
    ),
    "a logout token without iat or jti": Tried(
        f"{LOGOUT}::test_what_is_no_logout_token_ends_nothing",
        f"{LOGOUT}::test_what_is_no_logout_token_ends_nothing",
        "the same",
    ),
    "a group that somebody has left": Tried(
        "tests/outpost/directory/test_snapshot.py::test_deltas_lead_where_a_whole_snapshot_would",
        f"{SIGN_IN}::test_what_an_administrator_does_is_in_force_at_once",
        "tests/wire/test_changes.py::test_a_removed_membership_ends_access",
    ),
    "a token for somebody else": Tried(f"{FOREIGN}::test_the_audience_is_exactly_the_one", BEARER, SAME_FOR_ALL),
    "a token that nobody has signed, or with the public key": Tried(
        f"{FOREIGN}::test_no_other_key_signs_for_it", BEARER, SAME_FOR_ALL
    ),
    "an ID token without our nonce": Tried(
        "tests/control/sources/test_signing_in.py::test_an_id_token_that_proves_nothing_opens_nothing",
        f"{SIGN_IN}::test_every_tampering_with_the_state_signs_nobody_in",
        "control and the provider are alone with it",
    ),
    "a flood of keys that nobody has": Tried(
        f"{FOREIGN}::test_invented_keys_ask_nobody_and_a_new_one_is_found",
        f"{FOREIGN}::test_while_the_issuer_is_away_its_keys_hold_for_a_while",
        SAME_FOR_ALL,
    ),
    "guessing under several spellings": Tried(
        f"{TRIES}::test_no_spelling_makes_another_account_of_a_name",
        f"{THROTTLE}::test_no_spelling_makes_another_account_of_a_name",
        ACCOUNT,
    ),
    "guessing from one place": Tried(
        f"{TRIES}::test_somebody_else_elsewhere_is_not_held_up",
        f"{THROTTLE}::test_one_place_cannot_try_one_password_on_everybody",
        ACCOUNT,
    ),
    "guessing on after a restart": Tried(
        f"{TRIES}::test_they_survive_a_restart",
        f"{THROTTLE}::test_control_is_told_what_comes_again_and_what_was_right_the_last_time",
        "what is counted stands behind them all",
    ),
    "guessing so that nobody gets in": Tried(
        f"{TRIES}::test_guesses_where_it_was_right_before_slow_nobody_elsewhere",
        f"{THROTTLE}::test_whatever_happens_a_right_password_gets_in_within_minutes",
        "the same",
    ),
    "a second factor guessed by beginning anew": Tried(
        f"{AUTHENTICATORS}::test_wrong_codes_make_the_next_one_wait_twice_as_long_each_time",
        f"{THROTTLE}::test_a_second_factor_is_not_guessed_with_right_passwords_in_between",
        "control's pages stand behind no application's proxy",
    ),
    "a code that is shown twice": Tried(
        f"{AUTHENTICATORS}::test_the_programs_code_is_right_once",
        "tests/outpost/kept/test_credential_cache.py::test_what_may_not_be_reused_is_not_remembered",
        "the same",
    ),
    "the time that an unknown name takes": Tried(
        "tests/control/passwords/test_hashing.py::test_an_unknown_name_costs_the_same_work",
        "tests/control/flows/test_headless.py::test_refused_and_why_at_the_same_cost",
        "they wait for the answer",
    ),
    "a proxy that keeps answers": Tried(
        "tests/protocols/proxy/test_repeated.py::test_the_same_target_of_another_host_is_another_question",
        "tests/outpost/listeners/test_further_cases.py::test_every_answer_that_lets_in_forbids_to_keep_it",
        "tests/wire/test_nginx.py::test_a_proxy_that_keeps_answers_opens_nothing_else",
    ),
    "what is posted before the sign-in": Tried(
        "tests/protocols/proxy/test_redirects.py::test_where_to_land",
        f"{SIGN_IN}::test_a_post_comes_back_to_the_page_it_came_from",
        "tests/wire/journeys.py::a_post_after_the_end_comes_back_to_its_page",
    ),
    SCRIPT: Tried(
        "tests/outpost/listeners/test_further_cases.py::test_no_page_repeats_markup",
        "tests/outpost/listeners/test_further_cases.py::test_an_address_with_markup_is_only_an_address",
        EVERY_CASE,
    ),
    UPGRADE: Tried(
        "tests/protocols/proxy/test_http1.py::test_an_upgrade_is_answered_as_whatever_else",
        "tests/outpost/listeners/test_forward_auth.py::test_an_upgrade_is_never_accepted",
        EVERY_CASE,
    ),
    "a body that is announced and never comes": Tried(
        "tests/protocols/proxy/test_http1.py::test_a_request_is_there_before_its_body",
        "tests/outpost/listeners/test_forward_auth.py::test_a_body_is_not_waited_for",
        "tests/wire/test_nginx.py::test_a_body_that_never_comes_is_not_waited_for",
    ),
}
"""What the survey names besides, without numbers, in the order in which it does; said once, a reason holds on."""
SURVEYED_FURTHER = 21


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
    assert {case.number for case in CASES} - FURTHER.keys() | NOT_ON_THE_WIRE.keys() == NUMBERS
    for caller in ("nginx", "ingress_nginx", "caddy", "haproxy", "envoy", "traefik", "apache"):
        assert "every_case_holds(" in (TESTS / f"wire/test_{caller}.py").read_text()


def test_the_further_ones_are_all_there() -> None:
    assert len(FURTHER) == SURVEYED_FURTHER
    assert {SCRIPT, UPGRADE} <= {case.number for case in CASES}


@pytest.mark.parametrize("said", [said for tried in FURTHER.values() for said in tried])
def test_of_the_further_ones_each_is_tried(said: str) -> None:
    assert exists(said) if said.startswith("tests/") else said


@pytest.mark.parametrize("said", [*NOT_ON_THE_WIRE.values(), *AT_CONTROL.values()])
def test_tests_that_stand_elsewhere_exist(said: str) -> None:
    assert exists(said) if said.startswith("tests/") else said
