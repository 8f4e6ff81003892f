"""The fair queue: owners in turn, a bound, and whoever asks most gives way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from control.passwords.fair_queue import FairQueue


def drained(queue: FairQueue[str]) -> list[str]:
    taken = []
    while (item := queue.take()) is not None:
        taken.append(item)
    return taken


def test_owners_are_served_in_turn() -> None:
    queue: FairQueue[str] = FairQueue(10)
    for item in ("a1", "a2", "a3", "b1", "c1", "c2"):
        assert queue.put(item[0], item) is None
    assert drained(queue) == ["a1", "b1", "c1", "a2", "c2", "a3"]


def test_when_full_whoever_has_most_loses_their_newest() -> None:
    queue: FairQueue[str] = FairQueue(3)
    for item in ("a1", "a2", "a3"):
        queue.put("a", item)
    assert queue.put("b", "b1") == "a3"
    assert queue.put("a", "a4") == "a4"
    assert drained(queue) == ["a1", "b1", "a2"]


def test_among_equals_the_newcomer_gives_way() -> None:
    queue: FairQueue[str] = FairQueue(2)
    queue.put("a", "a1")
    queue.put("b", "b1")
    assert queue.put("c", "c1") == "c1"
    assert drained(queue) == ["a1", "b1"]


@given(st.lists(st.sampled_from("abc"), max_size=40), st.integers(1, 8))
def test_nothing_is_lost_doubled_or_over_the_bound(owners: list[str], most: int) -> None:
    queue: FairQueue[str] = FairQueue(most)
    out = []
    for number, owner in enumerate(owners):
        victim = queue.put(owner, f"{owner}{number}")
        assert len(queue) <= most
        if victim is not None:
            out.append(victim)
    assert len(queue) + len(out) == len(owners)
    assert sorted(out + drained(queue)) == sorted(f"{owner}{number}" for number, owner in enumerate(owners))
    assert len(queue) == 0


def test_who_leaves_makes_room() -> None:
    queue: FairQueue[str] = FairQueue(2)
    queue.put("a", "a1")
    queue.put("b", "b1")
    for owner, item in (("a", "a1"), ("a", "a1"), ("c", "c1"), ("b", "b2")):
        queue.discard(owner, item)
    assert len(queue) == 1
    assert queue.put("c", "c1") is None
    assert drained(queue) == ["b1", "c1"]


def test_clearing_gives_everything_back() -> None:
    queue: FairQueue[str] = FairQueue(3)
    queue.put("a", "a1")
    queue.put("b", "b1")
    assert sorted(queue.clear()) == ["a1", "b1"]
    assert queue.take() is None
