from __future__ import annotations

from collections.abc import Awaitable

import pytest
from twisted.internet.defer import Deferred

from outpost.listeners.once import Once


def ask(once: Once, answer: Awaitable[str]) -> Deferred[str]:
    return Deferred.fromCoroutine(once("question", lambda: answer))


def test_who_asks_the_same_meanwhile_gets_the_same_answer() -> None:
    once, answer, never = Once(), Deferred[str](), Deferred[str]()
    both = [ask(once, answer), ask(once, never)]
    answer.callback("yes")
    assert [one.result for one in both] == ["yes", "yes"]
    assert not never.called


@pytest.mark.parametrize("fault", [ValueError("injected"), GeneratorExit()])
def test_nobody_waits_for_a_question_that_has_failed_or_was_given_up(fault: BaseException) -> None:
    once, answer, again = Once(), Deferred[str](), Deferred[str]()
    first, second = ask(once, answer), ask(once, Deferred())
    told: list[str] = []
    for one in (first, second):
        one.addErrback(lambda failure: told.append(failure.getErrorMessage()))
    answer.errback(fault)
    assert len(told) == 2
    third = ask(once, again)
    again.callback("yes")
    assert third.result == "yes"
