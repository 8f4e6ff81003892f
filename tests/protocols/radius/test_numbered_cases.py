"""Every numbered case of what strangers send and NAS need has a vector, or a test with its number."""

from __future__ import annotations

import re
from pathlib import Path

OBSERVED = """1 2 4 5 7 8 10 11 13 14 16 17 19 20 22 23 25 26 28 29 31 32 34 35 37 38 40 41 43 44 46 47 49 50 52 53 55
56 58 59 61 62 64 65 67 68 70 71 73 74 76 77"""
FURTHER = """79 80 82 84 85 87 89 90 92 93 95 96 98 99 101 102 103 104 106 107 108 110 112 114 115 116 117 118 120
121 123 124"""
TESTS = Path(__file__).parents[2]
COMMENT = re.compile(r"^comment: case ([0-9]+)", re.MULTILINE)
PLACES = re.compile("radius|radsec|answering|/wire/test_(eap|orders|accounting)")
"""Other protocols number their own."""
NAME = re.compile(r"def test_((?:[0-9]+_)+)")


def numbers(text: str) -> set[int]:
    return {int(number) for number in re.findall("[0-9]+", text)}


def test_each_has_a_vector_or_a_test() -> None:
    vectors = (path.read_text() for path in (TESTS / "vectors" / "radius").glob("*.txt"))
    tests = (path.read_text() for path in TESTS.rglob("test_*.py") if PLACES.search(str(path.relative_to(TESTS))))
    shown = {number for text in vectors for found in COMMENT.findall(text) for number in numbers(found)}
    shown |= {number for text in tests for found in NAME.findall(text) for number in numbers(found)}
    assert numbers(OBSERVED + " " + FURTHER) <= shown
