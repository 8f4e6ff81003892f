"""YAML with lines, and the bounds on it."""

from __future__ import annotations

import pytest

from settings.yaml_lines import DEEPEST, LARGEST_FILE, YamlFault, read_yaml


def test_values_and_their_lines() -> None:
    document = read_yaml("a: 1\nb:\n  - x: true\n  - null\nc: text\n")
    assert document.value == {"a": 1, "b": [{"x": True}, None], "c": "text"}
    assert [document.line(place) for place in (("a",), ("b",), ("b", 0, "x"), ("b", 1), ("c",))] == [1, 2, 3, 4, 5]


def test_the_line_of_what_is_missing_is_that_of_what_it_is_missing_from() -> None:
    assert read_yaml("a: 1\nb:\n  - x: 1\n").line(("b", 0, "y")) == 3
    assert read_yaml("").line(("a", "b")) == 1


def test_words_that_only_look_like_something_else_stay_text() -> None:
    document = read_yaml("a: no\nb: off\nc: 2001-01-01\nd: 007\ne: 1:30\nf: 0x10\ng: 1.5\nh: -3\n")
    assert document.value == {
        "a": "no", "b": "off", "c": "2001-01-01", "d": "007", "e": "1:30", "f": "0x10", "g": 1.5, "h": -3,
    }  # fmt: skip


def test_an_empty_document_is_none() -> None:
    assert read_yaml("").value is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: " + "[" * DEEPEST + "]" * DEEPEST, "line 1: nested deeper"),
        ("[" * 100_000, "line 1: nested deeper"),
        ("a: &a [1]\nb: [*a, *a]\n", "aliases"),
        ("? [a]\n: b\n", "line 1: a key must be"),
        ("a: !Find [x]\n", "line 1: tags"),
        ("<<: {a: 1}\n", "line 1: a key must be"),
        ("---\na: 1\n---\nb: 1\n", "line 3: "),
        ("a: \x00\n", "special characters"),
        ("a: !!timestamp 2001-01-01\n", "line 1: tags"),
        ("a: !!timestamp x\n", "line 1: tags"),
        ('a: !!int ""\n', "line 1: tags"),
        ("a: !!bool x\n", "line 1: tags"),
        ("b: 1\na: !!float .nan\n", "line 2: tags"),
        ("a: !!binary aGk=\n", "line 1: tags"),
        ("a: ! 1\n", "line 1: tags"),
        ("!!str a: 1\n", "line 1: tags"),
        ("a: " + "9" * 400 + ".0\n", "line 1: a number of too many digits"),
        ("a: " + "9" * 5000, "line 1: a number of too many digits"),
        ('a: "\\0"\n', "line 1: text with a NUL"),
        ('a:\n- "\\ud83d"\n', "line 2: text with a NUL, or with half a character"),
        ('"\\udfff": a\n', "line 1: text with a NUL, or with half a character"),
        (" " * (LARGEST_FILE + 1), "larger than"),
    ],
)
def test_refusals(text: str, complaint: str) -> None:
    with pytest.raises(YamlFault, match=complaint):
        read_yaml(text)
