from __future__ import annotations

from outpost.browsers.circles import MOST_COUNTED, MOST_ROUNDS, ROUND_SECONDS, Circles

BROWSER, PAGE = b"one", "https://app.example.com/page"


def rounds(circles: Circles, pause: float) -> list[bool]:
    return [circles.closes(BROWSER, PAGE, number * pause) for number in range(MOST_ROUNDS + 2)]


def test_quick_rounds_close_a_circle_and_then_count_anew() -> None:
    assert rounds(Circles(), 1.0) == [False] * MOST_ROUNDS + [True, False]


def test_slow_ones_and_those_of_others_do_not() -> None:
    assert not any(rounds(Circles(), ROUND_SECONDS + 1))
    circles = Circles()
    assert not any(circles.closes(bytes([number]), PAGE, 0.0) for number in range(20))
    assert not any(circles.closes(BROWSER, f"{PAGE}/{number}", 0.0) for number in range(20))


def test_what_is_counted_is_bounded() -> None:
    circles = Circles()
    for number in range(MOST_COUNTED + 10):
        circles.closes(number.to_bytes(4, "big"), PAGE, 0.0)
    assert len(circles._rounds) == MOST_COUNTED
