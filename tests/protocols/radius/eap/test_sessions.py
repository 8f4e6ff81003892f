"""Negotiation, bounds and hostile packets: the cases of the survey that need no TLS to go well."""

from __future__ import annotations

import struct

import pytest

from protocols.radius.eap.conversation import Unexpected
from protocols.radius.eap.sessions import (
    MOST_ROUNDS,
    MOST_SHORT_ROUNDS,
    SESSION_SECONDS,
    Accept,
    Answer,
    Continue,
    Decide,
    EapSessions,
    Reject,
)
from protocols.radius.eap.steps import Verdict
from protocols.radius.mppe import Keys
from protocols.radius.offers import MsChapV2Offer
from tests.fakes import counted_random
from tests.protocols.radius.eap.servers import CHALLENGE, Server
from tests.protocols.radius.eap.supplicant import (
    IDENTITY,
    MSCHAPV2,
    NAK,
    NAS,
    PEAP,
    PROVIDER,
    TLS_1_2,
    TTLS,
    Nas,
    TlsDevice,
    client_context,
    pap,
    response,
)


def a_nas(**bounds: int) -> Nas:
    return Nas(EapSessions(counted_random(), **bounds), Server().methods)


def begun(nas: Nas, kind: int) -> Continue:
    """A conversation that has agreed on a method."""
    answer = nas.send(response(7, IDENTITY, b"anonymous"))
    assert isinstance(answer, Continue)
    if answer.eap[4] != kind:
        answer = nas.send(response(answer.eap[1], NAK, bytes((kind,))))
        assert isinstance(answer, Continue)
    assert answer.eap[4] == kind
    return answer


def rejected(answer: Answer, reason: str = "eap_malformed") -> Reject:
    assert isinstance(answer, Reject)
    assert answer.reason == reason
    assert answer.eap[0] == 4
    return answer


def test_the_first_method_is_proposed_and_another_taken_on_request() -> None:
    nas = a_nas()
    first = nas.send(response(7, IDENTITY, b"anonymous"))
    assert isinstance(first, Continue)
    assert first.eap[1:] == bytes((8, 0, 6, PEAP, 0x20))
    second = nas.send(response(8, NAK, bytes((4, TTLS, PEAP))))
    assert isinstance(second, Continue)
    assert second.eap[1:] == bytes((9, 0, 6, TTLS, 0x20))
    assert second.state == first.state


@pytest.mark.parametrize("wanted", [b"", b"\0", b"\x04\x2b"])
def test_without_a_common_method(wanted: bytes) -> None:
    nas = a_nas()
    first = nas.send(response(7, IDENTITY, b"anonymous"))
    assert isinstance(first, Continue)
    rejected(nas.send(response(first.eap[1], NAK, wanted)), "eap_no_common_method")


EXPANDED_NAK = b"\0\0\0\0\0\0\x03"


@pytest.mark.parametrize(
    ("listed", "taken"),
    [
        (b"\xfe\0\0\0\0\0\0\x15", TTLS),
        (b"\xfe\0\0\x09\0\0\0\x15" + b"\xfe\0\0\0\0\0\0\x1a", MSCHAPV2),
        (b"\xfe\0\0\x09\0\0\0\x15", 0),
        (b"\xfe\0\0\0\0\0\x01\x15", 0),
        (b"\xfe\0\0\0\0\0\0", 0),
        (b"", 0),
    ],
    ids=["one", "of-a-vendor-first", "of-a-vendor", "large-number", "cut", "none"],
)
def test_an_expanded_nak_is_one_too(listed: bytes, taken: int) -> None:
    nas = a_nas()
    first = nas.send(response(7, IDENTITY, b"anonymous"))
    assert isinstance(first, Continue)
    answer = nas.send(response(first.eap[1], 254, EXPANDED_NAK + listed))
    if taken:
        assert isinstance(answer, Continue)
        assert answer.eap[4] == taken
    else:
        rejected(answer, "eap_no_common_method")


def test_another_expanded_type_is_passed_over() -> None:
    nas = a_nas()
    first = nas.send(response(7, IDENTITY, b"anonymous"))
    assert isinstance(first, Continue)
    with pytest.raises(Unexpected):
        nas.send(response(first.eap[1], 254, b"\0\0\0\0\0\0\x15" + b"\0"))


def test_another_method_is_proposed_as_long_as_there_is_one_that_was_not() -> None:
    nas = a_nas()
    proposed = begun(nas, TTLS)
    third = nas.send(response(proposed.eap[1], NAK, bytes((PEAP, MSCHAPV2))))
    assert isinstance(third, Continue)
    assert third.eap[4] == MSCHAPV2
    rejected(nas.send(response(third.eap[1], NAK, bytes((PEAP, TTLS)))), "eap_no_common_method")


