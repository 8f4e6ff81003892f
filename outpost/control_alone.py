"""`outpost control`: control without doors; outposts elsewhere follow it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from immutables import Map
from prometheus_client.registry import Collector

from outpost.config import OutpostConfig
from outpost.directory.snapshot import Directory, Snapshot, Touched
from outpost.lag import Lag
from outpost.listeners.asgi import AsgiRoute
from outpost.listeners.certificates.files import CertificateFiles
from outpost.listeners.certificates.shown import ShownCertificates
from outpost.listeners.health import PREFIX as HEALTH_PREFIX
from outpost.listeners.health import Health
from outpost.listeners.http import HttpFactory
from outpost.listeners.inherited import Inherited
from outpost.listeners.lean_tls import OverTls
from outpost.listeners.metrics import PATH as METRICS_PATH
from outpost.listeners.metrics import Metrics
from outpost.listeners.ports import Ports
from outpost.listeners.tls import Asked, ServerTls
from outpost.telemetry import Telemetry
from protocols.link.messages import CertificateRecord
from protocols.proxy.trust import TrustedPeers


class ControlAlone:
    """HTTP, HTTPS, health and metrics, in front of control's ASGI ``application``.

    ``asks``: for which certificates clients of HTTPS are asked.
    """

    def __init__(
        self,
        config: OutpostConfig,
        application: Any,
        certificate: CertificateRecord | None,
        reactor: Any,
        collectors: Sequence[Collector] = (),
        inherited: Inherited | None = None,
        asks: Callable[[], Asked] = lambda: None,
    ) -> None:
        self.ports = Ports(reactor, config.data_dir, inherited)
        self.telemetry = Telemetry()
        self._config = config
        self._reactor = reactor
        self._asgi = AsgiRoute(application, self.telemetry)
        self._files = CertificateFiles(config.certificates_dir, reactor, self._show_certificates, self.telemetry.noted)
        self._directory = Directory()
        self._directory.current = Snapshot(certificates=Map({certificate.pk: certificate} if certificate else {}))
        self._certificates = ShownCertificates(self._directory, lambda: self._files.pairs)
        self._tls = ServerTls(self._certificates.at, asks=asks)
        self._lag = Lag(reactor)
        self._collectors = (*collectors, self._lag)
        self._ready = False

    def _show_certificates(self) -> None:
        self._directory.publish(self._directory.current, Touched(configuration=True))

    async def start(self) -> None:
        await self._asgi.start()
        self._lag.start()
        self._files.start()
        health = (HEALTH_PREFIX, Health(lambda: self._ready))
        trusted = TrustedPeers(self._config.trusted_proxies)
        http = HttpFactory(
            [health], self._asgi, self._reactor, time.time, self.telemetry, brings_others=trusted.is_trusted
        )
        measured = (METRICS_PATH, Metrics(self._collectors))
        metrics = HttpFactory([health, measured], None, self._reactor, time.time, self.telemetry)
        self.ports.stream("http", self._config.http, http)
        over_tls = OverTls(self._tls, isClient=False, wrappedFactory=http, clock=self._reactor)
        self.ports.stream("https", self._config.https, over_tls)
        self.ports.stream("metrics", self._config.metrics, metrics)
        self.ports.write()
        self._ready = True

    def refresh(self) -> None:
        self._files.look()

    async def stop(self) -> None:
        self._ready = False
        self._lag.stop()
        self._files.stop()
        await self.ports.close()
        await self._asgi.stop()
