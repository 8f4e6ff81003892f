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
        yield CounterMetricFamily(
            "outpost_password_checks_refused",
            "Passwords that nobody had time to check: these logins were refused.",
            value=control.passwords.refused,
        )
        yield from self._store()
        yield from self._jobs()
        yield from self._waiting()
        yield GaugeMetricFamily(
            "outpost_control_revision", "The newest revision that outposts were told of.", value=control.link.newest
        )
        yield GaugeMetricFamily(
            "outpost_backup_overdue_seconds",
            "Since when there should have been another scheduled backup; 0: there is one, or none is wanted.",
            value=control.backups.overdue() if control.backups is not None else 0.0,
        )

    def _store(self) -> Iterator[Metric]:
        store = self._control.store
        yield GaugeMetricFamily(
            "outpost_database_up",
            "0 while the database cannot be used; looked at every few seconds.",
            value=float(not store.is_away),
        )
        yield GaugeMetricFamily(
            "outpost_store_writes_waiting", "Writes that wait for the one writer.", value=store.writes_waiting
        )
        commits = HistogramMetricFamily(
            "outpost_store_commit_duration_seconds",
            "How long it took to commit what was written together, with waiting for other processes.",
        )
        commits.add_metric((), list(store.commits.buckets()), store.commits.seconds)
        yield commits

    def _jobs(self) -> Iterator[Metric]:
        failures = CounterMetricFamily(
            "outpost_work_failures", "How often work beside answering went wrong; the log has it.", labels=("work",)
        )
        succeeded = GaugeMetricFamily(
            "outpost_work_last_success", "When it went well last, seconds since the epoch.", labels=("work",)
        )
        for job in self._control.repeated:
            failures.add_metric((job.what,), job.failures)
            if job.succeeded is not None:
                succeeded.add_metric((job.what,), job.succeeded)
        yield from (failures, succeeded)

    def _waiting(self) -> Iterator[Metric]:
        """All control processes on a database say the same."""
        counted = self._control.backlog.counted
        if counted is None:
            return
        waiting = GaugeMetricFamily("outpost_waiting", "What waits in the store to be sent.", labels=("kind",))
        since = GaugeMetricFamily(
            "outpost_waiting_since", "When the oldest of it began to, seconds since the epoch.", labels=("kind",)
        )
        for kind, count in counted.waiting.items():
            waiting.add_metric((kind,), count)
        for kind, began in counted.since.items():
            since.add_metric((kind,), began)
        present = GaugeMetricFamily(
            "outpost_instances",
            "Processes of an outpost that are there, through whichever control; 0: it was, within a day.",
            labels=("outpost",),
        )
        for outpost, count in counted.present.items():
            present.add_metric((outpost,), count)
        sources = GaugeMetricFamily(
            "outpost_source_synced", "1 if taking over a directory's people went well last.", labels=("source",)
        )
        for pk, slug in counted.sources.items():
            look = self._control.looks.get(pk)
            if look is not None and look.status:
                sources.add_metric((slug,), float(look.status == "done"))
        yield from (waiting, since, present, sources)
        yield GaugeMetricFamily("outpost_knocks_open", "Who or what is unknown and has knocked.", value=counted.knocks)
        yield GaugeMetricFamily("outpost_radius_sessions", "RADIUS sessions that go on.", value=counted.radius_sessions)
