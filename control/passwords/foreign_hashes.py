"""Password hashes that other programs have made, as they come along with users from elsewhere: they are verified, and
replaced by one of ours at the next login (`control.passwords.hashing`).

Every parameter is bounded: a hash that asks for more work than `MOST_*` was made by mistake or in bad faith.
"""

from __future__ import annotations

import base64
import binascii
import ctypes
import ctypes.util
import hashlib
import hmac
import re
from collections.abc import Callable
from functools import cache
from typing import Any

MOST_ITERATIONS = 3_000_000
"""Of PBKDF2: Django asks for one million, about half a second."""
MOST_BCRYPT_COST = 14
"""A second."""
MOST_ROUNDS = 1_000_000
"""Of SHA-crypt."""
MOST_SCRYPT_BYTES = 64 * 1024 * 1024
SHORTEST_KEY = 16
"""Octets of what scrypt has made: others, too, would have a shorter one."""
LONGEST_HASH = 1024
"""Characters."""
BCRYPT_OCTETS = 72
"""What bcrypt looks at; programs have always cut the rest off."""
CRYPT_OCTETS = 512
"""What libcrypt takes at most."""
CRYPT_ROOM = 256 * 1024
"""Larger than any libcrypt's `struct crypt_data`."""

Verify = Callable[[bytes, re.Match[str]], bool]
Bound = Callable[[re.Match[str]], object]
"""Raises ValueError for what no password can be found to fit here: it costs too much, or is cut short."""


def is_known(stored: str) -> bool:
    """Is this a hash that can be verified here?"""
    return _found(stored) is not None


def matches(octets: bytes, stored: str) -> bool:
    """Is this the password? False for a hash of no known kind, and for one that would cost too much."""
    found = _found(stored)
    if found is None:
        return False
    verify, parts = found
    try:
        return verify(octets, parts)
    except (ValueError, binascii.Error, OverflowError, MemoryError):
        return False


def _found(stored: str) -> tuple[Verify, re.Match[str]] | None:
    if len(stored) > LONGEST_HASH:
        return None
    for pattern, bound, verify in _FORMATS:
        if (parts := pattern.fullmatch(stored)) is not None:
            try:
                bound(parts)
            except ValueError:  # of base64, too
                return None
            return verify, parts
    return None


def _django_pbkdf2(octets: bytes, parts: re.Match[str]) -> bool:
    """``pbkdf2_sha256$600000$salt$base64``, Django's and so authentik's."""
    made = hashlib.pbkdf2_hmac(parts["digest"], octets, parts["salt"].encode(), int(parts["iterations"]))
    return hmac.compare_digest(made, base64.b64decode(parts["hash"], validate=True))


def _ldap_pbkdf2(octets: bytes, parts: re.Match[str]) -> bool:
    """``{PBKDF2-SHA256}10000$salt$hash`` of OpenLDAP's pw-pbkdf2, in passlib's base64 without padding."""
    digest = (parts["digest"] or "sha1").lower().lstrip("-")
    made = hashlib.pbkdf2_hmac(digest, octets, _unpadded(parts["salt"]), int(parts["iterations"]))
    return hmac.compare_digest(made, _unpadded(parts["hash"]))


def _crypt_pbkdf2(octets: bytes, parts: re.Match[str]) -> bool:
    """``$pbkdf2-sha512$310000$salt$hash`` of passlib, Authelia and their like; the same base64."""
    digest = parts["digest"] or "sha1"
    made = hashlib.pbkdf2_hmac(digest, octets, _unpadded(parts["salt"]), int(parts["iterations"]))
    return hmac.compare_digest(made, _unpadded(parts["hash"]))


def _crypt_scrypt(octets: bytes, parts: re.Match[str]) -> bool:
    """``$scrypt$ln=16,r=8,p=1$salt$hash``: ln is the binary logarithm of what RFC 7914 calls N."""
    return _scrypt(octets, _unpadded(parts["salt"]), 1 << int(parts["ln"]), parts, _unpadded(parts["hash"]))


