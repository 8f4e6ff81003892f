"""Knocks: told once a minute, bounded however many strangers knock, and closed by the next success."""

from __future__ import annotations

import ast
from string import Formatter

import pytest

from rules.discards import DISCARDS
from rules.knocks import AGAIN_SECONDS, KINDS, MOST_OPEN, NEW_A_MINUTE, OF_DISCARD, OF_REFUSAL, Knock, Knocks
from rules.names import LONGEST_NAME
from rules.reasons import REASONS
from tests.rules.test_reasons import SOURCES


@pytest.fixture
def knocks() -> Knocks:
    return Knocks()


def test_the_first_is_told_at_once_and_the_next_ones_together_a_minute_later(knocks: Knocks) -> None:
    assert knocks.knock("nas", "192.0.2.1", 0.0, {}) == Knock("nas", "192.0.2.1", 1, {})
    assert knocks.knock("nas", "192.0.2.1", 1.0, {}) is None
    assert knocks.knock("nas", "192.0.2.1", AGAIN_SECONDS, {}) == Knock("nas", "192.0.2.1", 2, {})
    assert knocks.due(AGAIN_SECONDS * 3) == []


def test_what_came_and_stopped_is_told_by_the_minute(knocks: Knocks) -> None:
    knocks.knock("nas", "192.0.2.1", 0.0, {})
    knocks.knock("nas", "192.0.2.1", 1.0, {})
    assert knocks.due(30.0) == []
    assert knocks.due(60.0) == [Knock("nas", "192.0.2.1", 1, {})]
    assert knocks.due(120.0) == []


def test_the_next_success_closes_it_once(knocks: Knocks) -> None:
    knocks.knock("host", "app.example.com", 0.0, {})
    assert knocks.answered("host", "app.example.com")
    assert not knocks.answered("host", "app.example.com")
    assert not knocks.open
    assert knocks.knock("host", "app.example.com", 1.0, {}) is not None


def test_a_flood_of_one_kind_is_told_only_so_often_and_leaves_room_for_the_others(knocks: Knocks) -> None:
    told = [knock for number in range(5000) if (knock := knocks.knock("nas", f"n{number}", 10.0, {}))]
    assert len(told) == NEW_A_MINUTE
    assert knocks.heard["nas"] == 5000
    assert knocks.knock("host", "app.example.com", 10.0, {}) is not None
    assert knocks.knock("nas", "later", 60.0, {}) is not None


def test_few_are_remembered_and_what_strangers_write_is_cut_and_escaped(knocks: Knocks) -> None:
    for number in range(MOST_OPEN + 100):
        knocks.knock("nas", f"n{number}", number * 60.0, {})
    assert len(knocks.open) == MOST_OPEN
    told = knocks.knock("host", "a\r\n" + "x" * 10_000, 0.0, {"peer": "\x1b[2J" * 1000})
    assert told is not None
    assert told.what.isprintable()
    assert told.detail["peer"].isprintable()
    assert max(len(told.what), len(told.detail["peer"])) <= LONGEST_NAME


@pytest.mark.parametrize("sentence", KINDS.values(), ids=KINDS)
def test_every_kind_says_what_to_change(sentence: str) -> None:
    assert {name for _, name, _, _ in Formatter().parse(sentence) if name is not None} == {"what"}
    assert sentence.endswith(".")


def test_every_kind_is_heard_at_some_door() -> None:
    said = {
        argument.value
        for _, module in SOURCES
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "knocked"
        for argument in node.args
        if isinstance(argument, ast.Constant)
    }
    assert KINDS.keys() == said | set(OF_DISCARD.values()) | {kind for kind, _ in OF_REFUSAL.values()}
    assert OF_DISCARD.keys() <= DISCARDS.keys()
    assert OF_REFUSAL.keys() <= REASONS.keys()
