"""MS-CHAPv2 (RFC 2759) and the keys that follow from it (RFC 3079): arithmetic alone, all of it over given octets.

The strength of it all is that of one DES key; only generated passwords are safe with it (DESIGN D16).
"""

from __future__ import annotations

import hmac
from hashlib import sha1

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from protocols.errors import LocalProtocolError
from protocols.radius.md4 import md4

CHALLENGE_OCTETS = 16
RESPONSE_OCTETS = 24
HASH_OCTETS = 16
LONGEST_PASSWORD = 256
"""Characters (RFC 2759 section 8.1)."""

EXPIRED, FAILED = 648, 691
"""What a refusal may say (RFC 2759 section 6): the password has expired; anything else, which is nobody's business."""

_SERVER_SIGNS = b"Magic server to client signing constant"
_ONE_MORE = b"Pad to make it do more than one iteration"
_MASTER = b"This is the MPPE Master Key"
_CLIENT_SENDS = (
    b"On the client side, this is the send key; on the server side, it is the receive key.",
    b"On the client side, this is the receive key; on the server side, it is the send key.",
)
_PAD_1, _PAD_2 = b"\x00" * 40, b"\xf2" * 40


def error_code(reason: str) -> int:
    """What the peer hears of a refusal; ``reason`` is a code of `rules.reasons`."""
    return EXPIRED if reason == "device_password_expired" else FAILED


def nt_hash(password: str) -> bytes:
    """NtPasswordHash (section 8.3). Raises LocalProtocolError for a password that is too long or not Unicode."""
    try:
        octets = password.encode("utf-16-le")
    except UnicodeEncodeError as error:
        raise LocalProtocolError("half a surrogate pair is no password") from error
    if len(octets) > 2 * LONGEST_PASSWORD:
        raise LocalProtocolError("a password for MS-CHAPv2 has at most 256 characters")
    return md4(octets)


def challenge_hash(peer_challenge: bytes, authenticator_challenge: bytes, name: str) -> bytes:
    """ChallengeHash (section 8.2), 8 octets. ``name`` is without its domain."""
    return _sha1(peer_challenge, authenticator_challenge, name.encode("utf-8", "surrogatepass"))[:8]


def nt_response(challenge: bytes, hashed: bytes) -> bytes:
    """ChallengeResponse (section 8.5): three times DES over the 8 octets of ``challenge``, under parts of the hash."""
    padded = hashed.ljust(21, b"\0")
    return b"".join(_des(padded[at : at + 7], challenge) for at in (0, 7, 14))


def verifies(hashed: bytes, peer_challenge: bytes, authenticator_challenge: bytes, name: str, response: bytes) -> bool:
    """Was ``response`` made with the password behind ``hashed``?"""
    expected = nt_response(challenge_hash(peer_challenge, authenticator_challenge, name), hashed)
    return hmac.compare_digest(expected, response)


def authenticator_response(
    hash_hash: bytes, response: bytes, peer_challenge: bytes, authenticator_challenge: bytes, name: str
) -> str:
    """GenerateAuthenticatorResponse (section 8.7): ``S=`` and 40 digits, by which the peer knows that we know."""
    digest = _sha1(hash_hash, response, _SERVER_SIGNS)
    challenge = challenge_hash(peer_challenge, authenticator_challenge, name)
    return "S=" + _sha1(digest, challenge, _ONE_MORE).hex().upper()


def session_keys(hash_hash: bytes, response: bytes) -> tuple[bytes, bytes]:
    """What a server says in MS-MPPE-Send-Key and MS-MPPE-Recv-Key (RFC 3079 section 3): 16 octets each."""
    master = _sha1(hash_hash, response, _MASTER)[:16]
    client_sends, client_receives = (_sha1(master, _PAD_1, magic, _PAD_2)[:16] for magic in _CLIENT_SENDS)
    return client_receives, client_sends


def _sha1(*parts: bytes) -> bytes:
    return sha1(b"".join(parts), usedforsecurity=False).digest()


def _des(key: bytes, block: bytes) -> bytes:
    """DES under 56 bits; OpenSSL still has it as the triple that uses one key three times."""
    bits = int.from_bytes(key)
    spread = bytes((bits >> 49 - 7 * place & 0x7F) << 1 for place in range(8))
    encryptor = Cipher(TripleDES(spread * 3), modes.ECB()).encryptor()  # noqa: S305  one block, as the RFC has it
    return encryptor.update(block) + encryptor.finalize()
