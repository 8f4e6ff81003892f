"""The catalogue of reasons, and that it is complete: nothing is refused without an entry, and no entry is left over."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from rules.discards import DISCARDS
from rules.reasons import REASONS, STRANGER, Outcome, Reason

TREE = Path(__file__).parents[2]
PROGRAM = ("protocols", "rules", "outpost", "control")
CATALOGUES = ("rules/reasons.py", "rules/discards.py")

NAMES_A_REASON: dict[str, int] = {
    "Decision": 0,
    "Proved": 0,
    "Deny": 0,
    "Denied": 0,
    "NotForYou": 1,
    "Access": 1,
    "NoProof": 1,
    "RemoteProtocolError": 1,
    "CodeRedeemed": 1,
}
"""What is made with a reason, and which argument that is."""
TELLS_A_DISCARD: dict[str, int] = {"discarded": 2}
GIVES_A_REASON = frozenset({"refusal", "_refusal", "admit"})
"""Functions that return a reason's code, or None."""
SENTENCES = "control/expression/"
"""Where a refusal is of a program's text, and said in a sentence to its author."""

SAYS_MORE = frozenset(
    {"unsupported_proof", "empty_credentials", "malformed_credentials", "unreadable_credentials", "no_dn"},
)
"""Bad credentials about which a stranger hears why: it shows in what they sent, whoever they are."""


def sources() -> Iterator[tuple[str, ast.Module]]:
    for package in PROGRAM:
        for file in sorted((TREE / package).rglob("*.py")):
            path = file.relative_to(TREE).as_posix()
            if path not in CATALOGUES:
                yield path, ast.parse(file.read_text(encoding="utf-8"), path)


SOURCES = tuple(sources())


def texts(node: ast.AST | None) -> Iterator[str]:
    """The texts that an expression may give: itself, or the branches of a condition."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=one, orelse=other):
            yield from texts(one)
            yield from texts(other)
        case ast.BoolOp(values=values):
            for value in values:
                yield from texts(value)


def reasons_named() -> Iterator[tuple[str, str]]:
    """(where, code) of every reason that is written out in the program."""
    for path, module in SOURCES:
        for node in ast.walk(module):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func).rpartition(".")[2]
                place = NAMES_A_REASON.get(name, TELLS_A_DISCARD.get(name))
                if place is None:
                    continue
                given = [*node.args[place : place + 1], *(k.value for k in node.keywords if k.arg == "reason")]
                yield from ((f"{path}:{node.lineno}", code) for argument in given for code in texts(argument))
            elif isinstance(node, ast.FunctionDef) and node.name in GIVES_A_REASON and not path.startswith(SENTENCES):
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Return):
                        yield from ((f"{path}:{inner.lineno}", code) for code in texts(inner.value))


def test_every_reason_that_the_program_names_is_catalogued() -> None:
    named = list(reasons_named())
    assert len({code for _, code in named}) > 30
    assert [(where, code) for where, code in named if code not in REASONS and code not in DISCARDS] == []


def test_every_catalogued_reason_is_named_somewhere() -> None:
    written = {
        node.value
        for _, module in SOURCES
        for node in ast.walk(module)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert [code for code in (*REASONS, *DISCARDS) if code not in written] == []


def test_a_reason_is_either_a_refusal_or_a_discard() -> None:
    assert REASONS.keys() & DISCARDS.keys() == set()


@pytest.mark.parametrize("reason", REASONS.values(), ids=lambda reason: reason.code)
def test_every_reason_has_a_sentence_for_the_operator_and_one_for_the_stranger(reason: Reason) -> None:
    assert REASONS[reason.code] is reason
    for sentence in (reason.operator, reason.stranger):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert sentence.isprintable()
        assert len(sentence.encode()) <= 200  # a RADIUS attribute holds 253 octets, id included
    assert reason.stranger.isascii()


@pytest.mark.parametrize("sentence", DISCARDS.values(), ids=DISCARDS)
def test_every_discard_has_a_sentence_for_the_operator(sentence: str) -> None:
    assert sentence[0].isupper()
    assert sentence.endswith(".")


def test_a_stranger_hears_the_same_of_every_account() -> None:
    bad = [reason for reason in REASONS.values() if reason.outcome is Outcome.BAD_CREDENTIALS]
    assert {reason.code for reason in bad if reason.own_words} <= SAYS_MORE
    same = {reason.stranger for reason in bad if reason.code not in SAYS_MORE}
    assert same == {STRANGER[Outcome.BAD_CREDENTIALS]}


def test_only_accepted_is_accepted() -> None:
    assert [code for code, reason in REASONS.items() if reason.outcome is Outcome.ACCEPTED] == ["accepted"]
