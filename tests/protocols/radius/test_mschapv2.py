"""RFC 2759, section 9.2, and RFC 3079, section 3.5.3."""

import pytest

from protocols.errors import LocalProtocolError
from protocols.radius import mschapv2
from protocols.radius.md4 import md4

NAME, PASSWORD = "User", "clientPass"
AUTHENTICATOR = bytes.fromhex("5B5D7C7D7B3F2F3E3C2C602132262628")
PEER = bytes.fromhex("21402324255E262A28295F2B3A337C7E")
RESPONSE = bytes.fromhex("82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF")
HASH_HASH = bytes.fromhex("41C00C584BD2D91C4017A2A12FA59F3F")


def test_the_rfcs_vectors() -> None:
    hashed = mschapv2.nt_hash(PASSWORD)
    assert hashed.hex().upper() == "44EBBA8D5312B8D611474411F56989AE"
    assert md4(hashed) == HASH_HASH
    challenge = mschapv2.challenge_hash(PEER, AUTHENTICATOR, NAME)
    assert challenge.hex().upper() == "D02E4386BCE91226"
    assert mschapv2.nt_response(challenge, hashed) == RESPONSE
    signed = mschapv2.authenticator_response(HASH_HASH, RESPONSE, PEER, AUTHENTICATOR, NAME)
    assert signed == "S=407A5589115FD0D6209F510FE9C04566932CDA56"


def test_a_servers_send_key_of_rfc_3079() -> None:
    send, receive = mschapv2.session_keys(HASH_HASH, RESPONSE)
    assert send.hex().upper() == "8B7CDC149B993A1BA118CB153F56DCCB"
    assert len(receive) == 16
    assert receive != send


def test_only_the_password_and_everything_else_unchanged_verify() -> None:
    hashed = mschapv2.nt_hash(PASSWORD)
    assert mschapv2.verifies(hashed, PEER, AUTHENTICATOR, NAME, RESPONSE)
    assert not mschapv2.verifies(mschapv2.nt_hash("clientpass"), PEER, AUTHENTICATOR, NAME, RESPONSE)
    assert not mschapv2.verifies(hashed, AUTHENTICATOR, PEER, NAME, RESPONSE)
    assert not mschapv2.verifies(hashed, PEER, AUTHENTICATOR, "user", RESPONSE)
    assert not mschapv2.verifies(hashed, PEER, AUTHENTICATOR, NAME, RESPONSE[:-1])
    for at in range(len(RESPONSE)):
        wrong = bytes((*RESPONSE[:at], RESPONSE[at] ^ 1, *RESPONSE[at + 1 :]))
        assert not mschapv2.verifies(hashed, PEER, AUTHENTICATOR, NAME, wrong)


@pytest.mark.parametrize("password", ["x" * 257, "\ud800"])
def test_what_cannot_be_hashed_is_refused(password: str) -> None:
    with pytest.raises(LocalProtocolError):
        mschapv2.nt_hash(password)
