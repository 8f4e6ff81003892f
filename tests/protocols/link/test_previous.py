"""Versions differ by one: what the one before has said is read, and what we say it would read.

`tests/vectors/link/0.1.jsonl` holds a line of each kind as version 0.1 writes it. A new version gets a file of its own;
that of a version is never changed, and goes when the version is two behind.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from protocols.link import codec
from protocols.link.messages import Authenticated, ProviderRecord, RadiusSettings, SnapshotChunk
from tests.readme import TREE

PREVIOUS = TREE / "tests/vectors/link/0.1.jsonl"
LINES = PREVIOUS.read_text().splitlines()


def kinds(value: Any) -> set[str]:
    """Of a frame, and of all that is in it."""
    if isinstance(value, dict):
        own = {str(value["_"])} if "_" in value else set()
        return own.union(*(kinds(one) for one in value.values()))
    return set().union(*(kinds(one) for one in value)) if isinstance(value, list) else set()


def covers(ours: Any, theirs: Any) -> bool:
    """Does it say all that they would look for, in the same words?"""
    if isinstance(theirs, dict):
        return isinstance(ours, dict) and all(
            name in ours and covers(ours[name], value) for name, value in theirs.items()
        )
    if isinstance(theirs, list):
        return isinstance(ours, list) and len(ours) == len(theirs) and all(map(covers, ours, theirs))
    return bool(ours == theirs) and type(ours) is type(theirs)


@pytest.mark.parametrize("line", LINES, ids=lambda line: json.loads(line)["_"])
def test_what_the_version_before_says_is_read_and_said_again_with_every_word(line: str) -> None:
    ours = codec.encode(codec.decode(line.encode()))
    assert covers(json.loads(ours), json.loads(line))


def test_a_control_of_the_version_before_hands_over_no_hash_and_lets_none_be_remembered() -> None:
    frames = [codec.decode(line.encode()) for line in LINES]
    answers = [frame for frame in frames if isinstance(frame, Authenticated)]
    assert [answer.network_hash for answer in answers] == [None] * len(answers) != []
    (chunk,) = [frame for frame in frames if isinstance(frame, SnapshotChunk)]
    providers = [record for record in chunk.records if isinstance(record, ProviderRecord)]
    radius = [one.settings for one in providers if isinstance(one.settings, RadiusSettings)]
    assert [one.remember_network_passwords for one in radius] == [False]


def test_every_kind_is_there() -> None:
    told = set().union(*(kinds(json.loads(line)) for line in LINES))
    assert told >= codec.KINDS.keys()


def test_a_word_that_is_gone_or_means_something_else_is_noticed() -> None:
    for line in LINES:
        said = json.loads(line)
        for name, value in said.items():
            assert not covers({key: one for key, one in said.items() if key != name}, said)
            if name != "_" and value is not None:
                assert not covers({**said, name: ["another"]}, said)
