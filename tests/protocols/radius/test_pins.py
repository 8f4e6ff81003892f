import pytest

from protocols.errors import RemoteProtocolError
from protocols.radius import pins as module
from protocols.radius.nas import Nas, Requirement
from protocols.radius.packet import Packet
from protocols.radius.pins import Pins
from tests.protocols.radius import nas_side

HOME, AWAY = "192.0.2.7", "192.0.2.8"
EAP = nas_side.attribute(79, b"\x02\x09\x00\x0a\x01alice")
UNSIGNED = nas_side.pap(sign="never")


def check(pins: Pins, datagram: bytes, address: str = HOME, requirement: Requirement = Requirement.PINNED) -> str:
    try:
        pins.check(Packet.parse(datagram), Nas(nas_side.SECRET, 1, requirement), address)
    except RemoteProtocolError as error:
        return error.reason
    return "fine"


def test_an_address_that_has_signed_must_go_on() -> None:
    pins = Pins()
    assert check(pins, UNSIGNED) == "fine"
    assert check(pins, nas_side.pap()) == "fine"
    assert check(pins, UNSIGNED) == "missing_message_authenticator"
    assert check(pins, UNSIGNED, AWAY) == "fine"
    assert pins.addresses == {HOME}
    pins.addresses.discard(HOME)
    assert check(pins, UNSIGNED) == "fine"


def test_a_signature_that_fails_pins_nothing() -> None:
    pins = Pins()
    assert check(pins, nas_side.pap(secret=b"other")) == "bad_message_authenticator"
    assert pins.addresses == set()


def test_eap_and_status_server_pin_nothing() -> None:
    """A NAS has to sign those; it may still send plain passwords unsigned."""
    pins = Pins()
    assert check(pins, nas_side.request(EAP)) == "fine"
    assert check(pins, nas_side.request(b"", code=12)) == "fine"
    assert pins.addresses == set()


@pytest.mark.parametrize(
    ("datagram", "pinned", "required", "optional"),
    [
        (UNSIGNED, "fine", "missing", "fine"),
        (nas_side.pap(sign="never", extra=nas_side.attribute(33, b"x")), "missing", "missing", "fine"),
        (nas_side.request(EAP, sign="never"), "missing", "missing", "missing"),
        (nas_side.request(b"", code=12, sign="never"), "missing", "missing", "missing"),
    ],
    ids=["pap", "proxy-state", "eap", "status-server"],
)
def test_124_when_it_must_be_there(datagram: bytes, pinned: str, required: str, optional: str) -> None:
    for requirement, expected in zip(Requirement, (pinned, required, optional, optional), strict=True):
        assert check(Pins(), datagram, requirement=requirement).removesuffix("_message_authenticator") == expected


@pytest.mark.parametrize("requirement", list(Requirement))
def test_one_that_is_there_must_verify_whatever_is_configured(requirement: Requirement) -> None:
    assert check(Pins(), nas_side.pap(secret=b"other"), requirement=requirement) == "bad_message_authenticator"
    assert check(Pins(), nas_side.pap(), requirement=requirement) == "fine"


def test_whoever_keeps_them_is_told_of_each_once() -> None:
    told: list[tuple[str, int]] = []
    pins = Pins(told=lambda address, nas: told.append((address, nas.provider)))
    for datagram in (UNSIGNED, nas_side.pap(), nas_side.pap(identifier=8), nas_side.pap(secret=b"other")):
        check(pins, datagram)
    check(pins, nas_side.request(EAP), AWAY)
    assert told == [(HOME, 1)]
    pins.keep(frozenset((AWAY,)))
    check(pins, nas_side.pap(), AWAY)
    assert told == [(HOME, 1)]


def test_what_is_kept_holds_after_a_restart_until_it_is_forgiven() -> None:
    pins = Pins()
    pins.keep(frozenset((HOME,)))
    assert check(pins, UNSIGNED) == "missing_message_authenticator"
    pins.keep(frozenset())
    assert check(pins, UNSIGNED) == "fine"


def test_one_that_is_on_its_way_to_be_kept_is_not_forgiven() -> None:
    pins = Pins()
    check(pins, nas_side.pap())
    pins.keep(frozenset((AWAY,)))
    assert check(pins, UNSIGNED) == "missing_message_authenticator"
    pins.keep(frozenset((AWAY, HOME)))
    pins.keep(frozenset((AWAY,)))
    assert check(pins, UNSIGNED) == "fine"


def test_pins_are_bounded_and_none_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PINS", 2)
    pins = Pins()
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        assert check(pins, nas_side.pap(), address) == "fine"
    assert pins.addresses == {"192.0.2.1", "192.0.2.2"}