def _django_scrypt(octets: bytes, parts: re.Match[str]) -> bool:
    """``scrypt$16384$salt$8$5$base64``"""
    return _scrypt(
        octets, parts["salt"].encode(), int(parts["n"]), parts, base64.b64decode(parts["hash"], validate=True)
    )


def _scrypt(octets: bytes, salt: bytes, n: int, parts: re.Match[str], kept: bytes) -> bool:
    r, p = int(parts["r"]), int(parts["p"])
    if len(kept) < SHORTEST_KEY:
        return False
    made = hashlib.scrypt(octets, salt=salt, n=n, r=r, p=p, maxmem=2 * MOST_SCRYPT_BYTES, dklen=len(kept))
    return hmac.compare_digest(made, kept)


_DIGESTS = {"SHA": "sha1", "MD5": "md5", "SHA256": "sha256", "SHA384": "sha384", "SHA512": "sha512"}


def _salted(octets: bytes, parts: re.Match[str]) -> bool:
    """``{SSHA}``, ``{SHA}`` and their like (RFC 3112, and OpenLDAP's habits): base64 of the digest, and of the salt."""
    digest, kept, salt = _digest(parts)
    digest.update(octets + salt)
    return hmac.compare_digest(digest.digest(), kept)


def _digest(parts: re.Match[str]) -> tuple[Any, bytes, bytes]:
    """How it is made, what of it is kept, and the salt."""
    name = parts["scheme"].upper()
    is_salted = name not in _DIGESTS
    digest = hashlib.new(_DIGESTS[name[1:] if is_salted else name], usedforsecurity=False)
    both = base64.b64decode(parts["hash"], validate=True)
    kept, salt = both[: digest.digest_size], both[digest.digest_size :]
    if len(kept) < digest.digest_size or bool(salt) != is_salted:
        raise ValueError("not as long as its digest is")
    return digest, kept, salt


def _bcrypt(octets: bytes, parts: re.Match[str]) -> bool:
    import bcrypt  # loaded only where such a hash is

    if parts["before"] == "bcrypt_sha256$":
        octets = hashlib.sha256(octets).hexdigest().encode()
    return bcrypt.checkpw(octets[:BCRYPT_OCTETS], parts["phc"].encode())


def _argon2(octets: bytes, parts: re.Match[str]) -> bool:
    from cryptography.exceptions import InvalidKey
    from cryptography.hazmat.primitives.kdf import argon2

    kind: Any = {"i": argon2.Argon2i, "d": argon2.Argon2d, "id": argon2.Argon2id}[parts["kind"]]
    try:
        kind.verify_phc_encoded(octets, parts["phc"])
    except InvalidKey:
        return False
    return True


def _crypt(octets: bytes, parts: re.Match[str]) -> bool:
    """The system's libcrypt: MD5-, SHA-, yescrypt and what else it has."""
    setting = parts["phc"].encode()
    if len(octets) >= CRYPT_OCTETS or b"\0" in octets or (crypt_r := _libcrypt()) is None:
        return False
    room = ctypes.create_string_buffer(CRYPT_ROOM)
    made: bytes | None = crypt_r(octets, setting, room)
    return made is not None and hmac.compare_digest(made, setting)


@cache
def _libcrypt() -> Callable[..., bytes | None] | None:
    """None: this system has none."""
    name = ctypes.util.find_library("crypt")
    if name is None:
        return None
    crypt_r = ctypes.CDLL(name).crypt_r
    crypt_r.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)
    crypt_r.restype = ctypes.c_char_p
    return crypt_r


def _at_most(asked: int, bound: int) -> None:
    if not 0 < asked <= bound:
        raise ValueError("this hash costs too much, or nothing: then it is none")


def _bound_scrypt(parts: re.Match[str]) -> None:
    said = parts.groupdict()
    n = int(said["n"]) if said.get("n") else 1 << int(said["ln"])
    _at_most(128 * n * int(said["r"]) * int(said["p"]), MOST_SCRYPT_BYTES)


def _bound_argon2(parts: re.Match[str]) -> None:
    memory, passes, lanes = int(parts["m"]), int(parts["t"]), int(parts["p"])
    _at_most(memory * passes, 1024 * 1024)
    _at_most(max(memory, lanes), 256 * 1024)


