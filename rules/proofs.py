"""Proofs, compared with earlier ones without keeping them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def digest(key: bytes, proof: Mapping[str, Any]) -> bytes:
    """32 octets, the same for the same proof. ``key``: at most 64 random octets of this process, so that nobody can
    guess a proof by what is kept of it."""
    octets = json.dumps(proof, sort_keys=True).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(octets, key=key, digest_size=32).digest()
