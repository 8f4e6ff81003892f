"""What readers were told of the directory, good for as long as the directory stays as it is.

A revision is known by its chain, which no other state of any store has (`journal.next_chain`). So whoever reads hears
of a change with the first transaction that begins after it, whoever made it, and nothing has to be told to forget.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

MOST_TOGETHER = 100
"""Records of one answer that is kept: lists of everybody are asked for rarely, and are long."""
MOST_RECORDS = 10_000
"""In all, of one revision: some 20 MB. Then it begins anew."""


class Answers:
    """Of one revision. Any number of threads may use it: two that keep something at once lose at most that."""

    def __init__(self, chain: str) -> None:
        self.chain = chain
        self._kept: dict[Hashable, tuple[Any, ...]] = {}
        self._room = MOST_RECORDS

    def get(self, question: Hashable) -> tuple[Any, ...] | None:
        return self._kept.get(question)

    def keep(self, question: Hashable, answer: tuple[Any, ...]) -> None:
        if len(answer) > MOST_TOGETHER:
            return
        if self._room <= len(answer):
            self._kept, self._room = {}, MOST_RECORDS
        self._room -= 1 + len(answer)
        self._kept[question] = answer


class Memory:
    """The answers of the revision that was looked at last."""

    def __init__(self) -> None:
        self._newest = Answers("")

    def of(self, chain: str) -> Answers:
        answers = self._newest
        if answers.chain != chain:
            self._newest = answers = Answers(chain)
        return answers
