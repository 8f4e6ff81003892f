"""What control tells Prometheus, read from its own counters when somebody asks.

authentik's names where it has one; ours begin with ``outpost_``. Label values come from catalogues and the store.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from control.app import Control


class ControlMetrics(Collector):
    def __init__(self, control: Control) -> None:
        self._control = control

    def collect(self) -> Iterator[Metric]:
        control = self._control
        requests = HistogramMetricFamily(
            "authentik_main_request_duration_seconds",
            "How long control took to begin its answer to an HTTP request.",
            labels=("dest",),
        )
        requests.add_metric(("core",), list(control.requests.durations.buckets()), control.requests.durations.seconds)
        yield requests
        answers = CounterMetricFamily("outpost_control_answers", "Answers to HTTP requests.", labels=("status",))
        for hundreds, count in tuple(control.requests.statuses.items()):
            answers.add_metric((f"{hundreds}xx",), count)
        yield answers
        connected = GaugeMetricFamily(
            "authentik_outposts_connected", "Processes that follow this control process now.", labels=("outpost",)
        )
        for outpost, count in tuple(control.link.followers.items()):
            connected.add_metric((outpost,), count)
        yield connected
        logins = CounterMetricFamily(
            "outpost_control_logins", "Logins that outposts asked about.", labels=("protocol", "outcome", "reason")
        )
        for (protocol, outcome, reason), count in tuple(control.authentication.logins.items()):
            logins.add_metric((protocol, outcome, reason), count)
        yield logins
        yield GaugeMetricFamily(
            "outpost_password_checks_waiting",
            "Password hashes under way or waiting; more than 32 for each core are refused.",
            value=control.passwords.outstanding,
        )
        yield GaugeMetricFamily(
            "outpost_store_writes_waiting", "Writes that wait for the one writer.", value=control.store.writes_waiting
        )
        yield GaugeMetricFamily(
            "outpost_control_revision", "The newest revision that outposts were told of.", value=control.link.newest
        )
        yield GaugeMetricFamily(
            "outpost_backup_overdue_seconds",
            "Since when there should have been another scheduled backup; 0: there is one, or none is wanted.",
            value=control.backups.overdue() if control.backups is not None else 0.0,
        )
