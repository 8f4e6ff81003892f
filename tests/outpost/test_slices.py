"""Slices: a turn of the reactor after each; and when Python's collector looks at the directory."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from outpost.directory.draft import Slices
from outpost.slices import UNSETTLED, GarbageCollector, in_turns
from tests.fakes import turn


def counting(done: list[int], slices: int) -> Slices[str]:
    try:
        for number in range(slices):
            done.append(number)
            yield
    finally:
        done.append(-1)
    return "done"


def test_the_reactor_has_a_turn_after_every_slice() -> None:
    clock, done = Clock(), list[int]()
    result = Deferred.fromCoroutine(in_turns(counting(done, 3), clock))
    for expected in ([0], [0, 1], [0, 1, 2], [0, 1, 2, -1]):
        assert done == expected
        turn(clock)
    assert result.result == "done"
    assert clock.getDelayedCalls() == []


def test_what_has_no_slices_is_done_at_once() -> None:
    assert Deferred.fromCoroutine(in_turns(counting([], 0), Clock())).result == "done"


def test_cancelled_work_goes_no_further() -> None:
    clock, done = Clock(), list[int]()
    result = Deferred.fromCoroutine(in_turns(counting(done, 3), clock))
    result.addErrback(lambda failure: failure.trap(CancelledError))
    result.cancel()
    clock.advance(1)
    assert done == [0, -1]
    assert clock.getDelayedCalls() == []


def test_a_failure_is_the_callers() -> None:
    def failing() -> Slices[None]:
        yield
        raise ValueError("a fault")

    clock = Clock()
    result = Deferred.fromCoroutine(in_turns(failing(), clock))
    caught: list[str] = []
    result.addErrback(lambda failure: caught.append(str(failure.value)))
    clock.advance(0)
    assert caught == ["a fault"]


class Python:
    """The module gc, as far as it is used."""

    def __init__(self) -> None:
        self.threshold = (700, 10, 10)
        self.done: list[object] = []

    def get_threshold(self) -> tuple[int, int, int]:
        return self.threshold

    def set_threshold(self, *threshold: int) -> None:
        first, second, third = threshold
        self.threshold = (first, second, third)

    def collect(self, generation: int) -> None:
        self.done.append(generation)

    def freeze(self) -> None:
        self.done.append("freeze")


@pytest.fixture
def python() -> Python:
    return Python()


def test_only_the_young_are_looked_at_during_a_load_and_nobody_after_it(python: Python) -> None:
    collector = GarbageCollector(python)
    collector.postpone()
    collector.postpone()
    young, middle, old = python.threshold
    assert young == 700
    assert min(middle, old) > 1_000_000
    assert python.done == []
    collector.settle()
    assert python.done == ["freeze"]
    assert python.threshold == (700, 10, 10)


def test_a_load_that_came_to_nothing_leaves_the_collector_as_it_was(python: Python) -> None:
    collector = GarbageCollector(python)
    collector.resume()
    collector.postpone()
    collector.resume()
    assert (python.threshold, python.done) == ((700, 10, 10), [])


def test_many_changes_are_settled_together(python: Python) -> None:
    collector = GarbageCollector(python)
    collector.grown(UNSETTLED - 1)
    assert python.done == []
    collector.grown(1)
    assert python.done == [1, "freeze"]
    collector.grown(UNSETTLED - 1)
    assert python.done == [1, "freeze"]


def test_what_grows_while_a_load_goes_on_does_not_end_its_peace(python: Python) -> None:
    collector = GarbageCollector(python)
    collector.postpone()
    collector.grown(UNSETTLED)
    assert python.done == []
