"""What an outpost tells Prometheus, read from the doors' own counters when somebody asks.

authentik's names where it has one, so that its dashboards fit; ours begin with ``outpost_``. Every label's values come
from a catalogue or from the configuration, never from a stranger (DESIGN section 5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass
from typing import Protocol

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from outpost import __version__
from outpost.authentication import Authentication
from outpost.directory.snapshot import Directory, Snapshot, Touched
from outpost.kept.credential_cache import CredentialCache
from outpost.telemetry import Telemetry
from rules.discards import DISCARDS
from rules.knocks import KINDS
from rules.reasons import REASONS, Outcome

NO_CREDENTIALS = "no_credentials"
"""A decision without a reason of its own: nobody was refused, somebody was sent to sign in."""
SKIPPED_PATH = "skipped_path"
"""Nor was anybody let in: the application has said that this path needs no sign-in."""
PROTOCOLS = frozenset({"ldap", "radius", "proxy", "http"})
OTHER = "other"
"""What no catalogue knows. There is nothing of the kind; if there ever is, it makes one line, not a million."""

AUTHENTIK_REASONS: dict[Outcome, str] = {
    Outcome.BAD_CREDENTIALS: "invalid_credentials",
    Outcome.CHALLENGED: "invalid_credentials",
    Outcome.NOT_ALLOWED: "access_denied",
    Outcome.THROTTLED: "access_denied",
    Outcome.UNAVAILABLE: "flow_error",
}
"""What authentik counts each refusal under; an unknown provider is ``no_provider``."""
AUTHENTIK_REQUEST: dict[str, dict[str, str]] = {"ldap": {"type": "bind"}, "radius": {}, "proxy": {"type": "app"}}


class Link(Protocol):
    """What is told of the link."""

    instance: str
    connected: bool
    last_heard: float
    losses: int


class Outbox(Sized, Protocol):
    """What is told of the reports that wait."""

    @property
    def lost(self) -> int: ...


@dataclass(frozen=True, slots=True, eq=False)
class OutpostMetrics(Collector):
    """``now`` gives seconds since the epoch; ``connections`` are by listener."""

    telemetry: Telemetry
    directory: Directory
    link: Link
    authentication: Authentication
    cache: CredentialCache
    ready: Callable[[], bool]
    now: Callable[[], float]
    connections: Mapping[str, Sized]
    updates: Updates
    outbox: Outbox

    def collect(self) -> Iterator[Metric]:
        snapshot = self.directory.current
        name = snapshot.outpost.name if snapshot.outpost is not None else ""
        yield from self._authentik(snapshot, name)
        yield from self._authentik_requests(name)
        yield from self._deciding()
        yield from self._following(snapshot)
        yield gauge("outpost_ready", "1 when every listener is open and there is a directory.", float(self.ready()))
        yield labelled_gauge(
            "outpost_open_connections",
            "Connections open now, those over TLS included.",
            "listener",
            {name: len(open_) for name, open_ in self.connections.items()},
        )

    def _authentik(self, snapshot: Snapshot, name: str) -> Iterator[Metric]:
        who = {
            "outpost_name": name,
            "outpost_type": snapshot.outpost.type if snapshot.outpost is not None else "",
            "uuid": self.link.instance,
        }
        version = {"version": __version__, "build": ""}
        info = InfoMetricFamily("authentik_outpost", "Who this is.", labels=())
        info.add_metric((), who | version)
        yield info
        connection = GaugeMetricFamily(
            "authentik_outpost_connection", "1 while control speaks to this outpost.", labels=tuple(who)
        )
        connection.add_metric(tuple(who.values()), float(self.link.connected))
        yield connection
        update = GaugeMetricFamily(
            "authentik_outpost_last_update",
            "When the directory or the configuration last changed here, seconds since the epoch.",
            labels=(*who, *version),
        )
        if self.updates.last is not None:
            update.add_metric((*who.values(), *version.values()), self.updates.last)
        yield update

    def _authentik_requests(self, name: str) -> Iterator[Metric]:
        for protocol, more in AUTHENTIK_REQUEST.items():
            labels = {"outpost_name": name, **more}
            durations = HistogramMetricFamily(
                f"authentik_outpost_{protocol}_request_duration_seconds",
                "How long logins took for which control was asked. Those that were known take microseconds, and are "
                "counted in outpost_credential_cache_hits_total alone.",
                labels=tuple(labels),
            )
            if (asked := self.authentication.asked.get(protocol)) is not None:
                durations.add_metric(tuple(labels.values()), list(asked.buckets()), asked.seconds)
            yield durations
            if protocol != "proxy":
                yield self._rejected(protocol, labels)

    def _rejected(self, protocol: str, labels: dict[str, str]) -> Metric:
        rejected = CounterMetricFamily(
            f"authentik_outpost_{protocol}_requests_rejected",
            "Refused logins, under authentik's words for why; outpost_decisions_total says it more exactly.",
            labels=(*labels, "reason"),
        )
        counted: dict[str, int] = {}
        for (door, reason), count in tuple(self.telemetry.decisions.items()):
            if door == protocol and reason in REASONS and REASONS[reason].outcome is not Outcome.ACCEPTED:
                word = authentik_reason(reason)
                counted[word] = counted.get(word, 0) + count
        for word, count in counted.items():
            rejected.add_metric((*labels.values(), word), count)
        return rejected

    def _deciding(self) -> Iterator[Metric]:
        decisions = CounterMetricFamily(
            "outpost_decisions",
            "Who asked to be let in, and what they were told.",
            labels=("protocol", "outcome", "reason"),
        )
        for (protocol, reason), count in bounded(self.telemetry.decisions, {*REASONS, NO_CREDENTIALS, SKIPPED_PATH}):
            outcome = REASONS[reason].outcome if reason in REASONS else reason
            decisions.add_metric((protocol, str(outcome), reason), count)
        yield decisions
        refusals = CounterMetricFamily(
            "outpost_requests_refused",
            "Requests other than logins that were refused, as searches and changes of passwords over LDAP are.",
            labels=("protocol", "reason"),
        )
        for (protocol, reason), count in bounded(self.telemetry.refusals, REASONS):
            refusals.add_metric((protocol, reason), count)
        yield refusals
        discards = CounterMetricFamily(
            "outpost_discards", "What came in and got no answer, or only a farewell.", labels=("protocol", "reason")
        )
        for (protocol, reason), count in bounded(self.telemetry.discards, DISCARDS):
            discards.add_metric((protocol, reason), count)
        yield discards
        knocks = CounterMetricFamily(
            "outpost_knocks", "Who or what was refused for being unknown; the console lists them.", labels=("kind",)
        )
        for kind in KINDS:  # those at 0, too: the first one is to be seen as a rise
            knocks.add_metric((kind,), self.telemetry.knocks.heard[kind])
        yield knocks
        yield counter("outpost_faults", "Faults of ours; the log has a traceback of each.", self.telemetry.fault_count)
        yield gauge("outpost_credential_cache_entries", "Credentials that are known now.", len(self.cache))
        hits = CounterMetricFamily(
            "outpost_credential_cache_hits",
            "Logins for which control was not asked; away: it could not be.",
            labels=("away",),
        )
        for away, count in self.cache.hits.items():
            hits.add_metric((str(away).lower(),), count)
        yield hits
        yield gauge("outpost_questions_waiting", "Logins that control is asked about now.", self.authentication.waiting)

    def _following(self, snapshot: Snapshot) -> Iterator[Metric]:
        yield gauge("outpost_snapshot_revision", "The directory's revision; 0: there is none.", snapshot.revision)
        age = GaugeMetricFamily(
            "outpost_snapshot_age_seconds",
            "How long ago control last confirmed the directory: a change or a heartbeat, every 15 s.",
        )
        if self.link.last_heard:
            age.add_metric((), max(0.0, self.now() - self.link.last_heard))
        yield age
        yield gauge("outpost_link_connected", "1 while control speaks to this outpost.", float(self.link.connected))
        yield counter("outpost_link_losses", "How often control spoke to us, and then did no more.", self.link.losses)
        yield gauge("outpost_reports_waiting", "Reports that control does not have yet.", len(self.outbox))
        yield counter("outpost_reports_lost", "Reports that were dropped, since too many waited.", self.outbox.lost)
        yield labelled_gauge(
            "outpost_directory_records",
            "What the directory holds.",
            "kind",
            {
                "user": len(snapshot.users),
                "group": len(snapshot.groups),
                "provider": len(snapshot.providers),
                "certificate": len(snapshot.certificates),
            },
        )


class Updates:
    """When the directory last changed; ``now`` gives seconds since the epoch."""

    def __init__(self, directory: Directory, now: Callable[[], float]) -> None:
        self.last: float | None = None
        self._directory = directory
        self._now = now
        directory.follow(self._follow)

    def _follow(self, snapshot: Snapshot, touched: Touched) -> None:
        if self._directory.loaded:
            self.last = self._now()


def bounded(counts: Mapping[tuple[str, str], int], reasons: Iterable[str]) -> Iterator[tuple[tuple[str, str], int]]:
    """The same counts, under no other protocols and reasons than those that there are."""
    known = frozenset(reasons)
    found: dict[tuple[str, str], int] = {}
    for (protocol, reason), count in tuple(counts.items()):
        key = (protocol if protocol in PROTOCOLS else OTHER, reason if reason in known else OTHER)
        found[key] = found.get(key, 0) + count
    return iter(found.items())


def authentik_reason(reason: str) -> str:
    return "no_provider" if reason == "unknown_provider" else AUTHENTIK_REASONS[REASONS[reason].outcome]


def gauge(name: str, sentence: str, value: float) -> Metric:
    return GaugeMetricFamily(name, sentence, value=value)


def counter(name: str, sentence: str, value: float) -> Metric:
    """``_total`` is added to the name."""
    return CounterMetricFamily(name, sentence, value=value)


def labelled_gauge(name: str, sentence: str, label: str, values: Mapping[str, float]) -> Metric:
    found = GaugeMetricFamily(name, sentence, labels=(label,))
    for key, value in values.items():
        found.add_metric((key,), value)
    return found
