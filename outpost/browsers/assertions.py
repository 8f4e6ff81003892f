"""Signed assertions: who came in, as a short JWT (RFC 7519) for applications that want proof instead of plain headers.

The key follows from the secret that all outposts of a provider share, so that each signs alike and nothing is stored.
It is replaced with that secret, and the one before stays in the key set.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.jwk import ECKey

from outpost.outcome import Identity
from protocols.proxy.decision import Site
from protocols.proxy.redirects import OURS

ALGORITHM = "ES256"
GOOD_SECONDS = 300
"""For which an assertion is good."""
KEPT_SECONDS = 60.0
"""For which one is shown again: making one takes longer than everything else that a request does."""
MOST_KEYS = 20_000
"""Kept ready: two of each provider, and more providers than one outpost has been tried with."""
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256 (FIPS 186-5, 3.2.1.3)."""
_SEED_BYTES = 48
"""128 bits more than the order has, so that every key is as likely (FIPS 186-5, A.2.1)."""


class Assertions:
    """``now``: seconds since the epoch."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now

    def of(self, site: Site, identity: Identity) -> str:
        now = int(self._now())
        key, host = _key(site.secret, site.external_host), site.external_host.rstrip("/")
        claims = {
            "iss": host + OURS,
            "aud": host,
            "sub": identity.uid,
            "iat": now,
            "exp": now + GOOD_SECONDS,
            "preferred_username": identity.username,
            "name": identity.name,
            "email": identity.email,
            "groups": list(identity.groups),
        }
        header = {"alg": ALGORITHM, "kid": key.thumbprint(), "typ": "JWT"}
        return jwt.encode(header, claims, key, algorithms=[ALGORITHM])

    @staticmethod
    def key_set(site: Site) -> bytes:
        """RFC 7517, 5."""
        keys = [_key(secret, site.external_host) for secret in (site.secret, site.previous_secret) if secret]
        said = [{**key.as_dict(private=False), "kid": key.thumbprint(), "alg": ALGORITHM, "use": "sig"} for key in keys]
        return json.dumps({"keys": said}).encode()


@lru_cache(MOST_KEYS)
def _key(secret: str, host: str) -> ECKey:
    seed = HKDF(SHA256(), _SEED_BYTES, salt=None, info=f"outpost proxy assertion {host}".encode()).derive(
        secret.encode()
    )
    private = derive_private_key(int.from_bytes(seed) % (_ORDER - 1) + 1, SECP256R1())
    return ECKey.import_key(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
