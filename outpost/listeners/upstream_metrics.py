"""What Prometheus is told of the applications behind us. Labels come from the configuration and from `FAILURES`."""

from __future__ import annotations

from collections.abc import Iterator, Sized

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from outpost.listeners.upstreams import Upstreams
from outpost.metrics import gauge


class UpstreamMetrics(Collector):
    """``open_``: requests that are under way."""

    def __init__(self, upstreams: Upstreams, open_: Sized) -> None:
        self._upstreams = upstreams
        self._open = open_

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "outpost_application_up",
            "1 while an application behind our reverse proxy answers; 0 when the last request or look at it failed.",
            labels=("provider",),
        )
        answers = CounterMetricFamily(
            "outpost_application_answers", "Whole answers of an application behind us.", labels=("provider",)
        )
        failures = CounterMetricFamily(
            "outpost_application_failures",
            "Requests that one could not answer, and why.",
            labels=("provider", "reason"),
        )
        for provider, upstream in self._upstreams:
            if upstream.answers or upstream.failing or upstream.probed:
                up.add_metric((provider,), float(not upstream.failing))
            answers.add_metric((provider,), upstream.answers)
            for reason, count in upstream.failures.items():
                failures.add_metric((provider, reason), count)
        yield from (up, answers, failures)
        yield gauge("outpost_proxied_requests_open", "Requests under way, WebSockets and streams too.", len(self._open))
        connections = len(self._upstreams.connections)
        yield gauge("outpost_application_connections", "Connections to applications, waiting ones too.", connections)
