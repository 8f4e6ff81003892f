"""The keys that sign tokens: RSA, so RS256 (RFC 7518, 3.3), which every relying party understands."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from control.oidc.clients import Client
from control.records import Certificate
from control.store.interface import Transaction
from control.verbs.providers import default_signing_key

ALGORITHM = "RS256"
MOST_KEYS = 32
"""Parsed keys that are remembered: reading one costs more than a signature."""


class NoKey(Exception):
    """The provider has no usable signing key, and there is no default one."""


class Key:
    """Signs and knows its own signatures."""

    def __init__(self, pem: str) -> None:
        self._key = RSAKey.import_key(pem)
        self.kid = self._key.thumbprint()

    def sign(self, claims: dict[str, Any], typ: str = "JWT") -> str:
        return jwt.encode({"alg": ALGORITHM, "kid": self.kid, "typ": typ}, claims, self._key, algorithms=[ALGORITHM])

    def claims_of(self, token: str) -> dict[str, Any] | None:
        """What this very key has signed; None for anything else. Times are not looked at."""
        try:
            return dict(jwt.decode(token, self._key, algorithms=[ALGORITHM]).claims)
        except (JoseError, ValueError, TypeError):
            return None

    def public(self) -> dict[str, Any]:
        """One entry of a JWK set (RFC 7517)."""
        return {**self._key.as_dict(private=False), "kid": self.kid, "alg": ALGORITHM, "use": "sig"}


_parsed = lru_cache(maxsize=MOST_KEYS)(Key)


def signing_key(tx: Transaction, client: Client) -> Key:
    """Raises NoKey."""
    pk = client.provider.settings.get("signing_key")
    chosen = tx.find(Certificate, pk=pk) if pk else None
    certificate = chosen or default_signing_key(tx)
    if certificate is None:
        raise NoKey(f"The provider “{client.provider.name}” has no signing key. Choose a certificate with an RSA key.")
    try:
        return _parsed(certificate.key_data)
    except (JoseError, ValueError, TypeError):
        raise NoKey(f"The key of the certificate “{certificate.name}” cannot be used.") from None
