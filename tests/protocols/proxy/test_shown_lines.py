"""Which header lines policies may see, from a door and as an operator types them."""

from __future__ import annotations

import pytest

from protocols.proxy.shown_lines import LONGEST_LINE, MOST_LINES, shown_lines, typed_lines


def test_what_opens_a_door_or_says_who_somebody_is_is_not_among_them() -> None:
    headers = {
        b"user-agent": [b"Browser/7"],
        b"accept": [b"a", b"b"],
        b"cookie": [b"session=1"],
        b"authorization": [b"Basic x"],
        b"proxy-authorization": [b"x"],
        b"x-authentik-username": [b"admin"],
        b"x-long": [b"x" * (LONGEST_LINE + 1)],
    }
    assert shown_lines(headers) == {"User-Agent": "Browser/7", "Accept": "a, b"}


def test_there_are_only_so_many() -> None:
    assert len(shown_lines({f"x-{number}".encode(): [b""] for number in range(MOST_LINES + 9)})) == MOST_LINES


def test_typed_ones_are_the_same() -> None:
    typed = [("User-Agent", " Browser/7 "), ("accept", "a"), ("Accept", "b"), ("Cookie", "session=1")]
    assert typed_lines(typed) == {"User-Agent": "Browser/7", "Accept": "a, b"}


@pytest.mark.parametrize("line", [("", "x"), ("a b", "x"), ("a:", "x"), ("ä", "x"), ("a", "x\r\ny: z"), ("a", "€")])
def test_what_is_no_header_line_is_refused_with_a_sentence(line: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=r"header line"):
        typed_lines([line])
