"""What Prometheus is told of the doors' own state. Labels come from the configuration and from catalogues."""

from __future__ import annotations

from collections.abc import Iterator, Sized

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from outpost.listeners.certificates.shown import ShownCertificates, ends_at
from outpost.listeners.radius_orders import OUTCOMES, RadiusOrders
from outpost.metrics import gauge
from outpost.telemetry import Telemetry

REQUESTS = (("ldap", "search"), ("ldap", "compare"), ("ldap", "password_change"), ("radius", "accounting"))
"""What is asked beside logins, which are decisions."""


class DoorMetrics(Collector):
    """``eap``: conversations that are under way."""

    def __init__(self, telemetry: Telemetry, certificates: ShownCertificates, eap: Sized, orders: RadiusOrders) -> None:
        self._telemetry = telemetry
        self._certificates = certificates
        self._eap = eap
        self._orders = orders

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "outpost_requests",
            "Requests other than logins, refused ones too; outpost_requests_refused_total says why.",
            labels=("protocol", "request"),
        )
        for protocol, request in REQUESTS:
            requests.add_metric((protocol, request), self._telemetry.taken[protocol, request])
        yield requests
        ends = GaugeMetricFamily(
            "outpost_certificate_ends",
            "When a certificate that is shown here ends, seconds since the epoch.",
            labels=("certificate",),
        )
        for name, record in self._certificates.every().items():
            if (end := ends_at(record.certificate)) is not None:
                ends.add_metric((name,), end)
        yield ends
        yield gauge("outpost_eap_conversations", "EAP conversations under way.", len(self._eap))
        yield gauge("outpost_radius_orders_open", "Orders to NAS that have no answer yet.", len(self._orders))
        orders = CounterMetricFamily(
            "outpost_radius_orders", "Orders to NAS (RFC 5176), by what came of them.", labels=("outcome",)
        )
        for outcome in OUTCOMES:
            orders.add_metric((outcome,), self._orders.outcomes[outcome])
        yield orders
