"""Where the applications behind us are, as their configuration changes."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from outpost.directory.draft import changed, whole
from outpost.directory.snapshot import Directory, Touched
from outpost.listeners import upstreams
from outpost.listeners.upstreams import Place, Upstreams
from protocols.link.messages import ProviderRecord, Put
from tests.outpost.listeners.forward_auth_door import provider
from tests.outpost.listeners.http_connections import RecordingTelemetry

UNREADABLE = "The internal host of provider 'Provider 3' is no URL: correct it."


def behind(pk: int, internal_host: str) -> ProviderRecord:
    return provider(pk, f"https://app-{pk}.example.com", mode="proxy", internal_host=internal_host)


def test_a_change_of_one_reads_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """With ten thousand beside it, nobody else waits for that."""
    read: list[str] = []
    placed = upstreams._place

    def counting(settings: Any) -> Place | None:
        read.append(settings.internal_host)
        return placed(settings)

    monkeypatch.setattr(upstreams, "_place", counting)
    directory, telemetry = Directory(), RecordingTelemetry()
    found = Upstreams(directory, lambda place: lambda factory: Deferred(), Clock(), telemetry)
    records = [behind(1, "http://one.test"), behind(2, "http://two.test"), behind(3, "no URL")]
    directory.publish(whole(1, records), Touched(everything=True))
    assert len(read) == 3
    before = {pk: found.of(pk) for pk in (1, 2, 3)}
    assert before[3] is None
    directory.publish(*changed(directory.current, 2, [Put(behind(1, "http://elsewhere.test:81"))]))
    assert read[3:] == ["http://elsewhere.test:81"]
    assert [name for name, _ in found] == ["Provider 1", "Provider 2"]
    assert [getattr(found.of(pk), "name", "") for pk in (1, 2)] == ["http://elsewhere.test:81", "http://two.test:80"]
    assert found.of(2) is before[2]
    assert telemetry.notes == [UNREADABLE], "once"
