"""ID tokens and access tokens (OpenID Connect Core, 2 and 3.1.3.6). Access tokens are JWTs too, as authentik's are."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from control.oidc import claims
from control.oidc.claims import Person
from control.oidc.clients import Client
from control.oidc.discovery import ACR, issuer
from control.oidc.keys import Key

Random = Callable[[int], bytes]

UNIQUE_BYTES = 20
"""Of ``jti`` and ``uid``: 160 bits, so that no two tokens are alike."""


@dataclass(frozen=True, slots=True)
class Granted:
    """What a person let a client have, with one sign-in."""

    scopes: tuple[str, ...]
    redirect_uri: str
    nonce: str | None
    challenge: str | None
    auth_time: int
    credential_version: int
    sid: str
    """Empty: no browser session stands behind it."""
    words: dict[str, bool] = field(default_factory=dict)
    """pk of a binding to what its policy said at the sign-in."""
    acr: str = ACR
    amr: tuple[str, ...] = ()
    shown: bool = False
    """To a proxy of another provider, which let its bearer in."""
    by_token: str = ""
    """pk of the app password that it was got with, and ends with; empty: with none."""
    ends: float | None = None
    """When that does: nothing that it got lasts longer."""

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Granted:
        return cls(**{**stored, "scopes": tuple(stored["scopes"]), "amr": tuple(stored.get("amr", ()))})


@dataclass(frozen=True, slots=True)
class Tokens:
    """An answer of the token endpoint (RFC 6749, 5.1)."""

    access_token: str = field(repr=False)
    expires_in: int
    scopes: tuple[str, ...]
    id_token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)

    def to_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "access_token": self.access_token,
            "token_type": "Bearer",
            "scope": " ".join(self.scopes),
            "expires_in": self.expires_in,
        }
        if self.id_token is not None:
            told["id_token"] = self.id_token
        if self.refresh_token is not None:
            told["refresh_token"] = self.refresh_token
        return told


def digest(token: str) -> str:
    """What is stored of a code or token. They are random, so that a fast digest is safe."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def text(random: bytes) -> str:
    return base64.urlsafe_b64encode(random).rstrip(b"=").decode()


def half_hash(token: str) -> str:
    """``at_hash``: the left half of the SHA-256."""
    return text(hashlib.sha256(token.encode("ascii")).digest()[:16])


def signed(
    client: Client,
    person: Person,
    granted: Granted,
    told: Mapping[str, Any],
    key: Key,
    base: str,
    now: float,
    random: Random,
) -> tuple[str, str | None, float]:
    """Access token, ID token (None without the scope openid), and when they end. ``told``: claims about the person."""
    settings = client.provider.settings
    ends = now + client.seconds("access_token_validity", "hours=1")
    if granted.ends is not None:
        ends = min(ends, granted.ends)
    common: dict[str, Any] = {
        "iss": issuer(base, client),
        "sub": claims.subject(person, settings.get("sub_mode", "hashed_user_id")),
        "aud": client.client_id,
        "exp": int(ends),
        "iat": int(now),
        "auth_time": granted.auth_time,
        "acr": granted.acr,
        "jti": text(random(UNIQUE_BYTES)),
    }
    if granted.sid:
        common["sid"] = granted.sid
    if granted.amr:
        common["amr"] = list(granted.amr)
    if granted.nonce is not None:
        common["nonce"] = granted.nonce
    told = told if settings.get("include_claims_in_id_token", True) else {}
    access = key.sign(
        {
            **told,
            **common,
            "azp": client.client_id,
            "uid": text(random(UNIQUE_BYTES)),
            "scope": " ".join(granted.scopes),
        }
    )
    if "openid" not in granted.scopes:
        return access, None, ends
    return access, key.sign({**told, **common, "at_hash": half_hash(access)}), ends
