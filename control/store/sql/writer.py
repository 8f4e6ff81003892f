"""One thread writes. What has queued up meanwhile is committed together, each verb in a savepoint of its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, Generic, TypeVar

from control.store.interface import Actor, Overloaded, Transaction, Unavailable
from control.store.sql.outage import WENT_AWAY, Outage, translated
from control.store.sql.pruning import prune
from control.store.sql.reading import Given
from control.store.sql.transaction import SqlTransaction
from rules.durations import Durations

T = TypeVar("T")

MOST_TOGETHER = 64
"""Verbs in one commit: enough to share the disk's flush, few enough that the first one does not wait long."""

MOST_WAITING = 10_000
"""Writes that may wait: some seconds of work. More would be answered when nobody listens any more."""

PRUNE_AGAIN, PRUNE_LATER = 1.0, 60.0
"""Seconds until the next slice of what nobody needs any more is taken away, where there is more and where not. Only
after a write, as only writes leave anything."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job(Generic[T]):
    verb: Callable[[Transaction], T]
    actor: Actor
    answer: Future[T]


class Writer:
    """``committed`` is called in the writing thread with each new revision, before its verbs are answered."""

    def __init__(self, given: Given, outage: Outage, committed: Callable[[int], None]) -> None:
        self.commits = Durations()
        """Of what was written together; only those that came about."""
        self._given = given
        self._outage = outage
        self._committed = committed
        self._queue: SimpleQueue[Job[Any] | None] = SimpleQueue()
        self._closed = False
        self._submitting = Lock()
        self._prune_at = given.now() + PRUNE_LATER
        self._thread = Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, verb: Callable[[Transaction], T], actor: Actor) -> Future[T]:
        """Raises Overloaded; RuntimeError after `close`."""
        answer: Future[T] = Future()
        with self._submitting:
            if self._closed:
                raise RuntimeError("the store is closed")
            if self._queue.qsize() >= MOST_WAITING:
                raise Overloaded(f"{MOST_WAITING} writes are waiting")
            self._queue.put(Job(verb, actor, answer))
        return answer

    @property
    def waiting(self) -> int:
        """Writes that have not been begun."""
        return self._queue.qsize()

    def close(self) -> None:
        """What was submitted before is still written."""
        with self._submitting:
            self._closed = True
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        open_ = True
        while open_:
            jobs, open_ = self._next_jobs()
            wanted = [job for job in jobs if job.answer.set_running_or_notify_cancel()]
            if wanted:
                self._commit(wanted)
                self._prune()

    def _next_jobs(self) -> tuple[list[Job[Any]], bool]:
        """What waits, at most MOST_TOGETHER; False: nothing comes after it."""
        job = self._queue.get()
        jobs: list[Job[Any]] = []
        while job is not None:
            jobs.append(job)
            if len(jobs) == MOST_TOGETHER:
                return jobs, True
            try:
                job = self._queue.get_nowait()
            except Empty:
                return jobs, True
        return jobs, False

    def _commit(self, jobs: list[Job[Any]]) -> None:
        """Nobody is answered before the commit; if it fails, everyone hears why."""
        began = time.monotonic()
        outcomes: list[Callable[[], None]] = []
        newest: int | None = None
        try:
            with self._outage.noticed(), self._given.dialect.writing.begin() as connection:
                self._given.dialect.lock(connection)
                for job in jobs:
                    try:
                        with self._outage.noticed(), connection.begin_nested():
                            transaction = SqlTransaction(connection, self._given, job.actor)
                            result = job.verb(transaction)
                            newest = transaction.finish() or newest
                    except Exception as error:
                        if connection.invalidated:  # with everything that the batch has done
                            raise error if isinstance(error, Unavailable) else Unavailable(WENT_AWAY) from error
                        outcomes.append(_failing(job.answer, error))
                    else:
                        outcomes.append(_answering(job.answer, result))
                if newest is not None:
                    self._given.dialect.tell(connection, newest)
        except BaseException as error:
            for job in jobs:
                job.answer.set_exception(error)
            return
        self.commits.observe(time.monotonic() - began)
        if newest is not None:
            self._committed(newest)
        for tell in outcomes:
            tell()

    def _prune(self) -> None:
        """Whoever has written is answered already. A database that is away is noticed by the next who needs it."""
        now = self._given.now()
        if now < self._prune_at:
            return
        self._prune_at = now + PRUNE_LATER
        try:
            with translated(self._given.dialect), self._given.dialect.writing.begin() as connection:
                self._given.dialect.lock(connection)
                more = prune(connection, now)
        except Unavailable:
            return
        except Exception:
            log.exception("old revisions and events could not be taken away; trying again in a minute")
            return
        if more:
            self._prune_at = now + PRUNE_AGAIN


def _answering(answer: Future[T], result: T) -> Callable[[], None]:
    return lambda: answer.set_result(result)


def _failing(answer: Future[Any], error: Exception) -> Callable[[], None]:
    return lambda: answer.set_exception(error)
