import pytest

from protocols.radius.packet import Packet
from protocols.radius.proof import (
    NoProof,
    challenge_response,
    claimed_name,
    eap_of,
    name_and_password,
    only_proof,
    refusal_attributes,
)
from rules.reasons import REASONS, Outcome
from tests.protocols.radius import nas_side
from tests.protocols.radius.nas_side import attribute
from tests.protocols.radius.vectors import Vector, vectors


def offered(vector: Vector) -> object:
    """As the exchange looks at a request."""
    packet = Packet.parse(vector.datagram)
    match only_proof(packet):
        case 79:
            return eap_of(packet)
        case 2:
            return name_and_password(packet, vector.secret)
        case proof:
            return challenge_response(packet, proof)


@pytest.mark.parametrize("vector", [v for v in vectors() if v.expect[0] == "refuse"], ids=str)
def test_every_refusal_has_a_reason_that_denies(vector: Vector) -> None:
    with pytest.raises(NoProof) as caught:
        offered(vector)
    assert caught.value.reason == vector.expect[1]
    assert REASONS[caught.value.reason].outcome is Outcome.BAD_CREDENTIALS


def test_what_is_wrong_never_quotes_the_password() -> None:
    for vector in vectors():
        if vector.expect[0] == "refuse":
            with pytest.raises(NoProof) as caught:
                offered(vector)
            assert "correct horse" not in str(caught.value)


def test_spaces_and_case_are_kept() -> None:
    packet = Packet.parse(nas_side.pap(b" Alice Smith ", b" pass word "))
    assert name_and_password(packet, nas_side.SECRET) == (" Alice Smith ", " pass word ")


def test_claimed_name_is_always_text() -> None:
    assert claimed_name(Packet.parse(nas_side.pap(b"\xffalice"))) == "\ufffdalice"
    assert claimed_name(Packet.parse(nas_side.request(b""))) == ""


def test_eap_failure_answers_a_response_only() -> None:
    def answer(eap: bytes) -> bytes:
        return refusal_attributes(Packet.parse(nas_side.request(attribute(79, eap))))

    assert answer(b"\x02\x2a\x00\x05\x01") == attribute(79, b"\x04\x2a\x00\x04")
    assert answer(b"\x01\x2a\x00\x05\x01") == b""
    assert answer(b"\x02\x2a\x00") == b""
    assert answer(b"") == b""
    assert refusal_attributes(Packet.parse(nas_side.pap())) == b""


NAME, EAP = attribute(1, b"alice"), attribute(79, b"\2\7\0\5\1")
MS_CHAP = attribute(26, (311).to_bytes(4) + bytes((25, 52)) + bytes(50))


def test_eap_is_a_proof_in_as_many_pieces_as_it_has() -> None:
    for more in (b"", EAP, attribute(26, (9).to_bytes(4) + b"\1\3x")):
        assert only_proof(Packet.parse(nas_side.request(NAME + EAP + more))) == 79


@pytest.mark.parametrize(
    "more",
    [NAME, attribute(2, bytes(16)), attribute(3, bytes(17)), attribute(70, bytes(16)), MS_CHAP],
    ids=["name", "password", "CHAP", "ARAP", "MS-CHAP"],
)
@pytest.mark.parametrize("pieces", [1, 2])
def test_eap_beside_another_proof_or_with_two_names_is_none(more: bytes, pieces: int) -> None:
    with pytest.raises(NoProof):
        only_proof(Packet.parse(nas_side.request(NAME + EAP * pieces + more)))
