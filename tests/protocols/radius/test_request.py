import pytest

from protocols.radius.nas import Nas
from protocols.radius.packet import Packet
from protocols.radius.request import AccessRequested, Request
from tests.protocols.radius import nas_side
from tests.protocols.radius.nas_side import attribute


def request_with(attributes: bytes) -> Request:
    return Request(Packet.parse(nas_side.pap(extra=attributes)), nas_side.PEER, nas_side.PEER[0], Nas(b"s", 1), 0)


def test_attributes_for_deciding() -> None:
    extra = attribute(32, b"nas-1") + attribute(31, b"02-00-00-00-00-01") + attribute(30, b"AA-BB-CC-DD-EE-FF:wifi")
    assert request_with(extra).attributes == {
        "nas": "nas-1",
        "calling_station": "02-00-00-00-00-01",
        "called_station": "AA-BB-CC-DD-EE-FF",
        "ssid": "wifi",
    }


def test_a_nas_without_identifier_goes_by_its_address() -> None:
    assert request_with(b"").attributes == {"nas": "192.0.2.7"}
    assert request_with(attribute(32, b"")).attributes == {"nas": "192.0.2.7"}


@pytest.mark.parametrize(
    ("called", "station", "ssid"),
    [
        (b"AA-BB-CC-DD-EE-FF:home: sweet", "AA-BB-CC-DD-EE-FF", "home: sweet"),
        (b"aa:bb:cc:dd:ee:ff:guests", "aa:bb:cc:dd:ee:ff", "guests"),
        (b"aabbccddeeff:guests", "aabbccddeeff", "guests"),
        (b"aabb.ccdd.eeff:guests", "aabb.ccdd.eeff", "guests"),
        (b"aa:bb:cc:dd:ee:ff", "aa:bb:cc:dd:ee:ff", None),
        (b"AA-BB-CC-DD-EE-FF:", "AA-BB-CC-DD-EE-FF:", None),
        (b"5551234", "5551234", None),
        (b"\xff", "\ufffd", None),
    ],
)
def test_called_station(called: bytes, station: str, ssid: str | None) -> None:
    known = request_with(attribute(30, called)).attributes
    assert known["called_station"] == station
    assert known.get("ssid") == ssid


def test_secrets_do_not_print() -> None:
    event = AccessRequested(request_with(b""), "alice", "correct horse")
    assert "correct horse" not in repr(event)
