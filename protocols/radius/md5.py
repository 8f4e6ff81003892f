"""MD5, which RADIUS prescribes; what it is keyed with protects, not the hash.

The interpreter's own where it has one: OpenSSL's takes three times as long to set up as these few octets take to hash.
"""

from __future__ import annotations

import hashlib
from importlib import import_module
from typing import Protocol


class Digest(Protocol):
    def copy(self) -> Digest: ...
    def update(self, octets: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


class Hash(Protocol):
    def __call__(self, octets: bytes = b"", /, *, usedforsecurity: bool = True) -> Digest: ...


def _fastest() -> Hash:
    try:
        return import_module("_md5").md5  # type: ignore[no-any-return]
    except ImportError:  # a Python built without it
        return hashlib.md5


md5 = _fastest()
