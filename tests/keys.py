"""A security key of the tests' own (WebAuthn, sections 6.1 and 6.5): it answers what a browser is asked, or wrongly."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from control.webauthn import octets, text

ORIGIN, RP = "https://auth.example.com", "auth.example.com"
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class SoftwareKey:
    """``counts``: it counts its signatures; ``verifies``: it asks its owner for a PIN."""

    number: int = 1
    counts: bool = True
    verifies: bool = True
    count: int = 0
    handle: str = field(default="", init=False)
    """Of the account that it was made for."""

    @property
    def private(self) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(self.number + 1_000_003, ec.SECP256R1())

    @property
    def id(self) -> str:
        return text(hashlib.sha256(f"key {self.number}".encode()).digest())

    @property
    def public(self) -> str:
        """base64url of the COSE key (RFC 9053, section 7.1.1)."""
        numbers = self.private.public_key().public_numbers()
        return text(cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}))

    def create(self, options: dict[str, Any], origin: str = ORIGIN) -> str:
        """`navigator.credentials.create`."""
        raw = octets(self.id)
        attested = bytes(16) + len(raw).to_bytes(2) + raw + octets(self.public)
        said = self._said(options["rp"]["id"], ATTESTED) + attested
        self.handle = options["user"]["id"]
        response = {
            "clientDataJSON": text(self._client("webauthn.create", options["challenge"], origin)),
            "attestationObject": text(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": said})),
            "transports": ["usb"],
        }
        return self._written(response)

    def get(self, options: dict[str, Any], origin: str = ORIGIN, **instead: Any) -> str:
        """`navigator.credentials.get`; ``instead``: fields of the response that are something else."""
        self.count += self.counts
        client = self._client("webauthn.get", options["challenge"], origin)
        said = self._said(options["rpId"], 0)
        signature = self.private.sign(said + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": text(client),
            "authenticatorData": text(said),
            "signature": text(signature),
            "userHandle": self.handle,
        }
        return self._written({**response, **instead})

    def _said(self, rp: str, flags: int) -> bytes:
        flags |= PRESENT | (VERIFIED if self.verifies else 0)
        return hashlib.sha256(rp.encode()).digest() + bytes([flags]) + self.count.to_bytes(4)

    def _client(self, kind: str, challenge: str, origin: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False}).encode()

    def _written(self, response: dict[str, Any]) -> str:
        return json.dumps({"id": self.id, "rawId": self.id, "type": "public-key", "response": response})
