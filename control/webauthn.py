"""WebAuthn (W3C Web Authentication, Level 3): what a browser is asked for, and whether what it answers is right.

No attestation is asked for: who made a key says nothing about whose it is. Bytes are base64url in every option, as
`PublicKeyCredential.parseCreationOptionsFromJSON` takes them.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from rules.places import is_address

ALGORITHMS = (-7, -257, -8)
"""ES256, RS256, EdDSA (COSE algorithm identifiers)."""
TIMEOUT_MS = 300_000
"""A person looks for a key that long at most."""
LONGEST_ANSWER = 16 * 1024
"""Characters of JSON: an RSA key with an attestation fits into a quarter."""
NOBODYS_KEY = bytes.fromhex(
    "a5010203262001215820"
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "225820"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)
"""COSE, P-256: signatures of unknown keys are verified with it, so that they cost what those of known ones do."""


class NotRight(Exception):
    """The answer is not what was asked for. The text is for the log."""


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """We, as browsers and keys know us."""

    id: str
    """The host of the public URL."""
    origin: str
    name: str = "authentik"
    """What browsers show beside the account: the brand's title."""


@dataclass(frozen=True, slots=True)
class NewKey:
    credential: str
    """base64url"""
    public: str
    """base64url of its COSE key."""
    count: int
    aaguid: str
    transports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """What an answer says of itself, before anything is verified."""

    credential: str
    handle: str
    """Of the account, as we gave it to the key; empty if the key does not know."""


@dataclass(frozen=True, slots=True)
class Shown:
    count: int
    """Of the signatures that the key has made; 0: it does not count."""
    verified: bool
    """The key has asked the person for a PIN, a finger or the like."""


def relying_party(public_url: str) -> RelyingParty | None:
    """None where browsers have no WebAuthn: without TLS (but on localhost), and under an address instead of a name."""
    try:
        parts = urlsplit(public_url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if not host or is_address(host) or not (parts.scheme == "https" or (parts.scheme == "http" and _is_here(host))):
        return None
    usual = {"https": 443, "http": 80}[parts.scheme]
    return RelyingParty(host, f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, usual) else ""))


def _is_here(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost")


def creation_options(
    party: RelyingParty,
    challenge: str,
    handle: str,
    username: str,
    name: str,
    known: Sequence[Mapping[str, Any]],
    verification: str,
    resident: str,
    attachment: str | None,
) -> dict[str, Any]:
    """`PublicKeyCredentialCreationOptionsJSON`. ``known``: settings of keys that the person has already."""
    selection = {
        "residentKey": resident,
        "requireResidentKey": resident == "required",
        "userVerification": verification,
        **({"authenticatorAttachment": attachment} if attachment else {}),
    }
    return {
        "rp": {"id": party.id, "name": party.name},
        "user": {"id": text(handle.encode()), "name": username, "displayName": name or username},
        "challenge": challenge,
        "pubKeyCredParams": [{"type": "public-key", "alg": algorithm} for algorithm in ALGORITHMS],
        "timeout": TIMEOUT_MS,
        "excludeCredentials": [_descriptor(key) for key in known],
        "authenticatorSelection": selection,
        "attestation": "none",
    }


def request_options(
    party: RelyingParty, challenge: str, keys: Sequence[Mapping[str, Any]], verification: str
) -> dict[str, Any]:
    """`PublicKeyCredentialRequestOptionsJSON`. Without ``keys`` the browser offers those that know their accounts."""
    return {
        "challenge": challenge,
        "timeout": TIMEOUT_MS,
        "rpId": party.id,
        "allowCredentials": [_descriptor(key) for key in keys],
        "userVerification": verification,
    }


def _descriptor(key: Mapping[str, Any]) -> dict[str, Any]:
    transports = list(key.get("transports", ()))
    described: dict[str, Any] = {"type": "public-key", "id": key["credential"]}
    return {**described, "transports": transports} if transports else described


def registered(answer: str, challenge: str, party: RelyingParty, verification: str) -> NewKey:
    """The key that a browser has made. Raises NotRight."""
    from webauthn.helpers.cose import COSEAlgorithmIdentifier  # loaded only when somebody has a key
    from webauthn.registration.verify_registration_response import verify_registration_response

    given = _parsed(answer)
    try:
        made = verify_registration_response(
            credential=given,
            expected_challenge=octets(challenge),
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=verification == "required",
            supported_pub_key_algs=[COSEAlgorithmIdentifier(algorithm) for algorithm in ALGORITHMS],
        )
    except Exception as error:
        raise NotRight(f"{type(error).__name__}: {error}") from error
    said = given["response"].get("transports", ())
    transports = tuple(one for one in said if isinstance(one, str) and len(one) <= 20) if isinstance(said, list) else ()
    return NewKey(
        text(made.credential_id), text(made.credential_public_key), made.sign_count, str(made.aaguid), transports[:8]
    )


def named(answer: str) -> Named:
    """Raises NotRight."""
    given = _parsed(answer)
    credential, handle = given.get("id"), given["response"].get("userHandle") or ""
    if not isinstance(credential, str) or not isinstance(handle, str):
        raise NotRight("the answer names no key")
    try:
        return Named(credential, octets(handle).decode())
    except ValueError:
        raise NotRight("the answer names nobody of ours") from None


def shown(answer: str, challenge: str, party: RelyingParty, public: str, verification: str) -> Shown:
    """Whether this key signed the challenge for us; ``public`` empty: nobody's did. Whether its count goes up is for
    whoever knows the last one. Raises NotRight."""
    from webauthn.authentication.verify_authentication_response import verify_authentication_response

    try:
        verified = verify_authentication_response(
            credential=_parsed(answer),
            expected_challenge=octets(challenge),
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=octets(public) if public else NOBODYS_KEY,
            credential_current_sign_count=0,
            require_user_verification=verification == "required",
        )
    except Exception as error:
        raise NotRight(f"{type(error).__name__}: {error}") from error
    if not public:
        raise NotRight("nobody has this key")
    return Shown(verified.new_sign_count, verified.user_verified)


def _parsed(answer: str) -> dict[str, Any]:
    try:
        given = json.loads(answer) if len(answer) <= LONGEST_ANSWER else None
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict) or not isinstance(given.get("response"), dict):
        raise NotRight("the answer is not what browsers make")
    return given


def text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def octets(value: str) -> bytes:
    """Raises ValueError."""
    try:
        return base64.b64decode(value.encode("ascii") + b"=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("not base64url") from error
