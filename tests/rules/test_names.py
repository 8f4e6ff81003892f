"""Names that somebody could have, and what is written down of the others."""

import pytest

from rules.names import LONGEST_NAME, is_possible_name, printable, shown


@pytest.mark.parametrize("name", ["bob", "Zoë", "bob smith", "bob@example.com", "名前", "x" * LONGEST_NAME])
def test_possible(name: str) -> None:
    assert is_possible_name(name)
    assert shown(name) == name


@pytest.mark.parametrize("name", ["", "x" * (LONGEST_NAME + 1), "bob\0", "bob\n", "\ud800", "bob\u202e", "bob\u200b"])
def test_impossible(name: str) -> None:
    assert not is_possible_name(name)


@pytest.mark.parametrize("name", ["x" * 100_000, "\0" * 100_000, "é\n" * 1000, "\ud800", "a\u202eb"])
def test_what_is_shown_prints_and_is_short(name: str) -> None:
    said = shown(name)
    assert len(said) <= LONGEST_NAME
    assert said.isprintable()
    said.encode()


def test_what_is_printed_stands_still() -> None:
    assert printable("Zoë\t名前\n") == "Zoë\t名前\n"
    assert printable("a\x1b[2K\r\x9b\u202e\ud800") == "a\\x1b[2K\\r\\x9b\\u202e\\ud800"
