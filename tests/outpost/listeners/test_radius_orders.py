"""Orders on their way to NAS: sent, sent again, answered or not, and told of in every case."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import FakeDatagramTransport

from outpost.directory.draft import whole
from outpost.directory.snapshot import Directory, Touched
from outpost.listeners import radius_orders
from outpost.listeners.answering import Answering
from outpost.listeners.onlookers import Onlookers
from outpost.listeners.radius_orders import MOST_AT_ONE, RadiusOrders
from protocols.link.messages import ChangeSession, NasRecord, RadiusSettings, ReplyAttribute
from protocols.radius.orders import TRIES
from tests.outpost.listeners.test_onlookers import Looking
from tests.outpost.listeners.test_radius import RecordingTelemetry, a_provider
from tests.protocols.radius.nas_side import SECRET, attribute, keyed, plain_reply

NOW = 1_700_000_000
PLACE = ("192.0.2.7", 3799)
WANTED = ChangeSession("o1", "disconnect", "192.0.2.7", "ap-7", "0000002A", "02-00-00-00-00-01")


class Socket(FakeDatagramTransport):
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.closed = False

    def stopListening(self) -> None:
        self.closed = True


class Site:
    """An outpost with one socket, and what it has told control."""

    def __init__(self, *nas: NasRecord) -> None:
        self.clock, self.directory = Clock(), Directory()
        self.told: list[dict[str, Any]] = []
        self.telemetry = RecordingTelemetry()
        self.telemetry.report = lambda kind, body: self.told.append({"kind": kind, **body})
        provider = a_provider()
        assert isinstance(provider.settings, RadiusSettings)
        provider = replace(provider, settings=replace(provider.settings, nas=nas))
        self.directory.publish(whole(1, [provider]), Touched(everything=True))
        self.orders = RadiusOrders(
            self.directory,
            self.telemetry,
            self.clock,
            lambda: float(NOW),
            self.open,
            onlookers := Onlookers(self.directory, lambda: float(NOW)),
        )
        self.onlookers = onlookers
        self.transport = Socket()
        self.versions: list[int] = []

    def open(self, protocol: Answering, version: int) -> None:
        self.versions.append(version)
        self.socket = protocol
        protocol.makeConnection(self.transport)

    @property
    def sent(self) -> list[tuple[bytes, tuple[str, int]]]:
        return list(self.transport.written)

    def hear(self, code: int, attributes: bytes = b"", asked: int = 0, secret: bytes = SECRET) -> None:
        octets, place = self.sent[asked]
        self.socket.datagramReceived(plain_reply(code, octets, attributes, secret), place)


def test_an_order_is_carried_and_its_answer_told() -> None:
    site = Site()
    site.orders.take(WANTED)
    named = attribute(32, b"ap-7") + attribute(44, b"0000002A") + attribute(31, b"02-00-00-00-00-01")
    asked = keyed(40, named + attribute(55, struct.pack("!I", NOW)), identifier=0, sign=True)
    assert site.sent == [(asked, PLACE)]
    site.hear(41)
    assert site.told == [{"kind": "radius_order", "order": "o1", "outcome": "acknowledged", "cause": ""}]
    site.clock.advance(60)
    assert len(site.sent) == 1


@pytest.mark.parametrize(("nas", "answer"), [("192.0.2.7", ["Disconnect-NAK"]), ("AP-7", [])])
def test_whoever_looks_on_is_shown_orders_and_answers(nas: str, answer: list[str]) -> None:
    """By its name, only what names it: an answer need not."""
    site = Site()
    looking = Looking(site.onlookers, nas)
    site.orders.take(WANTED)
    site.hear(42, attribute(101, (503).to_bytes(4)))
    lines = looking.lines()
    assert [line["code"] for line in lines] == ["Disconnect-Request", *answer]
    assert [line["received"] for line in lines] == [False, *(True for _ in answer)]
    assert ["Acct-Session-Id", '"0000002A"'] in lines[0]["attributes"]
    if answer:
        assert lines[1]["attributes"] == [["Error-Cause", "Session-Context-Not-Found"]]


def test_a_refusal_is_told_with_its_cause() -> None:
    site = Site()
    site.orders.take(WANTED)
    site.hear(42, attribute(101, struct.pack("!I", 503)))
    assert [(one["outcome"], one["cause"]) for one in site.told] == [("refused", "Session-Context-Not-Found")]
    assert any("192.0.2.7" in note for note in site.telemetry.notes)


def test_112_the_same_octets_go_out_again_until_nobody_answers() -> None:
    site = Site()
    site.orders.take(WANTED)
    for seconds in TRIES:
        site.clock.advance(seconds)
    assert site.sent == [site.sent[0]] * len(TRIES)
    assert [one["outcome"] for one in site.told] == ["unanswered"]
    site.clock.advance(60)
    assert len(site.sent) == len(TRIES)


def test_an_answer_that_does_not_verify_is_none() -> None:
    site = Site()
    site.orders.take(WANTED)
    site.hear(41, secret=b"wrong")
    assert site.told == []
    assert site.telemetry.discards["radius", "bad_response_authenticator"] == 1
    site.socket.datagramReceived(plain_reply(41, site.sent[0][0]), ("192.0.2.8", 3799))
    site.socket.datagramReceived(b"", PLACE)
    assert site.told == []
    site.hear(41)
    assert [one["outcome"] for one in site.told] == ["acknowledged"]


def test_the_same_order_is_carried_once() -> None:
    site = Site()
    site.orders.take(WANTED)
    site.orders.take(WANTED)
    assert len(site.sent) == 1


def test_a_nas_has_only_so_many_to_answer_at_a_time() -> None:
    site = Site()
    for number in range(MOST_AT_ONE + 2):
        site.orders.take(replace(WANTED, pk=str(number)))
    assert len(site.sent) == MOST_AT_ONE
    assert len({octets[1] for octets, _ in site.sent}) == MOST_AT_ONE
    site.hear(41)
    assert len(site.sent) == MOST_AT_ONE + 1
    site.orders.take(replace(WANTED, pk="other", nas="192.0.2.9"))
    assert site.sent[-1][1] == ("192.0.2.9", 3799)


def test_a_change_carries_its_attributes() -> None:
    site = Site()
    site.orders.take(replace(WANTED, kind="coa", attributes=(ReplyAttribute("Filter-Id", "guests"),)))
    octets, _ = site.sent[0]
    assert octets[0] == 43
    assert octets.endswith(attribute(11, b"guests"))
    site.hear(44)
    assert [one["outcome"] for one in site.told] == ["acknowledged"]


@pytest.mark.parametrize(
    "nas",
    [
        NasRecord("n", "ap", "192.0.2.7", "secret", coa_port=0),
        NasRecord("n", "ap", "192.0.2.7", "secret", identifier="ap-7", coa_port=0),
    ],
)
def test_a_nas_that_takes_no_orders_gets_none(nas: NasRecord) -> None:
    site = Site(nas)
    site.orders.take(WANTED)
    assert site.sent == []
    assert [one["outcome"] for one in site.told] == ["refused"]


def test_an_unknown_nas_gets_none() -> None:
    site = Site()
    site.orders.take(replace(WANTED, nas="198.51.100.1"))
    assert (site.sent, [one["outcome"] for one in site.told]) == ([], ["refused"])


def test_a_nas_of_its_own_has_its_port_and_secret() -> None:
    site = Site(NasRecord("n", "ap", "192.0.2.7", "its own", coa_port=1700))
    site.orders.take(WANTED)
    [(octets, place)] = site.sent
    assert place == ("192.0.2.7", 1700)
    assert octets == keyed(40, octets[38:], identifier=0, secret=b"its own", sign=True)


def test_one_order_that_cannot_be_made_holds_up_no_other() -> None:
    site = Site()
    site.orders.take(replace(WANTED, pk="bad", kind="coa", attributes=(ReplyAttribute("Nonsense", "x"),)))
    site.orders.take(WANTED)
    assert [one["outcome"] for one in site.told] == ["unanswered"]
    assert len(site.sent) == 1


def test_each_family_has_a_socket() -> None:
    site = Site(NasRecord("n", "ap", "2001:db8::7", "s"))
    site.orders.take(WANTED)
    site.orders.take(replace(WANTED, pk="o2", nas="2001:db8::7"))
    site.orders.take(replace(WANTED, pk="o3"))
    assert site.versions == [4, 6]


def test_nothing_goes_out_after_the_end() -> None:
    site = Site()
    site.orders.take(WANTED)
    site.orders.stop()
    assert site.transport.closed
    site.clock.advance(60)
    assert len(site.sent) == 1


def test_orders_are_bounded_and_the_last_of_a_crowd_is_carried_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(radius_orders, "MOST_ORDERS", MOST_AT_ONE + 5)
    site = Site()
    for number in range(MOST_AT_ONE + 6):
        site.orders.take(replace(WANTED, pk=str(number)))
    assert [(one["order"], one["outcome"]) for one in site.told] == [(str(MOST_AT_ONE + 5), "unanswered")]
    for asked in range(MOST_AT_ONE + 5):
        site.hear(41, asked=asked)
    assert len(site.told) == MOST_AT_ONE + 6
    for kept in (site.orders._waiting, site.orders._sent, site.orders._carried):
        assert len(kept) == 0
