"""MD5, which RADIUS prescribes; what it is keyed with protects, not the hash.

The interpreter's own where it has one: OpenSSL's takes three times as long to set up as these few octets take to hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Protocol


class Digest(Protocol):
    def copy(self) -> Digest: ...
    def update(self, octets: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


def _fastest() -> Callable[[bytes], Digest]:
    try:
        return import_module("_md5").md5  # type: ignore[no-any-return]
    except ImportError:  # a Python built without it
        return partial(hashlib.md5, usedforsecurity=False)


md5 = _fastest()
