"""What tests of several folders share."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from control.store.sql.memory import Answers
from tests import compiled
from tests.control.store import postgresql
from tests.control.store.postgresql import Server
from tests.extent import load_profile
from tests.peers import require

SHAPE = re.compile(r"tests/wire/.*\[(?:.+-)?(all-in-one|apart)(?:-.+)?\]$")
"""In the name of a test: of `tests.wire.conftest.SHAPES`."""

MOST_COPIES = 1000

load_profile()
compiled.share()


class ByFileOrShape(LoadScopeScheduling):  # type: ignore[misc]
    """Two processes share the tests file by file; those that ask one running program stay with whoever runs it."""

    def _split_scope(self, nodeid: str) -> str:
        shape = SHAPE.search(nodeid)
        return shape[1] if shape else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFileOrShape:
    return ByFileOrShape(config, log)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """Shared by all: whoever wants to stop one starts their own."""
    require("psql")
    with postgresql.running() as server:
        yield server


@pytest.fixture(scope="session", autouse=True)
def nobody_alters_what_others_are_told() -> Iterator[None]:
    """Readers of one revision share records, dictionaries within them included: whoever wrote into one would change
    what everybody else reads."""
    get, keep = Answers.get, Answers.keep
    copies: dict[int, tuple[Any, Any]] = {}

    def kept(answers: Answers, question: Hashable, answer: tuple[Any, ...]) -> None:
        copies[id(answer)] = answer, deepcopy(answer)
        if len(copies) > MOST_COPIES:
            del copies[next(iter(copies))]
        keep(answers, question, answer)

    def told(answers: Answers, question: Hashable) -> tuple[Any, ...] | None:
        answer = get(answers, question)
        if answer is not None and id(answer) in copies:
            same, as_it_was = copies[id(answer)]
            assert same is not answer or answer == as_it_was, f"what was told of {question} has been altered"
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Answers, "keep", kept)
        patch.setattr(Answers, "get", told)
        yield
