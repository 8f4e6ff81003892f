"""Every numbered case of what strangers send and NAS need has a vector or a test, of the core and of the listener."""

from __future__ import annotations

import re
from pathlib import Path

OBSERVED = """1 2 4 5 7 8 10 11 13 14 16 17 19 20 22 23 25 26 28 29 31 32 34 35 37 38 40 41 43 44 46 47 49 50 52 53 55
56 58 59 61 62 64 65 67 68 70 71 73 74 76 77"""
FURTHER = """79 80 82 84 85 87 89 90 92 93 95 96 98 99 101 102 103 104 106 107 108 110 112 114 115 116 117 118 120
121 123 124"""
NOT_OF_THE_CORE = {5, 115}
"""Somebody has to decide, and sockets have addresses."""
NOT_OF_THE_LISTENER = {106}
"""What a NAS does."""
TESTS = Path(__file__).parents[2]
COMMENT = re.compile(r"^comment: case ([0-9]+)", re.MULTILINE)
PLACES = re.compile("radius|radsec|answering|/wire/test_(eap|orders|accounting)")
"""Other protocols number their own."""
NAME = re.compile(r"def test_((?:[0-9]+_)+)")


def numbers(text: str) -> set[int]:
    return {int(number) for number in re.findall("[0-9]+", text)}


def numbers_tried(*folders: str) -> set[int]:
    """By the names of tests below these folders; every vector is replayed at both levels."""
    paths = (path for folder in folders for path in (TESTS / folder).rglob("test_*.py"))
    tests = (path.read_text() for path in paths if PLACES.search(str(path.relative_to(TESTS.parent))))
    vectors = (path.read_text() for path in (TESTS / "vectors" / "radius").glob("*.txt"))
    shown = {number for text in vectors for found in COMMENT.findall(text) for number in numbers(found)}
    return shown | {number for text in tests for found in NAME.findall(text) for number in numbers(found)}


def test_each_has_a_vector_or_a_test_of_the_core() -> None:
    assert numbers(OBSERVED + " " + FURTHER) - numbers_tried("protocols", "rules") == NOT_OF_THE_CORE


def test_each_has_a_vector_or_a_test_of_the_listener() -> None:
    assert numbers(OBSERVED + " " + FURTHER) - numbers_tried("outpost", "control") == NOT_OF_THE_LISTENER
