"""`/metrics` in Prometheus' text format, for whoever may reach the metrics port."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector, CollectorRegistry

from outpost.listeners.exchange import Exchange
from protocols.proxy.http1 import field_lines

PATH = b"/metrics"
FIELDS = field_lines([(b"Content-Type", CONTENT_TYPE_PLAIN_0_0_4.encode()), (b"Cache-Control", b"no-store")])


class Metrics:
    """What ``collectors`` find, and, of this ``process``, what every one has: CPU seconds, memory, descriptors."""

    body_limit = 0

    def __init__(self, collectors: Iterable[Collector], process: bool = True) -> None:
        self._registry = CollectorRegistry()
        for collector in collectors:
            self._registry.register(collector)
        if process:
            self._registry.register(ProcessCollector(registry=None))
            self._registry.register(PlatformCollector(registry=None))
            GCCollector(registry=self._registry)

    def open(self, exchange: Exchange) -> None:
        exchange.respond(200, FIELDS, generate_latest(self._registry))