def test_a_method_that_has_begun_is_not_refused_any_more() -> None:
    nas = a_nas()
    proposed = begun(nas, TTLS)
    hello = nas.send(TlsDevice(TTLS).respond(proposed.eap))
    assert isinstance(hello, Continue)
    with pytest.raises(Unexpected):
        nas.send(response(hello.eap[1], NAK, bytes((MSCHAPV2,))))


def test_nothing_offered() -> None:
    nas = a_nas()
    nas.methods = dict
    rejected(nas.send(response(7, IDENTITY, b"anonymous")), "eap_not_offered")


def test_eap_start_asks_for_an_identity() -> None:
    nas = a_nas()
    answer = nas.send(b"")
    assert isinstance(answer, Continue)
    assert (answer.eap[0], answer.eap[4]) == (1, IDENTITY)
    assert isinstance(nas.send(response(answer.eap[1], IDENTITY, b"anonymous")), Continue)


@pytest.mark.parametrize(
    "eap",
    [
        b"\x02",
        b"\x02\x09\x00",
        b"\x02\x09\x00\x03",
        b"\x02\x09\x00\x04",
        b"\x02\x09\xff\xff\x01alice",
        b"\x01\x09\x00\x05\x01",
    ],
    ids=["one-octet", "three-octets", "length-3", "length-4", "length-beyond", "request"],
)
def test_67_68_70_packets_that_are_none(eap: bytes) -> None:
    nas = a_nas()
    failure = rejected(nas.send(eap)).eap
    assert len(eap) == 1 or failure == bytes((4, eap[1], 0, 4)), "it answers what came (RFC 3748 section 4.2)"
    assert len(nas.sessions) == 0


def test_padding_behind_the_length_is_no_identity() -> None:
    nas = a_nas()
    assert isinstance(nas.send(response(7, IDENTITY, b"alice") + b"\0\0"), Continue)


def test_71_an_unknown_state() -> None:
    nas = a_nas()
    nas.state = bytes(16)
    assert rejected(nas.send(response(5, TTLS, b"\0")), "eap_session_unknown").eap == b"\x04\x05\x00\x04"


def test_a_state_of_another_nas_or_provider_is_unknown() -> None:
    nas = a_nas()
    begun(nas, TTLS)
    for address, provider in (("192.0.2.8", PROVIDER), (NAS, 2)):
        answer = nas.sessions.receive(response(9, TTLS, b"\0"), nas.state, address, provider, nas.methods, 0.0)
        rejected(answer, "eap_session_unknown")
    assert len(nas.sessions) == 1


def test_73_a_long_identity() -> None:
    assert isinstance(a_nas().send(response(7, IDENTITY, b"a" * 1000)), Continue)
    rejected(a_nas().send(response(7, IDENTITY, b"a" * 2000)))


@pytest.mark.parametrize("identity", [b"\xff\xfe", b"al\r\nice", b"al\x1b[2Jice", "al\u202eice".encode()])
def test_49_50_an_identity_that_nobody_could_have_typed(identity: bytes) -> None:
    rejected(a_nas().send(response(7, IDENTITY, identity)))


@pytest.mark.parametrize("announced", [0xFFFFFFFF, 70_000])
def test_79_80_a_length_that_nobody_would_need(announced: int) -> None:
    nas = a_nas()
    identifier = begun(nas, TTLS).eap[1]
    rejected(nas.send(response(identifier, TTLS, b"\xc0" + struct.pack("!I", announced) + b"x")))


@pytest.mark.parametrize(
    "data",
    [b"", b"\x80", b"\x80\0\0", b"\xc0\0\0\0\x05", b"\x40", b"\x80\0\0\0\x01xx", b"\x80\0\0\0\x05xx"],
    ids=["85-empty", "no-length", "short-length", "84-empty-more", "empty-more", "too-much", "too-little"],
)
def test_84_85_malformed_fragments(data: bytes) -> None:
    nas = a_nas()
    identifier = begun(nas, TTLS).eap[1]
    rejected(nas.send(response(identifier, TTLS, data)))


def test_a_second_length_that_differs() -> None:
    nas = a_nas()
    identifier = begun(nas, TTLS).eap[1]
    answer = nas.send(response(identifier, TTLS, b"\xc0\0\0\0\x20x"))
    assert isinstance(answer, Continue)
    rejected(nas.send(response(answer.eap[1], TTLS, b"\xc0\0\0\0\x21x")))


def test_86_an_acknowledgement_out_of_turn() -> None:
    nas = a_nas()
    hello = nas.send(TlsDevice(TTLS).respond(begun(nas, TTLS).eap))
    assert isinstance(hello, Continue)
    rejected(nas.send(response(hello.eap[1], TTLS, b"\0")))