def _bound_crypt(parts: re.Match[str]) -> None:
    rounds = re.match(r"\$[56]\$rounds=(\d+)\$", parts["phc"])
    _at_most(int(rounds[1]) if rounds is not None else 1, MOST_ROUNDS)


def _bound_iterations(parts: re.Match[str]) -> None:
    _at_most(int(parts["iterations"]), MOST_ITERATIONS)


def _bound_bcrypt(parts: re.Match[str]) -> None:
    _at_most(int(parts["cost"]), MOST_BCRYPT_COST)


def _unpadded(text: str) -> bytes:
    return base64.b64decode(text.replace(".", "+") + "=" * (-len(text) % 4), validate=True)


_B64, _PHC64 = r"[A-Za-z0-9+/]+={0,2}", r"[A-Za-z0-9./+]+"
_BCRYPT = r"(?P<phc>\$2[abxy]\$(?P<cost>\d\d)\$[./A-Za-z0-9]{53})"
_COST = r"m=(?P<m>\d{1,9}),t=(?P<t>\d{1,9}),p=(?P<p>\d{1,4})"
_ARGON2 = rf"(?P<phc>\$argon2(?P<kind>id|i|d)\$v=19\${_COST}\${_PHC64}\${_PHC64})"
_FORMATS: tuple[tuple[re.Pattern[str], Bound, Verify], ...] = tuple(
    (re.compile(pattern), bound, verify)
    for pattern, bound, verify in (
        (
            rf"pbkdf2_(?P<digest>sha1|sha256)\$(?P<iterations>\d{{1,9}})\$(?P<salt>[^$]+)\$(?P<hash>{_B64})",
            _bound_iterations,
            _django_pbkdf2,
        ),
        (
            rf"scrypt\$(?P<n>\d{{1,9}})\$(?P<salt>[^$]+)\$(?P<r>\d{{1,4}})\$(?P<p>\d{{1,4}})\$(?P<hash>{_B64})",
            _bound_scrypt,
            _django_scrypt,
        ),
        (
            rf"\$pbkdf2(?:-(?P<digest>sha1|sha256|sha512|sha224|sha384))?\$(?P<iterations>\d{{1,9}})\$(?P<salt>{_PHC64})\$(?P<hash>{_PHC64}={{0,2}})",
            _bound_iterations,
            _crypt_pbkdf2,
        ),
        (
            rf"\$scrypt\$ln=(?P<ln>\d{{1,2}}),r=(?P<r>\d{{1,4}}),p=(?P<p>\d{{1,4}})\$(?P<salt>{_PHC64})\$(?P<hash>{_PHC64})",
            _bound_scrypt,
            _crypt_scrypt,
        ),
        (
            rf"(?i:\{{PBKDF2(?P<digest>-SHA1|-SHA256|-SHA512)?\}})(?P<iterations>\d{{1,9}})\$(?P<salt>{_PHC64})\$(?P<hash>{_PHC64})",
            _bound_iterations,
            _ldap_pbkdf2,
        ),
        (
            rf"\{{(?P<scheme>(?i:SSHA256|SSHA384|SSHA512|SSHA|SHA256|SHA384|SHA512|SHA|SMD5|MD5))\}}(?P<hash>{_B64})",
            _digest,
            _salted,
        ),
        (rf"(?P<before>bcrypt_sha256\$|bcrypt\$|\{{BCRYPT\}}|(?i:\{{CRYPT\}})|){_BCRYPT}", _bound_bcrypt, _bcrypt),
        (rf"(?:argon2|\{{ARGON2\}}|(?i:\{{CRYPT\}})|){_ARGON2}", _bound_argon2, _argon2),
        (
            r"(?:(?i:\{CRYPT\})|)(?P<phc>\$(?:1|5|6|y\$j[0-9A-D]T|gy\$j[0-9A-D]T)\$[./A-Za-z0-9=$]{1,200})",
            _bound_crypt,
            _crypt,
        ),
        (r"(?i:\{CRYPT\})(?P<phc>[./A-Za-z0-9]{13})", _bound_crypt, _crypt),
    )
)
"""The first that fits counts. Traditional DES crypt is believed only where it is named."""
