from collections.abc import Iterator, Sequence

import pytest
from twisted.logger import LogEvent, LogLevel, capturedLogs, formatEvent

from outpost import telemetry as module
from outpost.outcome import Circumstances, Decision
from outpost.telemetry import MOST_REFUSALS_TOLD, Telemetry
from rules.discards import DISCARDS
from tests.fakes import FakeClock


@pytest.fixture
def events() -> Iterator[Sequence[LogEvent]]:
    with capturedLogs() as captured:
        yield captured


def told(events: Sequence[LogEvent]) -> list[str]:
    return [formatEvent(event) for event in events if event["log_level"] is LogLevel.info]


def test_the_first_discard_of_a_peer_and_reason_is_told_and_all_are_counted(events: Sequence[LogEvent]) -> None:
    telemetry = Telemetry()
    for peer in ("192.0.2.7", "192.0.2.7", "192.0.2.8"):
        telemetry.discarded("radius", peer, "bad_message_authenticator")
    telemetry.discarded("radius", "192.0.2.7", "malformed")
    assert telemetry.discards == {("radius", "bad_message_authenticator"): 3, ("radius", "malformed"): 1}
    assert len(told(events)) == 3
    assert DISCARDS["bad_message_authenticator"] in told(events)[0]


def test_forged_peers_fill_no_log(events: Sequence[LogEvent], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TOLD", 3)
    telemetry = Telemetry()
    for number in range(10):
        telemetry.discarded("radius", f"192.0.2.{number}", "unknown_nas")
    assert len(told(events)) == 3
    assert telemetry.discards["radius", "unknown_nas"] == 10


def refuse(telemetry: Telemetry, times: int, name: str = "bob") -> None:
    for _ in range(times):
        telemetry.decided(name, Circumstances("ldap", "192.0.2.7"), Decision("wrong_password", id="q1"))


def test_a_flood_of_refusals_fills_no_log_and_is_told_of_afterwards(events: Sequence[LogEvent]) -> None:
    clock = FakeClock()
    telemetry = Telemetry(clock)
    refuse(telemetry, MOST_REFUSALS_TOLD + 7)
    assert len(told(events)) == MOST_REFUSALS_TOLD
    clock.advance(1)
    refuse(telemetry, 1)
    assert len(told(events)) == MOST_REFUSALS_TOLD + 1
    assert "7 further refusals were only counted" in [formatEvent(event) for event in events]
    assert telemetry.decisions["ldap", "wrong_password"] == MOST_REFUSALS_TOLD + 8


def test_a_long_name_is_told_short(events: Sequence[LogEvent]) -> None:
    refuse(Telemetry(), 1, "x" * 100_000)
    (line,) = told(events)
    assert len(line) < 1000
