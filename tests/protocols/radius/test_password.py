import pytest
from pyrad.dictionary import Dictionary
from pyrad.packet import AuthPacket

from protocols.errors import LocalProtocolError, RemoteProtocolError
from protocols.radius.password import hide, reveal
from tests.protocols.radius import nas_side

AUTHENTICATOR = bytes(range(100, 116))
LENGTHS = (1, 15, 16, 17, 31, 32, 33, 112, 113, 127, 128)


def test_rfc_2865_7_1() -> None:
    hidden = bytes.fromhex("0dbe708d93d413ce3196e43f782a0aee")
    asked = bytes.fromhex("0f403f9473978057bd83d5cb98f4227a")
    assert reveal(hidden, b"xyzzy5461", asked) == b"arctangent"
    assert hide(b"arctangent", b"xyzzy5461", asked) == hidden


@pytest.mark.parametrize("length", LENGTHS)
def test_three_ways_agree(length: int) -> None:
    """Ours, pyrad's, and the plain one of the tests."""
    password = bytes(33 + at % 90 for at in range(length))
    hidden = hide(password, nas_side.SECRET, AUTHENTICATOR)
    assert hidden == nas_side.hidden(nas_side.padded(password), AUTHENTICATOR)
    assert hidden == AuthPacket(secret=nas_side.SECRET, authenticator=AUTHENTICATOR, dict=Dictionary()).PwCrypt(
        password
    )
    assert reveal(hidden, nas_side.SECRET, AUTHENTICATOR) == password


def test_the_empty_password_fills_one_block() -> None:
    assert len(hide(b"", nas_side.SECRET, AUTHENTICATOR)) == 16
    assert reveal(hide(b"", nas_side.SECRET, AUTHENTICATOR), nas_side.SECRET, AUTHENTICATOR) == b""


def test_another_secret_or_authenticator_reveals_noise() -> None:
    hidden = hide(b"correct horse", nas_side.SECRET, AUTHENTICATOR)
    assert reveal(hidden, b"other", AUTHENTICATOR) != b"correct horse"
    assert reveal(hidden, nas_side.SECRET, bytes(16)) != b"correct horse"


@pytest.mark.parametrize("length", [0, 1, 15, 17, 127, 129, 144, 253])
def test_other_lengths_are_refused(length: int) -> None:
    with pytest.raises(RemoteProtocolError):
        reveal(bytes(length), nas_side.SECRET, AUTHENTICATOR)


def test_more_than_128_octets_cannot_be_hidden() -> None:
    with pytest.raises(LocalProtocolError):
        hide(bytes(129), nas_side.SECRET, AUTHENTICATOR)
