import ast
from pathlib import Path

import pytest

import protocols.radius
from protocols.errors import RemoteProtocolError
from protocols.radius import exchange as module
from protocols.radius.duplicates import GIVEN_UP, WINDOW, Peer
from protocols.radius.exchange import REJECT_DELAY, RadiusExchange
from protocols.radius.nas import ClientNetwork, Nas, NasTable, Requirement
from protocols.radius.offers import ChapOffer, MsChapV2Offer, Offer, ResumptionOffer
from protocols.radius.pins import Pins
from protocols.radius.request import (
    AccessRequested,
    Discard,
    EapReceived,
    Event,
    OfferReceived,
    Refused,
    Request,
    Resend,
    StatusAnswered,
)
from rules.discards import DISCARDS
from rules.reasons import REASONS
from tests.deliveries import TRAILING
from tests.protocols.radius import nas_side
from tests.protocols.radius.vectors import NETWORKS, Vector, vectors

ACCEPT, REJECT, CHALLENGE = 2, 3, 11
KINDS: dict[type[Offer], str] = {ChapOffer: "chap", MsChapV2Offer: "mschapv2"}


def exchange_for(vector: Vector) -> RadiusExchange:
    exchange = RadiusExchange(Pins(vector.pinned))
    nas = Nas(vector.secret, 1, Requirement(vector.headers.get("message-authenticator", "pinned")))
    exchange.table = NasTable([ClientNetwork(network, nas) for network in NETWORKS])
    return exchange


def an_exchange() -> RadiusExchange:
    exchange = RadiusExchange(Pins())
    exchange.table = NasTable([ClientNetwork("192.0.2.0/24", Nas(nas_side.SECRET, 1))])
    return exchange


def asked(exchange: RadiusExchange, datagram: bytes, now: float = 0.0, peer: Peer = nas_side.PEER) -> Request:
    event = exchange.receive_datagram(datagram, peer, now)
    assert isinstance(event, AccessRequested)
    return event.request


def reason_of(event: Event) -> str:
    assert isinstance(event, Discard)
    assert event.text
    return event.reason


@pytest.mark.parametrize("vector", vectors(), ids=str)
def test_vector(vector: Vector) -> None:
    replay(vector, b"")


@pytest.mark.parametrize("vector", [v for v in vectors() if v.is_exact], ids=str)
def test_vector_with_trailing_octets(vector: Vector) -> None:
    replay(vector, TRAILING)


def replay(vector: Vector, padding: bytes) -> None:
    exchange = exchange_for(vector)
    event = exchange.receive_datagram(vector.datagram + padding, vector.peer, 100.0)
    verb, reason = vector.expect
    match event:
        case AccessRequested(request, username, password):
            assert verb == "ask"
            assert (username, password) == (vector.headers["user-name"], vector.headers["user-password"])
            assert request.nas.provider == 1
            assert exchange.answer(request, ACCEPT, 100.0) == vector.reply
        case OfferReceived(request, offer):
            assert (verb, reason) == ("offer", KINDS[type(offer)])
            assert not isinstance(offer, ResumptionOffer)
            assert offer.username == vector.headers["user-name"]
            if "reply" in vector.headers:
                assert exchange.answer(request, ACCEPT, 100.0) == vector.reply
        case EapReceived():
            assert verb == "eap"
        case Refused():
            assert (verb, event.reason) == ("refuse", reason)
            assert reason in REASONS
            assert exchange.due(100.0 + REJECT_DELAY) == [(vector.reply, vector.peer)]
        case StatusAnswered(octets):
            assert verb == "status"
            assert octets == vector.reply
        case Discard():
            assert (verb, event.reason) == ("discard", reason)
            assert exchange.wake_at is None
        case Resend():
            raise AssertionError("nothing was sent before")


AT_OTHER_PORTS = {"bad_request_authenticator", "bad_response_authenticator"}
"""`test_accounting` and `test_orders` have them."""