@pytest.mark.parametrize(("piece", "most"), [(b"x", MOST_SHORT_ROUNDS), (b"x" * 100, MOST_ROUNDS)])
def test_82_more_and_more_fragments(piece: bytes, most: int) -> None:
    nas = a_nas()
    answer: Answer = begun(nas, TTLS)
    count = 0
    while isinstance(answer, Continue):
        answer = nas.send(response(answer.eap[1], TTLS, b"\x40" + piece))
        count += 1
    rejected(answer, "eap_too_many_rounds")
    assert most - 3 <= count <= most


def test_fragments_without_a_length_are_bounded_all_the_same() -> None:
    nas = a_nas()
    answer: Answer = begun(nas, TTLS)
    sent = 0
    while isinstance(answer, Continue):
        answer = nas.send(response(answer.eap[1], TTLS, b"\x40" + b"x" * 3900))
        sent += 3900
    rejected(answer)
    assert sent < 70_000


def test_87_another_identifier_is_passed_over_and_the_conversation_goes_on() -> None:
    nas = a_nas()
    identifier = begun(nas, TTLS).eap[1]
    with pytest.raises(Unexpected):
        nas.send(response((identifier + 1) % 256, TTLS, b"\0"))
    device = TlsDevice(TTLS, pap(b"alice", b"x"), client_context(TLS_1_2))
    answer: Answer = nas.send(device.respond(struct.pack("!BBHBB", 1, identifier, 6, TTLS, 0x20)))
    while isinstance(answer, Continue):
        answer = nas.send(device.respond(answer.eap))
    assert isinstance(answer, Accept)


def test_87_another_identifier_after_eap_start_is_passed_over_too() -> None:
    nas = a_nas()
    asked = nas.send(b"")
    assert isinstance(asked, Continue)
    with pytest.raises(Unexpected):
        nas.send(response((asked.eap[1] + 1) % 256, IDENTITY, b"alice"))
    assert isinstance(nas.send(response(asked.eap[1], IDENTITY, b"alice")), Continue)


def test_89_a_state_is_worth_nothing_after_the_end() -> None:
    nas = a_nas()
    device = TlsDevice(TTLS, pap(b"alice", b"x"))
    assert isinstance(nas.login(device), Accept)
    rejected(nas.send(response(9, TTLS, b"\0")), "eap_session_unknown")


def test_90_a_flood_evicts_its_own_oldest_and_nobody_elses() -> None:
    nas = a_nas(most_sessions=1000, most_per_nas=100)
    begun(nas, TTLS)
    mine = nas.state
    for _ in range(500):
        nas.sessions.receive(response(7, IDENTITY, b"x"), None, "192.0.2.66", PROVIDER, nas.methods, 0.0)
    assert len(nas.sessions) == 101
    assert nas.sessions.evicted == 400
    nas.state = mine
    with pytest.raises(Unexpected):
        nas.send(response(200, TTLS, b"\0"))


def test_90_whoever_has_proved_who_they_are_makes_no_room() -> None:
    nas = a_nas(most_sessions=10, most_per_nas=3)
    nas.judge = lambda _: Verdict(True, "accepted", authenticator_response="S=", keys=Keys(bytes(16), bytes(16)))
    success = nas.send(response(begun(nas, MSCHAPV2).eap[1], MSCHAPV2, a_response()))
    assert isinstance(success, Continue)
    mine = nas.state
    for _ in range(5):
        nas.sessions.receive(response(7, IDENTITY, b"x"), None, NAS, PROVIDER, nas.methods, 0.0)
    assert len(nas.sessions) == 3
    nas.state = mine
    assert isinstance(nas.send(response(success.eap[1], MSCHAPV2, b"\x03")), Accept)


def test_90_sessions_are_bounded_in_all() -> None:
    nas = a_nas(most_sessions=50, most_per_nas=10)
    for number in range(300):
        nas.sessions.receive(response(7, IDENTITY, b"x"), None, f"nas-{number % 30}", PROVIDER, nas.methods, 0.0)
    assert len(nas.sessions) == 50


def test_sessions_end_after_a_minute() -> None:
    nas = a_nas()
    begun(nas, TTLS)
    nas.now = SESSION_SECONDS - 0.1
    with pytest.raises(Unexpected):
        nas.send(response(200, TTLS, b"\0"))
    nas.now = SESSION_SECONDS
    rejected(nas.send(response(200, TTLS, b"\0")), "eap_session_unknown")


def test_when_nobody_can_decide_the_next_copy_asks_again() -> None:
    nas = a_nas()
    identifier = begun(nas, MSCHAPV2).eap[1]
    eap = response(identifier, MSCHAPV2, a_response())
    asked = nas.sessions.receive(eap, nas.state, NAS, PROVIDER, nas.methods, 0.0)
    assert isinstance(asked, Decide)
    with pytest.raises(Unexpected):
        nas.send(eap)
    assert nas.sessions.decided(asked.session, None) is None
    again = nas.sessions.receive(eap, nas.state, NAS, PROVIDER, nas.methods, 0.0)
    assert again == asked
    with pytest.raises(Unexpected):
        nas.send(response(identifier, MSCHAPV2, b"\x03"))


