"""The parent of workers: holds their places, starts those that end again, and has their one page of metrics."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from treq.client import HTTPClient
from twisted.internet.defer import Deferred, gatherResults
from twisted.web.client import Agent

from outpost.link.content import whole
from outpost.listeners.exchange import Exchange, Route
from outpost.listeners.health import PREFIX as HEALTH_PREFIX
from outpost.listeners.health import Health
from outpost.listeners.http import HttpFactory
from outpost.listeners.inherited import Inherited
from outpost.listeners.metrics import PATH as METRICS_PATH
from outpost.listeners.metrics import Metrics
from outpost.listeners.ports import CannotListen, Ports
from outpost.telemetry import Telemetry
from outpost.workers.measured import Page
from outpost.workers.sharing import Shared
from outpost.workers.worker import Worker
from settings import Settings

ASKING_SECONDS = 3.0
"""A worker that does not tell what is measured by then is left out of the page."""
LARGEST_PAGE = 64 * 1024 * 1024
"""Bytes of what one tells; ten thousand providers take a sixth of it."""

log = logging.getLogger(__name__)


class Workers(Collector):
    """The program of a parent. ``arguments``: those of this command line, to which each worker's mark is added."""

    def __init__(self, settings: Settings, reactor: Any, inherited: Inherited, arguments: Sequence[str]) -> None:
        self.ports = Ports(reactor, settings.data_dir)
        self.telemetry = Telemetry()
        self._settings = settings
        self._reactor = reactor
        self._inherited = inherited
        self._arguments = arguments
        self._workers: list[Worker] = []
        self._shared: Shared | None = None
        self._stopping = False
        self._all_ready: Deferred[None] = Deferred()
        self._asking = HTTPClient(Agent(reactor, connectTimeout=ASKING_SECONDS))

    async def start(self) -> None:
        """Until every worker is ready. Raises CannotListen."""
        self._shared = shared = Shared(self._settings.listen, self._settings.workers, self._inherited)
        self._inherited.close()
        routes: list[tuple[bytes, Route]] = [
            (HEALTH_PREFIX, Health(lambda: any(one.ready for one in self._workers))),
            (METRICS_PATH, self),
        ]
        factory = HttpFactory(routes, None, self._reactor, time.time, self.telemetry)
        self.ports.stream("metrics", self._settings.listen.metrics, factory)
        self.ports.places.update(shared.places)
        self._workers = [self._worker(number, shared) for number in range(self._settings.workers)]
        for worker in self._workers:
            worker.start()
        await self._all_ready
        self.ports.write()

    def refresh(self) -> None:
        for worker in self._workers:
            worker.refresh()

    async def stop(self) -> None:
        """Each lets what it has in hand finish; all at once."""
        self._stopping = True
        if not self._all_ready.called:
            self._all_ready.callback(None)
        await self.ports.close()
        await gatherResults([worker.stop() for worker in self._workers])
        for worker in self._workers:
            worker.close()
        if self._shared is not None:
            self._shared.close()

    def _worker(self, number: int, shared: Shared) -> Worker:
        environ = {
            **os.environ,
            **shared.environment(number),
            "OUTPOST_DATA_DIR": str(self._settings.data_dir.absolute() / f"worker-{number}"),
            "OUTPOST_WORKERS": "1",
        }
        command = [sys.executable, "-P", "-m", "outpost", *self._arguments, "--worker"]
        return Worker(
            number, self._reactor, command, environ, lambda: shared.sockets(number), self._ended, self._became_ready
        )

    def _became_ready(self) -> None:
        if all(one.ready for one in self._workers) and not self._all_ready.called:
            self._all_ready.callback(None)

    def _ended(self, worker: Worker, how: str) -> None:
        if not self._all_ready.called and worker.starts == 1 and not self._stopping:
            self._all_ready.errback(CannotListen("A worker could not start; its own lines say why."))
            return
        log.error(
            f"Worker {worker.number} has ended ({how}) and is started again.",
            extra={"fields": {"event": "worker_ended", "worker": worker.number, "reason": how}},
        )

    # --- what is measured ---

    body_limit = 0

    def open(self, exchange: Exchange) -> None:
        """`/metrics`: what all that answer say, and how many there are."""
        Deferred.fromCoroutine(self._tell(exchange)).addErrback(self._cannot_tell, exchange)

    async def _tell(self, exchange: Exchange) -> None:
        told = await gatherResults([Deferred.fromCoroutine(self._ask(one.number)) for one in self._workers])
        texts = {number: text for number, text in enumerate(told) if text is not None}
        Metrics([Page(texts), self], process=False).open(exchange)

    def _cannot_tell(self, failure: Any, exchange: Exchange) -> None:
        self.telemetry.failed("the page of metrics", failure)
        exchange.fail()

    async def _ask(self, number: int) -> str | None:
        assert self._shared is not None
        host, port = self._shared.told_at(number)
        if not self._workers[number].ready:
            return None
        try:
            asked = self._asking.get(f"http://{host}:{port}{METRICS_PATH.decode()}", unbuffered=True)
            response = await asked.addTimeout(ASKING_SECONDS, self._reactor)
            told = await whole(response, LARGEST_PAGE).addTimeout(ASKING_SECONDS, self._reactor)
            text = told.decode()
        except Exception:
            return None
        return text

    def collect(self) -> Iterator[Metric]:
        ready = GaugeMetricFamily("outpost_worker_ready", "1 while this worker serves.", labels=("worker",))
        starts = CounterMetricFamily(
            "outpost_worker_starts", "How often this worker was started; more than once: it ended.", labels=("worker",)
        )
        for worker in self._workers:
            ready.add_metric((str(worker.number),), float(worker.ready))
            starts.add_metric((str(worker.number),), worker.starts)
        yield from (ready, starts)
