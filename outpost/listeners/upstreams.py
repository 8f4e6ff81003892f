"""The applications behind us, by provider: made anew when their configuration changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from OpenSSL import SSL, crypto
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError, DNSLookupError, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from outpost.directory.snapshot import Directory, Snapshot, Touched
from outpost.listeners.limits import MAX_CONNECTIONS, Connections
from outpost.listeners.upstream import FAILURES, Upstream
from outpost.telemetry import Telemetry
from protocols.link.messages import ProviderRecord, ProxySettings
from protocols.proxy.elsewhere import Backend
from protocols.proxy.hosts import DEFAULT_PORTS

MAX_UPSTREAM_CONNECTIONS = 2 * MAX_CONNECTIONS
"""One for each visitor's, and as many that wait for the next request."""
MAX_OVERRIDES = 256
"""Places that mappings send people to in place of a provider's own: of more, the one that nobody was sent to for
longest is forgotten, with the connections that wait there. What is under way goes on."""


@dataclass(frozen=True)
class Place:
    """Where an application listens."""

    scheme: str
    host: str
    port: int
    verified: bool
    """Over TLS: must its certificate be good?"""
    authorities: str = ""
    """PEM of who may say so, in place of the system's."""
    certificate: str = ""
    """PEM of what is shown to it, and the key."""
    key: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


Connect = Callable[[Factory], Deferred[Any]]


class Upstreams:
    """``dial`` gives for a place what makes connections to it with a factory; ``clock`` only counts seconds."""

    def __init__(
        self, directory: Directory, dial: Callable[[Place], Connect], clock: IReactorTime, telemetry: Telemetry
    ) -> None:
        self._dial = dial
        self._clock = clock
        self._telemetry = telemetry
        self._places: dict[int, Place] = {}
        self._read: dict[int, tuple[ProviderRecord, Place | None]] = {}
        """Of ten thousand providers, one change reads one."""
        self._upstreams: dict[int, Upstream] = {}
        self._names: dict[int, str] = {}
        self._overrides: dict[tuple[int, Place], Upstream] = {}
        """By provider and place; whoever was asked for last stands last."""
        self.connections = Connections(clock, MAX_UPSTREAM_CONNECTIONS, MAX_UPSTREAM_CONNECTIONS)
        directory.follow(self._followed)

    def __bool__(self) -> bool:
        return bool(self._upstreams)

    def __iter__(self) -> Iterator[tuple[str, Upstream]]:
        """With the names of their providers: their own, not what takes their place for somebody."""
        return ((self._names[provider], upstream) for provider, upstream in self._upstreams.items())

    def of(self, provider: int) -> Upstream | None:
        return self._upstreams.get(provider)

    def override(self, provider: int, backend: Backend) -> Upstream | None:
        """Another place, under the provider's own settings for TLS. None: of() is None, too."""
        own = self._places.get(provider)
        if own is None:
            return None
        place = replace(own, scheme=backend.scheme, host=backend.host, port=backend.port)
        if place == own:
            return self._upstreams.get(provider)
        key = provider, place
        upstream = self._overrides.pop(key, None)
        if upstream is None:
            upstream = self._upstream(place)
            if len(self._overrides) >= MAX_OVERRIDES:
                self._overrides.pop(next(iter(self._overrides))).close()
        self._overrides[key] = upstream
        return upstream

    def _followed(self, snapshot: Snapshot, touched: Touched) -> None:
        if not (touched.everything or touched.configuration):
            return
        places: dict[int, Place] = {}
        before, self._read, self._names = self._read, {}, {}
        for record in snapshot.providers.values():
            if isinstance(record.settings, ProxySettings) and record.settings.mode == "proxy":
                read = before.get(record.pk)
                if read is None or read[0] is not record:
                    read = record, _place(record.settings)
                    if read[1] is None:
                        self._telemetry.noted(f"The internal host of provider {record.name!r} is no URL: correct it.")
                self._read[record.pk] = read
                self._names[record.pk] = record.name
                if read[1] is not None:
                    places[record.pk] = read[1]
        kept = {
            provider
            for provider, place in places.items()
            if (old := self._places.get(provider)) is place or old == place
        }
        for provider, upstream in self._upstreams.items():
            if provider not in kept:
                upstream.close()
        self._upstreams = {
            provider: self._upstreams[provider] if provider in kept else self._upstream(place)
            for provider, place in places.items()
        }
        self._places = places
        for key in [key for key in self._overrides if key[0] not in kept]:
            self._overrides.pop(key).close()

    def _upstream(self, place: Place) -> Upstream:
        return Upstream(place.url, self._dial(place), self.connections, self._clock)

    def told(self, upstream: Upstream, failure: str) -> None:
        """A request was answered (empty), or failed. The operator hears of the first and of the last failure."""
        if failure:
            upstream.failures[failure] += 1
        self.noticed(upstream, failure)

    def noticed(self, upstream: Upstream, failure: str) -> None:
        """The same of what was no request."""
        if bool(failure) != bool(upstream.failing):
            said = f"does not answer: {FAILURES[failure][1]}. Is it running there?" if failure else "answers again."
            self._telemetry.noted(f"The application at {upstream.name} {said}")
        upstream.failing = failure


def failure_of(reason: Failure) -> str:
    """Of `FAILURES`: why no connection came about."""
    if reason.check(ConnectionRefusedError):
        return "refused"
    if reason.check(DNSLookupError):
        return "not_found"
    if reason.check(crypto.Error, SSL.Error, ValueError):
        return "tls"
    return "slow_connect" if reason.check(TimeoutError) else "unreachable"


def _place(settings: ProxySettings) -> Place | None:
    """Paths in the URL do not count, as in authentik."""
    try:
        url = urlsplit(settings.internal_host)
        port = url.port or DEFAULT_PORTS[url.scheme]
    except (ValueError, KeyError):
        return None
    if not url.hostname:
        return None
    return Place(
        url.scheme,
        url.hostname,
        port,
        settings.internal_host_ssl_validation,
        settings.internal_host_authorities,
        settings.internal_host_certificate,
        settings.internal_host_key,
    )