def test_a_verdict_that_comes_after_the_end_is_not_used() -> None:
    nas = a_nas()
    identifier = begun(nas, MSCHAPV2).eap[1]
    asked = nas.sessions.receive(
        response(identifier, MSCHAPV2, a_response()), nas.state, NAS, PROVIDER, nas.methods, 0.0
    )
    assert isinstance(asked, Decide)
    nas.sessions.receive(response(7, IDENTITY, b"x"), None, NAS, PROVIDER, nas.methods, SESSION_SECONDS)
    assert nas.sessions.decided(asked.session, Verdict(True, "accepted")) is None


# --- EAP-MSCHAPv2 --------------------------------------------------------------------------------------------------

PEER_CHALLENGE, NT_RESPONSE = b"p" * 16, b"r" * 24
SHOWN = "S=" + "0123456789ABCDEF0123" * 2


def a_response(
    *, op: int = 2, identifier: int = CHALLENGE[0], size: int = 49, length: int | None = None, name: bytes = b"alice"
) -> bytes:
    value = PEER_CHALLENGE + bytes(8) + NT_RESPONSE + b"\0"
    whole = 5 + len(value) + len(name) if length is None else length
    return struct.pack("!BBHB", op, identifier, whole, size) + value + name


def mschapv2(nas: Nas, data: bytes) -> Answer:
    return nas.send(response(begun(nas, MSCHAPV2).eap[1], MSCHAPV2, data))


def test_mschapv2() -> None:
    nas = a_nas()
    nas.judge = lambda offer: Verdict(True, "accepted", SHOWN, keys=Keys(b"r" * 16, b"s" * 16))
    answer = mschapv2(nas, a_response(name=b"DOMAIN\\alice"))
    assert nas.offers == [MsChapV2Offer("alice", CHALLENGE, PEER_CHALLENGE, NT_RESPONSE)]
    assert isinstance(answer, Continue)
    assert answer.eap[5] == 3
    assert answer.eap[9:].startswith(SHOWN.encode())
    done = nas.send(response(answer.eap[1], MSCHAPV2, b"\x03"))
    assert isinstance(done, Accept)
    assert done.keys == Keys(b"r" * 16, b"s" * 16)


@pytest.mark.parametrize(("reason", "code"), [("wrong_network_password", "691"), ("device_password_expired", "648")])
def test_104_a_wrong_password_is_told_in_mschapv2(reason: str, code: str) -> None:
    nas = a_nas()
    nas.judge = lambda offer: Verdict(False, reason)
    answer = mschapv2(nas, a_response())
    assert isinstance(answer, Continue)
    assert answer.eap[5] == 4
    assert answer.eap[9:].startswith(f"E={code} R=0 C={CHALLENGE.hex().upper()} V=3".encode())
    rejected(nas.send(response(answer.eap[1], MSCHAPV2, b"\x04")), reason)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x03",
        b"\x04",
        a_response(size=48),
        a_response(length=200),
        a_response(length=20),
        a_response(identifier=77),
        a_response(name=b""),
        a_response(name=b"al\0ice"),
        a_response(name=b"al\nice"),
        a_response()[:40],
        a_response().replace(PEER_CHALLENGE, CHALLENGE),
    ],
    ids=[
        "empty",
        "success-first",
        "failure-first",
        "value-size",
        "ms-length-long",
        "ms-length-short",
        "identifier",
        "no-name",
        "nul",
        "control",
        "cut",
        "reflected",
    ],
)
def test_103_mschapv2_that_is_refused(data: bytes) -> None:
    nas = a_nas()
    rejected(mschapv2(nas, data))
    assert nas.offers == []


@pytest.mark.parametrize("accepted", [True, False])
def test_103_the_end_of_mschapv2_cannot_be_chosen(accepted: bool) -> None:
    """Success acknowledged after a failure, and the other way round."""
    nas = a_nas()
    nas.judge = lambda offer: Verdict(accepted, "accepted" if accepted else "wrong_network_password", SHOWN)
    answer = mschapv2(nas, a_response())
    assert isinstance(answer, Continue)
    rejected(nas.send(response(answer.eap[1], MSCHAPV2, b"\x04" if accepted else b"\x03")))


def test_without_a_proof_of_our_own_mschapv2_is_no_success() -> None:
    """A decision without the authenticator response would leave the device unsure of us."""
    nas = a_nas()
    nas.judge = lambda offer: Verdict(True, "accepted")
    answer = mschapv2(nas, a_response())
    assert isinstance(answer, Continue)
    assert answer.eap[5] == 4