def test_every_discard_that_the_code_names_has_a_sentence_and_is_replayed() -> None:
    raised = set()
    for path in Path(protocols.radius.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "RemoteProtocolError":
                raised.add(ast.literal_eval(node.args[1]) if len(node.args) > 1 else "malformed")
    assert len(raised) >= 7
    assert raised <= DISCARDS.keys()
    in_vectors = {vector.expect[1] for vector in vectors() if vector.expect[0] == "discard"}
    assert (
        raised - in_vectors
        == {"not_ready", "duplicate_pending", "too_many_pending", "reply_too_long", "longer_than_unsigned"}
        | AT_OTHER_PORTS
    )


def test_before_the_configuration_came_nobody_is_answered() -> None:
    exchange = RadiusExchange(Pins())
    assert reason_of(exchange.receive_datagram(nas_side.pap(), nas_side.PEER, 0.0)) == "not_ready"


def test_76_77_108_a_duplicate_gets_the_same_octets_until_the_window_closes() -> None:
    exchange = an_exchange()
    datagram = nas_side.pap()
    reply = exchange.answer(asked(exchange, datagram), ACCEPT, 1.0)
    for now in (1.0, 3.0, 1.0 + WINDOW - 0.01):
        assert exchange.receive_datagram(datagram, nas_side.PEER, now) == Resend(reply or b"")
    assert isinstance(exchange.receive_datagram(datagram, nas_side.PEER, 1.0 + WINDOW), AccessRequested)


def test_107_copies_of_a_request_in_flight_are_dropped() -> None:
    exchange = an_exchange()
    asked(exchange, nas_side.pap())
    for now in (0.0, 3.0, 9.0):
        assert reason_of(exchange.receive_datagram(nas_side.pap(), nas_side.PEER, now)) == "duplicate_pending"


def test_another_authenticator_port_or_identifier_is_another_request() -> None:
    exchange = an_exchange()
    asked(exchange, nas_side.pap())
    asked(exchange, nas_side.pap(authenticator=bytes(16)))
    asked(exchange, nas_side.pap(identifier=8))
    asked(exchange, nas_side.pap(), peer=("192.0.2.7", 1646))
    asked(exchange, nas_side.pap(), peer=("192.0.2.8", 1645))


def test_78_the_same_authenticator_with_another_name_or_password_is_another_request() -> None:
    """A NAS whose authenticators repeat would let in whoever asks next."""
    exchange = an_exchange()
    accepted = exchange.answer(asked(exchange, nas_side.pap()), ACCEPT, 0.0)
    for other in (nas_side.pap(b"mallo"), nas_side.pap(password=b"wrong horses!")):
        assert other[:20] == nas_side.pap()[:20]
        asked(exchange, other, 1.0)
    assert exchange.receive_datagram(nas_side.pap(), nas_side.PEER, 1.0) == Resend(accepted or b"")


def test_a_forged_copy_gets_nothing_from_the_kept_replies() -> None:
    exchange = an_exchange()
    exchange.answer(asked(exchange, nas_side.pap()), ACCEPT, 0.0)
    forged = nas_side.pap(secret=b"other")
    assert forged[:20] == nas_side.pap()[:20]
    assert reason_of(exchange.receive_datagram(forged, nas_side.PEER, 0.0)) == "bad_message_authenticator"


def test_118_a_reject_waits_and_its_copies_with_it() -> None:
    exchange = an_exchange()
    datagram = nas_side.pap()
    assert exchange.answer(asked(exchange, datagram, 10.0), REJECT, 10.2) is None
    wake_at = exchange.wake_at
    assert wake_at == 10.2 + REJECT_DELAY
    assert exchange.due(10.2 + REJECT_DELAY - 0.001) == []
    assert reason_of(exchange.receive_datagram(datagram, nas_side.PEER, 11.0)) == "duplicate_pending"
    [(reply, peer)] = exchange.due(10.2 + REJECT_DELAY)
    assert (reply, peer) == (nas_side.expected_reply(REJECT, datagram), nas_side.PEER)
    assert exchange.due(12.0) == []
    assert exchange.wake_at is None
    assert exchange.receive_datagram(datagram, nas_side.PEER, 12.0) == Resend(reply)


def test_rejects_leave_in_order() -> None:
    exchange = an_exchange()
    for number in range(5):
        exchange.answer(asked(exchange, nas_side.pap(identifier=number), number / 10), REJECT, number / 10)
    assert [reply[1] for reply, _ in exchange.due(0.25 + REJECT_DELAY)] == [0, 1, 2]
    assert [reply[1] for reply, _ in exchange.due(9.0)] == [3, 4]


def test_delayed_rejects_are_bounded_and_the_rest_is_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_DELAYED", 3)
    exchange = an_exchange()
    for number in range(10):
        assert exchange.answer(asked(exchange, nas_side.pap(identifier=number)), REJECT, 0.0) is None
    assert len(exchange.due(9.0)) == 3


def test_accept_and_challenge_do_not_wait() -> None:
    exchange = an_exchange()
    for identifier, code in ((1, ACCEPT), (2, CHALLENGE)):
        datagram = nas_side.pap(identifier=identifier)
        reply = exchange.answer(asked(exchange, datagram), code, 0.0)
        assert reply == nas_side.expected_reply(code, datagram)


def test_silence_lets_the_next_copy_ask_again() -> None:
    exchange = an_exchange()
    assert exchange.answer(asked(exchange, nas_side.pap()), None, 0.0) is None
    asked(exchange, nas_side.pap(), 3.0)


def test_a_decision_that_comes_after_the_nas_gave_up_is_not_sent() -> None:
    exchange = an_exchange()
    late = asked(exchange, nas_side.pap())
    asked(exchange, nas_side.pap(identifier=8), GIVEN_UP + 1)
    assert exchange.answer(late, ACCEPT, GIVEN_UP + 1) is None


def test_a_second_answer_sends_nothing() -> None:
    exchange = an_exchange()
    request = asked(exchange, nas_side.pap())
    assert exchange.answer(request, ACCEPT, 0.0) is not None
    assert exchange.answer(request, REJECT, 0.0) is None
    assert exchange.wake_at is None


def test_too_many_in_flight_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protocols.radius.duplicates.MAX_PENDING", 2)
    exchange = an_exchange()
    for identifier in (1, 2):
        asked(exchange, nas_side.pap(identifier=identifier))
    event = exchange.receive_datagram(nas_side.pap(identifier=3), nas_side.PEER, 0.0)
    assert reason_of(event) == "too_many_pending"


def test_attributes_stand_between_signature_and_proxy_state() -> None:
    exchange = an_exchange()
    datagram = nas_side.pap(extra=nas_side.attribute(33, b"hop"))
    welcome = nas_side.attribute(18, b"welcome")
    reply = exchange.answer(asked(exchange, datagram), ACCEPT, 0.0, welcome)
    assert reply == nas_side.expected_reply(ACCEPT, datagram, welcome + nas_side.attribute(33, b"hop"))


@pytest.mark.parametrize(("states", "attributes"), [(0, 16), (8, 8), (15, 1)])
def test_57_attributes_that_do_not_fit_beside_proxy_state_are_silence(states: int, attributes: int) -> None:
    exchange = an_exchange()
    datagram = nas_side.pap(extra=nas_side.attribute(33, bytes(253)) * states)
    with pytest.raises(RemoteProtocolError) as caught:
        exchange.answer(asked(exchange, datagram), ACCEPT, 0.0, nas_side.attribute(18, bytes(253)) * attributes)
    assert caught.value.reason == "reply_too_long"
    request = asked(exchange, datagram)  # the next copy is decided anew
    assert exchange.answer(request, REJECT, 1.0) is None
    [(reply, _)] = exchange.due(1.0 + REJECT_DELAY)
    assert nas_side.believes(reply, datagram)


def test_114_no_reply_is_longer_than_an_unsigned_request() -> None:
    """Source addresses can be forged: we must not be worth it."""
    for extra in (b"", nas_side.attribute(32, b"x"), nas_side.attribute(33, bytes(253)) * 15):
        exchange = RadiusExchange(Pins())
        nas = Nas(nas_side.SECRET, 1, Requirement.OPTIONAL)
        exchange.table = NasTable([ClientNetwork("0.0.0.0/0", nas)])
        event = exchange.receive_datagram(nas_side.request(extra, sign="never"), nas_side.PEER, 0.0)
        assert reason_of(event) == "malformed"
    for vector in vectors():
        if "reply" in vector.headers:
            assert len(vector.reply) <= len(vector.datagram)


def test_124_a_nas_that_drops_what_is_signed_gets_answers_as_it_asks() -> None:
    exchange = RadiusExchange(Pins())
    nas = Nas(nas_side.SECRET, 1, Requirement.UNSIGNED)
    exchange.table = NasTable([ClientNetwork("0.0.0.0/0", nas)])
    state = nas_side.attribute(33, b"hop")
    datagram = nas_side.pap(sign="never", extra=state)
    reply = exchange.answer(asked(exchange, datagram), ACCEPT, 0.0)
    assert reply == nas_side.plain_reply(ACCEPT, datagram, state, nas_side.SECRET)
    signed = nas_side.pap(identifier=8)
    assert exchange.answer(asked(exchange, signed), ACCEPT, 0.0) == nas_side.expected_reply(ACCEPT, signed)
    request = asked(exchange, nas_side.pap(identifier=9, sign="never"))
    with pytest.raises(RemoteProtocolError):
        exchange.answer(request, ACCEPT, 0.0, nas_side.attribute(18, bytes(253)) * 17)


def test_a_pin_is_shown_by_the_next_request() -> None:
    exchange = an_exchange()
    exchange.answer(asked(exchange, nas_side.pap(identifier=1, sign="never")), ACCEPT, 0.0)
    exchange.answer(asked(exchange, nas_side.pap(identifier=2)), ACCEPT, 0.0)
    event = exchange.receive_datagram(nas_side.pap(identifier=3, sign="never"), nas_side.PEER, 0.0)
    assert reason_of(event) == "missing_message_authenticator"


def test_the_pin_of_a_mapped_address_is_that_of_the_address() -> None:
    exchange = an_exchange()
    asked(exchange, nas_side.pap(), peer=("::ffff:192.0.2.7", 9))
    event = exchange.receive_datagram(nas_side.pap(sign="never"), nas_side.PEER, 0.0)
    assert reason_of(event) == "missing_message_authenticator"


def test_a_changed_table_counts_from_the_next_datagram() -> None:
    exchange = an_exchange()
    exchange.table = NasTable([ClientNetwork("192.0.2.0/24", Nas(b"rotated", 2))])
    assert asked(exchange, nas_side.pap(secret=b"rotated")).nas.provider == 2
    event = exchange.receive_datagram(nas_side.pap(identifier=8), nas_side.PEER, 0.0)
    assert reason_of(event) == "bad_message_authenticator"
