"""Tokens of foreign issuers: verified with the keys that the issuer publishes, for exactly one audience, or for one
among others.

Key sets are found by discovery (OpenID Connect Discovery, 4) and kept. A key that is unknown makes us look again, but
not more often than `LOOK_SECONDS`: whoever invents keys asks nobody anything, and is refused.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Only those with a key pair: what can be verified with a public key can't be made with it."""
KEPT_SECONDS = 3600.0
"""For which a key set is believed without looking again: issuers leave old keys in it as long."""
LOOK_SECONDS = 30.0
"""Between two looks at one issuer, found or not."""
SKEW_SECONDS = 60
"""By which two clocks may differ."""
LONGEST_TOKEN = 16 * 1024
MOST_PARTS = 3
MOST_ISSUERS = 1000
"""Whose keys are kept; only issuers that an administrator has named are asked."""

log = logging.getLogger(__name__)

Fetch = Callable[[str], Awaitable[bytes]]
"""Of a URL what is there. Raises OSError, ValueError."""


class Away(Exception):
    """The issuer's keys cannot be had."""


@dataclass(slots=True)
class _Kept:
    document: dict[str, Any] = field(default_factory=dict)
    keys: KeySet | None = None
    at: float = 0.0
    """Of the keys."""
    looked: float = field(default=-LOOK_SECONDS)
    """When we last tried."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class ForeignTokens:
    """``now``: seconds since the epoch."""

    def __init__(self, fetch: Fetch, now: Callable[[], float]) -> None:
        self._fetch = fetch
        self._now = now
        self._kept: dict[str, _Kept] = {}

    async def claims(self, token: str, issuer: str, audience: str, among: bool = False) -> dict[str, Any] | None:
        """What this issuer has signed for exactly this audience, good now; None for anything else. ``among``: there may
        be other audiences beside it, and the caller looks for whom it was made (``azp``). Raises Away."""
        said = unverified(token)
        if said is None or said[1].get("iss") != issuer:
            return None
        kid = said[0].get("kid")
        keys = (await self._known(issuer, kid if isinstance(kid, str) else None))[1]
        try:
            claims = dict(jwt.decode(token, keys, algorithms=ALGORITHMS).claims)
        except (JoseError, ValueError, TypeError, KeyError):
            return None
        if not (_is_for(audience, claims.get("aud"), among) and self._are_good(claims, issuer)):
            return None
        return claims

    async def document(self, issuer: str) -> dict[str, Any]:
        """What the issuer says of itself (OpenID Connect Discovery, 3). Raises Away."""
        return (await self._known(issuer, None))[0]

    def _are_good(self, claims: dict[str, Any], issuer: str) -> bool:
        now = self._now()
        if claims.get("iss") != issuer:
            return False
        if not _is_time(claims.get("exp")) or now >= claims["exp"] + SKEW_SECONDS:
            return False
        begins = [claims[name] for name in ("nbf", "iat") if name in claims]
        return all(_is_time(one) and one <= now + SKEW_SECONDS for one in begins)

    async def _known(self, issuer: str, kid: str | None) -> tuple[dict[str, Any], KeySet]:
        issuer = issuer.rstrip("/")  # some write one, and have their document in the same place
        if issuer not in self._kept and len(self._kept) >= MOST_ISSUERS:
            del self._kept[next(iter(self._kept))]
        kept = self._kept.setdefault(issuer, _Kept())
        async with kept.turn:
            if self._must_look(kept, kid):
                kept.looked = self._now()
                try:
                    (kept.document, kept.keys), kept.at = await self._found(issuer), self._now()
                except (OSError, ValueError, JoseError, TypeError, KeyError) as error:
                    log.warning("The keys of %s cannot be had: %s", issuer, error)
            if kept.keys is None or self._now() - kept.at >= 2 * KEPT_SECONDS:
                raise Away(issuer)
            return kept.document, kept.keys

    def _must_look(self, kept: _Kept, kid: str | None) -> bool:
        now = self._now()
        if now - kept.looked < LOOK_SECONDS:
            return False
        if kept.keys is None or now - kept.at >= KEPT_SECONDS:
            return True
        return kid is not None and all(key.kid != kid for key in kept.keys.keys)

    async def _found(self, issuer: str) -> tuple[dict[str, Any], KeySet]:
        """Raises OSError, ValueError, JoseError, TypeError, KeyError."""
        document = json.loads(await self._fetch(f"{issuer}/.well-known/openid-configuration"))
        if not isinstance(document, dict) or document.get("issuer") not in (issuer, f"{issuer}/"):
            raise ValueError("its discovery document is another issuer's")
        where = document.get("jwks_uri")
        if not isinstance(where, str) or urlsplit(where).scheme not in ("https", urlsplit(issuer).scheme):
            raise ValueError("its discovery document names no place of keys that can be trusted")
        said = json.loads(await self._fetch(where))
        usable = [key for key in said["keys"] if key.get("use", "sig") == "sig" and key.get("kty") != "oct"]
        return document, KeySet.import_key_set({"keys": usable})


def unverified(token: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Header and claims of what looks like a JWT, believed by nobody yet."""
    parts = token.split(".", MOST_PARTS)
    if len(token) > LONGEST_TOKEN or len(parts) != MOST_PARTS:
        return None
    try:
        header, claims = (json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts[:2])
    except (binascii.Error, ValueError, RecursionError):
        return None
    return (header, claims) if isinstance(header, dict) and isinstance(claims, dict) else None


def _is_for(audience: str, said: object, among: bool) -> bool:
    return said in (audience, [audience]) or (among and isinstance(said, list) and audience in said)


def _is_time(said: object) -> bool:
    return isinstance(said, int | float) and not isinstance(said, bool)
