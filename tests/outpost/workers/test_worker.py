"""A worker that ends is started again, unless it is to be stopped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from outpost.workers.worker import AGAIN_MOST, Worker


class Machine(Clock):
    """A reactor that only counts what it was to start."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[Any] = []

    def spawnProcess(self, worker: Any, *_: object, **__: object) -> object:
        self.started.append(worker)
        return object()

    def addReader(self, ear: object) -> None: ...

    def removeReader(self, ear: object) -> None: ...


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def worker(machine: Machine) -> Iterator[Worker]:
    """One that has ended once."""
    worker = Worker(0, machine, (), {}, lambda: ((), ()), lambda worker, how: None, lambda: None)
    worker.start()
    worker.processEnded(Failure(ProcessTerminated(1)))
    yield worker
    worker.close()


def test_one_that_ended_is_started_again(machine: Machine, worker: Worker) -> None:
    machine.advance(AGAIN_MOST)
    assert machine.started == [worker, worker]


def test_one_that_was_to_be_started_again_is_not_once_all_is_stopped(machine: Machine, worker: Worker) -> None:
    gone: Deferred[None] = worker.stop()
    assert gone.called
    machine.advance(AGAIN_MOST)
    assert machine.started == [worker]
