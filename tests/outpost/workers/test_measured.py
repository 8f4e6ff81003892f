"""One page of what several workers said."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from outpost.workers.measured import Page


def said(number: int) -> str:
    registry = CollectorRegistry()
    Counter("doors", "Doors.", ["name"], registry=registry).labels("a").inc(number)
    Gauge("open", "Open.", registry=registry).set(number)
    Histogram("took", "Took.", buckets=(1, 2), registry=registry).observe(number)
    return generate_latest(registry).decode()


class _Registered(CollectorRegistry):
    def __init__(self, page: Collector) -> None:
        super().__init__()
        self.register(page)


def test_every_sample_is_there_with_its_worker() -> None:
    page = generate_latest(_Registered(Page({0: said(1), 1: said(2)}))).decode()
    assert page.count("# TYPE doors_total counter") == 1
    found = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }
    assert found["doors_total", (("name", "a"), ("worker", "0"))] == 1
    assert found["doors_total", (("name", "a"), ("worker", "1"))] == 2
    assert found["open", (("worker", "1"),)] == 2
    assert found["took_bucket", (("le", "1.0"), ("worker", "0"))] == 1
    assert found["took_sum", (("worker", "1"),)] == 2


def test_nobody_said_anything() -> None:
    assert generate_latest(_Registered(Page({}))) == b""
