"""What is kept at hand never grows beyond its bound, and is still of use when there is more than fits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outpost.bounded import Bounded

MOST = 1000


@pytest.mark.parametrize(("asked_for", "found"), [(MOST, 1.0), (MOST + 10, 0.97), (MOST + 100, 0.8), (2 * MOST, 0.15)])
def test_a_few_too_many_are_a_few_misses(asked_for: int, found: float) -> None:
    kept: Bounded[int, bool] = Bounded(MOST)
    hits = 0
    for at in range(20 * asked_for):
        hits += kept.get(at % asked_for, False)
        kept[at % asked_for] = True
    assert hits / (19 * asked_for) >= found
    assert len(kept) == MOST


@given(st.lists(st.tuples(st.sampled_from(["set", "del", "clear"]), st.integers(0, 9)), max_size=60))
def test_it_is_a_dictionary_that_never_holds_more(steps: list[tuple[str, int]]) -> None:
    kept: Bounded[int, int] = Bounded(4)
    for step, key in steps:
        if step == "set":
            kept[key] = step_value = key * 2
            assert kept[key] == step_value
        elif step == "del":
            kept.pop(key, None)
        else:
            kept.clear()
        assert len(kept) <= 4
        assert all(value == 2 * key for key, value in kept.items())
