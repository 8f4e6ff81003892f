from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from twisted.logger import LogEvent, LogLevel, capturedLogs, formatEvent

from outpost import telemetry as module
from outpost.outcome import Circumstances, Decision
from outpost.telemetry import MOST_REFUSALS_TOLD, TOLD_AGAIN, Telemetry
from rules.discards import DISCARDS
from rules.knocks import MOST_OPEN, NEW_A_MINUTE, OF_DISCARD, OF_REFUSAL
from rules.names import LONGEST_NAME
from rules.reasons import REASONS
from tests.fakes import FakeClock, an_identity


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


def test_what_breaks_again_later_is_told_again(events: Sequence[LogEvent]) -> None:
    clock = FakeClock()
    telemetry = Telemetry(clock)
    for _ in range(3):
        for _ in range(2):
            telemetry.discarded("radius", "192.0.2.7", "bad_message_authenticator")
        clock.advance(TOLD_AGAIN)
    assert len(told(events)) == 3


def test_what_a_sentence_leaves_open_is_told_behind_it(events: Sequence[LogEvent]) -> None:
    telemetry = Telemetry()
    telemetry.discarded("radius", "192.0.2.7", "malformed", "Length 7\r\nis too short")
    telemetry.decided("bob", Circumstances("radius", "192.0.2.7"), Decision("eap_tls_failed"), "unknown ca")
    dropped, refused = told(events)
    assert dropped.endswith(f"{DISCARDS['malformed']} (Length 7\\r\\nis too short)")
    assert refused.endswith(f"{REASONS['eap_tls_failed'].operator} (unknown ca)")


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


# --- knocks ---


class Heard:
    """What a telemetry tells control."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.telemetry = Telemetry(self.clock)
        self.reports: list[tuple[str, dict[str, Any]]] = []
        self.telemetry.report = lambda kind, body: self.reports.append((kind, body))

    def decided(self, protocol: str, reason: str, **attributes: str) -> None:
        identity = an_identity("alice") if reason == "accepted" else None
        self.telemetry.decided("alice", Circumstances(protocol, "192.0.2.7", attributes), Decision(reason, identity))


@pytest.mark.parametrize(("reason", "kind"), OF_DISCARD.items())
def test_a_discard_of_something_unknown_is_a_knock(reason: str, kind: str) -> None:
    heard = Heard()
    heard.telemetry.discarded("radius", "192.0.2.7", reason)
    heard.telemetry.discarded("radius", "192.0.2.7", reason)
    assert heard.reports == [("knock", {"kind": kind, "what": "192.0.2.7", "count": 1})]


@pytest.mark.parametrize(
    ("reason", "kind", "what"),
    [
        ("untrusted_proxy", "proxy", "192.0.2.7"),
        ("unknown_host", "host", "app.example.com"),
        ("garbled_password", "nas_secret", "192.0.2.7"),
        ("unknown_device", "mac", "02-00-00-00-00-01"),
    ],
)
def test_a_refusal_of_something_unknown_is_a_knock(reason: str, kind: str, what: str) -> None:
    heard = Heard()
    heard.decided("any", reason, host="app.example.com", calling_station="02-00-00-00-00-01")
    assert heard.reports == [("knock", {"kind": kind, "what": what, "count": 1, "peer": "192.0.2.7"})]
    assert reason in OF_REFUSAL


def test_a_wrong_password_is_none() -> None:
    heard = Heard()
    heard.decided("radius", "wrong_password")
    heard.telemetry.discarded("radius", "192.0.2.7", "malformed")
    assert heard.reports == []


def test_the_next_answer_to_a_nas_closes_what_it_knocked_for() -> None:
    heard = Heard()
    heard.telemetry.discarded("radius", "192.0.2.7", "unknown_nas")
    heard.telemetry.discarded("radius", "192.0.2.8", "unknown_nas")
    heard.telemetry.nas_answered(Circumstances("radius", "192.0.2.7"), "wrong_password")
    assert heard.reports[2:] == [("knock_answered", {"kind": "nas", "what": "192.0.2.7"})]


def test_a_secret_that_does_not_fit_is_no_answer_to_itself() -> None:
    heard = Heard()
    heard.decided("radius", "garbled_password")
    heard.telemetry.nas_answered(Circumstances("radius", "192.0.2.7"), "garbled_password")
    assert len(heard.reports) == 1


def test_what_goes_on_is_told_by_the_minute() -> None:
    heard = Heard()
    for _ in range(3):
        heard.telemetry.discarded("radius", "192.0.2.7", "unknown_nas")
    heard.telemetry.tell_knocks()
    assert len(heard.reports) == 1
    heard.clock.advance(60)
    heard.telemetry.tell_knocks()
    assert heard.reports[1:] == [("knock", {"kind": "nas", "what": "192.0.2.7", "count": 2})]


def test_whoever_is_held_up_is_told_to_control_once_a_minute() -> None:
    heard = Heard()
    for _ in range(500):
        heard.telemetry.held_up("alice", Circumstances("ldap", "192.0.2.7"), "too_many_tries")
    detail = {"username": "alice", "peer": "192.0.2.7", "protocol": "ldap"}
    assert heard.reports == [("throttled", {"reason": "too_many_tries", "count": 1, **detail})]
    heard.clock.advance(60)
    heard.telemetry.tell_knocks()
    assert heard.reports[1:] == [("throttled", {"reason": "too_many_tries", "count": 499, **detail})]


def test_guessing_under_a_thousand_names_fills_no_store() -> None:
    heard = Heard()
    for number in range(5000):
        heard.telemetry.held_up(f"{number}" * 300, Circumstances("ldap", "192.0.2.7"), "too_many_tries_from_here")
    assert len(heard.reports) == NEW_A_MINUTE
    assert len(heard.telemetry.holds.open) <= MOST_OPEN
    assert all(len(body["username"]) <= LONGEST_NAME for _, body in heard.reports)
